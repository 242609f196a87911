"""What charging will cost, told before it starts: the components of a tariff, and an estimate of a planned session.

Components stand in the order of Regulation (EU) 2023/1804 (AFIR), Art. 5: per kWh, per minute, per
session, and then what else there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from enum import StrEnum

import msgspec

from elstrada.model.cost import Cost
from elstrada.model.quantity import hours, kwh
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import Dimension, PriceLimit, Tariff, TariffRestrictions, TaxIncluded
from elstrada.tariffs.choose import is_valid
from elstrada.tariffs.compile import Offer, Offers, PriceList, compiled
from elstrada.tariffs.policy import EXACT, OCPI_2_3_0, Policy
from elstrada.tariffs.price import price_with
from elstrada.tariffs.refusals import NoTariff
from elstrada.tariffs.restrictions import Situation, rules_of
from elstrada.tariffs.segment import split
from elstrada.tariffs.usage import Usage, zone_named

_HUNDRED = Decimal(100)
_MINUTES = Decimal(60)
_PLACES = Decimal("1e-6")
_FOUR_DECIMALS = Decimal("0.0001")
_ORDER = (Dimension.ENERGY, Dimension.TIME, Dimension.FLAT, Dimension.PARKING_TIME)
_OF_RESERVATIONS = (Dimension.TIME, Dimension.FLAT)
"""What a reservation or a booking has a price for (rule 15)."""


class Phase(StrEnum):
    """What of a stay a component prices."""

    SESSION = "SESSION"
    RESERVATION = "RESERVATION"
    """The reservation that the session follows."""
    RESERVATION_EXPIRED = "RESERVATION_EXPIRED"
    """A reservation that no session follows."""
    BOOKING = "BOOKING"
    """A booking, beside its session (OCPI bookings 1.1)."""
    BOOKING_EXPIRES = "BOOKING_EXPIRES"
    """A booking that nobody came for."""
    BOOKING_CANCELLATION_FEES = "BOOKING_CANCELLATION_FEES"
    BOOKING_OVERTIME = "BOOKING_OVERTIME"
    """What a session lasts longer than was booked."""


_OF_BOOKINGS = (
    *(Phase.BOOKING, Phase.BOOKING_EXPIRES),
    *(Phase.BOOKING_CANCELLATION_FEES, Phase.BOOKING_OVERTIME),
)


class Per(StrEnum):
    KWH = "kWh"
    MINUTE = "minute"
    SESSION = "session"


_PER = {Dimension.ENERGY: Per.KWH, Dimension.FLAT: Per.SESSION}


class AtStart(StrEnum):
    """Is this the price with which a session begins at the moment of the quote?"""

    YES = "YES"
    NO = "NO"
    UNKNOWN = "UNKNOWN"
    """It depends on power or current, which nobody knows yet."""


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """One price of a tariff, as it may come to apply."""

    phase: Phase
    dimension: Dimension
    per: Per
    before_taxes: Decimal | None
    """For one kWh, minute or session, to six decimals. None: the tariff tells only the price with tax."""
    after_taxes: Decimal | None
    """None: the tax is not known."""
    vat: Decimal | None
    """Percent; None: no tax, or an unknown one."""
    step_size: int
    """Wh or seconds that are billed at least at a time; 0: none."""
    element: int
    """Index in the tariff's elements, from 0. Where several apply, the first of a dimension counts."""
    restrictions: TariffRestrictions | None
    at_start: AtStart


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """All prices of one tariff."""

    tariff: str
    """With its party: ``SE*ELS*T1``."""
    currency: str
    at: datetime
    time_zone: str
    """On whose clock times of day are meant."""
    components: tuple[Component, ...]
    """In the order of AFIR; those that can never come to apply are left out."""
    free: tuple[Dimension, ...]
    """What is never charged."""
    min_price: PriceLimit | None
    """Of one session."""
    max_price: PriceLimit | None
    valid_until: datetime | None
    """A session that starts before keeps its price."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A session that somebody thinks of."""

    start: datetime
    energy_wh: int
    duration_s: int
    """Of charging, at even power."""
    parked_s: int = 0
    """After charging."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a planned session would cost."""

    plan: Plan
    usage: Usage
    cost: Cost


