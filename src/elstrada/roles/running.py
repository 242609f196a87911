"""What running sessions cost, each new reading at the same work however long the session has run.

Kept of a session is what it was priced by and what is closed of its periods; a refresh reads the log from where
the last one ended. A session that does not simply go on (a reading out of line or out of order, another
token) is read anew as a whole, by the way of the final price, so that both always agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from elstrada.billing.clock_offset import ClockOffset
from elstrada.billing.line import Line
from elstrada.billing.measure import measured_moved
from elstrada.billing.register import Point
from elstrada.billing.trace import CLOCKS_DIFFER, Trace
from elstrada.charging.state import SessionState
from elstrada.model.booking import Period
from elstrada.model.facts import (
    MeterSampled,
    SessionCompleted,
    SessionEnded,
    SessionSeen,
    SessionStarted,
    SessionUpdated,
)
from elstrada.model.measured import Measured
from elstrada.model.tariff import Tariff
from elstrada.spine.face import Recorded
from elstrada.tariffs.compile import PriceList
from elstrada.tariffs.segment import Cutter, Segments
from elstrada.tariffs.usage import Usage

HOLDS = timedelta(minutes=5)
"""How long place and tariff are not looked up again: as long a change of the records may wait to be seen."""
_ENDS_IT = SessionStarted | SessionSeen | SessionEnded | SessionCompleted


def so_far(session: SessionState) -> SessionCompleted | None:
    """A running session as if it had ended with its latest reading; None where there is nothing to price."""
    if session.started_at is None or session.ended_at is not None or session.last_wh_at is None:
        return None
    return SessionCompleted(
        session_id=session.session_id,
        started_at=session.started_at,
        ended_at=max(session.last_wh_at, session.started_at),
        energy_wh=session.energy_wh,
        turn=session.turn,
    )


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A session that runs, as far as it was read."""

    told: Trace
    """As it was read first: who, where and since when."""
    by: PriceList
    usage: Usage
    """Likewise: its zone and currency, and whether it is booked."""
    booked_for: Period | None = None
    """The period of the booking that it fulfils; None: it fulfils none."""
    version: int
    """Of its stream, up to which it was read."""
    looked_up_at: datetime
    clock: ClockOffset
    line: Line
    """By the station's clock."""
    closed: Cutter
    """What no reading changes any more."""

    def reaches(self, reached: SessionCompleted, now: datetime) -> bool:
        """Is this the session up to that moment, by a clock that is not ahead of ours?"""
        return (
            reached.turn is None
            and reached.started_at == self.line.start.at
            and self.end(reached) - now <= CLOCKS_DIFFER
            and self.line.ends_as(Point(reached.ended_at, reached.energy_wh))
        )

    def is_by(self, tariff: Tariff, time_zone: str, booked_for: Period | None) -> bool:
        """Is this still what it is priced by?"""
        known = self.by.tariff, self.usage.time_zone, self.booked_for
        return known == (tariff, time_zone, booked_for)

    def after(self, news: Iterable[Recorded]) -> Running | None:
        """The session with what its stream said since; None: it does not simply go on."""
        line, version, clock = self.line, self.version, self.clock
        if line.points[-1].at == line.start.at:
            return None  # Of no length yet: its next reading may replace the first.
        for one in news:
            version = one.version
            if getattr(one.fact, "session_id", None) != self.told.session_id:
                continue
            if isinstance(one.fact, _ENDS_IT) or (
                isinstance(one.fact, SessionUpdated) and not self._stays(one.fact)
            ):
                return None
            if isinstance(one.fact, MeterSampled | SessionUpdated):
                grown = line.after(one.fact)
                if grown is None:
                    return None
                line, clock = grown, clock.after(one.fact, one.at)
        if clock.ahead != self.clock.ahead:
            return None
        return msgspec.structs.replace(self, line=line, version=version, clock=clock).shortened()

    def shortened(self) -> Running:
        """The same, with all closed that can be."""
        done, line = self.line.closed()
        if not done:
            return self
        closed = self.closed.copy().take(self._moved(done))
        return msgspec.structs.replace(self, line=line, closed=closed)

    def segments(self) -> Segments:
        """The periods so far."""
        return self.closed.copy().take(self._moved(self.line.measured())).segments()

    def end(self, reached: SessionCompleted) -> datetime:
        """Its end by our clock."""
        return reached.ended_at - self.clock.ahead

    def _moved(self, measured: Sequence[Measured]) -> Sequence[Measured]:
        ahead = self.clock.ahead
        return [measured_moved(one, -ahead) for one in measured] if ahead else measured

    def _stays(self, fact: SessionUpdated) -> bool:
        """Does it go on at its place, with its token?"""
        return (
            fact.token_ref is None
            and fact.tariff_id is None
            and fact.evse_id in (None, self.told.evse_id)
            and fact.connector_id in (None, self.told.connector_id)
        )
