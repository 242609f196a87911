"""What a session did with time and energy, read from the set of its facts.

A pure function of the set: order and repetition of the facts make no difference (P3).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from typing import TypeVar

import msgspec

from elstrada.billing.register import Point, Sign, curve, out_of_line, parked_from, with_rest
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
from elstrada.model.quantity import MeterSample
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.token import AuthMethod

CLOCKS_DIFFER = timedelta(minutes=5)
"""As much as the clocks of honest parties may."""
_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)
_HOUR = timedelta(hours=1) // _MICROSECOND
_FOUR_DECIMALS = Decimal("0.0001")
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
    periods: tuple[ChargingPeriod, ...]
    """As measured, one for each stretch between two readings; their ENERGY sums to ``energy_wh``."""
    notes: tuple[str, ...]
    suspect: tuple[Point, ...] = ()
    """Readings out of line, which place no boundary and change no total (rule 25)."""


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
    samples = _samples(known)
    readings = list(_readings(known, samples, done))
    points = curve(readings, start=done.started_at, end=done.ended_at, total_wh=done.energy_wh)
    rest = parked_from(points, _signs(told, samples))
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
        periods=tuple(_periods(with_rest(points, rest), samples, rest)),
        notes=done.notes,
        suspect=tuple(out_of_line(readings, points)),
    )


def not_ahead_of(told: Trace, recorded_at: datetime) -> Trace:
    """The session moved back as a whole where it would end after we heard that it had ended.

    Then the station's clock is ahead, by that much at least, and no receiver takes a CDR from the
    future (V07). Clocks may differ by ``CLOCKS_DIFFER``; length and energy stay as measured.
    """
    ahead = told.end - recorded_at
    if ahead <= CLOCKS_DIFFER:
        return told
    note = f"the station's clock was {ahead // _SECOND} s ahead: times moved back"
    periods = tuple(
        msgspec.structs.replace(period, start_date_time=period.start_date_time - ahead)
        for period in told.periods
    )
    return msgspec.structs.replace(
        told, start=told.start - ahead, end=recorded_at, periods=periods, notes=(*told.notes, note)
    )


def hours(length: timedelta) -> Decimal:
    """Hours with the four decimals of OCPI."""
    return (Decimal(length // _MICROSECOND) / _HOUR).quantize(_FOUR_DECIMALS, ROUND_HALF_EVEN)


def kwh(energy_wh: int) -> Decimal:
    return Decimal(energy_wh).scaleb(-3)


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


def _readings(
    facts: Sequence[Fact], samples: Sequence[MeterSample], done: SessionCompleted
) -> Iterator[Point]:
    """Register readings as energy since the start, whichever register the session is counted from."""
    begin = min(
        (f.meter_wh for f in facts if isinstance(f, SessionStarted) and f.meter_wh is not None), default=None
    )
    stop = max(
        (f.meter_wh for f in facts if isinstance(f, SessionEnded) and f.meter_wh is not None), default=None
    )
    registers = [(sample.at, sample.energy_wh) for sample in samples if sample.energy_wh is not None]
    if begin is None and stop is not None:
        begin = stop - done.energy_wh
    if begin == 0 and stop is not None and stop > done.energy_wh:
        begin = stop - done.energy_wh  # A false 0: the session is counted from where the register went on.
    if begin is None and registers:
        begin = registers[0][1]
    if begin is not None:
        yield from (Point(at, register - begin) for at, register in registers)


def _signs(told: Sequence[_Told], samples: Sequence[MeterSample]) -> Iterator[Sign]:
    for fact in _judged(told):
        if fact.charging is not None:
            yield Sign(fact.at, fact.charging)
    for sample in samples:
        if sample.power_w is not None:
            yield Sign(sample.at, sample.power_w > 0)


def _periods(
    points: Sequence[Point], samples: Sequence[MeterSample], rest: datetime | None
) -> Iterator[ChargingPeriod]:
    """One period between each two points. Hours are differences, so they sum to those of the session."""
    start = points[0].at
    times = [sample.at for sample in samples]
    for begin, stop in pairwise(points):
        if begin.at == stop.at and len(points) > 2:
            continue
        kind = "TIME" if rest is None or begin.at < rest else "PARKING_TIME"
        volumes = [PeriodDimension("ENERGY", kwh(stop.wh - begin.wh))] if stop.wh > begin.wh else []
        volumes.append(PeriodDimension(kind, hours(stop.at - start) - hours(begin.at - start)))
        within = samples[bisect_left(times, begin.at) : bisect_right(times, stop.at)]
        yield ChargingPeriod(begin.at, (*volumes, *_bands(within)))


def _bands(samples: Sequence[MeterSample]) -> Iterator[PeriodDimension]:
    """Least and greatest power (kW) and current (A) among the samples, where they tell it."""
    for name, given in (
        ("POWER", [sample.power_w for sample in samples if sample.power_w is not None]),
        ("CURRENT", [sample.current_ma for sample in samples if sample.current_ma is not None]),
    ):
        if given:
            yield PeriodDimension(f"MIN_{name}", Decimal(min(given)).scaleb(-3))
            yield PeriodDimension(f"MAX_{name}", Decimal(max(given)).scaleb(-3))


def _last(values: Iterable[_T | None]) -> _T | None:
    found = None
    for value in values:
        found = found if value is None else value
    return found
