"""A session's quarter-hours, read from the set of its facts.

Energy lies where the CDR has it: on the same curve (``billing.trace``), which is cut at every quarter
of an hour. What a cut leaves on either side is whole Wh and whole seconds, and the parts of a session
always sum to its energy and its length. Order and repetition of the facts make no difference.
Source: pricing 5.1, 5.2, 5.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec

from elstrada.billing.metering.course import Step, course
from elstrada.billing.trace import Trace, at_our_time, trace
from elstrada.model.facts import Fact, MeterSampled, SessionCompleted, SessionEnded, SessionStarted
from elstrada.model.metering import MeterLack
from elstrada.model.quantity import PHASES, MeterSample, of_best_place
from elstrada.model.quarter import QuarterSource, SessionQuarter

QUARTER = timedelta(minutes=15)
MOST_QUARTERS = 31 * 96
"""Of one session; a longer one is a clock gone wrong, or a car that was left behind."""
_SECOND = timedelta(seconds=1)
_RIGHT = timedelta(0)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_REGISTER, _CURRENT = "Energy.Active.Import.Register", "Current.Import"
_MOST_DIFFER_MA = 10**9
"""A thousand times what the largest station draws: beyond it a reading is nonsense."""
_BLIND = frozenset({MeterLack.NO_REGISTER, MeterLack.POWER_ONLY})


class TooLong(Exception):
    """A session lasts longer than quarter-hours are kept of; the message says how long."""


def quarter_of(at: datetime) -> datetime:
    """The quarter of an hour, by its first instant in UTC, in which an instant lies."""
    return _EPOCH + (at - _EPOCH) // QUARTER * QUARTER


def quarters_between(first: datetime, last: datetime) -> Iterator[datetime]:
    """Every quarter from that of ``first`` until ``last``, which is excluded."""
    at = quarter_of(first)
    while at < last:
        yield at
        at += QUARTER


def session_quarters(
    station_id: str, facts: Sequence[Fact], recorded_at: datetime, ahead: timedelta = _RIGHT
) -> tuple[SessionQuarter, ...]:
    """The parts of a completed session, in order of time.

    Args:
        facts: of the one session, in any order, each at least once; other kinds are ignored.
        recorded_at: when we recorded that it was complete, after which it cannot have ended.
        ahead: of ours, the station's clock (``billing.clock_offset``).
    Raises:
        NotBillable: it is not complete, ends before it starts, or gave energy back.
        TooLong: it lasts longer than ``MOST_QUARTERS``.
    """
    as_told = trace(facts)
    told = at_our_time(as_told, ahead, recorded_at)
    length = told.end - told.start
    if length > (MOST_QUARTERS - 1) * QUARTER:
        raise TooLong(
            f"session {told.session_id} lasts {length // timedelta(days=1)} days:"
            f" quarter-hours are kept of {MOST_QUARTERS // 96} at most"
        )
    samples = _samples(facts, as_told.start - told.start)
    parts = _parts(station_id, told)
    for kind in (_powers, _imbalances, _both_meters):
        for quarter, found in kind(samples, told).items():
            parts[quarter] = msgspec.structs.replace(parts[quarter], **found)
    return _with_ends(list(parts.values()), told, facts, samples)


# --- time and energy --------------------------------------------------------------------------------


def _parts(station_id: str, told: Trace) -> dict[datetime, SessionQuarter]:
    """One part for every quarter, with time and energy."""
    wh, connected, charging = dict[datetime, int](), dict[datetime, int](), dict[datetime, int]()
    estimated = set[datetime]()
    for step in course(told):
        for quarter, begin, end, energy_wh in cut(step):
            length = (end - told.start) // _SECOND - (begin - told.start) // _SECOND
            wh[quarter] = wh.get(quarter, 0) + energy_wh
            connected[quarter] = connected.get(quarter, 0) + length
            charging[quarter] = charging.get(quarter, 0) + (length if step.charging else 0)
            if energy_wh and step.untold:
                estimated.add(quarter)
    return {
        quarter: SessionQuarter(
            session_id=told.session_id,
            quarter=quarter,
            station_id=station_id,
            evse_id=told.evse_id,
            energy_wh=wh[quarter],
            connected_s=connected[quarter],
            charging_s=charging[quarter],
            least_w=None,
            peak_w=None,
            imbalance_ma=None,
            inlet_wh=None,
            outlet_wh=None,
            source=QuarterSource.ESTIMATED if quarter in estimated else QuarterSource.METERED,
            begun=False,
            ended=False,
            failed=False,
            begun_wh=None,
            ended_wh=None,
            total_wh=None,
            total_s=None,
        )
        for quarter in sorted(wh)
    }


def cut(step: Step) -> Iterator[tuple[datetime, datetime, datetime, int]]:
    """A step's pieces: quarter, from, until, and Wh by the time they take of it.

    The register at a cut is rounded down, so the pieces sum to the step.
    """
    begin, end = step.begin, step.end
    if begin.at == end.at:
        yield quarter_of(begin.at), begin.at, end.at, end.wh - begin.wh
        return
    cuts = [*quarters_between(begin.at, end.at)][1:]
    for start, stop in pairwise([begin.at, *cuts, end.at]):
        yield quarter_of(start), start, stop, step.wh_at(stop) - step.wh_at(start)


def _with_ends(
    parts: list[SessionQuarter], told: Trace, facts: Sequence[Fact], samples: Sequence[MeterSample]
) -> tuple[SessionQuarter, ...]:
    """The parts, the first of which knows of the begin and the last of the end."""
    replace = msgspec.structs.replace
    begun_wh, ended_wh = _registers(told, facts, samples)
    parts[0] = replace(parts[0], begun=True, begun_wh=begun_wh)
    parts[-1] = replace(
        parts[-1],
        ended=True,
        failed=told.energy_wh == 0 and not _blind(facts),
        ended_wh=ended_wh,
        total_wh=told.energy_wh,
        total_s=(told.end - told.start) // _SECOND,
    )
    return tuple(parts)


def _registers(
    told: Trace, facts: Sequence[Fact], samples: Sequence[MeterSample]
) -> tuple[int | None, int | None]:
    """The register at begin and end; none where the two do not differ by the session's energy."""
    begun = min(
        (f.meter_wh for f in facts if isinstance(f, SessionStarted) and f.meter_wh is not None), default=None
    )
    ended = max(
        (f.meter_wh for f in facts if isinstance(f, SessionEnded) and f.meter_wh is not None), default=None
    )
    sampled = of_best_place(samples)
    begun = sampled[0].energy_wh if begun is None and sampled else begun
    ended = sampled[-1].energy_wh if ended is None and sampled else ended
    if begun is None or ended is None or ended - begun != told.energy_wh:
        return None, None
    return begun, ended


