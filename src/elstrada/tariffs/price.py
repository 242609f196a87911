"""What a session costs by its tariff, period by period, with the reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from zoneinfo import ZoneInfo

from elstrada.model.cost import Cost
from elstrada.model.session import ChargingPeriod
from elstrada.model.tariff import Dimension, Tariff
from elstrada.tariffs.booked import booking_charges, refuse_untold_time
from elstrada.tariffs.charge import Charge, stepped
from elstrada.tariffs.choose import is_valid, rank
from elstrada.tariffs.compile import Offer, Offers, PriceList, best, compiled
from elstrada.tariffs.policy import EXACT, OCPI_2_3_0, Policy
from elstrada.tariffs.refusals import NoTariff, WrongCurrency
from elstrada.tariffs.restrictions import Situation, doubts
from elstrada.tariffs.segment import first_change
from elstrada.tariffs.total import summed
from elstrada.tariffs.usage import Usage, is_apart, volumes_of, zone_named

_ZERO = Decimal(0)
_ONE = Decimal(1)
_SECOND = timedelta(seconds=1)
_PRICED = {
    "ENERGY": Dimension.ENERGY,
    "TIME": Dimension.TIME,
    "PARKING_TIME": Dimension.PARKING_TIME,
}
_RESERVATION = "RESERVATION_TIME"


def price(usage: Usage, tariffs: Sequence[Tariff], policy: Policy = OCPI_2_3_0) -> Cost:
    """Price a usage, period by period, and keep the reasons.

    Args:
        usage: periods in time order, volumes in kWh and hours.
        tariffs: candidates; a period's ``tariff_id`` chooses, else the first valid at the start.
    Returns:
        Cost whose tax lines sum to ``after_taxes - before_taxes`` exactly. A dimension no element
        prices is free (rule 7), and a note says so where the tariff prices it at other times.
    Raises:
        NotPriced: no tariff is valid at the start, currencies or zone do not fit, or the net amount
            cannot be known. A missing price is never zero.
    Source: OCPI 2.3.0 mod_tariffs, mod_cdrs (step_size).
    """
    return price_with(usage, [compiled(tariff) for tariff in tariffs], policy)


def price_with(usage: Usage, lists: Sequence[PriceList], policy: Policy = OCPI_2_3_0) -> Cost:
    """As ``price``, by tariffs compiled before: for pricing many sessions."""
    with localcontext(EXACT):
        valid = _valid(usage, lists, policy)
        notes: list[str] = []
        if usage.booked:
            refuse_untold_time(usage, _first(usage, valid))
        charges = stepped(list(_charges(usage, valid, policy, notes)), policy.steps)
        return summed(charges, _first(usage, valid), policy, notes)


def _valid(usage: Usage, lists: Sequence[PriceList], policy: Policy) -> list[PriceList]:
    """The lists valid at the session's start, in front the one for periods that name none (rules 1, 2; A17)."""
    valid = [one for one in lists if is_valid(one.tariff, usage.start)]
    if not valid:
        given = ", ".join(one.name for one in lists) or "none given"
        raise NoTariff(f"no tariff is valid at {usage.start.isoformat()} (looked at: {given})")
    if len(valid) > 1 and policy.prefer_by_type:
        valid.sort(key=lambda one: rank(one.tariff, ad_hoc=False))
    return valid


def _first(usage: Usage, valid: Sequence[PriceList]) -> PriceList:
    """The list of the first period, whose limits hold for the whole session."""
    return _list_for(usage.periods[0] if usage.periods else None, valid, usage)


def _list_for(period: ChargingPeriod | None, valid: Sequence[PriceList], usage: Usage) -> PriceList:
    """The list that a period names, else the first (rules 1, 16)."""
    if period is not None and period.tariff_id is not None:
        return _named(period.tariff_id, valid, usage)
    first = valid[0]
    if first.tariff.currency != usage.currency:
        raise WrongCurrency(
            f"tariff {first.name} is in {first.tariff.currency}, the session in {usage.currency}; "
            "nothing is converted (rule 16)"
        )
    return first


def _named(tariff_id: str, valid: Sequence[PriceList], usage: Usage) -> PriceList:
    for one in valid:
        if one.tariff.id.upper() == tariff_id.upper() and one.tariff.currency == usage.currency:
            return one
    known = ", ".join(f"{one.tariff.id} in {one.tariff.currency}" for one in valid)
    raise NoTariff(
        f"a period is priced by tariff {tariff_id} in {usage.currency}; "
        f"valid at {usage.start.isoformat()} are only: {known}"
    )


def _charges(usage: Usage, valid: Sequence[PriceList], policy: Policy, notes: list[str]) -> Iterator[Charge]:
    """Every priced volume, in time order, before step_size."""
    zone = zone_named(usage.time_zone)
    origin = _origin(usage)
    energy = _ZERO
    flat_due, reserved_flat_due = True, True  # Once for the session, once for the reservation (rule 8, A10).
    returned = _ZERO
    if len(valid) > 1 and any(period.tariff_id is None for period in usage.periods):
        notes.append(_note_untold(valid, policy))
    choose = _of_one_element if policy.one_element else _best
    booking = booking_charges(usage, zone) if usage.booked else None
    for period, end in usage.stretches():
        by = _list_for(period, valid, usage)
        volumes = volumes_of(period)
        if booking is not None and by.bookings:
            notes.append(_note_booking(by))
            yield from booking.of(period, by, volumes, energy)
        elif _RESERVATION in volumes:
            now = _situation(period, end, zone, usage.start, energy, volumes, policy)
            reserved = list(_of_reservation(usage, period, by, volumes[_RESERVATION], now, notes))
            yield from (one for one in reserved if reserved_flat_due or one.dimension is not Dimension.FLAT)
            reserved_flat_due &= all(one.dimension is not Dimension.FLAT for one in reserved)
        if is_apart(volumes):
            continue
        now = _situation(period, end, zone, origin, energy, volumes, policy)
        if flat_due:
            offer = choose(by.session, Dimension.FLAT, now)
            if offer is not None:
                flat_due = False
                yield Charge(Dimension.FLAT, False, period.start_date_time, by, offer, _ONE, _ONE)
        for dimension, volume in _consumed(volumes):
            offer = choose(by.session, dimension, now)
            if offer is None:
                _note_free(by.session, dimension, now, period, notes)
            else:
                yield Charge(dimension, False, period.start_date_time, by, offer, volume, volume)
        if by.banded:
            notes.extend(_doubts(by, volumes, period))
        taken = volumes.get("ENERGY", _ZERO)
        if not usage.cut:
            _note_span(by, now, end, taken, origin, notes)
        energy += taken
        if taken < 0:
            returned -= taken
    if returned:
        notes.append(f"{returned} kWh flowed back: they are set off, each at the price of its time (A22)")


