"""Prices for very many sessions: the same costs as ``price``, without the lines, where all is plain.

A session is plain where no note is to be made of it: one tariff, no reservation or booking, a price for all
it used, and no price that changes within a period. Which price the clock allows is found once for each
stretch of the week, by the tariff's own rules. Anything else is left to ``price``, so there is one reading of tariffs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from functools import lru_cache

import msgspec

from elstrada.model.cost import Cost
from elstrada.model.tariff import Dimension, TaxIncluded
from elstrada.tariffs.charge import units_billed, with_surplus
from elstrada.tariffs.choose import is_valid
from elstrada.tariffs.compile import Offer, PriceList
from elstrada.tariffs.policy import EXACT, Policy, Steps
from elstrada.tariffs.restrictions import Rule, Situation
from elstrada.tariffs.total import PART_OF, Sum, cost_of, together
from elstrada.tariffs.usage import Usage, zone_named

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
        "FLAT",
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

_STEPPED = frozenset({"ENERGY", "TIME", "PARKING_TIME"})

_Candidates = tuple[tuple[Offer, tuple[Rule, ...]], ...]
"""Offers that the clock allows, each with what it asks for besides."""
_Span = Mapping[str, _Candidates | None]
"""Those between two changes of the clock's prices by name of volume; None where it costs nothing at any time."""


class _Used(msgspec.Struct):
    """What a session used of one dimension, in time order."""

    offers: list[Offer]
    volumes: list[Decimal]


class BulkPrices:
    """One tariff, made ready to price very many sessions with."""

    def __init__(self, by: PriceList, policy: Policy) -> None:
        self._by = by
        self._policy = policy
        self._is_plain = _is_plain(by, policy)
        self._by_component = policy.steps is Steps.BLOCKS
        self._stepped = frozenset[str]() if policy.steps is Steps.NONE else _STEPPED
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
            used = self._used(usage)
            if not used:
                return None
            timed = "PARKING_TIME" if "PARKING_TIME" in used else "TIME"
            for name in self._stepped & used.keys():
                if self._by_component:
                    _step_each(name, used[name])
                elif name in ("ENERGY", timed):
                    _step(name, used[name], range(len(used[name].volumes)))
            sums = {PART_OF[_PRICED[name]]: self._sum(some) for name, some in used.items()}
            if max([one.net.adjusted() for one in sums.values()]) > _LARGE:
                return None
            return cost_of(sums, by, self._policy, [])

    def _used(self, usage: Usage) -> dict[str, _Used] | None:
        """Every priced volume by the name of its dimension."""
        marks = _marks(usage)
        offset_s = None if marks is None else _offset_between(usage.time_zone, marks[0], marks[-1])
        if marks is None or offset_s is None:
            return None
        used: dict[str, _Used] = {}
        energy, named = _ZERO, self._by.tariff.id.upper()
        seconds_edges, energy_edges = self._by.edges.seconds, self._by.edges.energies
        for index, period in enumerate(usage.periods):
            if period.tariff_id is not None and period.tariff_id.upper() != named:
                return None
            if len({one.type for one in period.dimensions}) < len(period.dimensions):
                return None  # Of a volume told twice the last counts.
            begin_s, length_s = marks[index], marks[index + 1] - marks[index]
            elapsed_s = begin_s - marks[0]
            day, second = divmod(begin_s + offset_s, _DAY_S)
            passed = bisect_right(self._edges_s, second)
            if self._next_s[passed] - second < length_s:
                return None
            for seconds in seconds_edges:
                if elapsed_s < seconds < elapsed_s + length_s:
                    return None
            span = self._spans.get((day % 7, passed))
            if span is None:
                local = period.start_date_time.astimezone(zone_named(usage.time_zone))
                span = self._spans[day % 7, passed] = self._span(local)
            if "FLAT" not in used and (offer := _first(span["FLAT"], energy, elapsed_s)):
                used["FLAT"] = _Used([offer], [_ONE])
            taken = _ZERO
            for one in period.dimensions:
                name, volume = one.type, one.volume
                if volume.is_signed() or name not in span or name == "FLAT":
                    return None
                if name == "ENERGY":
                    taken = volume
                candidates = span[name]
                if candidates is None or not volume:
                    continue
                offer = _first(candidates, energy, elapsed_s)
                if offer is None:
                    return None
                known = used.get(name)
                if known is None:
                    used[name] = _Used([offer], [volume])
                else:
                    known.offers.append(offer)
                    known.volumes.append(volume)
            for bound in energy_edges:
                if energy < bound < energy + taken:
                    return None
            energy += taken
        return used

    def _span(self, local: datetime) -> _Span:
        now = Situation(local, _ZERO, 0, {})
        found: dict[str, _Candidates | None] = dict.fromkeys(_IGNORED)
        for name, dimension in _PRICED.items():
            offers = self._by.session.get(dimension)
            found[name] = None if offers is None else _allowed(offers, now)
        return found

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
    volumes = [used.volumes[n] for n in group]
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


def _first(candidates: _Candidates | None, energy: Decimal, elapsed_s: int) -> Offer | None:
    for offer, rest in candidates or ():
        if not rest:
            return offer
        now = Situation(_EPOCH, energy, elapsed_s, {})  # The clock has been asked.
        if all(rule.holds(now) for rule in rest):
            return offer
    return None


def _marks(usage: Usage) -> list[int] | None:
    """Where periods begin, and the last ends, in seconds since 1970; None if not all are whole."""
    marks: list[int] = []
    for at in (*[period.start_date_time for period in usage.periods], usage.end):
        if at.microsecond:
            return None
        marks.append(int(at.timestamp()))
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
