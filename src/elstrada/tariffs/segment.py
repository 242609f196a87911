"""Cuts periods where a price changes, so that each has one price (rule 18)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import lru_cache
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

import msgspec

from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import Dimension
from elstrada.tariffs.compile import PriceList, best
from elstrada.tariffs.policy import EXACT
from elstrada.tariffs.restrictions import Situation
from elstrada.tariffs.usage import Usage, zone_named

_ZERO = Decimal(0)
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_EXTENSIVE = {"ENERGY": Decimal("0.001"), "TIME": Decimal("0.0001"), "PARKING_TIME": Decimal("0.0001")}
"""Volumes that a cut shares out, with the precision of a share: whole Wh, and OCPI's four decimals."""
MAX_DAYS = 400
"""Days of one period looked at for changes of the clock's prices; no session lasts longer."""


class Piece(msgspec.Struct, frozen=True):
    """A stretch within which no price of the list changes."""

    start: datetime
    end: datetime
    volumes: dict[str, Decimal]
    now: Situation


def split(usage: Usage, by: PriceList) -> tuple[ChargingPeriod, ...]:
    """Cut measured periods where the tariff's price may change, and join neighbours of one price.

    Energy between two measurements is taken to flow evenly, so a cut shares it by time; where a kWh
    threshold is crossed, the cut stands at the threshold itself. Shares sum to the volumes given.

    Args:
        usage: periods as measured, without reservation.
    Returns:
        The fewest periods that have one price each, named with the tariff's id.
    """
    with localcontext(EXACT):
        pieces = list(_pieces(usage, by))
    return tuple(
        _joined(list(group), by.tariff.id) for _, group in groupby(pieces, lambda piece: _choice(piece, by))
    )


def first_change(
    by: PriceList, now: Situation, end: datetime, taken: Decimal, origin: datetime
) -> datetime | None:
    """The first instant within a period at which some price differs from that at its start (A1).

    Energy is taken to flow evenly, as nothing better is known of a period. Where limits of energy and
    of the clock meet in one element, a period joined from uneven measurements may so be doubted wrongly.
    """
    if not (by.edges.minutes or by.edges.seconds or by.edges.energies):
        return None
    start, zone = now.local.astimezone(UTC), now.local.tzinfo
    assert isinstance(zone, ZoneInfo)
    cuts = _cuts(by, start, end, now.energy_kwh, taken, origin, zone)
    if not cuts:
        return None
    before = _offers(by, now)
    for at, energy in cuts:
        elapsed = (at - origin) // _SECOND
        then = Situation(at.astimezone(zone), now.energy_kwh + energy, elapsed, now.volumes)
        if _offers(by, then) != before:
            return at
    return None


def _pieces(usage: Usage, by: PriceList) -> Iterator[Piece]:
    zone = zone_named(usage.time_zone)
    energy = _ZERO
    for period, end in usage.stretches():
        volumes = {one.type: one.volume for one in period.dimensions}
        taken = volumes.get("ENERGY", _ZERO)
        start = period.start_date_time
        cuts = _cuts(by, start, end, energy, taken, usage.start, zone)
        marks = [(start, _ZERO), *cuts, (end, taken)]
        shares = _shares(volumes, marks)
        for (begin, before), (stop, _), share in zip(marks, marks[1:], shares, strict=False):
            elapsed = (begin - usage.start) // _SECOND
            now = Situation(begin.astimezone(zone), energy + before, elapsed, volumes)
            yield Piece(begin, stop, share, now)
        energy += taken


