"""The composite schedule: what a station's profiles allow together, second by second.

Source: OCPP 1.6 §3.13.2 and .3; OCPP 2.1 part 2, K 3.5 and 3.6, SC.01.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec

from elstrada.model.profile import Period, Profile, ProfileKind, Purpose, RateUnit, Schedule

_EVERY = {"Daily": timedelta(days=1), "Weekly": timedelta(weeks=1)}
DEFAULT_PHASES = 3
"""Of a period that names none. Source: K01.FR.49."""
MOST_PIECES = 10_000
"""Of one composite; more than three schedules of 1,024 periods each make in a day."""


class Supply(msgspec.Struct, frozen=True, kw_only=True):
    """How an EVSE is fed: what A and W are to each other. Known or not; never guessed."""

    voltage: int
    """V, line to neutral; as set for the area, not as measured (K01.FR.50)."""
    phases: int
    """1 to 3."""


class NotComparable(Exception):
    """Limits in A and in W meet, and nobody knows the voltage and the phases."""


class Moment(NamedTuple):
    """For what and when a limit is asked."""

    evse_id: int
    """0: the whole station."""
    unit: RateUnit
    supply: Supply | None
    transaction_id: str | None
    """Of the session that runs there; None: as if one ran that has no profile of its own (K08.FR.06)."""
    power_flows_since: datetime
    """Where relative schedules begin."""
    priority: bool
    """Is the session's driver in a hurry (K21)?"""


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a composite schedule."""

    start: datetime
    limit: Decimal | None
    """In the composite's unit; None: nothing limits."""


def composite(
    profiles: Iterable[Profile],
    moment: Moment,
    start: datetime,
    duration_s: int,
) -> tuple[Piece, ...]:
    """The limits from ``start`` on, in pieces of equal limit.

    Args:
        profiles: all that lie in the station.
        duration_s: at least 1.
    Raises:
        NotComparable: limits in another unit than asked for count here, and cannot be converted.
    """
    here = tuple(profile for profile in profiles if _concerns(profile, moment))
    end = start + timedelta(seconds=duration_s)
    cuts = {start}
    for profile in here:
        cuts.update(at for at in _changes(profile, moment, start, end) if start < at < end)
    pieces = list[Piece]()
    for at in sorted(cuts)[:MOST_PIECES]:
        limit = limit_at(here, moment, at)
        if not pieces or pieces[-1].limit != limit:
            pieces.append(Piece(start=at, limit=limit))
    return tuple(pieces)


def limit_at(profiles: Iterable[Profile], moment: Moment, at: datetime) -> Decimal | None:
    """What the profiles allow together at an instant; None: anything.

    Raises:
        NotComparable: as ``composite``.
    """
    here = [profile for profile in profiles if _concerns(profile, moment) and profile.is_valid(at)]
    limits = [
        _leading(here, Purpose.STATION_MAX, moment, at),
        *_external(here, moment, at),
        _of_session(here, moment, at),
    ]
    known = [limit for limit in limits if limit is not None]
    if not known:
        return None
    made_here = _leading(here, Purpose.LOCAL_GENERATION, moment, at)
    return min(known) + (made_here or 0)


def _external(profiles: Sequence[Profile], moment: Moment, at: datetime) -> Iterator[Decimal | None]:
    """What each of those limits that are no part of us: none of them overrules another (K11, K12)."""
    for source in {one.source for one in profiles if one.purpose == Purpose.EXTERNAL}:
        yield _leading([one for one in profiles if one.source == source], Purpose.EXTERNAL, moment, at)


def _of_session(profiles: Sequence[Profile], moment: Moment, at: datetime) -> Decimal | None:
    """The first that says something: the hurry's, the session's own, the default's."""
    order = (Purpose.PRIORITY,) if moment.priority else (Purpose.TX, Purpose.TX_DEFAULT)
    for purpose in order:
        limit = _leading(profiles, purpose, moment, at)
        if limit is not None:
            return limit
    return None


