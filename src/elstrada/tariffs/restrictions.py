"""When a tariff element applies: one function per kind of restriction, one table of them.

Each function reads its fields and returns a rule: a test of the situation at a period's start, and
the points at which its answer may change, so that periods can be cut there (rule 18). All bounds
are half-open: from inclusive, to exclusive (rule 4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal

import msgspec

from elstrada.model.tariff import TariffRestrictions
from elstrada.tariffs.policy import OCPI_2_3_0, Policy
from elstrada.tariffs.refusals import UnusableTariff

DAY = 24 * 60
_WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")


class Situation(msgspec.Struct, frozen=True):
    """All that a restriction may ask about, at one instant of a session."""

    local: datetime
    """On the location's wall clock, so that a repeated hour matches twice (A20)."""
    energy_kwh: Decimal
    """Since the session's start (rule 6)."""
    elapsed_s: int
    """Since the session's start, parking included."""
    volumes: Mapping[str, Decimal]
    """MIN_POWER, MAX_POWER (kW), MIN_CURRENT and MAX_CURRENT (A) of the period, where known."""
    policy: Policy = OCPI_2_3_0
    """How what OCPI leaves open about restrictions is read."""


class Rule(msgspec.Struct, frozen=True):
    holds: Callable[[Situation], bool]
    minutes: tuple[int, ...] = ()
    """Local minutes of the day at which the answer may change."""
    seconds: tuple[int, ...] = ()
    """Likewise, since the session's start."""
    energies: tuple[Decimal, ...] = ()
    """Likewise, kWh since the session's start."""
    powers: tuple[Decimal, ...] = ()
    """Likewise, kW."""
    currents: tuple[Decimal, ...] = ()
    """Likewise, A."""
    always: bool = False
    """It holds in every situation, as long as a policy reads it as usual."""


def rules_of(limits: TariffRestrictions) -> tuple[Rule, ...]:
    """All rules that these restrictions set; every one must hold.

    Raises:
        UnusableTariff: a time, date or weekday cannot be read.
    """
    return tuple(rule for kind in KINDS if (rule := kind(limits)) is not None)


def time_of_day(limits: TariffRestrictions) -> Rule | None:
    """A window of local time; an end before the start runs into the next day (rule 5)."""
    if limits.start_time is None and limits.end_time is None:
        return None
    begin, end = _minute(limits.start_time or "00:00"), _minute(limits.end_time or "00:00")
    if limits.end_time is not None and begin == end:
        if limits.start_time is None:  # A3: an end at 00:00 is the end of the day.
            return Rule(lambda now: not now.policy.midnight_is_never, minutes=(0,), always=True)
        return Rule(lambda now: not now.policy.empty_window_is_never, minutes=(begin,), always=True)  # A2
    edges = (begin, end)
    end = end or DAY
    if end < begin:
        return Rule(lambda now: not end <= _minute_of(now) < begin, minutes=edges)
    return Rule(lambda now: begin <= _minute_of(now) < end, minutes=edges)


def dates(limits: TariffRestrictions) -> Rule | None:
    """A range of local dates."""
    if limits.start_date is None and limits.end_date is None:
        return None
    first = _date(limits.start_date) if limits.start_date else date.min
    end = _date(limits.end_date) if limits.end_date else date.max
    return Rule(lambda now: first <= now.local.date() < end, minutes=(0,))


def day_of_week(limits: TariffRestrictions) -> Rule | None:
    """Weekdays, by the current local day even in a window that began the day before, or by that day (A4)."""
    if not limits.day_of_week:
        return None
    strange = set(limits.day_of_week).difference(_WEEKDAYS)
    if strange:
        raise UnusableTariff(f"not a weekday: {sorted(strange)}; expected MONDAY to SUNDAY")
    days = frozenset(_WEEKDAYS.index(day) for day in limits.day_of_week)
    runs_until = _runs_over_midnight_until(limits)

    def holds(now: Situation) -> bool:
        weekday = now.local.weekday()
        if now.policy.days_of_window_start and _minute_of(now) < runs_until:
            weekday = (weekday - 1) % 7
        return weekday in days

    return Rule(holds, minutes=(0,))


