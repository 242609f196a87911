"""Prices for very many sessions: the same costs as ``price``, without the lines, where all is plain.

A session is plain where it has one tariff, no reservation or booking, and no price that changes within a
period. Which price the clock allows is found once for each stretch of the week, by the tariff's own rules.
Anything else is left to ``price``, so there is one reading of tariffs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from functools import lru_cache

import msgspec

from elstrada.model.cost import Cost
from elstrada.model.session import ChargingPeriod
from elstrada.model.tariff import Dimension, TaxIncluded
from elstrada.tariffs.charge import units_billed, with_surplus
from elstrada.tariffs.choose import is_valid
from elstrada.tariffs.compile import Offer, PriceList
from elstrada.tariffs.notes import Notes
from elstrada.tariffs.policy import EXACT, Policy, Steps
from elstrada.tariffs.restrictions import Rule, Situation
from elstrada.tariffs.total import PART_OF, Sum, cost_of, together
from elstrada.tariffs.usage import Usage, zone_named
from elstrada.tariffs.used import unmatched

_ZERO = Decimal(0)
_ONE = Decimal(1)
_HUNDRED = Decimal(100)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_S, _DAY_S, _WEEK_S = 3_600, 86_400, 604_800
_NEVER_S = 10 * _WEEK_S
_LARGE = 15
"""Powers of ten beyond which sums might not be exact in any order."""
_PRICED = {dimension.value: dimension for dimension in Dimension}
_IGNORED = frozenset(
    {
        "CURRENT",
        "ENERGY_EXPORT",
        "ENERGY_IMPORT",
        "MAX_CURRENT",
        "MIN_CURRENT",
        "MAX_POWER",
        "MIN_POWER",
    }
    | {"POWER", "STATE_OF_CHARGE"}
)
"""Volumes that no price here depends on."""
_HEEDED = frozenset(
    {"decimals", "usual_decimals", "part_decimals", "tax_name", "silence_is_no_tax", "sales_tax_countries"}
    | {"derive_power", "steps", "prefer_by_type"}
)
"""Settings of a policy that are heeded here, or ask for prices by power; with another one nothing is plain."""

_PART = {dimension.value: part for dimension, part in PART_OF.items()}
_CONSUMED = ("ENERGY", "TIME", "PARKING_TIME")
"""In the order in which a period's are priced."""

_Candidates = tuple[tuple[Offer, tuple[Rule, ...]], ...]
"""Offers that the clock allows, each with what it asks for besides."""
_STRANGE = Offer(-1, Dimension.FLAT, _ZERO, None, 0, (), None)
"""In place of the offer for a volume whose name is not known here."""


class _Span(msgspec.Struct, frozen=True):
    """The offers between two changes of the clock's prices."""

    flat: _Candidates
    by_name: Mapping[str, Offer | _Candidates | None]
    """By name of volume: the one, where nothing else is asked; None where it costs nothing at any time."""


class _Used(msgspec.Struct):
    """What a session used of one dimension, in time order."""

    offers: list[Offer]
    volumes: list[Decimal]


class _Taken(msgspec.Struct):
    """What a session used."""

    priced: dict[str, _Used]
    """By name of dimension."""
    free: list[tuple[int, int]]
    """What had no price then: the period, and the place of the dimension in ``_CONSUMED``."""


