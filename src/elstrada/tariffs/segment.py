"""Cuts periods where a price changes, so that each has one price (rule 18)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from elstrada.model.measured import Measured
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import Dimension
from elstrada.tariffs.compile import Edges, PriceList, best
from elstrada.tariffs.levels import band, crossings, thousandths
from elstrada.tariffs.policy import EXACT
from elstrada.tariffs.restrictions import Situation
from elstrada.tariffs.usage import SUMMED, Usage, both, volumes_of, zone_named

_ZERO = Decimal(0)
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_EXTENSIVE = dict.fromkeys(sorted(SUMMED), Decimal("0.0001")) | {"ENERGY": Decimal("0.001")}
"""Volumes that a cut shares out, with the precision of a share: whole Wh, and OCPI's four decimals."""
MAX_DAYS = 400
"""Days of one period looked at for changes of the clock's prices; no session lasts longer."""
_Choice = tuple[int | None, ...]
_Cell = tuple[int, ...]
_DIMENSIONS = tuple(Dimension)


class Piece(msgspec.Struct, frozen=True):
    """A stretch within which no price of the list changes."""

    start: datetime
    volumes: dict[str, Decimal]
    now: Situation


class Segments(NamedTuple):
    """The periods of a session as they are priced."""

    periods: tuple[ChargingPeriod, ...]
    """The fewest that have one price each, named with the tariff's id."""
    notes: tuple[str, ...]
    """What was estimated, and what could not be told apart."""


