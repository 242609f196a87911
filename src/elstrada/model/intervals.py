"""Energy told interval by interval, which counts only where no register does (pricing 5.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from elstrada.model.quantity import PHASES, MeterSample, place_rank

MEASURAND = "Energy.Active.Import.Interval"
ALIGNED = "Sample.Clock"
KEPT = 1_500
"""Intervals of one session: a day of minutes, and the longest session that is waited for."""


class Interval(NamedTuple):
    """Energy taken in one interval."""

    at: datetime
    """Its end; its start if it is aligned (OCPP 1.6, ClockAlignedDataInterval)."""
    aligned: bool
    """To the clock; else it is sampled. Both tell the same energy, so only ones of a kind are added."""
    wh: Decimal


def with_interval(known: tuple[Interval, ...], sample: MeterSample) -> tuple[Interval, ...]:
    """The intervals with that of a sample, if it tells one; of two told for one instant the greater."""
    wh = _told(sample)
    if wh is None:
        return known
    new = Interval(sample.at, sample.context == ALIGNED, wh)
    same = next((one for one in known if one[:2] == new[:2]), None)
    if same is not None and same >= new:
        return known
    return tuple(sorted((*(one for one in known if one is not same), new)))[:KEPT]


def counted(intervals: Iterable[Interval]) -> Sequence[Interval]:
    """Those that are added: the sampled ones, else the aligned ones, in time order."""
    every = sorted(intervals)
    return [one for one in every if not one.aligned] or every


def energy_of(intervals: Iterable[Interval]) -> int:
    """What they come to, in Wh."""
    return round(sum((one.wh for one in counted(intervals)), Decimal()))


def _told(sample: MeterSample) -> Decimal | None:
    """The energy of a sample's interval, at its best place: the value without phase, else the sum of them."""
    told = [one for one in sample.readings if (one.measurand, one.unit) == (MEASURAND, "Wh")]
    if not told:
        return None
    best = min(place_rank(one.location or "Outlet") for one in told)
    here = [one for one in told if place_rank(one.location or "Outlet") == best]
    for one in here:
        if one.phase is None:
            return one.value
    for phases in PHASES:
        shown = {one.phase: one.value for one in here if one.phase in phases}
        if shown:
            return sum(shown.values(), Decimal())
    return None