class BulkPrices:
    """One tariff, made ready to price very many sessions with."""

    def __init__(self, by: PriceList, policy: Policy) -> None:
        self._by = by
        self._policy = policy
        self._is_plain = _is_plain(by, policy)
        self._by_component = policy.steps is Steps.BLOCKS
        self._stepped = () if policy.steps is Steps.NONE else _CONSUMED
        self._untaxed = policy.takes_silence_for_no_tax(by.tariff.party.country_code)
        self._edges_s = tuple(minute * 60 for minute in by.edges.minutes)
        """Seconds of the local day at which the clock may change a price, and then that of the next day."""
        self._next_s = (*self._edges_s, self._edges_s[0] + _DAY_S if self._edges_s else _NEVER_S)
        self._spans: dict[tuple[int, int], _Span] = {}
        """By weekday and the number of those passed."""

    def cost(self, usage: Usage) -> Cost | None:
        """What ``price`` gives, without lines; None where it must be asked itself.

        Raises:
            UnknownZone: as ``price``.
        """
        by = self._by
        if not (self._is_plain and usage.periods) or usage.booked or usage.reservation_expired:
            return None
        if usage.currency != by.tariff.currency or not is_valid(by.tariff, usage.start):
            return None
        with localcontext(EXACT):
            taken = self._taken(usage)
            if taken is None:
                return None
            priced = taken.priced
            timed = "PARKING_TIME" if "PARKING_TIME" in priced else "TIME"
            for name in self._stepped:
                used = priced.get(name)
                if used is None:
                    continue
                if self._by_component:
                    _step_each(name, used)
                elif name in ("ENERGY", timed):
                    _step(name, used, range(len(used.volumes)))
            sums = {_PART[name]: self._sum(used) for name, used in priced.items()}
            for one in sums.values():
                if one.net.adjusted() > _LARGE:
                    return None
            return cost_of(sums, by, self._policy, _notes(taken.free, usage) if taken.free else [])

    def _taken(self, usage: Usage) -> _Taken | None:
        """What the session used, each at its price; None where it is not plain."""
        marks = _marks(usage)
        offset_s = None if marks is None else _offset_between(usage.time_zone, marks[0], marks[-1])
        if marks is None or offset_s is None:
            return None
        taken = _Taken({}, [])
        priced, seconds_edges = taken.priced, self._by.edges.seconds
        energy, energy_edges = _ZERO, self._by.edges.energies
        span, first_s, span_end_s = None, marks[0], marks[0]
        for index, period in enumerate(usage.periods):
            begin_s, end_s, dimensions = marks[index], marks[index + 1], period.dimensions
            if span is None or begin_s >= span_end_s:
                span, length_s = self._span_at(begin_s + offset_s, period, usage)
                span_end_s = begin_s + length_s
            if end_s > span_end_s or self._is_strange(period):
                return None
            elapsed_s = begin_s - first_s
            for seconds in seconds_edges:
                if elapsed_s < seconds < end_s - first_s:
                    return None
            if span.flat and "FLAT" not in priced:
                offer = _first(span.flat, energy, elapsed_s)
                if offer is not None:
                    priced["FLAT"] = _Used([offer], [_ONE])
            added = _ZERO
            for one in dimensions:
                name, volume = one.type, one.volume
                offers = span.by_name.get(name, _STRANGE)
                if offers is _STRANGE or volume.is_signed():
                    return None
                if not volume:
                    continue
                if name == "ENERGY":
                    added = volume
                if offers is None:
                    continue
                offer = offers if isinstance(offers, Offer) else _first(offers, energy, elapsed_s)
                used = priced.get(name)
                if offer is None:
                    taken.free.append((index, _CONSUMED.index(name)))
                elif used is None:
                    priced[name] = _Used([offer], [volume])
                else:
                    used.offers.append(offer)
                    used.volumes.append(volume)
            if energy_edges:
                for bound in energy_edges:
                    if energy < bound < energy + added:
                        return None
                energy += added
        return taken

    def _is_strange(self, period: ChargingPeriod) -> bool:
        """Does it name another tariff, or tell a volume twice (of which the last counts)?"""
        named = period.tariff_id
        if named is not None and named.upper() != self._by.tariff.id.upper():
            return True
        dimensions = period.dimensions
        if len(dimensions) == 2:
            return dimensions[0].type == dimensions[1].type
        return len({one.type for one in dimensions}) < len(dimensions)

    def _span_at(self, local_s: int, period: ChargingPeriod, usage: Usage) -> tuple[_Span, int]:
        """The stretch of the week that a period begins in, and how many seconds are left of it."""
        day, second = divmod(local_s, _DAY_S)
        passed = bisect_right(self._edges_s, second)
        span = self._spans.get((day % 7, passed))
        if span is None:
            local = period.start_date_time.astimezone(zone_named(usage.time_zone))
            span = self._spans[day % 7, passed] = self._span(local)
        return span, self._next_s[passed] - second

    def _span(self, local: datetime) -> _Span:
        now = Situation(local, _ZERO, 0, {})
        found: dict[str, Offer | _Candidates | None] = dict.fromkeys(_IGNORED)
        for name in _CONSUMED:
            offers = self._by.session.get(_PRICED[name])
            allowed = None if offers is None else _allowed(offers, now)
            found[name] = allowed[0][0] if allowed and not allowed[0][1] else allowed
        return _Span(_allowed(self._by.session.get(Dimension.FLAT, ()), now), found)

    def _sum(self, used: _Used) -> Sum:
        """Add up exactly, tax by rate, as ``summed`` does of prices without tax (rules 12, A19)."""
        volumes, offers = used.volumes, used.offers
        if offers.count(offers[0]) == len(offers):
            return self._taxed(sum(volumes, _ZERO) * offers[0].price, offers[0].vat)
        return together(
            self._taxed(volume * offer.price, offer.vat)
            for offer, volume in zip(offers, volumes, strict=True)
        )

    def _taxed(self, net: Decimal, rate: Decimal | None) -> Sum:
        if rate is not None:
            return Sum(net, {rate: net * rate / _HUNDRED})
        return Sum(net, {} if not net or self._untaxed else None)


