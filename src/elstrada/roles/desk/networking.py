"""Puts a network profile into a station: never over the one that works, and that stays to fall back to."""

from __future__ import annotations

import msgspec

from elstrada.charging.network import PRIORITY, Networks, put_first, unfit
from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command
from elstrada.model.configuring import MessageLimits, SetResult
from elstrada.model.device import CommandName, CommandResult, Protocol, Station
from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.ocpp.configuring import outcomes, set_calls
from elstrada.ocpp.table import Unsendable
from elstrada.ocpp.versions import VERSIONS, Version
from elstrada.roles.desk.calling import called, version_of
from elstrada.roles.desk.commands import given, not_done
from elstrada.roles.desk.face import Desk, Kind, Problem, Refused
from elstrada.roles.desk.lookups import own_party
from elstrada.roles.desk.network import NetworkEnd, SetNetwork, lines_of, station_of
from elstrada.roles.networks import QUESTION, networks_of

SET = "SetNetworkProfile"
_MEANS = {
    "Rejected": "it does not take the profile: it may not know the slot or the interface, lack what the security "
    "profile needs, or come by a higher one",
    "Failed": "it could not store the profile",
}
"""Source: OCPP 2.0.1 part 2, B09, SetNetworkProfileStatusEnumType."""
_encode = msgspec.json.Encoder(decimal_format="number").encode


class _Station(msgspec.Struct, frozen=True, kw_only=True):
    """The station of the verb."""

    desk: Desk
    params: SetNetwork
    owner: PartyId
    record: Station
    version: Version

    async def call(self, action: str, payload: str) -> tuple[str, CommandDone]:
        """Call it.

        Raises:
            Refused: it is away, or did not answer.
        """
        command_id, done = await called(
            self.desk, self.owner, self.params.station, action, payload, self.params.deadline_s
        )
        if done.result in (CommandResult.OFFLINE, CommandResult.TIMEOUT):
            raise not_done(self.params.station, action, command_id, done)
        return command_id, done

    async def known(self) -> Networks:
        return await networks_of(self.desk.spine, str(self.owner), self.params.station)