def _blind(facts: Sequence[Fact]) -> bool:
    """Its meter could not show whether it took anything."""
    return any(isinstance(fact, SessionCompleted) and _BLIND & set(fact.meter_lacks) for fact in facts)


# --- what else the samples tell ----------------------------------------------------------------------


def _samples(facts: Sequence[Fact], ahead: timedelta) -> list[MeterSample]:
    """Samples whose time can be believed, in its order, moved as the session was; none twice."""
    found = {sample for fact in facts if isinstance(fact, MeterSampled) for sample in fact.samples}
    believed = sorted(
        (sample for sample in found if not sample.clock_suspect),
        key=lambda sample: (sample.at, msgspec.json.encode(sample)),
    )
    return [msgspec.structs.replace(sample, at=sample.at - ahead) for sample in believed]


def _within(samples: Sequence[MeterSample], told: Trace) -> Iterator[tuple[datetime, MeterSample]]:
    """The samples of the session's time, each with the quarter of which it tells.

    One at the very end of a quarter in which the session ends tells of that quarter.
    """
    last = quarter_of(told.end) if quarter_of(told.end) < told.end else quarter_of(told.end) - QUARTER
    last = max(last, quarter_of(told.start))
    for sample in samples:
        if told.start <= sample.at <= told.end:
            yield min(quarter_of(sample.at), last), sample


def _powers(samples: Sequence[MeterSample], told: Trace) -> dict[datetime, dict[str, int]]:
    powers: dict[datetime, list[int]] = {}
    for quarter, sample in _within(samples, told):
        if sample.power_w is not None:
            powers.setdefault(quarter, []).append(sample.power_w)
    return {quarter: {"least_w": min(shown), "peak_w": max(shown)} for quarter, shown in powers.items()}


def _imbalances(samples: Sequence[MeterSample], told: Trace) -> dict[datetime, dict[str, int]]:
    found: dict[datetime, int] = {}
    for quarter, sample in _within(samples, told):
        difference = _phases_differ_ma(sample)
        if difference is not None:
            found[quarter] = max(difference, found.get(quarter, 0))
    return {quarter: {"imbalance_ma": difference} for quarter, difference in found.items()}


def _phases_differ_ma(sample: MeterSample) -> int | None:
    """By how much a sample's phases differ; None: not all three are told, or one is beyond any station."""
    shown = {one.phase: one.value for one in sample.readings if (one.measurand, one.unit) == (_CURRENT, "A")}
    for phases in PHASES:
        if shown.keys() >= set(phases):
            currents = [shown[phase] for phase in phases]
            differ_ma = round((max(currents) - min(currents)) * 1000)
            return differ_ma if differ_ma <= _MOST_DIFFER_MA else None
    return None


def _both_meters(samples: Sequence[MeterSample], told: Trace) -> dict[datetime, dict[str, int]]:
    """What the meters at inlet and outlet counted between samples that tell both; nothing if one fell."""
    told_at: dict[datetime, tuple[datetime, int, int]] = {}
    for _, sample in _within(samples, told):
        inlet_wh = _inlet_wh(sample)
        if inlet_wh is not None and sample.energy_wh is not None:
            told_at[sample.at] = (sample.at, inlet_wh, sample.energy_wh)
    found: dict[datetime, dict[str, int]] = {}
    for (begin, inlet, outlet), (end, inlet_then, outlet_then) in pairwise(told_at.values()):
        if inlet_then < inlet or outlet_then < outlet:
            return {}
        for name, rise in (("inlet_wh", inlet_then - inlet), ("outlet_wh", outlet_then - outlet)):
            for quarter, _, _, wh in cut(Step.of(begin, end, rise)):
                part = found.setdefault(quarter, {"inlet_wh": 0, "outlet_wh": 0})
                part[name] += wh
    return found


def _inlet_wh(sample: MeterSample) -> int | None:
    for one in sample.readings:
        if (one.measurand, one.unit, one.location, one.phase) == (_REGISTER, "Wh", "Inlet", None):
            return round(one.value)
    return None
