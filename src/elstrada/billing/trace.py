"""What a session did with time and energy, read from the set of its facts.

A pure function of the set: order and repetition of the facts make no difference (P3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import msgspec

from elstrada.billing.line import Line
from elstrada.billing.measure import levels_of, measured_moved
from elstrada.billing.register import Point, Sign, bends, curve, out_of_line, said_last
from elstrada.model.facts import (
    Fact,
    MeterSampled,
    SessionCompleted,
    SessionEnded,
    SessionSeen,
    SessionStarted,
    SessionUpdated,
)
from elstrada.model.ids import PartyId
from elstrada.model.intervals import Interval, counted, with_interval
from elstrada.model.measured import Measured
from elstrada.model.quantity import MeterSample, of_best_place
from elstrada.model.session import ChargingPeriod
from elstrada.model.token import AuthMethod

CLOCKS_DIFFER = timedelta(minutes=5)
"""As much as the clocks of honest parties may."""
_SECOND = timedelta(seconds=1)
_Told = SessionStarted | SessionSeen | SessionUpdated
_T = TypeVar("_T")


class NotBillable(Exception):
    """No CDR can be made; the message says what is wrong."""


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """A session as its facts tell it."""

    session_id: str
    start: datetime
    end: datetime
    energy_wh: int
    evse_id: int
    """OCPP number; 0 if no fact says."""
    connector_id: int
    token_ref: str | None
    token_party: PartyId | None
    auth_method: AuthMethod | None
    authorization_reference: str | None
    tariff_id: str | None
    """Its token's own; None: its connector's counts."""
    by_command: bool
    """Started by a remote command."""
    line: Line
    """By the station's clock."""
    measured: tuple[Measured, ...]
    """One for each stretch between two readings that differ; their ENERGY sums to ``energy_wh``."""
    notes: tuple[str, ...]
    suspect: tuple[Point, ...] = ()
    """Readings out of line, which place no boundary and change no total (rule 25)."""

    @property
    def periods(self) -> tuple[ChargingPeriod, ...]:
        """As measured."""
        return tuple(one.period for one in self.measured)


def trace(facts: Iterable[Fact]) -> Trace:
    """Read a completed session.

    Args:
        facts: of one session, in any order, each at least once; other kinds are ignored.
    Raises:
        NotBillable: the session is not complete, ends before it starts, or gave energy back.
    """
    known = tuple(facts)
    done = _completed(known)
    told = _told(known)
    line, suspect = _line(known, done)
    return Trace(
        session_id=done.session_id,
        start=done.started_at,
        end=done.ended_at,
        energy_wh=done.energy_wh,
        evse_id=_last(fact.evse_id or None for fact in told) or 0,
        connector_id=_last(fact.connector_id or None for fact in told) or 0,
        token_ref=_last(fact.token_ref for fact in _judged(told)),
        token_party=_last(fact.token_party for fact in _judged(told)),
        auth_method=_last(fact.auth_method for fact in _judged(told)),
        authorization_reference=_last(fact.authorization_reference for fact in _judged(told)),
        tariff_id=_last(fact.tariff_id for fact in _judged(told)),
        by_command=any(fact.command_id for fact in told if isinstance(fact, SessionStarted)),
        line=line,
        measured=line.measured(),
        notes=done.notes,
        suspect=suspect,
    )


def at_our_time(told: Trace, ahead: timedelta, recorded_at: datetime) -> Trace:
    """The session when it was: what its CDR and its quarter-hours are made of.

    Args:
        ahead: of ours, the station's clock (``clock_offset``).
        recorded_at: when we recorded that the session was complete.
    """
    return not_ahead_of(by_our_clock(told, ahead), recorded_at)


def by_our_clock(told: Trace, ahead: timedelta) -> Trace:
    """The session at the times of a right clock, if its station's was ahead by so much, or behind (5.2)."""
    if not ahead:
        return told
    way = "ahead" if ahead > timedelta(0) else "behind"
    note = f"the station's clock was {abs(ahead) // _SECOND} s {way}: times moved"
    return msgspec.structs.replace(moved(told, -ahead), notes=(*told.notes, note))


def not_ahead_of(told: Trace, recorded_at: datetime) -> Trace:
    """The session moved back as a whole where it would end after we heard that it had ended.

    Then the station's clock is ahead, by that much at least, and no receiver takes a CDR from the
    future (V07). Clocks may differ by ``CLOCKS_DIFFER``; length and energy stay as measured.
    """
    ahead = told.end - recorded_at
    if ahead <= CLOCKS_DIFFER:
        return told
    note = f"the station's clock was {ahead // _SECOND} s ahead: times moved back"
    return msgspec.structs.replace(moved(told, -ahead), end=recorded_at, notes=(*told.notes, note))


def moved(told: Trace, by: timedelta) -> Trace:
    """The session some time later, or earlier; its line keeps the station's times."""
    return msgspec.structs.replace(
        told,
        start=told.start + by,
        end=told.end + by,
        measured=tuple(measured_moved(one, by) for one in told.measured),
    )


