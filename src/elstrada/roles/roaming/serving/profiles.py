"""Charging profiles: a partner has a say in how its drivers' sessions charge (OCPI mod_charging_profiles).

As with commands the answer says only whether we took the request; what the station says comes later, once, to the
address that the request brought. At the other end, our eMSP hears such results, and what has become active.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from elstrada.charging.steering import Unable, steered, steered_id
from elstrada.model.asks import Command
from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.model.profile import Schedule
from elstrada.ocpi.codes import Why
from elstrada.ocpi.server import Done, Found, Refusal, Result, body_of
from elstrada.ocpi.v221 import profiles as wire
from elstrada.ocpi.v221 import translate
from elstrada.ocpi.v221.profiles import ProfileResponseType
from elstrada.roaming.visibility import parties_of
from elstrada.roles.roaming.conduct import source
from elstrada.roles.roaming.line import belongs_to
from elstrada.roles.roaming.results import ResultKind
from elstrada.roles.roaming.serving.preferences import evse_of
from elstrada.roles.roaming.serving.visit import NOT_HERE, Handler, Visit
from elstrada.roles.roaming.stands import Stand, place_at, stand_of
from elstrada.roles.roaming.steering import may_ask
from elstrada.spine.face import Row

CAPABLE = "CHARGING_PROFILE_CAPABLE"
"""By this capability a CPO says at which EVSEs partners may send charging profiles."""
NOT_PUT = "profile not put"
_LONGEST_S = 7 * 24 * 3600


class _Ground(msgspec.Struct, frozen=True):
    """What a request that may be taken is about."""

    stand: Stand
    asked_by: PartyId


# --- at our stations --------------------------------------------------------------------------------


async def set_profile(visit: Visit) -> Result:
    """Limit a session over time, in place of what the partner wanted of it before."""
    asked = body_of(visit.call, wire.SetChargingProfile)
    wanted = translate.schedule_from_wire(asked.charging_profile)
    ground = await _ground(visit, asked.response_url)
    if not isinstance(ground, _Ground):
        return ground
    stand = ground.stand
    place = await place_at(visit.means, stand)
    profile = steered(wanted, stand.running, place.profiles, place.abilities, place.supply, place.quirks)
    if isinstance(profile, Unable):
        visit.means.findings.note(source(visit.own.id, visit.peer.id), NOT_PUT, profile.why)
        refused = ProfileResponseType.NOT_SUPPORTED if profile.for_ever else ProfileResponseType.REJECTED
        return _answer(visit, refused)
    command = stand.call(
        visit.means.chance.uuid(), ground.asked_by, "SetChargingProfile", stand.words.steered(profile)
    )
    return await _take(visit, stand, command, asked.response_url, ResultKind.SET)


async def get_profile(visit: Visit) -> Result:
    """Tell what the station will allow the session."""
    duration_s, url = _duration(visit.call.query.get("duration")), visit.call.query.get("response_url")
    if duration_s is None:
        return Refusal(Why.INVALID, f"duration: expected 1 to {_LONGEST_S} s")
    ground = await _ground(visit, url)
    if not isinstance(ground, _Ground):
        return ground
    command = ground.stand.question(visit.means.chance.uuid(), ground.asked_by, duration_s)
    return await _take(visit, ground.stand, command, str(url), ResultKind.ACTIVE)


async def clear_profile(visit: Visit) -> Result:
    """Take back what the partner wanted of a session; no other limit goes with it."""
    url = visit.call.query.get("response_url")
    ground = await _ground(visit, url)
    if not isinstance(ground, _Ground):
        return ground
    stand = ground.stand
    command = stand.call(
        visit.means.chance.uuid(),
        ground.asked_by,
        "ClearChargingProfile",
        stand.words.cleared(steered_id(stand.running.evse_id)),
    )
    return await _take(visit, stand, command, str(url), ResultKind.CLEAR)


async def _ground(visit: Visit, response_url: str | None) -> _Ground | Result:
    """What the request is about, if it may be taken; else its answer."""
    if not response_url:
        return Refusal(Why.INVALID, "response_url is required")
    if not belongs_to(visit.peer, response_url):
        return Refusal(Why.INVALID, "response_url: not at a host you registered with (T16)")
    row = await visit.stock.session_row(visit.own.id, visit.call.path["session_id"])
    asked_by = None if row is None else _steering(visit, row)
    if row is None or asked_by is None:
        return _answer(visit, ProfileResponseType.UNKNOWN_SESSION)
    if not await may_ask(visit.means, visit.peer, str(row["session_id"]), asked_by):
        return _answer(visit, ProfileResponseType.TOO_OFTEN)
    evse = await evse_of(visit, row)
    if evse is None or CAPABLE not in evse.capabilities:
        return _answer(visit, ProfileResponseType.NOT_SUPPORTED)
    stand = await stand_of(visit.means, visit.own.id, row)
    if stand is None:
        return _answer(visit, ProfileResponseType.REJECTED)
    return _Ground(stand, asked_by)


def _steering(visit: Visit, session: Row) -> PartyId | None:
    """The caller's party that has a say in the session; None: it has none, and need not know of it (T8).

    That is whoever issued its token, and an SCSP in the same credentials, to which the eMSP has left it.
    """
    owner = session["token_party"]
    if not isinstance(owner, str):
        return None
    issuer = PartyId.parse(owner)
    services = visit.parties(Role.SCSP)
    if issuer in visit.parties(Role.EMSP) | services:
        return issuer
    return min(services, default=None) if issuer in parties_of(visit.peer, (Role.EMSP,)) else None


def _duration(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdecimal() and len(text) < 9):
        return None
    return int(text) if 1 <= int(text) <= _LONGEST_S else None


async def _take(visit: Visit, stand: Stand, command: Command, url: str, kind: ResultKind) -> Result:
    """Take the request, and answer before the station does."""
    await visit.callbacks.take(visit.peer, stand.station_id, command, url, kind)
    return _answer(visit, ProfileResponseType.ACCEPTED)


def _answer(visit: Visit, result: ProfileResponseType) -> Found:
    timeout = Decimal(visit.callbacks.result_s)
    return Found(wire.ChargingProfileResponse(result=result.value, timeout=timeout))


# --- at others' stations ----------------------------------------------------------------------------


async def set_result(visit: Visit) -> Result:
    return await _heard(visit, ResultKind.SET, body_of(visit.call, wire.ChargingProfileResult).result)


async def clear_result(visit: Visit) -> Result:
    return await _heard(visit, ResultKind.CLEAR, body_of(visit.call, wire.ClearProfileResult).result)


async def active_result(visit: Visit) -> Result:
    told = body_of(visit.call, wire.ActiveChargingProfileResult)
    profile = None if told.profile is None else translate.active_from_wire(told.profile)
    return await _heard(visit, ResultKind.ACTIVE, told.result, profile)


async def _heard(visit: Visit, kind: ResultKind, result: str, profile: Schedule | None = None) -> Result:
    """The result of a request of ours, at the address we made for it alone, from whom it was asked of."""
    known = await visit.steersman.heard(visit.peer, kind, visit.call.path["request_id"], result, profile)
    return Done() if known else NOT_HERE


async def put_active_profile(visit: Visit) -> Result:
    """A CPO tells that something else now limits one of our drivers' sessions: only its own."""
    profile = translate.active_from_wire(body_of(visit.call, wire.ActiveChargingProfile))
    session_id = visit.call.path["session_id"]
    known = await visit.steersman.told(visit.peer, visit.parties(Role.CPO), session_id, profile)
    return Done() if known else NOT_HERE


HANDLERS: dict[str, Handler] = {
    "set_profile": set_profile,
    "get_profile": get_profile,
    "clear_profile": clear_profile,
    "set_profile_result": set_result,
    "clear_profile_result": clear_result,
    "active_profile_result": active_result,
    "put_active_profile": put_active_profile,
}
