"""What a session costs by its tariff, period by period, with the reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal, localcontext

from elstrada.model.cost import Cost
from elstrada.model.session import ChargingPeriod
from elstrada.model.tariff import Dimension, Tariff
from elstrada.tariffs.booked import BookingCharges, booking_charges, refuse_untold_time
from elstrada.tariffs.charge import Charge, stepped
from elstrada.tariffs.choose import is_valid, rank
from elstrada.tariffs.compile import PriceList, compiled
from elstrada.tariffs.notes import Notes
from elstrada.tariffs.policy import EXACT, OCPI_2_3_0, Policy
from elstrada.tariffs.refusals import NoTariff, WrongCurrency
from elstrada.tariffs.restrictions import Situation
from elstrada.tariffs.total import summed
from elstrada.tariffs.usage import Usage, is_apart, volumes_of, zone_named
from elstrada.tariffs.used import SessionCharges, first_of, note_free, origin_of

_ONE = Decimal(1)
_RESERVATION, _EXPIRED = "RESERVATION_TIME", "RESERVATION_EXPIRES"
_RESERVED = frozenset({_RESERVATION, _EXPIRED})


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
        notes = Notes()
        if usage.booked:
            refuse_untold_time(usage, _first(usage, valid))
        zone = zone_named(usage.time_zone)
        session = SessionCharges(zone, origin_of(usage, policy), policy, notes, usage.cut)
        booking = booking_charges(usage, zone, policy) if usage.booked else None
        charges = stepped(list(_charges(usage, valid, session, booking)), policy, session.free)
        return summed(charges, _first(usage, valid), policy, notes.texts())


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


def _charges(
    usage: Usage, valid: Sequence[PriceList], session: SessionCharges, booking: BookingCharges | None
) -> Iterator[Charge]:
    """Every priced volume, in time order, before step_size."""
    policy, notes = session.policy, session.notes
    fixed_due = True  # Of the reservation: once, as that of the session (rule 8, A10).
    if len(valid) > 1 and any(period.tariff_id is None for period in usage.periods):
        notes.add(_note_untold(valid, policy))
    for period, end in usage.stretches():
        by = _list_for(period, valid, usage)
        volumes = volumes_of(period)
        if booking is not None and by.bookings:
            notes.add(_note_booking(by))
            yield from booking.of(period, by, volumes, session.energy)
        elif not _RESERVED.isdisjoint(volumes):
            now = session.situation(period.start_date_time, end, volumes, usage.start)
            for one in _of_reservation(usage, period, by, now, notes):
                if one.dimension is not Dimension.FLAT:
                    yield one
                elif fixed_due:
                    fixed_due = False
                    session.fixed_due &= not policy.one_fixed_price
                    yield one
        if not is_apart(volumes):
            yield from session.of(period, end, by, volumes)
            fixed_due &= session.fixed_due or not policy.one_fixed_price
    if session.returned and not policy.energy_back_is_free:
        notes.add(
            f"{session.returned} kWh flowed back: they are set off, each at the price of its time (A22)"
        )


def _of_reservation(
    usage: Usage, period: ChargingPeriod, by: PriceList, now: Situation, notes: Notes
) -> Iterator[Charge]:
    """What a reservation costs in a period: its fixed price, and TIME alone (rule 15)."""
    lapsed = now.volumes.get(_EXPIRED)
    offers = by.expired if usage.reservation_expired or lapsed is not None else by.reservation
    hours = now.volumes.get(_RESERVATION, lapsed)
    assert hours is not None, "one of them is told"
    for dimension, volume in ((Dimension.FLAT, _ONE), (Dimension.TIME, hours)):
        offer = first_of(offers, dimension, now)
        if offer is not None:
            yield Charge(dimension, True, period.start_date_time, by, offer, volume, volume)
        elif dimension is Dimension.TIME:
            note_free(offers, dimension, now, period, notes)


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