def _completed(facts: Sequence[Fact]) -> SessionCompleted:
    found = [fact for fact in facts if isinstance(fact, SessionCompleted)]
    if not found:
        raise NotBillable("the session is not complete yet")
    done = max(found, key=lambda fact: (fact.ended_at, fact.energy_wh))
    if done.ended_at < done.started_at:
        raise NotBillable(
            f"session {done.session_id} ends at {done.ended_at}, before its start {done.started_at}"
        )
    if done.energy_wh < 0:
        raise NotBillable(
            f"session {done.session_id} took {done.energy_wh} Wh; energy given back has no tariff"
        )
    return done


def _told(facts: Sequence[Fact]) -> list[_Told]:
    """Who, where and whether it charges, by the station's clock."""
    found = [fact for fact in facts if isinstance(fact, _Told)]
    return sorted(found, key=lambda fact: (fact.at, msgspec.json.encode(fact)))


def _judged(told: Sequence[_Told]) -> Iterator[SessionStarted | SessionUpdated]:
    return (fact for fact in told if not isinstance(fact, SessionSeen))


def _samples(facts: Sequence[Fact]) -> list[MeterSample]:
    """Samples in time order, without those whose time could not be believed."""
    found = [sample for fact in facts if isinstance(fact, MeterSampled) for sample in fact.samples]
    believed = (sample for sample in found if not sample.clock_suspect)
    return sorted(believed, key=lambda sample: (sample.at, msgspec.json.encode(sample)))


def _line(facts: Sequence[Fact], done: SessionCompleted) -> tuple[Line, tuple[Point, ...]]:
    """The session's meter, and its readings that are out of line."""
    samples = _samples(facts)
    registers = of_best_place(samples)
    begin_wh = _begin_wh(facts, registers, done)
    if done.energy_wh and not _has_register(facts, registers):
        begin_wh, readings = None, list(_sums(samples, done))
    else:
        readings = [] if begin_wh is None else list(_readings(registers, begin_wh, done))
    believed = curve(readings, start=done.started_at, end=done.ended_at, total_wh=done.energy_wh)
    suspect = tuple(out_of_line(readings, believed))
    over, said = said_last(_signs(_told(facts), samples))
    goes_on = not suspect and done.turn is None and max(readings, default=None) == believed[-1]
    line = Line(
        start=believed[0],
        points=tuple(bends(believed)),
        levels=levels_of(samples),
        over=over,
        said=said,
        begin_wh=begin_wh if goes_on else None,
        place=registers[0].register_at if registers else "",
    )
    return line, suspect


def _begin_wh(facts: Sequence[Fact], samples: Sequence[MeterSample], done: SessionCompleted) -> int | None:
    """The register from which the session is counted."""
    begin = min(
        (f.meter_wh for f in facts if isinstance(f, SessionStarted) and f.meter_wh is not None), default=None
    )
    stop = max(
        (f.meter_wh for f in facts if isinstance(f, SessionEnded) and f.meter_wh is not None), default=None
    )
    if begin is None and stop is not None and done.turn is None:
        return stop - done.energy_wh
    if begin == 0 and stop is not None and stop > done.energy_wh:
        return stop - done.energy_wh  # A false 0: the session is counted from where the register went on.
    if begin is None:
        return next((sample.energy_wh for sample in samples if sample.energy_wh is not None), None)
    return begin


def _readings(samples: Sequence[MeterSample], begin_wh: int, done: SessionCompleted) -> Iterator[Point]:
    """Register readings as energy since the start."""
    over = 0 if done.turn is None else done.turn.from_wh - done.turn.to_wh
    for sample in samples:
        if sample.energy_wh is not None:
            yield Point(sample.at, sample.energy_wh - begin_wh + (over if sample.energy_wh < begin_wh else 0))


def _has_register(facts: Sequence[Fact], registers: Sequence[MeterSample]) -> bool:
    """Was any register above 0 told?"""
    ends = (fact.meter_wh for fact in facts if isinstance(fact, SessionStarted | SessionEnded))
    return any(ends) or any(sample.energy_wh for sample in registers)


def _sums(samples: Sequence[MeterSample], done: SessionCompleted) -> Iterator[Point]:
    """Energy since the start as intervals come to it: an aligned one is over when the next begins."""
    intervals: tuple[Interval, ...] = ()
    for sample in samples:
        intervals = with_interval(intervals, sample)
    sum_wh, told = Decimal(), counted(intervals)
    for number, one in enumerate(told, 1):
        sum_wh += one.wh
        over = told[number].at if number < len(told) else done.ended_at
        yield Point(over if one.aligned else one.at, round(sum_wh))


def _signs(told: Sequence[_Told], samples: Sequence[MeterSample]) -> Iterator[Sign]:
    for fact in _judged(told):
        if fact.charging is not None:
            yield Sign(fact.at, fact.charging)
    for sample in samples:
        if sample.power_w is not None:
            yield Sign(sample.at, sample.power_w > 0)


def _last(values: Iterable[_T | None]) -> _T | None:
    found = None
    for value in values:
        found = found if value is None else value
    return found