def quote(tariff: Tariff, at: datetime, time_zone: str, policy: Policy = OCPI_2_3_0) -> Quote:
    """The prices of a tariff for a session that starts at a moment.

    Args:
        time_zone: IANA name of the location's zone.
    Raises:
        NoTariff: it is not valid then.
        NotPriced: the zone does not exist, or a restriction cannot be read.
    """
    if not is_valid(tariff, at):
        raise NoTariff(f"tariff {tariff.party}*{tariff.id} is not valid at {at.isoformat()}")
    by, zone = compiled(tariff), zone_named(time_zone)
    with localcontext(EXACT):
        components = tuple(_components(by, at.astimezone(zone), policy))
    charged = {one.dimension for one in components if one.phase is Phase.SESSION}
    return Quote(
        tariff=by.name,
        currency=tariff.currency,
        at=at,
        time_zone=time_zone,
        components=components,
        free=tuple(dimension for dimension in _ORDER if dimension not in charged),
        min_price=tariff.min_price,
        max_price=tariff.max_price,
        valid_until=tariff.end_date_time,
    )


def planned(start: datetime, energy_wh: int, *, power_w: int, parked_s: int = 0) -> Plan:
    """A plan whose duration follows from the power; a second begun counts."""
    return Plan(
        start=start, energy_wh=energy_wh, duration_s=-(-energy_wh * 3600 // power_w), parked_s=parked_s
    )


def estimate(tariff: Tariff, plan: Plan, time_zone: str, policy: Policy = OCPI_2_3_0) -> Estimate:
    """What a planned session would cost, priced as its CDR will be: cut wherever a price changes.

    Raises:
        NotPriced: as ``price`` does.
    """
    if not is_valid(tariff, plan.start):
        raise NoTariff(f"tariff {tariff.party}*{tariff.id} is not valid at {plan.start.isoformat()}")
    by = compiled(tariff)
    usage = _usage(plan, time_zone, tariff.currency)
    usage = msgspec.structs.replace(usage, periods=split(usage, by))
    return Estimate(plan=plan, usage=usage, cost=price_with(usage, [by], policy))


# --- the components ---------------------------------------------------------------------------------


def _components(by: PriceList, local: datetime, policy: Policy) -> Iterator[Component]:
    now = Situation(local, Decimal(0), 0, {}, policy)
    yield from _of_phase(by, by.session, Phase.SESSION, now, policy)
    yield from _of_phase(by, by.reservation, Phase.RESERVATION, now, policy)
    yield from _of_phase(by, _own(by.expired, by.reservation), Phase.RESERVATION_EXPIRED, now, policy)
    booking = by.of_bookings.get(Phase.BOOKING, {})
    for phase in _OF_BOOKINGS:
        offers = by.of_bookings.get(phase, {})
        expires = phase is Phase.BOOKING_EXPIRES
        yield from _of_phase(by, _own(offers, booking) if expires else offers, phase, now, policy)


def _own(offers: Offers, usual: Offers) -> Offers:
    """What is not as usual."""
    return {dimension: found for dimension, found in offers.items() if found != usual.get(dimension)}


def _of_phase(
    by: PriceList, offers: Offers, phase: Phase, now: Situation, policy: Policy
) -> Iterator[Component]:
    for dimension in _ORDER if phase is Phase.SESSION else _OF_RESERVATIONS:
        possible = list(_possible(offers.get(dimension, ()), now))
        for offer, at_start in zip(possible, _at_start(possible, now), strict=True):
            before, after = taxed(offer, by.tariff, policy)
            share = Decimal(1) if dimension in _PER else _MINUTES
            yield Component(
                phase=phase,
                dimension=dimension,
                per=_PER.get(dimension, Per.MINUTE),
                before_taxes=_per(before, share),
                after_taxes=_per(after, share),
                vat=None if policy.tax_in(by.tariff) is TaxIncluded.NOT_APPLICABLE else offer.vat,
                step_size=0 if dimension is Dimension.FLAT else offer.step_size,
                element=offer.element,
                restrictions=offer.limits,
                at_start=at_start,
            )


def taxed(offer: Offer, tariff: Tariff, policy: Policy) -> tuple[Decimal | None, Decimal | None]:
    """A price before and after taxes, None for what is not known (rule 14, A14, A19)."""
    match policy.tax_in(tariff), offer.vat:
        case TaxIncluded.NOT_APPLICABLE, _:
            return offer.price, offer.price
        case TaxIncluded.YES, None:
            return offer.price if policy.untaxed_gross else None, offer.price
        case TaxIncluded.NO, None:
            untaxed = not offer.price or policy.takes_silence_for_no_tax(tariff.party.country_code)
            return offer.price, offer.price if untaxed else None
        case TaxIncluded.YES, Decimal() as vat:
            return offer.price * _HUNDRED / (_HUNDRED + vat), offer.price
        case TaxIncluded.NO, Decimal() as vat:
            return offer.price, offer.price * (_HUNDRED + vat) / _HUNDRED


def _per(price: Decimal | None, share: Decimal) -> Decimal | None:
    if price is None:
        return None
    rounded = (price / share).quantize(_PLACES).normalize()
    return rounded.quantize(Decimal(1)) if rounded == rounded.to_integral_value() else rounded


def _possible(offers: tuple[Offer, ...], now: Situation) -> Iterator[Offer]:
    """Offers that may come to apply: not those of days that are over, nor those behind one that always does."""
    for offer in offers:
        end = offer.limits and offer.limits.end_date
        if end is None or now.local.date().isoformat() < end:
            yield offer
        if all(rule.always for rule in offer.rules):
            return


def _at_start(offers: Sequence[Offer], now: Situation) -> Iterator[AtStart]:
    """Of the offers of one dimension, in their order, which may be the first that applies."""
    settled, unsure = False, False
    for offer in offers:
        if settled:
            yield AtStart.NO
        elif _is_banded(offer.limits):
            possible = _rest_holds(offer, now)
            unsure = unsure or possible
            yield AtStart.UNKNOWN if possible else AtStart.NO
        else:
            settled = offer.applies(now)
            yield (AtStart.UNKNOWN if unsure else AtStart.YES) if settled else AtStart.NO


def _rest_holds(offer: Offer, now: Situation) -> bool:
    """Do all but the limits of power and current hold?"""
    assert offer.limits is not None, "only limits are bands"
    bare = msgspec.structs.replace(
        offer.limits, min_power=None, max_power=None, min_current=None, max_current=None
    )
    return all(rule.holds(now) for rule in rules_of(bare))


def _is_banded(limits: TariffRestrictions | None) -> bool:
    return limits is not None and any(
        bound is not None
        for bound in (limits.min_power, limits.max_power, limits.min_current, limits.max_current)
    )


# --- the plan ---------------------------------------------------------------------------------------


def _usage(plan: Plan, time_zone: str, currency: str) -> Usage:
    charged = plan.start + timedelta(seconds=plan.duration_s)
    end = charged + timedelta(seconds=plan.parked_s)
    return Usage(
        start=plan.start,
        end=end,
        time_zone=time_zone,
        currency=currency,
        periods=tuple(_periods(plan, charged)),
    )


def _periods(plan: Plan, charged: datetime) -> Iterator[ChargingPeriod]:
    if plan.duration_s:
        energy = kwh(plan.energy_wh)
        power = (energy * 3600 / plan.duration_s).quantize(_FOUR_DECIMALS)
        volumes = {
            "ENERGY": energy,
            "TIME": hours(timedelta(seconds=plan.duration_s)),
            "MIN_POWER": power,
            "MAX_POWER": power,
        }
        yield ChargingPeriod(plan.start, tuple(PeriodDimension(*one) for one in volumes.items()))
    if plan.parked_s:
        yield ChargingPeriod(
            charged, (PeriodDimension("PARKING_TIME", hours(timedelta(seconds=plan.parked_s))),)
        )
