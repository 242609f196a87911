"""Cars' needs, answered: a schedule at once, or when the session begins, or the reason why there is none."""

from __future__ import annotations

import logging
from collections import OrderedDict

import msgspec

from elstrada.charging.car_schedules import strays
from elstrada.charging.needs import plan_id
from elstrada.charging.state import SessionState
from elstrada.model import asks
from elstrada.model.answers import CommandDone, NeedsAnswered, ScheduleChecked
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.mirror import Item, ItemKind, Learned
from elstrada.model.needs import CarSchedule, Needs, NeedsAnswer, NoPlan, Plan
from elstrada.model.notices import Severity
from elstrada.model.quirk import QuirkTable
from elstrada.net.face import Chance, Clock
from elstrada.ocpp.versions import Version
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.mirror import Mirror
from elstrada.roles.gateway.profiles import running
from elstrada.roles.gateway.seat import Seat
from elstrada.roles.planning import SET, Stay, as_profile, denied, needs_at, place_of, planned, written
from elstrada.spine.face import Spine, SpineDown, StreamMoved

log = logging.getLogger(__name__)

NO_SCHEDULE = "no schedule for a car's needs"
MOST_ROUNDS = 3
"""How often a session's schedule is given again because the car does not keep to it; then somebody should look."""
DEADLINE_S = 30
"""A car waits a minute for its schedule (K15.FR.08)."""
_MOST = 10_000
_encode = msgspec.json.Encoder().encode