def _cuts(
    by: PriceList,
    start: datetime,
    end: datetime,
    energy: Decimal,
    taken: Decimal,
    origin: datetime,
    zone: ZoneInfo,
) -> list[tuple[datetime, Decimal]]:
    """Instants strictly within a period at which a price may change, each with the energy so far in it."""
    length = (end - start) // _SECOND
    if length < 2:
        return []
    cuts: dict[datetime, Decimal] = {}
    by_clock = _clock_changes(by.edges.minutes, start, end, zone) if by.edges.minutes else ()
    for at in (*by_clock, *(origin + timedelta(seconds=s) for s in by.edges.seconds)):
        if start < at < end:
            share = taken * ((at - start) // _SECOND) / length
            cuts[at] = share.quantize(_EXTENSIVE["ENERGY"], ROUND_HALF_EVEN)
    for bound in by.edges.energies:
        if energy < bound < energy + taken:
            crossed = ((bound - energy) * length / taken).to_integral_value()
            cuts[start + min(max(int(crossed), 1), length - 1) * _SECOND] = bound - energy
    return sorted((at, share) for at, share in cuts.items() if start < at < end)


def _shares(
    volumes: dict[str, Decimal], marks: list[tuple[datetime, Decimal]]
) -> Iterator[dict[str, Decimal]]:
    """The volumes between each two marks: they sum to the whole, because each is a difference."""
    start, end = marks[0][0], marks[-1][0]
    length = (end - start) // _SECOND or 1
    reached: list[dict[str, Decimal]] = []
    for at, energy in marks:
        so_far: dict[str, Decimal] = {}
        for name, unit in _EXTENSIVE.items():
            if name in volumes:
                part = volumes[name] * ((at - start) // _SECOND) / length
                so_far[name] = volumes[name] if at == end else part.quantize(unit, ROUND_HALF_EVEN)
        if "ENERGY" in volumes:
            so_far["ENERGY"] = energy
        reached.append(so_far)
    for before, after in pairwise(reached):
        yield {
            name: after[name] - before[name] if name in _EXTENSIVE else volume
            for name, volume in volumes.items()
        }


def _clock_changes(
    minutes: tuple[int, ...], start: datetime, end: datetime, zone: ZoneInfo
) -> Iterator[datetime]:
    """Instants at which the local clock shows one of these minutes, or is itself put forward or back."""
    day = start.astimezone(zone).date()
    last = min(end.astimezone(zone).date(), day + timedelta(days=MAX_DAYS))
    while day <= last:
        yield from _changes_of_day(minutes, day, zone)
        day += _DAY


@lru_cache(maxsize=4_096)
def _changes_of_day(minutes: tuple[int, ...], day: date, zone: ZoneInfo) -> tuple[datetime, ...]:
    """Those of one local day; kept, because many sessions share their days."""
    turn = _turn(day, zone)
    changes = [] if turn is None else [turn]
    for minute in minutes:
        wall = datetime.combine(day, time(minute // 60, minute % 60), zone)
        changes.append(wall.astimezone(UTC))
        if turn is not None:
            changes.append(wall.replace(fold=1).astimezone(UTC))
    return tuple(changes)


def _turn(day: date, zone: ZoneInfo) -> datetime | None:
    """When on this day the clock is put forward or back, to the second."""
    low = datetime.combine(day, time(0), zone).astimezone(UTC)
    high = datetime.combine(day + _DAY, time(0), zone).astimezone(UTC)
    before = low.astimezone(zone).utcoffset()
    if high.astimezone(zone).utcoffset() == before:
        return None
    while high - low > _SECOND:
        middle = low + (high - low) // 2 // _SECOND * _SECOND
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


_Choice = tuple[int | None, ...]
_DIMENSIONS = tuple(Dimension)


def _offers(by: PriceList, now: Situation) -> _Choice:
    """Which element prices each dimension."""
    chosen = [best(by.session.get(dimension, ()), now) for dimension in _DIMENSIONS]
    return tuple(offer and offer.element for offer in chosen)


def _choice(piece: Piece, by: PriceList) -> tuple[bool, _Choice]:
    return "PARKING_TIME" in piece.volumes, _offers(by, piece.now)


def _joined(pieces: list[Piece], tariff_id: str) -> ChargingPeriod:
    """One period of several: volumes add up, limits widen, and what one piece lacks is left out."""
    volumes: dict[str, Decimal] = {}
    for name in dict.fromkeys(name for piece in pieces for name in piece.volumes):
        given = [piece.volumes[name] for piece in pieces if name in piece.volumes]
        if name in _EXTENSIVE:
            volumes[name] = sum(given, _ZERO)
        elif len(given) == len(pieces):
            volumes[name] = min(given) if name.startswith("MIN_") else max(given)
    return ChargingPeriod(
        start_date_time=pieces[0].start,
        dimensions=tuple(PeriodDimension(name, volume) for name, volume in volumes.items()),
        tariff_id=tariff_id,
    )