def _notes(free: list[tuple[int, int]], usage: Usage) -> list[str]:
    """Of what was free when nothing matched, in the order of ``price``."""
    notes = Notes()
    for index, n in sorted(free):
        notes.add(unmatched(_CONSUMED[n], usage.periods[index].start_date_time))
    return notes.texts()


def _step_each(name: str, used: _Used) -> None:
    """Bring what each price component was charged for to its own steps."""
    elements = [offer.element for offer in used.offers]
    for element in dict.fromkeys(elements):
        _step(name, used, [n for n, one in enumerate(elements) if one == element])


def _step(name: str, used: _Used, group: Sequence[int]) -> None:
    """Bring these volumes to whole steps of the last, which takes the surplus (rule 10)."""
    last = group[-1]
    step = used.offers[last].step_size
    if step <= 0:
        return
    per_unit = 1000 if name == "ENERGY" else 3600
    volumes = used.volumes if len(group) == len(used.volumes) else [used.volumes[n] for n in group]
    _, billed = units_billed(volumes, step, per_unit)
    surplus = billed / per_unit - sum(volumes, _ZERO)
    if surplus:
        used.volumes[last] = with_surplus(used.volumes[last], surplus)


def _is_plain(by: PriceList, policy: Policy) -> bool:
    """Can a session by this tariff be plain at all?"""
    usual = Policy()
    names = [name for name in policy.__struct_fields__ if name not in _HEEDED]
    offers = [offer for some in by.session.values() for offer in some]
    return (
        all(getattr(policy, name) == getattr(usual, name) for name in names)
        and by.tariff.tax_included is TaxIncluded.NO
        and not (by.banded or by.bookings)
        and not any(one.limits and (one.limits.start_date or one.limits.end_date) for one in offers)
        and all(rule.minutes or rule.seconds or rule.energies for one in offers for rule in one.rules)
    )


def _allowed(offers: Sequence[Offer], now: Situation) -> _Candidates:
    """The offers that the clock allows, up to the first that asks for nothing else."""
    allowed: list[tuple[Offer, tuple[Rule, ...]]] = []
    for offer in offers:
        if all(rule.holds(now) for rule in offer.rules if rule.minutes):
            rest = tuple(rule for rule in offer.rules if not rule.minutes)
            allowed.append((offer, rest))
            if not rest:
                break
    return tuple(allowed)


def _first(candidates: _Candidates, energy: Decimal, elapsed_s: int) -> Offer | None:
    for offer, rest in candidates:
        if not rest:
            return offer
        now = Situation(_EPOCH, energy, elapsed_s, {})  # The clock has been asked.
        if all(rule.holds(now) for rule in rest):
            return offer
    return None


def _marks(usage: Usage) -> list[int] | None:
    """Where periods begin, and the last ends, in seconds since 1970; None if not all are whole."""
    first = usage.periods[0].start_date_time
    if first.microsecond:
        return None
    first_s = int(first.timestamp())
    marks = [first_s]
    for period in usage.periods[1:]:
        passed = period.start_date_time - first
        if passed.microseconds:
            return None
        marks.append(first_s + passed.days * _DAY_S + passed.seconds)
    passed = usage.end - first
    if passed.microseconds:
        return None
    marks.append(first_s + passed.days * _DAY_S + passed.seconds)
    return marks


def _offset_between(zone: str, begin_s: int, end_s: int) -> int | None:
    """How far the local clock is ahead from one instant to the other, in seconds; None if that may change."""
    begin, end = _offset(zone, begin_s // _HOUR_S), _offset(zone, end_s // _HOUR_S)
    return begin if begin == end and end_s - begin_s < _WEEK_S else None


@lru_cache(maxsize=20_000)
def _offset(zone: str, hour: int) -> int | None:
    """The same within an hour since 1970; clocks change no more than once in it."""
    first = _EPOCH + timedelta(hours=hour)
    named = zone_named(zone)
    at = [(first + timedelta(seconds=s)).astimezone(named).utcoffset() for s in (0, _HOUR_S - 1)]
    assert at[0] is not None, "a zone's time is aware"
    return int(at[0].total_seconds()) if at[0] == at[1] else None
