"""The verb that tells a station which authorities to trust."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from cryptography import x509
from msgspec import Meta

from elstrada.model.answers import CommandDone
from elstrada.model.device import CommandResult, Protocol
from elstrada.model.party import Role
from elstrada.net.reading import UNREADABLE
from elstrada.ocpp.results import RESULT_OF_STATUS
from elstrada.ocpp.v16.contracts import status_within, wrapped
from elstrada.roles.desk.calls import CallEnd, CallStation, call_station
from elstrada.roles.desk.calls import shown as shown_call
from elstrada.roles.desk.commands import not_done
from elstrada.roles.desk.face import Desk, Kind, Part, Refused, Verb
from elstrada.roles.desk.lookups import own_party
from elstrada.roles.signing.hashes import hash_data
from elstrada.spine import tables as t

MOST_BYTES = 1 << 16


class Use(StrEnum):
    """What an authority is trusted for."""

    SERVER = "server"
    """To issue our own certificate."""
    MANUFACTURER = "manufacturer"
    """To sign firmware."""
    V2G = "v2g"
    MO = "mo"
    OEM = "oem"


_CARS = {Use.V2G: "V2GRootCertificate", Use.MO: "MORootCertificate"}
_WORDS_2X = {
    Use.SERVER: "CSMSRootCertificate",
    Use.MANUFACTURER: "ManufacturerRootCertificate",
    **_CARS,
}
_WORDS = {
    Protocol.OCPP16.value: {**_WORDS_2X, Use.SERVER: "CentralSystemRootCertificate"},
    Protocol.OCPP201.value: _WORDS_2X,
    Protocol.OCPP21.value: {**_WORDS_2X, Use.OEM: "OEMRootCertificate"},
}


class TrustRoot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    certificate: Annotated[bytes, Meta(description="The authority's certificate, a file in PEM.")]
    use: Annotated[Use, Meta(description="What it is trusted for.")] = Use.SERVER
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    remove: Annotated[bool, Meta(description="Take it out of the station again.")] = False
    issuer: Annotated[
        bytes | None, Meta(description="With --remove, of one that is no root: its issuer's certificate.")
    ] = None
    deadline_s: Annotated[
        Annotated[int, Meta(ge=1, le=300)] | None,
        Meta(description="How long to wait for the answer; by default limits.command_s."),
    ] = None


async def trust_root(desk: Desk, params: TrustRoot) -> CallEnd:
    """Install an authority's certificate in a station, or delete it by its OCSP hashes (M04, M05)."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    state = await desk.spine.get(t.station_state, owner=str(owner), station_id=params.station)
    protocol = str(state["protocol"]) if state is not None else ""
    if params.remove:
        action, fields = "DeleteCertificate", _deletion(params)
    else:
        action, fields = "InstallCertificate", _installation(desk, params, protocol)
    if protocol == Protocol.OCPP16 and params.use in _CARS:
        call = _call(params, "DataTransfer", wrapped(action, msgspec.json.encode(fields)))
        return _taken(params, action, _within(await call_station(desk, call)))
    end = await call_station(desk, _call(params, action, msgspec.json.encode(fields)))
    return _taken(params, action, end)


def _taken(params: TrustRoot, action: str, end: CallEnd) -> CallEnd:
    """The end of a call that the station did.

    Raises:
        Refused: it answered that it did not.
    """
    if end.result is CommandResult.ACCEPTED:
        return end
    done = CommandDone(end.result, end.detail)
    raise not_done(params.station, f"{action} of an authority for {params.use.value}", end.command_id, done)


def _call(params: TrustRoot, action: str, payload: bytes) -> CallStation:
    return CallStation(
        station=params.station,
        action=action,
        payload=payload.decode(),
        party=params.party,
        deadline_s=params.deadline_s,
    )


def _within(end: CallEnd) -> CallEnd:
    """The end of a call, by what its answer holds."""
    if end.result is not CommandResult.ACCEPTED:
        return end
    status = status_within(msgspec.json.decode(end.response).get("data")) or "no status within"
    result = RESULT_OF_STATUS.get(status, CommandResult.FAILED)
    return msgspec.structs.replace(end, result=result, detail=f"{end.detail}: {status}")


def _installation(desk: Desk, params: TrustRoot, protocol: str) -> dict[str, object]:
    certificate = _read(params.certificate, "/certificate")
    if certificate.not_valid_after_utc <= desk.clock.now():
        says = f"the certificate ended on {certificate.not_valid_after_utc:%Y-%m-%d}"
        raise Refused(Kind.INVALID, says, "nothing was sent", "/certificate")
    words = _WORDS.get(protocol, _WORDS_2X)
    if params.use not in words:
        says = f"the station's OCPP version knows no authority for {params.use.value}"
        raise Refused(Kind.USAGE, says, f"it knows {', '.join(use.value for use in words)}", "/use")
    return {"certificateType": words[params.use], "certificate": params.certificate.decode().strip() + "\n"}


def _deletion(params: TrustRoot) -> dict[str, object]:
    certificate = _read(params.certificate, "/certificate")
    issuer = _read(params.issuer, "/issuer") if params.issuer is not None else None
    try:
        return {"certificateHashData": hash_data(certificate, issuer)}
    except ValueError as problem:
        says = f"the certificate cannot be named: {problem}"
        raise Refused(Kind.INVALID, says, "say --issuer with its issuer's certificate", "/issuer") from None


def _read(pem: bytes, pointer: str) -> x509.Certificate:
    if len(pem) > MOST_BYTES or pem.count(b"-----BEGIN ") != 1:
        raise Refused(Kind.INVALID, "expected one certificate in PEM", "", pointer)
    try:
        return x509.load_pem_x509_certificate(pem)
    except UNREADABLE:
        raise Refused(Kind.INVALID, "expected one certificate in PEM", "", pointer) from None


TRUST = Verb(
    "station trust",
    "Have a station trust an authority, or trust it no more.",
    TrustRoot,
    CallEnd,
    trust_root,
    Part.POST,
    show=shown_call,
    arguments=2,
)