class Cutter:
    """Takes the measured periods of one session in time order, and cuts and joins them as they come."""

    def __init__(self, by: PriceList, start: datetime, time_zone: str) -> None:
        """Nothing was taken yet.

        Args:
            start: of the session: durations count from it.
            time_zone: IANA name of the location's zone.
        """
        self._by, self._origin, self._zone = by, start, zone_named(time_zone)
        self._bounds = thousandths(by.edges.powers), thousandths(by.edges.currents)
        self._energy = _ZERO
        self._still_until = start
        """Neither the clock nor the duration changes a price from where it was last looked until here."""
        self._choices: dict[_Cell, _Choice] = {}
        """Those made so far, which copies share."""
        self._joined: list[_Joined] = []
        self._choice: tuple[bool, _Choice] | None = None
        self._estimated: list[datetime] = []
        self._untold: list[tuple[datetime, datetime, Decimal]] = []

    def copy(self) -> Cutter:
        """One that goes on from here by itself."""
        other = Cutter.__new__(Cutter)
        other.__dict__.update(self.__dict__)  # As copy.copy does, in an eighth of the time.
        other._joined = list(self._joined)
        other._estimated, other._untold = list(self._estimated), list(self._untold)
        return other

    def take(self, measured: Iterable[Measured]) -> Cutter:
        """Go on with these periods."""
        with localcontext(EXACT):
            for one in measured:
                for piece in self._pieces(one):
                    self._join(piece, one.period.start_date_time)
        return self

    def segments(self) -> Segments:
        """What has become of all that was taken."""
        return Segments(
            tuple(joined.period(self._by.tariff.id) for joined in self._joined),
            tuple(self._notes()),
        )

    def _pieces(self, measured: Measured) -> Iterator[Piece]:
        period, end = measured.period, measured.end
        volumes = volumes_of(period)
        taken, start = volumes.get("ENERGY", _ZERO), period.start_date_time
        cuts = _cuts(self._by, start, end, self._energy, taken, self._instants(start, end))
        if measured.untold:
            self._note_untold(start, taken, volumes, cuts)
            cuts = []
        else:
            cuts = self._with_crossings(cuts, measured, taken)
        marks = [(start, _ZERO), *cuts, (end, taken)]
        for (begin, before), (stop, _), share in zip(marks, marks[1:], _shares(volumes, marks), strict=False):
            if self._by.banded:
                share |= _bands(measured, begin, stop)
            yield Piece(begin, share, self._situation(begin, self._energy + before, share))
        self._energy += taken

    def _instants(self, start: datetime, end: datetime) -> Sequence[datetime]:
        """As the function, but nothing where it is known that there is none."""
        if end <= self._still_until:
            return ()
        instants = _instants(self._by.edges, start, max(end, start + _DAY), self._origin, self._zone)
        self._still_until = min((at for at in instants if at > start), default=start + _DAY)
        return instants

    def _situation(self, at: datetime, energy: Decimal, volumes: dict[str, Decimal]) -> Situation:
        return Situation(at.astimezone(self._zone), energy, (at - self._origin) // _SECOND, volumes)

    def _join(self, piece: Piece, measured_from: datetime) -> None:
        cell = _cell(self._by.edges, piece.now)
        offers = self._choices.get(cell)
        if offers is None:
            offers = self._choices[cell] = _offers(self._by, piece.now)
        choice = "PARKING_TIME" in piece.volumes, offers
        if choice == self._choice:
            self._joined[-1] = self._joined[-1].with_piece(piece)
            return
        if piece.start != measured_from and piece.volumes.get("ENERGY"):
            self._estimated.append(piece.start)
        self._joined.append(_Joined(piece.start, piece.volumes))
        self._choice = choice

    def _with_crossings(
        self, cuts: list[tuple[datetime, Decimal]], measured: Measured, taken: Decimal
    ) -> list[tuple[datetime, Decimal]]:
        """The cuts, and those where power or current crosses a limit."""
        start, end = measured.period.start_date_time, measured.end
        length = (end - start) // _SECOND
        known = dict(cuts)
        for levels, bounds in zip((measured.power, measured.current), self._bounds, strict=True):
            for at in crossings(levels, bounds) if bounds and length >= 2 else ():
                if start < at < end and at not in known:
                    share = taken * ((at - start) // _SECOND) / length
                    known[at] = share.quantize(_EXTENSIVE["ENERGY"], ROUND_HALF_EVEN)
        return sorted(known.items()) if len(known) > len(cuts) else cuts

    def _note_untold(
        self,
        start: datetime,
        taken: Decimal,
        volumes: dict[str, Decimal],
        cuts: Sequence[tuple[datetime, Decimal]],
    ) -> None:
        before = _offers(self._by, self._situation(start, self._energy, volumes))
        for at, energy in cuts:
            if _offers(self._by, self._situation(at, self._energy + energy, volumes)) != before:
                self._untold.append((start, at, taken))
                return

    def _notes(self) -> Iterator[str]:
        if self._estimated:
            more = f" and at {len(self._estimated) - 1} more" if len(self._estimated) > 1 else ""
            yield (
                f"estimated: no reading was made at the change of price at {self._estimated[0].isoformat()}"
                f"{more}, so energy is taken to have flowed evenly between the readings around it (rule 18)"
            )
        for start, at, taken in self._untold:
            yield (
                f"no reading near the change of price at {at.isoformat()}: the {taken} kWh from "
                f"{start.isoformat()} on keep the price of their start (V49)"
            )


def split(usage: Usage, by: PriceList) -> tuple[ChargingPeriod, ...]:
    """Cut periods where the tariff's price may change, and join neighbours of one price.

    Energy within a period is taken to flow evenly, so a cut shares it by time; where a kWh
    threshold is crossed, the cut stands at the threshold itself. Shares sum to the volumes given.

    Args:
        usage: periods as measured, without reservation.
    Returns:
        The fewest periods that have one price each, named with the tariff's id.
    """
    measured = (Measured(period=period, end=end) for period, end in usage.stretches())
    return Cutter(by, usage.start, usage.time_zone).take(measured).segments().periods


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
    cuts = _cuts(by, start, end, now.energy_kwh, taken, _instants(by.edges, start, end, origin, zone))
    if not cuts:
        return None
    before = _offers(by, now)
    for at, energy in cuts:
        elapsed = (at - origin) // _SECOND
        then = Situation(at.astimezone(zone), now.energy_kwh + energy, elapsed, now.volumes, now.policy)
        if _offers(by, then) != before:
            return at
    return None


def pieces(
    by: PriceList, period: ChargingPeriod, end: datetime, energy: Decimal, origin: datetime, zone: ZoneInfo
) -> Iterator[tuple[ChargingPeriod, datetime]]:
    """A period cut where a price may change, each piece with its end. Energy is taken to flow evenly.

    Args:
        energy: kWh of the session before it.
        origin: durations count from here.
    """
    volumes, start = volumes_of(period), period.start_date_time
    taken = volumes.get("ENERGY", _ZERO)
    cuts = _cuts(by, start, end, energy, taken, _instants(by.edges, start, end, origin, zone))
    marks = [(start, _ZERO), *cuts, (end, taken)]
    for (begin, _), (stop, _), share in zip(marks, marks[1:], _shares(volumes, marks), strict=False):
        dimensions = tuple(PeriodDimension(name, volume) for name, volume in share.items())
        yield ChargingPeriod(begin, dimensions, period.tariff_id), stop


def _cuts(
    by: PriceList,
    start: datetime,
    end: datetime,
    energy: Decimal,
    taken: Decimal,
    instants: Iterable[datetime],
) -> list[tuple[datetime, Decimal]]:
    """Instants strictly within a period at which a price may change, each with the energy so far in it.

    Args:
        energy: kWh of the session before the period.
        taken: kWh in it.
        instants: at which the clock or the duration may change one; others than those within do no harm.
    """
    length = (end - start) // _SECOND
    if length < 2:
        return []
    cuts: dict[datetime, Decimal] = {}
    for at in instants:
        if start < at < end:
            share = taken * ((at - start) // _SECOND) / length
            cuts[at] = share.quantize(_EXTENSIVE["ENERGY"], ROUND_HALF_EVEN)
    for bound in by.edges.energies:
        if energy < bound < energy + taken:
            crossed = ((bound - energy) * length / taken).to_integral_value()
            cuts[start + min(max(int(crossed), 1), length - 1) * _SECOND] = bound - energy
    return sorted((at, share) for at, share in cuts.items() if start < at < end)


def _bands(measured: Measured, start: datetime, end: datetime) -> dict[str, Decimal]:
    """Between what power and current lie from start until before end, where they were told."""
    bands: dict[str, Decimal] = {}
    for name, levels in (("POWER", measured.power), ("CURRENT", measured.current)):
        found = band(levels, start, end)
        if found is not None:
            bands[f"MIN_{name}"], bands[f"MAX_{name}"] = found
    return bands


def _shares(
    volumes: dict[str, Decimal], marks: list[tuple[datetime, Decimal]]
) -> Iterator[dict[str, Decimal]]:
    """The volumes between each two marks: they sum to the whole, because each is a difference."""
    if len(marks) == 2:
        yield dict(volumes)
        return
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


def _instants(
    edges: Edges, start: datetime, end: datetime, origin: datetime, zone: ZoneInfo
) -> list[datetime]:
    """Instants at which the clock or the duration may change a price, all those from start to end among them."""
    found = list(_clock_changes(edges.minutes, start, end, zone)) if edges.minutes else []
    until = (end - origin) // _SECOND  # A limit may lie beyond the calendar.
    return found + [origin + timedelta(seconds=seconds) for seconds in edges.seconds if 0 < seconds <= until]


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


def _offers(by: PriceList, now: Situation) -> _Choice:
    """Which element prices each dimension."""
    chosen = [best(by.session.get(dimension, ()), now) for dimension in _DIMENSIONS]
    return tuple(offer and offer.element for offer in chosen)


def _cell(edges: Edges, now: Situation) -> _Cell:
    """Between which limits a situation lies: within a cell, no rule changes its answer (rule 4)."""
    local, volumes = now.local, now.volumes
    cell = (
        local.toordinal(),
        bisect_right(edges.minutes, local.hour * 60 + local.minute),
        bisect_right(edges.seconds, now.elapsed_s),
        bisect_right(edges.energies, now.energy_kwh),
    )
    if edges.powers:
        cell += _place(edges.powers, volumes.get("MIN_POWER")), _place(edges.powers, volumes.get("MAX_POWER"))
    if edges.currents:
        least, most = volumes.get("MIN_CURRENT"), volumes.get("MAX_CURRENT")
        cell += _place(edges.currents, least), _place(edges.currents, most)
    return cell


def _place(bounds: Sequence[Decimal], value: Decimal | None) -> int:
    """How many bounds a value has reached; one that is not known matches none (A5)."""
    return -1 if value is None else bisect_right(bounds, value)


class _Joined(NamedTuple):
    """Pieces of one choice of prices in a row."""

    start: datetime
    volumes: dict[str, Decimal]

    def with_piece(self, piece: Piece) -> _Joined:
        """Volumes add up, limits widen, and a limit that one of the pieces lacks is left out."""
        others, volumes = piece.volumes, dict[str, Decimal]()
        for name, volume in self.volumes.items():
            other = others.get(name)
            if other is not None:
                volumes[name] = both(name, volume, other)
            elif name in _EXTENSIVE:
                volumes[name] = volume
        for name, other in others.items():
            if name in _EXTENSIVE and name not in volumes:
                volumes[name] = other
        return _Joined(self.start, volumes)

    def period(self, tariff_id: str) -> ChargingPeriod:
        dimensions = tuple(PeriodDimension(name, volume) for name, volume in self.volumes.items())
        return ChargingPeriod(self.start, dimensions, tariff_id)
