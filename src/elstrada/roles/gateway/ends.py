"""Keeps time for what does not come: ends of sessions (rule 18), and sessions of remote starts (rule 33)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from elstrada.charging import remote, unended
from elstrada.charging.state import REMOTE_START_WAIT
from elstrada.model import asks
from elstrada.model import facts as f
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.ids import PartyId
from elstrada.model.reservation import ReservationState
from elstrada.model.unended import EndRules, Presumed
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.starts import MARGIN_S, start_wait_s
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Between, Row, Spine

if TYPE_CHECKING:
    from elstrada.roles.gateway.gateway import Gateway
    from elstrada.roles.gateway.link import Link

EVERY = timedelta(seconds=30)
"""Between two looks at connected stations."""
AWAY_EVERY = timedelta(minutes=10)
"""Between two looks for sessions at stations that are away, at most."""
MOST = 1000
"""Sessions looked at in one round; the next goes on behind them."""
PRESUMED, TOO_LATE = "session end presumed", "session end too late"
LED_TO_NOTHING, METER_LACKS = "remote start led to nothing", "meter lacks"
RESERVATION_LOST = "reservation lost"
ENERGY_DOUBTED, OF_NO_SESSION = "energy doubted", "message of no session"
METER_TURNED = "register fell and went on"
"""Codes of findings."""
_COMMANDS_OPEN = timedelta(minutes=1)
"""So long a command may be without an answer before somebody looks after it."""
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Ends:
    """Lets time pass for open sessions, which wait far longer than anything else."""

    def __init__(
        self,
        gateway: Gateway,
        spine: Spine,
        rules: EndRules,
        *,
        every: timedelta = EVERY,
        away_every: timedelta = AWAY_EVERY,
        margin_s: int = MARGIN_S,
    ) -> None:
        self._gateway, self._spine, self._rules = gateway, spine, rules
        self._every, self._away_every = every, min(away_every, timedelta(seconds=rules.silent_s) / 8)
        self._margin_s = margin_s
        self._next = _EPOCH
        self._next_away = gateway.clock.now() + self._away_every
        self._behind: dict[PartyId, datetime] = {}
        """Up to which latest news a party's silent sessions were looked at."""

    @property
    def tick(self) -> asks.Tick:
        return asks.Tick(self._rules)

    async def look(self) -> None:
        """Close what is over at connected stations, and ask about what is in doubt, if it is time to."""
        gateway = self._gateway
        if gateway.clock.now() < self._next:
            return
        self._next = gateway.clock.now() + self._every
        for link in [link for link in gateway.links() if link.seat.state.awaits_a_start]:
            await gateway.alone(link, self._expect(link))
        for link in [link for link in gateway.links() if link.seat.state.has_open_sessions]:
            await gateway.alone(link, self._end(link))

    async def _end(self, link: Link) -> None:
        """Close what is over at a station, and ask it about what is in doubt."""
        state, now = link.seat.state, self._gateway.clock.now()
        if unended.presume(state, now, self._rules) or unended.lapsed(state, now, self._rules):
            await link.seat.ask(self.tick)
        self._gateway.inquirer.look(link, now, unended.doubted(link.seat.state, now, self._rules))

    async def _expect(self, link: Link) -> None:
        """Let time pass for a station's accepted remote starts, as far as it can matter."""
        seat, now = link.seat, self._gateway.clock.now()
        if not remote.unfollowed(seat.state, now, self._margin_s):
            return
        wait_s = await start_wait_s(self._spine, seat.owner, seat.station_id, self._margin_s)
        if remote.unfollowed(seat.state, now, wait_s):
            await seat.ask(msgspec.structs.replace(self.tick, start_wait_s=wait_s))

    async def waiting(self, owners: Iterable[PartyId]) -> set[tuple[str, str]]:
        """Stations, by owner and name, that have sessions to complete, commands to give up or reservations that are over.

        Of each those that wait longest.
        """
        now = self._gateway.clock.now()
        ended, asked = Between(_EPOCH, now), Between(_EPOCH, now - _COMMANDS_OPEN)
        found: set[tuple[str, str]] = set()
        for owner in owners:
            # In the words of the indexes of just these rows.
            over = {"owner": str(owner), "completed_at": None, "presumed": None, "ended_at": ended}
            open_ = {"owner": str(owner), "result": None, "requested_at": asked}
            rows = await self._spine.find(t.session, over, order=("ended_at",), limit=MOST)
            rows += await self._spine.find(t.command, open_, order=("requested_at",), limit=MOST)
            lapsed = {"owner": str(owner), "ended_at": None, "expires_at": ended}
            rows += await self._spine.find(t.reservation, lapsed, order=("expires_at",), limit=MOST)
            found |= {(str(owner), str(row["station_id"])) for row in rows}
        return found

    async def away(self, owners: Iterable[PartyId]) -> set[tuple[str, str]]:
        """Stations, by owner and name, at which time must pass though they are away; none if it is not time to look."""
        now = self._gateway.clock.now()
        if now < self._next_away:
            return set()
        found: set[tuple[str, str]] = set()
        for owner in owners:
            rows = [*await self._lapsed(owner, now), *await self._silent(owner, now)]
            rows += await self._unfollowed(owner, now)
            found |= {(str(owner), str(row["station_id"])) for row in rows}
        self._next_away = now + self._away_every
        return found

    async def _lapsed(self, owner: PartyId, now: datetime) -> list[Row]:
        """Sessions whose presumed end holds."""
        found: list[Row] = []
        for by in Presumed:
            wait = unended.QUIET if by is Presumed.NOT_ONGOING else timedelta(seconds=self._rules.grace_s)
            told = Between(_EPOCH, now - wait)
            where = {"owner": str(owner), "completed_at": None, "presumed": by.value, "updated_at": told}
            found += await self._spine.find(t.session, where, order=("updated_at",), limit=MOST)
        return found

    async def _unfollowed(self, owner: PartyId, now: datetime) -> list[Row]:
        """Remote starts that were accepted a while ago; whether a session followed them, their station's state knows."""
        until = now - REMOTE_START_WAIT
        answered = Between(until - 2 * self._away_every, until)
        where = {"owner": str(owner), "name": CommandName.START.value, "answered_at": answered}
        accepted = {**where, "result": CommandResult.ACCEPTED.value}
        rows = await self._spine.find(t.command, accepted, order=("answered_at",), limit=MOST)
        names = AnyOf(tuple({str(row["station_id"]) for row in rows}))
        gone = {"owner": str(owner), "station_id": names, "connection_id": None}
        return await self._spine.find(t.station_state, gone, limit=MOST)

    async def _silent(self, owner: PartyId, now: datetime) -> list[Row]:
        """Sessions without an end of which nothing was heard for too long, wherever they are: the next of them."""
        heard = Between(self._behind.get(owner, _EPOCH), now - timedelta(seconds=self._rules.silent_s))
        where = {"owner": str(owner), "ended_at": None, "updated_at": heard}
        rows = await self._spine.find(t.session, where, order=("updated_at",), limit=MOST)
        last = rows[-1]["updated_at"] if len(rows) == MOST else _EPOCH
        assert isinstance(last, datetime)
        self._behind[owner] = last
        return rows


