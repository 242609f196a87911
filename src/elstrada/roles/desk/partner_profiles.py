"""Verbs on how our drivers' sessions charge at partners' stations."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.ids import PartyId
from elstrada.model.party import Peer, PeerState, Role
from elstrada.model.preferences import ChargingPreferences, PreferencesAnswer, ProfileType
from elstrada.model.profile import Period, RateUnit, Schedule
from elstrada.model.session import SessionStatus
from elstrada.ocpi.body import BadJson, Mismatch, parse, shape
from elstrada.ocpi.v221 import profiles as wire
from elstrada.ocpi.v221 import translate
from elstrada.ocpi.v221.profiles import ProfileResultType
from elstrada.roles.desk.face import Desk, Kind, Part, Refused, Verb
from elstrada.roles.desk.lookups import own_party, party_id, sane_moment
from elstrada.roles.desk.paging import After, Page, page_of
from elstrada.roles.desk.profile_text import schedule_text
from elstrada.roles.desk.shapes import Count, JsonText, Moment, Text36, in_one_line
from elstrada.roles.roaming.clients import parties_through
from elstrada.roles.roaming.steersman import NO_ANSWER, AtPartner, Steered
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Row, Where

_MOST_PEERS = 10_000
_MOST_RATE = Decimal(10_000_000)
_AHEAD = timedelta(minutes=1)
"""A limit begins this long ago, so that a station's clock that is behind does not put it off."""
_HINT = "see `elstrada partner limits`"

_Session = Annotated[Text36, Meta(description="Its id at the partner.")]
_Cpo = Annotated[
    str | None, Meta(description="Whose station; needed only if several partners' sessions have this id.")
]
_Own = Annotated[str | None, Meta(description="Our eMSP; needed only if there are several.")]


class PreferAtPartner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    session: _Session
    profile_type: Annotated[ProfileType, Meta(description="How the driver wants to charge.")]
    departure: Annotated[Moment | None, Meta(description="When he expects to leave.")] = None
    energy_kwh: Annotated[Decimal | None, Meta(description="How much he wants.")] = None
    discharge: Annotated[bool, Meta(description="His car may give back, as long as it has that then.")] = (
        False
    )
    cpo: _Cpo = None
    party: _Own = None


class LimitAtPartner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    session: _Session
    amperes: Annotated[Decimal | None, Meta(description="How much it may take, per phase.")] = None
    watts: Annotated[Decimal | None, Meta(description="How much it may take, over all phases.")] = None
    profile: Annotated[
        JsonText | None,
        Meta(description="A ChargingProfile of OCPI as JSON, from @FILE, or from standard input."),
    ] = None
    until: Annotated[
        Moment | None, Meta(description="Of --amperes or --watts; by default until the session ends.")
    ] = None
    cpo: _Cpo = None
    party: _Own = None


class UnlimitAtPartner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    session: _Session
    cpo: _Cpo = None
    party: _Own = None


class ScheduleAtPartner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    session: _Session
    duration_s: Annotated[
        Annotated[int, Meta(ge=1, le=604_800)], Meta(description="How far ahead the station is asked.")
    ] = 900
    cpo: _Cpo = None
    party: _Own = None


class ListLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    partner: Annotated[str | None, Meta(description="Only at this one's stations.")] = None
    party: _Own = None
    limit: Annotated[Count, Meta(description="Most lines, those of which there was news last first.")] = 100
    after: After = None


class PreferenceEnd(msgspec.Struct, frozen=True, kw_only=True):
    session_id: str
    cpo: str
    answer: PreferencesAnswer
    """What the CPO makes of it."""


class PartnerProfile(msgspec.Struct, frozen=True, kw_only=True):
    """How a session at a partner's station may charge, as far as we have a say or were told."""

    session_id: str
    party: str
    """The CPO."""
    peer_id: str
    state: str
    """What became of our last wish, in OCPI's words; ASKED, CLEARED, NO_ANSWER; empty: we had none."""
    wanted: Schedule | None
    """As we asked for it."""
    active: Schedule | None
    """As the CPO told last; None: it did not."""
    active_at: datetime | None
    changed_at: datetime