class Planner:
    """Answers cars' needs, for the stations of one gateway."""

    def __init__(
        self,
        spine: Spine,
        mirror: Mirror,
        clock: Clock,
        chance: Chance,
        findings: Findings,
        quirks: QuirkTable,
    ) -> None:
        self._spine, self._mirror, self._quirks = spine, mirror, quirks
        self._clock, self._chance, self._findings = clock, chance, findings
        self._rounds: OrderedDict[tuple[str, str], int] = OrderedDict()
        """By stream and session: how often it was given a schedule again."""

    # --- what stations ask ------------------------------------------------------------------------------

    async def told(self, seat: Seat, version: Version, ask: asks.TellNeeds) -> NeedsAnswered:
        """Keep what a car needs, and find out what it can have.

        Raises:
            SpineDown, StreamMoved: it is not answered.
        """
        await self._mirror.settled(seat.owner, seat.station_id)
        session = running(seat, ask.needs.evse_id)
        answer = await self._answer(seat, version, ask.needs, session)
        kept = Item(ItemKind.EV_NEEDS, str(ask.needs.evse_id), _encode(ask.needs).decode())
        await self._mirror.take(seat.owner, seat.station_id, Learned(items=(kept,)))
        text = "; ".join(one for one in (ask.notice.text, answer.why) if one)
        notice = msgspec.structs.replace(ask.notice, answer=answer.result.value, text=text)
        await seat.ask(asks.GiveNotice(notice))
        return answer

    async def _answer(
        self, seat: Seat, version: Version, needs: Needs, session: SessionState | None
    ) -> NeedsAnswered:
        name = session.transaction_id if session else ""
        why = await denied(self._spine, seat.owner, seat.station_id, needs, name)
        if why:
            return NeedsAnswered(NeedsAnswer.NOT_ALLOWED, why)
        place = await place_of(
            self._spine, self._quirks, seat.owner, seat.station_id, needs.evse_id, version.profiles
        )
        stay = self._stay(needs.evse_id, session)
        made = planned(needs, place, stay, self._clock.now())
        if isinstance(made, Plan) and stay.transaction_id is not None:
            profile = as_profile(made, place, stay)
            made = profile if isinstance(profile, NoPlan) else made
        if isinstance(made, NoPlan):
            return NeedsAnswered(NeedsAnswer.NO_PLAN, made.why)
        if stay.transaction_id is None:
            return NeedsAnswered(NeedsAnswer.LATER, "no session runs there yet")
        return NeedsAnswered(NeedsAnswer.PLANNED)

    async def checked(self, seat: Seat, version: Version, ask: asks.CheckSchedule) -> ScheduleChecked:
        """Hold a car's schedule against what we set (K15.FR.11, K17.FR.11), and keep it.

        Raises:
            SpineDown, StreamMoved: it is not answered.
        """
        await self._mirror.settled(seat.owner, seat.station_id)
        session = running(seat, ask.evse_id)
        place = await place_of(
            self._spine, self._quirks, seat.owner, seat.station_id, ask.evse_id, version.profiles
        )
        ours = tuple(profile for profile in place.profiles if profile.is_ours)
        exceeds = strays(ask.schedule, ours, place.moment(self._stay(ask.evse_id, session)))
        kept = CarSchedule(
            evse_id=ask.evse_id,
            told_at=self._clock.now(),
            schedule=ask.schedule,
            within=exceeds is None,
            text=exceeds or "",
            wire=ask.wire,
        )
        item = Item(ItemKind.EV_SCHEDULE, str(ask.evse_id), _encode(kept).decode())
        await self._mirror.take(seat.owner, seat.station_id, Learned(items=(item,)))
        notice = msgspec.structs.replace(
            ask.notice,
            status="Exceeds" if exceeds else "Within",
            severity=Severity.ALERT if exceeds else Severity.INFORMATIONAL,
            text=exceeds or "",
        )
        await seat.ask(asks.GiveNotice(notice))
        return ScheduleChecked(within=exceeds is None)

    # --- what follows -----------------------------------------------------------------------------------

    async def give(self, seat: Seat, version: Version, evse_id: int) -> None:
        """Send the schedule that was promised to a car whose session runs."""
        try:
            await self._give(seat, version, evse_id)
        except StreamMoved:
            pass  # The station is elsewhere now, and whoever has it is told what its car needs.
        except SpineDown as down:
            log.warning("station:%s/%s: no schedule for a car: %s", seat.owner, seat.station_id, down)

    async def give_awaited(self, seat: Seat, version: Version, session: SessionState) -> None:
        """Send what was promised before the session began, once."""
        key = (seat.stream, session.transaction_id)
        if key in self._rounds or session.evse_id is None:
            return
        self._count(key, 0)
        given = await self._mirror.profile(seat.owner, seat.station_id, plan_id(session.evse_id))
        if given is None or given.transaction_id != session.transaction_id:
            await self.give(seat, version, session.evse_id)

    async def give_again(self, seat: Seat, version: Version, evse_id: int) -> None:
        """Renegotiate with a car that does not keep to its schedule (K15.FR.13, K16.FR.08, K17.FR.13)."""
        session = running(seat, evse_id)
        if session is None:
            return
        key = (seat.stream, session.transaction_id)
        rounds = self._rounds.get(key, 0)
        if rounds >= MOST_ROUNDS:
            self._note(seat, f"the car exceeds it after {rounds} rounds: it is left to the station")
            return
        self._count(key, rounds + 1)
        await self.give(seat, version, evse_id)

    def agreed(self, seat: Seat, evse_id: int) -> None:
        """The car keeps to its schedule: what went before does not count any more."""
        session = running(seat, evse_id)
        if session is not None and (seat.stream, session.transaction_id) in self._rounds:
            self._count((seat.stream, session.transaction_id), 0)

    async def _give(self, seat: Seat, version: Version, evse_id: int) -> None:
        session = running(seat, evse_id)
        needs = await needs_at(self._spine, seat.owner, seat.station_id, evse_id)
        if session is None or needs is None:
            return
        why = await denied(self._spine, seat.owner, seat.station_id, needs, session.transaction_id)
        if why:
            self._note(seat, why)
            return
        place = await place_of(
            self._spine, self._quirks, seat.owner, seat.station_id, evse_id, version.profiles
        )
        stay, now = self._stay(evse_id, session), self._clock.now()
        made = planned(needs, place, stay, now)
        profile = made if isinstance(made, NoPlan) else as_profile(made, place, stay)
        if isinstance(profile, NoPlan):
            self._note(seat, profile.why)
            return
        command = asks.Command(
            command_id=self._chance.uuid(),
            name=CommandName.CALL,
            asked_by=seat.owner,
            action=SET,
            payload=written(profile, version.profiles),
            deadline_s=DEADLINE_S,
            asked_at=now,
        )
        done = await seat.ask(command)
        if isinstance(done, CommandDone) and done.result is not CommandResult.ACCEPTED:
            self._note(seat, f"{SET} was answered {done.result.value} ({done.detail})")

    def _stay(self, evse_id: int, session: SessionState | None) -> Stay:
        now = self._clock.now()
        if session is None:
            return Stay(evse_id=evse_id, since=now)
        return Stay(evse_id=evse_id, transaction_id=session.transaction_id, since=session.started_at or now)

    def _count(self, key: tuple[str, str], rounds: int) -> None:
        self._rounds[key] = rounds
        self._rounds.move_to_end(key)
        if len(self._rounds) > _MOST:
            self._rounds.popitem(last=False)

    def _note(self, seat: Seat, sample: str) -> None:
        self._findings.note(f"station:{seat.owner}/{seat.station_id}", NO_SCHEDULE, sample)
