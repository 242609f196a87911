"""The verb that has a station show codes with which drivers pay on the web (OCPP 2.1, C25)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.answers import CommandDone
from elstrada.model.device import CommandResult
from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.roles.desk.calling import called
from elstrada.roles.desk.commands import not_done
from elstrada.roles.desk.face import Desk, Kind, Part, Refused, Verb
from elstrada.roles.desk.lookups import own_party
from elstrada.roles.desk.station_tariff import speaks_21
from elstrada.roles.payments.secrets import WebSecrets

_CTRLR = "WebPaymentsCtrlr"
_TAKEN = {"Accepted", "RebootRequired"}


class ShowCodes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    valid_s: Annotated[
        Annotated[int, Meta(ge=6, le=3600)], Meta(description="For so long a code is shown, in seconds.")
    ] = 30
    length: Annotated[Annotated[int, Meta(ge=6, le=32)], Meta(description="Characters of a code.")] = 12
    off: Annotated[bool, Meta(description="Show none any more.")] = False
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None


class CodesShown(msgspec.Struct, frozen=True):
    station: str
    url: str
    """The template that the station fills in; empty: it shows none."""
    reboot: bool
    """It begins once it has rebooted."""


async def show_codes(desk: Desk, params: ShowCodes) -> CodesShown:
    """Give a station a new secret and the address of our pay pages, and switch its codes on; or off."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    await speaks_21(desk, owner, params.station)
    if params.off:
        statuses = await _set(desk, owner, params.station, {"Enabled": "false"})
        return CodesShown(params.station, "", "RebootRequired" in statuses)
    if not desk.pay_url:
        says = "drivers cannot pay on the web here: there is no payment provider"
        raise Refused(Kind.CONFLICT, says, "name one in web_payments.provider, and start the server again")
    url = f"{desk.pay_url}/{owner}/{{chargingstationid}}/{{evse}}/{{totp}}/{{version}}"
    plain = {
        "URLTemplate": url,
        "TOTPVersion": "v1",
        "ValidityTime": str(params.valid_s),
        "Length": str(params.length),
    }
    statuses = await _set(desk, owner, params.station, plain)
    secrets, secret = WebSecrets(desk.spine, desk.keys, desk.clock), desk.chance.secret()
    offered = await secrets.offer(owner, params.station, secret, valid_s=params.valid_s, length=params.length)
    try:
        statuses |= await _set(desk, owner, params.station, {"SharedSecret": secret})
    except _NotSet as refused:
        if refused.certain:
            await secrets.settle(offered, taken=False)
        raise
    if "RebootRequired" not in statuses:
        await secrets.settle(offered, taken=True)
    statuses |= await _set(desk, owner, params.station, {"Enabled": "true"})
    return CodesShown(params.station, url, "RebootRequired" in statuses)


class _NotSet(Refused):
    """The station did not take a variable."""

    certain = True
    """It surely has not."""


class _Result(msgspec.Struct, rename="camel"):
    attribute_status: str = ""


class _Results(msgspec.Struct, rename="camel"):
    set_variable_result: list[_Result] = []


async def _set(desk: Desk, owner: PartyId, station: str, values: dict[str, str]) -> set[str]:
    """Set variables of the one component, one message for each: a station may take one at a time."""
    found = set[str]()
    for name, value in values.items():
        one = {
            "attributeValue": value,
            "component": {"name": _CTRLR},
            "variable": {"name": name},
        }
        payload = msgspec.json.encode({"setVariableData": [one]}).decode()
        command_id, done = await called(desk, owner, station, "SetVariables", payload, None)
        found.add(_status(station, name, command_id, done))
    return found


def _status(station: str, name: str, command_id: str, done: CommandDone) -> str:
    results = _Results() if done.response is None else msgspec.json.decode(done.response, type=_Results)
    status = results.set_variable_result[0].attribute_status if results.set_variable_result else ""
    if status in _TAKEN:
        return status
    refused = not_done(station, f"SetVariables of {_CTRLR}.{name}", command_id, done).refusal
    says = f"{station} answered {_CTRLR}.{name} with {status}" if status else refused.says
    failed = _NotSet(refused.kind if not status else Kind.REFUSED, says, refused.hint)
    failed.certain = bool(status) or done.result is not CommandResult.TIMEOUT
    raise failed


def _shown(end: CodesShown) -> str:
    if not end.url:
        return f"{end.station} shows no codes any more"
    when = " once it has rebooted" if end.reboot else ""
    return f"{end.station} shows codes{when}, for {end.url}"


QR = Verb(
    "station qr",
    "Have a station show codes with which drivers pay on the web (OCPP 2.1).",
    ShowCodes,
    CodesShown,
    show_codes,
    Part.POST,
    show=_shown,
)