def _of_reservation(
    usage: Usage, period: ChargingPeriod, by: PriceList, hours: Decimal, now: Situation, notes: list[str]
) -> Iterator[Charge]:
    """What a reservation costs in a period: its fixed price, and TIME alone (rule 15)."""
    offers = by.expired if usage.reservation_expired else by.reservation
    for dimension, volume in ((Dimension.FLAT, _ONE), (Dimension.TIME, hours)):
        offer = _best(offers, dimension, now)
        if offer is not None:
            yield Charge(dimension, True, period.start_date_time, by, offer, volume, volume)
        elif dimension is Dimension.TIME:
            _note_free(offers, dimension, now, period, notes)


def _best(offers: Offers, dimension: Dimension, now: Situation) -> Offer | None:
    """The first offer for a dimension that applies (rule 3)."""
    return best(offers.get(dimension, ()), now)


def _of_one_element(offers: Offers, dimension: Dimension, now: Situation) -> Offer | None:
    """What the first element that applies offers for a dimension: it prices the whole period (A18)."""
    offer = _best(offers, dimension, now)
    found = [best(some, now) for some in offers.values()]
    first = min((one.element for one in found if one is not None), default=None)
    return offer if offer is not None and offer.element == first else None


def _origin(usage: Usage) -> datetime:
    """Where durations count from: the first charging period, not the reservation or booking before it (A11)."""
    used = (one.start_date_time for one in usage.periods if not is_apart(volumes_of(one)))
    return next(used, usage.start)


def _situation(
    period: ChargingPeriod,
    end: datetime,
    zone: ZoneInfo,
    origin: datetime,
    energy: Decimal,
    volumes: dict[str, Decimal],
    policy: Policy,
) -> Situation:
    start = period.start_date_time
    if policy.derive_power and "ENERGY" in volumes and "MAX_POWER" not in volumes and end > start:
        mean = volumes["ENERGY"] * 3600 / ((end - start) // _SECOND or 1)
        volumes = {**volumes, "MIN_POWER": mean, "MAX_POWER": mean}
    return Situation(start.astimezone(zone), energy, (start - origin) // _SECOND, volumes)


def _consumed(volumes: dict[str, Decimal]) -> Iterator[tuple[Dimension, Decimal]]:
    """What is to be priced of a period, but for what was reserved."""
    for name, dimension in _PRICED.items():
        volume = volumes.get(name)
        if volume:
            yield dimension, volume


def _note_untold(valid: Sequence[PriceList], policy: Policy) -> str:
    """Which tariff was taken for want of a name."""
    name, kind = valid[0].name, valid[0].tariff.type or "REGULAR"
    if policy.prefer_by_type and rank(valid[-1].tariff, ad_hoc=False) > rank(valid[0].tariff, ad_hoc=False):
        return f"a period names no tariff: {name} was taken, as {kind} goes before the others' types (A17)"
    return f"a period names no tariff: {name} was taken, the first valid at the start (A17)"


def _note_booking(by: PriceList) -> str:
    elements = ", ".join(str(index + 1) for index in by.bookings)
    return (
        f"a booking is priced by tariff {by.name}, element {elements}, beside the session (OCPI bookings 1.1)"
    )


def _note_free(
    offers: Offers, dimension: Dimension, now: Situation, period: ChargingPeriod, notes: list[str]
) -> None:
    at = period.start_date_time.isoformat()
    if _best(offers, dimension, now) is not None:
        notes.append(
            f"{dimension} is free from {at}: the one element that prices all has no price for it (A18)"
        )
    elif dimension in offers:
        notes.append(note_free(dimension, period.start_date_time))


def note_free(dimension: str, at: datetime) -> str:
    """What is said of a volume for which no element matches at the time."""
    return f"{dimension} is free from {at.isoformat()}: no element for it matches then (rule 7)"


def _doubts(by: PriceList, volumes: dict[str, Decimal], period: ChargingPeriod) -> Iterator[str]:
    """Notes on the limits of the elements, each element's once."""
    for element, one in by.bands:
        for doubt in doubts(one, volumes):
            yield f"period at {period.start_date_time.isoformat()}, element {element}: {doubt}"


def _note_span(
    by: PriceList,
    now: Situation,
    end: datetime,
    taken: Decimal,
    origin: datetime,
    notes: list[str],
) -> None:
    changed = first_change(by, now, end, taken, origin)
    if changed is not None:
        notes.append(
            f"period_spans_price_change: a price changes at {changed.isoformat()}, "
            f"within the period from {now.local.isoformat()}, which keeps the price of its start (A1)"
        )