def energy(limits: TariffRestrictions) -> Rule | None:
    """How much the session has taken before this period."""
    least, most = limits.min_kwh, limits.max_kwh
    if least is None and most is None:
        return None
    edges = tuple(bound for bound in (least, most) if bound is not None)
    return Rule(lambda now: _between(now.energy_kwh, least, most), energies=edges)


def duration(limits: TariffRestrictions) -> Rule | None:
    """How long the session has lasted before this period."""
    least, most = limits.min_duration, limits.max_duration
    if least is None and most is None:
        return None
    edges = tuple(bound for bound in (least, most) if bound is not None)
    return Rule(lambda now: _between(now.elapsed_s, least, most), seconds=edges)


def power(limits: TariffRestrictions) -> Rule | None:
    """The whole period lies within the band of power (A6)."""
    return _band("POWER", limits.min_power, limits.max_power)


def current(limits: TariffRestrictions) -> Rule | None:
    """The whole period lies within the band of current (A6)."""
    return _band("CURRENT", limits.min_current, limits.max_current)


KINDS: tuple[Callable[[TariffRestrictions], Rule | None], ...] = (
    time_of_day,
    dates,
    day_of_week,
    energy,
    duration,
    power,
    current,
)
"""``reservation`` is no test but chooses a price list of its own; see compile."""


def doubts(
    limits: TariffRestrictions, volumes: Mapping[str, Decimal], policy: Policy = OCPI_2_3_0
) -> tuple[str, ...]:
    """What is unsure about power and current limits in a period with these volumes, read as usual."""
    found: list[str] = []
    for name, least, most in (
        ("POWER", limits.min_power, limits.max_power),
        ("CURRENT", limits.min_current, limits.max_current),
    ):
        if least is most is None:
            continue
        low, high = volumes.get(f"MIN_{name}"), volumes.get(f"MAX_{name}")
        for bound, volume, kind in ((least, low, "MIN"), (most, high, "MAX")):
            if bound is None:
                continue
            if volume is None and policy.untold_power_fits:
                continue
            if volume is None:
                found.append(f"{kind}_{name} is not given, so a limit of {bound} does not match (A5)")
            elif (
                low is not None
                and high is not None
                and low < bound <= high
                and not policy.touching_power_fits
            ):
                found.append(f"{name} crosses the limit of {bound} within the period (A6)")
    return tuple(dict.fromkeys(found))


def _band(name: str, least: Decimal | None, most: Decimal | None) -> Rule | None:
    if least is None and most is None:
        return None
    lowest, highest = f"MIN_{name}", f"MAX_{name}"

    def holds(now: Situation) -> bool:
        low, high = now.volumes.get(lowest), now.volumes.get(highest)
        if now.policy.touching_power_fits:
            low, high = high, low  # A6
        untold = now.policy.untold_power_fits  # A5
        return (least is None or (untold if low is None else low >= least)) and (
            most is None or (untold if high is None else high < most)
        )

    edges = tuple(bound for bound in (least, most) if bound is not None)
    return Rule(holds, powers=edges) if name == "POWER" else Rule(holds, currents=edges)


def _runs_over_midnight_until(limits: TariffRestrictions) -> int:
    """The minute of the next day at which a window of local time ends; 0: it ends on the day it began."""
    if limits.start_time is None or limits.end_time is None:
        return 0
    begin, end = _minute(limits.start_time), _minute(limits.end_time)
    return end if end < begin else 0


def _between(value: Decimal | int, least: Decimal | int | None, most: Decimal | int | None) -> bool:
    return (least is None or value >= least) and (most is None or value < most)


def _minute_of(now: Situation) -> int:
    return now.local.hour * 60 + now.local.minute


def _minute(text: str) -> int:
    try:
        read = time.fromisoformat(text)
    except ValueError as problem:
        raise UnusableTariff(f"not a time of day: {text[:10]!r}; expected HH:MM") from problem
    return read.hour * 60 + read.minute


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as problem:
        raise UnusableTariff(f"not a date: {text[:12]!r}; expected YYYY-MM-DD") from problem