def note(findings: Findings, source: str, facts: Iterable[f.StationFact]) -> None:
    """Count what an operator should look at, of facts that are committed."""
    for fact in facts:
        match fact:
            case f.SessionEnded(presumed=Presumed() as by):
                text = (
                    f"session {fact.session_id}: {by.value}, its last news from {fact.at:%Y-%m-%dT%H:%M:%SZ}"
                )
                findings.note(source, PRESUMED, f"{text}, {fact.energy_wh} Wh")
            case f.StrayReported(session_id=str(session_id)):
                by_end = "an unknown energy" if fact.energy_wh is None else f"{fact.energy_wh} Wh"
                text = (
                    f"session {session_id} ended with {by_end}, but was completed with {fact.completed_wh} Wh"
                )
                findings.note(source, TOO_LATE, f"{text}: its CDR stays as it is")
            case f.StrayReported():
                text = f"{fact.kind} of transaction {fact.transaction_id}: see `elstrada session strays`"
                findings.note(source, OF_NO_SESSION, text)
            case f.SessionCompleted():
                _note_meter(findings, source, fact)
            case f.ReservationChanged(state=ReservationState.LOST | ReservationState.REMOVED as state):
                one = fact.reservation
                text = f"{state.value}: number {one.id} of {one.made_for}, EVSE {one.evse_id or 'any'}"
                findings.note(source, RESERVATION_LOST, f"{text}: {fact.detail}")
            case f.RemoteStartLapsed():
                text = (
                    f"command {fact.command_id} was accepted, but no session began within {fact.waited_s} s"
                )
                findings.note(source, LED_TO_NOTHING, text)
            case _:
                pass


def _note_meter(findings: Findings, source: str, done: f.SessionCompleted) -> None:
    """What a complete session's meter did not tell, or cannot have shown."""
    if done.meter_lacks:
        findings.note(source, METER_LACKS, f"session {done.session_id}: {', '.join(done.meter_lacks)}")
    if done.turn is not None:
        went = f"its register went from {done.turn.from_wh} to {done.turn.to_wh} Wh ({done.turn.kind})"
        findings.note(source, METER_TURNED, f"session {done.session_id}: {went}; {done.energy_wh} Wh count")
    if done.doubted_wh is not None:
        begun = "an unknown register" if done.begun_wh is None else f"{done.begun_wh} Wh"
        text = f"its meter went from {begun} to {done.doubted_wh} Wh, which cannot be"
        findings.note(source, ENERGY_DOUBTED, f"session {done.session_id}: {text}; {done.energy_wh} Wh count")