async def prefer(desk: Desk, params: PreferAtPartner) -> PreferenceEnd:
    """Tell a partner what a driver of ours wants of his session there."""
    assert desk.steersman is not None, "the table says that this verb needs the steersman"
    sane_moment(params.departure, "/departure")
    _sane(params.energy_kwh, "/energy_kwh")
    at = await _at(desk, params.session, params.cpo, params.party)
    wanted = ChargingPreferences(
        profile_type=params.profile_type,
        departure_time=params.departure,
        energy_need_kwh=params.energy_kwh,
        discharge_allowed=params.discharge,
    )
    told = await desk.steersman.prefer(at, wanted)
    if told.answer is None:
        raise Refused(Kind.REFUSED, f"{at.peer.id} took no preferences: {told.detail}")
    return PreferenceEnd(session_id=at.session_id, cpo=str(at.cpo), answer=told.answer)


async def limit(desk: Desk, params: LimitAtPartner) -> PartnerProfile:
    """Have a partner limit a driver's session over time; it replaces what we wanted before."""
    assert desk.steersman is not None, "the table says that this verb needs the steersman"
    wanted = _wanted(desk, params)
    at = await _at(desk, params.session, params.cpo, params.party)
    ended = await desk.steersman.set(at, wanted)
    if not ended.done:
        raise _refused(at, "SetChargingProfile", ended)
    return await _line(desk, at)


async def unlimit(desk: Desk, params: UnlimitAtPartner) -> PartnerProfile:
    """Have a partner take our limits of a session back."""
    assert desk.steersman is not None, "the table says that this verb needs the steersman"
    at = await _at(desk, params.session, params.cpo, params.party)
    ended = await desk.steersman.clear(at)
    # Unknown says that it is not there, which is what was wanted.
    if not ended.done and ended.state != ProfileResultType.UNKNOWN:
        raise _refused(at, "ClearChargingProfile", ended)
    return await _line(desk, at)


async def schedule(desk: Desk, params: ScheduleAtPartner) -> PartnerProfile:
    """Ask a partner what a session's station will allow it."""
    assert desk.steersman is not None, "the table says that this verb needs the steersman"
    at = await _at(desk, params.session, params.cpo, params.party)
    ended = await desk.steersman.get(at, params.duration_s)
    if ended.active is None:
        raise _refused(at, "the question for what is active", ended)
    return await _line(desk, at)


async def list_limits(desk: Desk, params: ListLimits) -> Page[PartnerProfile]:
    where: Where = {"owner": str((await own_party(desk, params.party, Role.EMSP)).id)}
    if params.partner is not None:
        where = {**where, "peer_id": params.partner}
    order = ("-changed_at",)
    rows = await page_of(desk, t.roamed_profile, [where], order, limit=params.limit, after=params.after)
    return rows.lines(_profile)


# --- below ------------------------------------------------------------------------------------------


def _wanted(desk: Desk, params: LimitAtPartner) -> Schedule:
    named = [one for one in (params.amperes, params.watts, params.profile) if one is not None]
    if len(named) != 1:
        raise Refused(Kind.USAGE, "expected one of --amperes, --watts and --profile")
    if params.profile is not None:
        if params.until is not None:
            raise Refused(Kind.USAGE, "a profile says itself how long it lasts", pointer="/until")
        return _read(params.profile)
    now = desk.clock.now()
    sane_moment(params.until, "/until")
    if params.until is not None and params.until <= now:
        raise Refused(Kind.USAGE, "the limit would be over already", pointer="/until")
    _sane(params.amperes, "/amperes")
    _sane(params.watts, "/watts")
    unit, rate = (RateUnit.A, params.amperes) if params.watts is None else (RateUnit.W, params.watts)
    start = (now - _AHEAD).replace(microsecond=0)
    return Schedule(
        unit=unit.value,
        periods=(Period(start_s=0, limit=rate),),
        start=start,
        duration_s=None if params.until is None else int((params.until - start).total_seconds()),
    )


def _read(text: str) -> Schedule:
    try:
        return translate.schedule_from_wire(shape(parse(text.encode()), wire.ChargingProfile))
    except (BadJson, Mismatch) as problem:
        raise Refused(Kind.INVALID, f"no ChargingProfile: {problem}", pointer="/profile") from None


def _sane(value: Decimal | None, pointer: str) -> None:
    if value is not None and not (value.is_finite() and 0 <= value <= _MOST_RATE):
        raise Refused(Kind.USAGE, f"expected 0 to {_MOST_RATE}, got {value}", pointer=pointer)


