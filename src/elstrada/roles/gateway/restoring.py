"""Sends charging profiles again that a station forgot, in a reboot or while it was away (rule 31)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from elstrada.charging.composite import NotComparable, in_unit
from elstrada.charging.restoring import Seen, lacking, owed, place_of
from elstrada.model.admission import Admission
from elstrada.model.answers import CommandDone
from elstrada.model.device import CommandResult
from elstrada.model.mirror import Learned
from elstrada.model.profile import Profile, RateUnit
from elstrada.ocpp.profiles import KIND, ProfileWords, item
from elstrada.ocpp.versions import VERSIONS
from elstrada.roles.gateway.asking import asked
from elstrada.roles.planning import SET, Stay
from elstrada.roles.planning import place_of as known_of
from elstrada.spine.face import Spine, SpineDown, StreamMoved
from elstrada.spine.post import NobodyThere

if TYPE_CHECKING:
    from elstrada.roles.gateway.gateway import Gateway
    from elstrada.roles.gateway.link import Link

log = logging.getLogger(__name__)

AGAIN, NOT_AGAIN = "limit sent again", "limit not restored"
"""Codes of findings."""
MOST = 100
"""Profiles looked after at one station."""
AT_ONCE = 8
"""Mirrors read together: many stations may come back at the same time."""
TELL_S, LOOK_S = 30, 0.2
COMPOSITE_S = 300
"""How far ahead a station is asked what it will allow."""
_ONCE = "profiles"
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _Status(msgspec.Struct):
    status: str = ""


class _Round(NamedTuple):
    """One look at one station."""

    link: Link
    words: ProfileWords
    running: dict[str, int]
    """The EVSE of each session that goes on, by the station's name for it."""