def _leading(profiles: Sequence[Profile], purpose: Purpose, moment: Moment, at: datetime) -> Decimal | None:
    """The limit of a purpose: that of the highest stack level that has a period now (K 3.6).

    What is set for the EVSE itself goes before what is set for all (1.6 §3.13.1).
    """
    candidates = sorted(
        (one for one in profiles if one.purpose == purpose),
        key=lambda one: (one.evse_id == moment.evse_id, one.stack_level),
        reverse=True,
    )
    for profile in candidates:
        found = [(schedule, _period(profile, schedule, moment, at)) for schedule in profile.schedules]
        limits = [
            in_unit(period, schedule.unit, moment.unit, moment.supply)
            for schedule, period in found
            if period is not None and period.limit is not None
        ]
        if limits:
            # The car chooses one of up to three schedules; of a limit from outside all hold.
            return min(limits) if purpose == Purpose.EXTERNAL else max(limits)
        if any(period is not None for _, period in found):
            return None  # It leads, and sets no upper limit.
    return None


def in_unit(period: Period, unit: str, wanted: RateUnit, supply: Supply | None) -> Decimal:
    """A period's limit in A or W.

    Raises:
        NotComparable: it is in the other unit, and nobody knows the supply.
    """
    assert period.limit is not None, "asked of periods that have one"
    if unit == wanted:
        return period.limit
    if supply is None:
        raise NotComparable(f"a limit in {unit} counts here, and voltage and phases are not known")
    volts = Decimal(supply.voltage * min(period.phases or DEFAULT_PHASES, supply.phases))
    return period.limit * volts if wanted is RateUnit.W else period.limit / volts


# --- whom and when ----------------------------------------------------------------------------------


def _concerns(profile: Profile, moment: Moment) -> bool:
    if profile.purpose == Purpose.TX:
        nameless = profile.transaction_id is None and profile.evse_id == moment.evse_id
        return moment.transaction_id is not None and (
            nameless or profile.transaction_id == moment.transaction_id
        )
    if moment.evse_id == 0 and profile.purpose == Purpose.TX_DEFAULT:
        return False  # On EVSE 0 it limits each EVSE, and not the station (K01.FR.14).
    return profile.evse_id in (0, moment.evse_id)


def _period(profile: Profile, schedule: Schedule, moment: Moment, at: datetime) -> Period | None:
    """The period that counts at an instant; None: the schedule has not begun, or is over."""
    offset_s = _offset(profile, schedule, moment, at)
    if offset_s is None or (schedule.duration_s is not None and offset_s >= schedule.duration_s):
        return None
    begun = bisect_right(schedule.periods, offset_s, key=lambda period: period.start_s)
    return schedule.periods[begun - 1] if begun else None


def _offset(profile: Profile, schedule: Schedule, moment: Moment, at: datetime) -> float | None:
    """Seconds since the schedule began, for the last time; None: it has not yet."""
    elapsed = at - _begin(profile, schedule, moment)
    if elapsed < timedelta(0):
        return None
    every = _EVERY.get(profile.recurrency or "") if profile.kind == ProfileKind.RECURRING else None
    return (elapsed if every is None else elapsed % every).total_seconds()


def _begin(profile: Profile, schedule: Schedule, moment: Moment) -> datetime:
    if profile.kind == ProfileKind.DYNAMIC:
        return datetime.min.replace(tzinfo=moment.power_flows_since.tzinfo)  # It holds at once.
    if profile.kind == ProfileKind.RELATIVE or schedule.start is None:
        return moment.power_flows_since  # 1.6 §7.13: without a start it is relative, whatever it is called.
    return schedule.start


def _changes(profile: Profile, moment: Moment, start: datetime, end: datetime) -> Iterator[datetime]:
    """When a profile's limit may change."""
    yield from (at for at in (profile.valid_from, profile.valid_to) if at is not None)
    for schedule in profile.schedules:
        marks = [period.start_s for period in schedule.periods]
        marks += [] if schedule.duration_s is None else [schedule.duration_s]
        for begin in _begins(profile, schedule, moment, start, end):
            yield begin
            yield from (begin + timedelta(seconds=mark) for mark in marks if _sane(mark))


def _begins(
    profile: Profile, schedule: Schedule, moment: Moment, start: datetime, end: datetime
) -> Iterator[datetime]:
    """Every begin of a schedule that matters between two instants."""
    if profile.kind == ProfileKind.DYNAMIC:
        return
    begin = _begin(profile, schedule, moment)
    every = _EVERY.get(profile.recurrency or "") if profile.kind == ProfileKind.RECURRING else None
    if every is None:
        yield begin
        return
    begin += max((start - begin) // every, 0) * every
    while begin < end:
        yield begin
        begin += every


def _sane(mark_s: int) -> bool:
    """Within what a calendar holds."""
    return 0 <= mark_s < 2**31