async def network_set(desk: Desk, params: SetNetwork) -> NetworkEnd:
    """Do the verb."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    record = await station_of(desk, str(owner), params.station)
    version = await version_of(desk, owner, params.station)
    if SET not in version.to_station:
        able = " and ".join(sorted(name for name, one in VERSIONS.items() if SET in one.to_station))
        says = f"{params.station} speaks {version.protocol.value}, which has no network profiles"
        raise Refused(Kind.REFUSED, says, f"stations of {able} have them")
    station = _Station(desk=desk, params=params, owner=owner, record=record, version=version)
    before = await _asked(station)
    if params.url is not None:
        await _store(station, before)
    elif params.slot not in (*before.profiles, *before.priority):
        says = f"nothing is known of slot {params.slot}"
        raise Refused(
            Kind.MISSING, says, "give --url too, or have it tell: `elstrada station inventory`", "/slot"
        )
    order, reboot = (await _put_first(station, before)) if params.first else ((), "")
    return NetworkEnd(
        station=params.station,
        slot=params.slot,
        stored=params.url is not None,
        priority=order,
        reboot=reboot,
        networks=lines_of(await station.known()),
    )


async def _asked(station: _Station) -> Networks:
    """By which profile it came, and which it tries: without that, it could be left with none that works."""
    _, done = await station.call("GetVariables", _encode(QUESTION).decode())
    known = await station.known()
    if done.result is not CommandResult.ACCEPTED or known.came_by is None:
        says = f"{station.params.station} does not tell by which network profile it comes"
        raise Refused(Kind.REFUSED, says, "nothing was sent: it could be left with none that works")
    return known


async def _store(station: _Station, known: Networks) -> None:
    params = station.params
    if params.slot == known.came_by:
        free = min(set(range(1, len(known.profiles) + 3)) - {*known.profiles, *known.priority})
        says = f"{params.station} came by slot {params.slot}: it would have nothing to fall back to"
        raise Refused(Kind.CONFLICT, says, f"use another, such as {free}", "/slot")
    payload = _encode({"configurationSlot": params.slot, "connectionData": _profile(station, known)})
    written = station.version.write_call(SET, payload)
    if isinstance(written, Unsendable):
        problems = tuple(Problem(one.pointer, one.text) for one in written.findings)
        raise Refused(Kind.INVALID, written.detail, "nothing was sent", problems=problems)
    command_id, done = await station.call(SET, payload.decode())
    if done.result is not CommandResult.ACCEPTED:
        refused = not_done(params.station, SET, command_id, done).refusal
        means = next((text for status, text in _MEANS.items() if done.detail.startswith(status)), "")
        hint = f"{means}; nothing has changed" if means else refused.hint
        raise Refused(refused.kind, refused.says, hint)


def _profile(station: _Station, known: Networks) -> dict[str, object]:
    """The connectionData, checked for what would keep the station away."""
    params = station.params
    assert params.url is not None, "the caller looked"
    assert known.came_by is not None, "likewise"
    works = known.profiles.get(known.came_by)
    profile = params.security_profile or (works.security_profile if works else None)
    interface = params.interface or (works.interface if works else None)
    for name, value in (("security_profile", profile), ("interface", interface)):
        if value is None:
            says = f"expected --{name.replace('_', '-')}: nobody knows that of slot {known.came_by}"
            raise Refused(Kind.USAGE, says, pointer=f"/{name}")
    assert profile is not None, "just looked at"
    wrong = unfit(params.url, profile, station.record.security)
    if wrong:
        raise Refused(Kind.USAGE, wrong, "nothing was sent", "/url")
    data: dict[str, object] = {
        "ocppCsmsUrl": params.url,
        "ocppInterface": interface,
        "ocppTransport": "JSON",
        "securityProfile": profile,
        "messageTimeout": params.timeout_s,
    }
    if station.version.protocol is Protocol.OCPP201:
        data["ocppVersion"] = "OCPP20"  # 2.0.1 has no other word for itself, and 2.1 ignores it.
    for name, text in (("apn", params.apn), ("vpn", params.vpn)):
        if text is not None:
            data[name] = _object(text, name)
    return data


def _object(text: str, name: str) -> dict[str, object]:
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        # What is wrong with it could quote a password.
        raise Refused(Kind.INVALID, "expected a JSON object", "nothing was sent", f"/{name}") from None


async def _put_first(station: _Station, before: Networks) -> tuple[tuple[int, ...], str]:
    """Have it try the slot first.

    Returns:
        The order, and whether it must boot.
    """
    params, order = station.params, put_first(before, station.params.slot)
    if order == before.priority and before.active == params.slot:
        return order, ""
    value = ",".join(str(slot) for slot in order)
    (call,) = set_calls(station.version.protocol, {PRIORITY: value}, MessageLimits())
    _, done = await station.call(call.action, _encode(call.fields).decode())
    (outcome,) = outcomes(call, done.response, done.detail or done.result.value)
    if outcome.result not in (SetResult.SET, SetResult.AFTER_REBOOT):
        stored = "the profile is stored, but " if params.url is not None else ""
        says = f"{stored}{params.station} does not take the order {value}: {outcome.detail}"
        raise Refused(Kind.REFUSED, says, "it goes on as before")
    return order, await _reboot(station) if params.reset else "NEEDED"


async def _reboot(station: _Station) -> str:
    command = Command(
        command_id=station.desk.chance.uuid(),
        name=CommandName.RESET,
        asked_by=station.owner,
        deadline_s=station.params.deadline_s or station.desk.waits.command_s,
        asked_at=station.desk.clock.now(),
    )
    return (await given(station.desk, station.params.station, command)).result.value
