"""What is done otherwise for one station, because its software is as it is."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.device import Protocol, Station
from elstrada.model.party import Role
from elstrada.model.security import Signatures
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import document, needed, own_party
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work


class Ping(StrEnum):
    ON = "on"
    OFF = "off"


class Assumed(StrEnum):
    NOTHING = "nothing"
    OCPP16 = Protocol.OCPP16.value
    OCPP201 = Protocol.OCPP201.value
    OCPP21 = Protocol.OCPP21.value


class Schema(StrEnum):
    LENIENT = "lenient"
    STRICT = "strict"


class TreatStation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    ping: Annotated[
        Ping | None, Meta(description="Ping it when it is silent; off for one that never answers.")
    ] = None
    assume: Annotated[
        Assumed | None, Meta(description="What it speaks if it offers no subprotocol that there is.")
    ] = None
    schema: Annotated[
        Schema | None, Meta(description="Whether messages that stray from the schema are read or refused.")
    ] = None
    signatures: Annotated[
        Signatures | None,
        Meta(
            description="Whether signatures under its messages are looked at, and must be there under what moves "
            "money, identity or trust."
        ),
    ] = None
    signing_keys: Annotated[
        bytes | None,
        Meta(
            description="PEM: the certificates or public keys by which its messages are signed, instead of others."
        ),
    ] = None
    quirk: Annotated[
        tuple[str, ...],
        Meta(description="NAME=on, off or auto: whether it has a quirk; auto goes by its make again."),
    ] = ()


class Treated(msgspec.Struct, frozen=True, kw_only=True):
    party: str
    station: str
    ping: Ping
    assume: Assumed
    schema: Schema
    signatures: Signatures = Signatures.OFF
    signing_keys: int = 0
    """How many."""
    quirks: tuple[str, ...] = ()
    """What was said of quirks: NAME=on or NAME=off."""


async def treat_station(desk: Desk, params: TreatStation) -> Treated:
    """Say what is done otherwise for a station; what is not said stays."""
    told = (params.ping, params.assume, params.schema, params.signatures, params.signing_keys)
    if all(one is None for one in told) and not params.quirk:
        says = "say --ping, --assume, --schema, --signatures, --signing-keys or --quirk"
        raise Refused(Kind.USAGE, "nothing is to change", says)
    said = _said_of_quirks(desk, params)
    owner = (await own_party(desk, params.party, Role.CPO)).id
    key = {"owner": str(owner), "station_id": params.station}
    what = f"station {params.station[:48]!r} of {owner}"
    row = await needed(desk, t.station, what, "see `elstrada station list`", **key)
    station = _changed(msgspec.json.decode(str(row["document"]), type=Station), params)
    station = msgspec.structs.replace(station, quirks=_with_said(station.quirks, said))
    changed = {**key, "document": document(station), "changed_at": desk.clock.now()}
    await desk.spine.commit(Work(writes=(Put(t.station, changed, expected={"document": row["document"]}),)))
    return Treated(
        party=str(owner),
        station=params.station,
        ping=Ping.ON if station.pinged else Ping.OFF,
        assume=Assumed(station.assumes.value) if station.assumes else Assumed.NOTHING,
        schema=Schema.LENIENT if station.lenient else Schema.STRICT,
        signatures=station.signatures,
        signing_keys=len(station.signing_keys),
        quirks=tuple(f"{name}={'on' if on else 'off'}" for name, on in sorted(station.quirks.items())),
    )


def _said_of_quirks(desk: Desk, params: TreatStation) -> dict[str, bool | None]:
    """What is said of each quirk; None: it goes by the make again."""
    said: dict[str, bool | None] = {}
    for text in params.quirk:
        name, _, word = text.partition("=")
        if word not in _WORDS:
            raise Refused(
                Kind.USAGE, f"{text[:60]!r} is not NAME=on, NAME=off or NAME=auto", pointer="/quirk"
            )
        # One that is no more in the table can still be forgotten.
        if desk.quirks.named(name) is None and _WORDS[word] is not None:
            says = f"there is no quirk {name[:50]!r}"
            raise Refused(Kind.MISSING, says, "see `elstrada station quirks`", "/quirk")
        said[name] = _WORDS[word]
    return said


_WORDS = {"on": True, "off": False, "auto": None}


def _with_said(before: Mapping[str, bool], said: Mapping[str, bool | None]) -> dict[str, bool]:
    return {name: on for name, on in {**before, **said}.items() if on is not None}


def _changed(station: Station, params: TreatStation) -> Station:
    if params.ping is not None:
        station = msgspec.structs.replace(station, pinged=params.ping is Ping.ON)
    if params.assume is not None:
        assumes = None if params.assume is Assumed.NOTHING else Protocol(params.assume.value)
        station = msgspec.structs.replace(station, assumes=assumes)
    if params.schema is not None:
        station = msgspec.structs.replace(station, lenient=params.schema is Schema.LENIENT)
    return _signing(station, params)


def _signing(station: Station, params: TreatStation) -> Station:
    """A station with what is said of its signatures, which cannot be looked at without keys."""
    if params.signing_keys is not None:
        # The library takes a tenth of a second to load, which other verbs are spared.
        from elstrada.roles.message_keys import read_keys

        try:
            station = msgspec.structs.replace(station, signing_keys=read_keys(params.signing_keys))
        except ValueError as problem:
            raise Refused(
                Kind.INVALID, f"the signing keys hold {problem}", "nothing was changed", "/signing_keys"
            ) from None
    if params.signatures is not None:
        station = msgspec.structs.replace(station, signatures=params.signatures)
    if station.signatures is not Signatures.OFF and not station.signing_keys:
        says = f"no key of {station.id} is known by which its signatures could be checked"
        raise Refused(Kind.CONFLICT, says, "say --signing-keys with a file of PEM", "/signatures")
    return station


TREAT = Verb(
    "station treat",
    "Say what is done otherwise for a station.",
    TreatStation,
    Treated,
    treat_station,
    note="It holds from the next connection on.",
)