async def _at(desk: Desk, session_id: str, cpo: str | None, party: str | None) -> AtPartner:
    """A session of one of our drivers that goes on, and the partner at whose station it is."""
    owner = str((await own_party(desk, party, Role.EMSP)).id)
    named = None if cpo is None else party_id(cpo, pointer="/cpo")
    where = {"owner": owner, "state": PeerState.ACTIVE.value}
    rows = await desk.spine.find(t.peer, where, limit=_MOST_PEERS)
    peers = [msgspec.json.decode(str(row["document"]), type=Peer) for row in rows]
    speaks = {
        str(one): peer
        # Whoever is connected by itself is not asked through a hub.
        for peer in sorted(peers, key=lambda peer: peer.hub is None)
        for one in await parties_through(desk.spine, peer, Role.CPO)
        if named in (None, one)
    }
    parties = AnyOf(tuple(sorted(speaks)))
    found = await desk.spine.find(
        t.roamed_session, {"owner": owner, "party": parties, "session_id": session_id}, limit=2
    )
    if not found:
        says = f"there is no session {session_id!r} of a driver of {owner} at a partner's"
        raise Refused(Kind.MISSING, says, "partners tell of sessions when they begin", "/session")
    if len(found) > 1:
        raise Refused(
            Kind.USAGE, "several partners have a session of this id", "say which with --cpo", "/cpo"
        )
    if found[0]["status"] != SessionStatus.ACTIVE.value:
        says = f"session {session_id!r} does not go on: {found[0]['status']}"
        raise Refused(Kind.CONFLICT, says, pointer="/session")
    of = str(found[0]["party"])
    return AtPartner(speaks[of], PartyId.parse(of), str(found[0]["session_id"]))


async def _line(desk: Desk, at: AtPartner) -> PartnerProfile:
    key = {"owner": str(at.peer.owner), "party": str(at.cpo), "session_id": at.session_id}
    row = await desk.spine.get(t.roamed_profile, **key)
    assert row is not None, "what became of it is written down"
    return _profile(row)


def _profile(row: Row) -> PartnerProfile:
    schedules = {
        name: None if row[name] is None else msgspec.json.decode(str(row[name]), type=Schedule)
        for name in ("wanted", "active")
    }
    columns = {name: row[name] for name in PartnerProfile.__struct_fields__ if name not in schedules}
    return msgspec.convert({**columns, **schedules}, PartnerProfile)


def _refused(at: AtPartner, what: str, ended: Steered) -> Refused:
    kind = Kind.UNREACHABLE if ended.state == NO_ANSWER else Kind.REFUSED
    detail = f" ({ended.detail})" if ended.detail else ""
    return Refused(kind, f"{at.peer.id} answered {what} with {ended.state}{detail}", _HINT)


def _shown(one: PartnerProfile) -> str:
    lines = [f"session {one.session_id} at {one.party}: {one.state or 'no wish of ours'}"]
    lines += [] if one.wanted is None else [f"wanted: {schedule_text(one.wanted)}"]
    lines += [] if one.active is None else [f"active: {schedule_text(one.active)}"]
    return "\n".join(in_one_line(line) for line in lines)


def _shown_all(lines: tuple[PartnerProfile, ...]) -> str:
    return "\n".join(_shown(one) for one in lines) or "There are none."


VERBS = (
    Verb(
        "partner prefer",
        "Tell a partner what a driver of ours wants of his session there.",
        PreferAtPartner,
        PreferenceEnd,
        prefer,
        Part.STEERSMAN,
        arguments=2,
    ),
    Verb(
        "partner limit",
        "Have a partner limit a session of one of our drivers.",
        LimitAtPartner,
        PartnerProfile,
        limit,
        Part.STEERSMAN,
        show=_shown,
        look="partner limits",
    ),
    Verb(
        "partner unlimit",
        "Have a partner take our limits of a session back.",
        UnlimitAtPartner,
        PartnerProfile,
        unlimit,
        Part.STEERSMAN,
        show=_shown,
        look="partner limits",
    ),
    Verb(
        "partner schedule",
        "Ask a partner what it will allow a session of one of our drivers.",
        ScheduleAtPartner,
        PartnerProfile,
        schedule,
        Part.STEERSMAN,
        show=_shown,
        look="partner limits",
        reads=True,
    ),
    Verb(
        "partner limits",
        "List how sessions of our drivers at partners' stations may charge.",
        ListLimits,
        tuple[PartnerProfile, ...],
        list_limits,
        show=_shown_all,
        reads=True,
    ),
)