class Restorer:
    """Looks after the profiles that were set and not taken back, as the mirror has them."""

    def __init__(self, gateway: Gateway, spine: Spine) -> None:
        self._gateway, self._spine = gateway, spine
        self._turns = asyncio.Semaphore(AT_ONCE)

    def came(self, link: Link) -> None:
        """A station is back."""
        self._gateway.spawn(self._look(link))

    def booted(self, link: Link) -> None:
        """A station was told that it may work: it may have forgotten what it was set to."""
        link.settling.renew(_ONCE)
        self._gateway.spawn(self._look(link))

    async def _look(self, link: Link) -> None:
        await link.settling.wait()
        try:
            if link.ending or link.seat.state.registered is not Admission.ACCEPTED:
                return
            if link.settling.once(_ONCE):
                await self._restore(link)
        except (NobodyThere, StreamMoved):
            pass  # It is connected elsewhere, where its profiles are looked after as well.
        except SpineDown as down:
            self._gateway.spine_is_down(down)
        except Exception:
            log.exception("the profiles of %s could not be restored", link.source)

    async def _restore(self, link: Link) -> None:
        words = VERSIONS[link.protocol].profiles
        sessions = link.seat.state.sessions.values()
        going = {one.transaction_id: one.evse_id or 0 for one in sessions if one.ended_at is None}
        round_ = _Round(link, words, going)
        async with self._turns:
            due = await self._due(round_)
        if not due:
            return
        seen = await self._seen(round_, due)
        # What a station does not tell of it has kept, unless it went down.
        again = (*seen.missing, *(seen.unknown if link.settling.booted else ()))
        sent = [one for one in again if await self._send(round_, one)]
        told = [one for one in sent if one in seen.missing]
        if told:
            self._note(link, AGAIN, told, f"{seen.by} showed that it was missing")
            after = await self._seen(round_, told)
            self._note(
                link, NOT_AGAIN, after.missing, f"was accepted, and {after.by} shows that it is missing"
            )

    async def _due(self, round_: _Round) -> tuple[Profile, ...]:
        """What the station must have, and can be sent."""
        link, seat = round_.link, round_.link.seat
        await self._gateway.mirror.settled(seat.owner, seat.station_id)
        set_ = await self._gateway.mirror.profiles(seat.owner, seat.station_id)
        due = owed(set_, round_.running, self._gateway.clock.now())
        other = [one for one in due if round_.words.number not in _fields(bytes(one.wire))]
        self._note(link, NOT_AGAIN, other, f"was set by another OCPP version than {link.protocol}")
        due = tuple(one for one in due if one not in other)
        self._note(link, NOT_AGAIN, due[MOST:], f"of a station {MOST} are looked after")
        return due[:MOST]

    async def _send(self, round_: _Round, profile: Profile) -> bool:
        """Set it as it was, unless somebody took it back or replaced it meanwhile, or its session ended."""
        seat = round_.link.seat
        kept = await self._gateway.mirror.profile(seat.owner, seat.station_id, profile.id)
        session = seat.state.session_by_transaction(profile.transaction_id or "")
        ended = session is not None and session.ended_at is not None
        if kept is None or kept.schedules != profile.schedules or ended:
            return False
        done = await asked(self._gateway, round_.link, SET, round_.words.again(profile))
        if done.result is not CommandResult.ACCEPTED:
            why = f"{done.result.value} ({done.detail})" if done.detail else done.result.value
            self._note(round_.link, NOT_AGAIN, (profile,), f"was answered {why}")
        return done.result is CommandResult.ACCEPTED

    # --- what the station has -------------------------------------------------------------------------

    async def _seen(self, round_: _Round, due: Sequence[Profile]) -> Seen:
        return await self._listed(round_, due) or await self._composed(round_, due)

    async def _listed(self, round_: _Round, due: Sequence[Profile]) -> Seen | None:
        """By GetChargingProfiles (K09); None: the station does not tell."""
        if round_.words.listed is None:
            return None
        link, gateway = round_.link, self._gateway
        owner, station_id = link.seat.owner, link.seat.station_id
        request_id, since = gateway.chance.fresh().number, gateway.clock.now()
        question = round_.words.listed(request_id, tuple(one.id for one in due))
        done = await asked(self._gateway, link, "GetChargingProfiles", question)
        by = "its report"
        if _status(done) == "NoProfiles":
            # The mirror dropped them: it has them again at once, should this process or the line break now.
            await gateway.mirror.take(owner, station_id, Learned(items=tuple(item(one) for one in due)))
            return Seen(missing=tuple(due), by=by)
        if done.result is not CommandResult.ACCEPTED:
            return None
        for _ in range(int(TELL_S / LOOK_S)):
            if await gateway.mirror.has_told(owner, station_id, KIND, request_id):
                there = await gateway.mirror.profiles_told_since(owner, station_id, since)
                return Seen(missing=tuple(one for one in due if one.id not in there), by=by)
            if link.ending:
                break
            await asyncio.sleep(LOOK_S)
        return None

    async def _composed(self, round_: _Round, due: Sequence[Profile]) -> Seen:
        """By what the station says that it allows, wherever one of them must show."""
        evses = {int(place.partition("/")[0]) for place in round_.link.seat.state.connectors} - {0}
        places = [(one, place_of(one, round_.running, evses)) for one in due]
        missing, unknown = list[Profile](), [one for one, place in places if place is None]
        for place in sorted({place for _, place in places if place is not None}):
            here = [one for one, at in places if at == place]
            found = await self._composed_at(round_, place, here, due)
            missing += found.missing
            unknown += found.unknown
        return Seen(tuple(missing), tuple(unknown), "its composite schedule")

    async def _composed_at(
        self, round_: _Round, place: int, here: Sequence[Profile], due: Sequence[Profile]
    ) -> Seen:
        seat, now = round_.link.seat, self._gateway.clock.now()
        unit = RateUnit.W if all(one.schedules[0].unit == RateUnit.W for one in here) else RateUnit.A
        known = await known_of(
            self._spine, self._gateway.treating.table, seat.owner, seat.station_id, place, round_.words
        )
        session = next((name for name, evse_id in round_.running.items() if place and evse_id == place), None)
        begun = seat.state.session_by_transaction(session or "")
        since = begun.started_at if begun is not None and begun.started_at is not None else now
        moment = known.moment(Stay(evse_id=place, transaction_id=session, since=since))._replace(unit=unit)
        done = await asked(
            self._gateway, round_.link, "GetCompositeSchedule", round_.words.asked(place, COMPOSITE_S, unit)
        )
        told = None if done.response is None else round_.words.composed(done.response.encode())
        if told is None or not told.periods:
            return Seen(unknown=tuple(here))
        first = told.periods[0]
        try:
            limit = None if first.limit is None else in_unit(first, told.unit, unit, known.supply)
        except NotComparable:
            return Seen(unknown=tuple(here))
        return lacking(here, due, moment, limit, now)

    # --- small things ---------------------------------------------------------------------------------

    def _note(self, link: Link, code: str, profiles: Iterable[Profile], why: str) -> None:
        for one in profiles:
            place = f"EVSE {one.evse_id}" if one.evse_id else "the station"
            self._gateway.findings.note(link.source, code, f"{one.purpose} {one.id} of {place} {why}")


def _status(done: CommandDone) -> str:
    try:
        return msgspec.json.decode(done.response or "", type=_Status).status
    except msgspec.DecodeError:
        return ""
