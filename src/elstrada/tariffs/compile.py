"""A tariff made ready to price with: read once per version, used for many sessions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

import msgspec

from elstrada.model.tariff import Dimension, Tariff, TariffElement, TariffRestrictions
from elstrada.tariffs.refusals import UnusableTariff
from elstrada.tariffs.restrictions import Rule, Situation, rules_of

MOST_DIGITS = 15
"""Before the point, of a price, a rate or a least price: what a session costs then fits what is reckoned with."""


class Offer(msgspec.Struct, frozen=True):
    """One price component with the conditions of its element."""

    element: int
    """Index in the tariff's elements, from 0."""
    dimension: Dimension
    price: Decimal
    vat: Decimal | None
    step_size: int
    rules: tuple[Rule, ...]
    limits: TariffRestrictions | None

    def applies(self, now: Situation) -> bool:
        for rule in self.rules:  # noqa: SIM110  A generator costs three times as much, for every period.
            if not rule.holds(now):
                return False
        return True


Offers = dict[Dimension, tuple[Offer, ...]]
"""Per dimension, in the order of the elements: the first that applies wins (R-61)."""


class Edges(msgspec.Struct, frozen=True):
    """Where any price of a tariff may change."""

    minutes: tuple[int, ...]
    """Local minutes of the day."""
    seconds: tuple[int, ...]
    """Since the session's start."""
    energies: tuple[Decimal, ...]
    """kWh since the session's start."""
    powers: tuple[Decimal, ...] = ()
    """kW."""
    currents: tuple[Decimal, ...] = ()
    """A."""


class PriceList(msgspec.Struct, frozen=True):
    """A compiled tariff."""

    tariff: Tariff
    session: Offers
    reservation: Offers
    expired: Offers
    """For a reservation nobody used."""
    edges: Edges
    bands: tuple[tuple[int, TariffRestrictions], ...] = ()
    """Elements whose prices depend on power or current, with what they ask for."""
    bookings: tuple[int, ...] = ()
    """Elements that say what a booking costs."""
    of_bookings: Mapping[str, Offers] = MappingProxyType({})
    """What they offer, by what they are for: BOOKING, BOOKING_EXPIRES and so on."""

    @property
    def banded(self) -> bool:
        """Some price depends on power or current."""
        return bool(self.bands)

    @property
    def name(self) -> str:
        return f"{self.tariff.party}*{self.tariff.id}"


def compiled(tariff: Tariff) -> PriceList:
    """Read a tariff's elements into offers per dimension.

    Raises:
        UnusableTariff: a restriction cannot be read, or a price is beyond reckoning.
    """
    for place, number in beyond_reckoning(tariff):
        raise UnusableTariff(f"tariff {tariff.party}*{tariff.id}: {place} {too_large(number)}")
    offers = tuple(
        offer for index, element in enumerate(tariff.elements) for offer in _offers(index, element)
    )
    bookings = tuple(dict.fromkeys(offer.element for offer in offers if _is_of_booking(offer)))
    of_bookings = [offer for offer in offers if _is_of_booking(offer)]
    offers = tuple(offer for offer in offers if not _is_of_booking(offer))
    for_session = [o for o in offers if _reservation(o) is None]
    if_used = [o for o in offers if _reservation(o) == "RESERVATION"]
    # Rule 15: an expired reservation falls back to RESERVATION for a dimension it lacks.
    if_expired = [o for o in offers if _reservation(o) == "RESERVATION_EXPIRES"]
    rules = tuple(rule for offer in for_session for rule in offer.rules)
    return PriceList(
        tariff=tariff,
        session=_by_dimension(for_session),
        reservation=_by_dimension(if_used),
        expired=_by_dimension(if_expired + if_used),
        edges=Edges(
            minutes=tuple(sorted({m for rule in rules for m in rule.minutes})),
            seconds=tuple(sorted({s for rule in rules for s in rule.seconds})),
            energies=tuple(sorted({e for rule in rules for e in rule.energies})),
            powers=tuple(sorted({p for rule in rules for p in rule.powers})),
            currents=tuple(sorted({c for rule in rules for c in rule.currents})),
        ),
        bands=_bands(_by_dimension(for_session)),
        bookings=bookings,
        of_bookings=_by_purpose(of_bookings) if of_bookings else MappingProxyType({}),
    )


def beyond_reckoning(tariff: Tariff) -> Iterator[tuple[str, Decimal]]:
    """The numbers of a tariff that nobody means and no cost can be reckoned with, each with its place."""
    if tariff.min_price is not None:
        for name in ("before_taxes", "after_taxes"):
            yield from _if_too_large(f"min_price.{name}", getattr(tariff.min_price, name))
    for index, element in enumerate(tariff.elements):
        for at, component in enumerate(element.price_components):
            place = f"elements[{index}].price_components[{at}]"
            yield from _if_too_large(f"{place}.price", component.price)
            yield from _if_too_large(f"{place}.vat", component.vat)


def _if_too_large(place: str, number: Decimal | None) -> Iterator[tuple[str, Decimal]]:
    if number is not None and number.adjusted() >= MOST_DIGITS:
        yield place, number


def too_large(number: Decimal) -> str:
    """Why a number cannot be reckoned with."""
    return f"{number} is beyond reckoning; expected at most {MOST_DIGITS} digits before the point"


def best(offers: tuple[Offer, ...], now: Situation) -> Offer | None:
    """The first offer that applies (rule 3)."""
    for offer in offers:
        if offer.applies(now):
            return offer
    return None


def _offers(index: int, element: TariffElement) -> Iterable[Offer]:
    limits = element.restrictions
    rules = rules_of(limits) if limits else ()
    for component in element.price_components:
        yield Offer(
            element=index,
            dimension=component.type,
            price=component.price,
            vat=component.vat,
            step_size=component.step_size,
            rules=rules,
            limits=limits,
        )


def _by_dimension(offers: Iterable[Offer]) -> Offers:
    listed: dict[Dimension, list[Offer]] = {}
    for offer in offers:
        listed.setdefault(offer.dimension, []).append(offer)
    return {dimension: tuple(found) for dimension, found in listed.items()}


def _by_purpose(offers: Sequence[Offer]) -> Mapping[str, Offers]:
    """The offers for bookings by their restriction; for an expired one as of a reservation (rule 15)."""
    purposes: dict[str, list[Offer]] = {"BOOKING": [], "BOOKING_EXPIRES": []}
    for offer in offers:
        assert offer.limits is not None, "it says that it is of a booking"
        purposes.setdefault(str(offer.limits.booking), []).append(offer)
    purposes["BOOKING_EXPIRES"] += purposes["BOOKING"]
    return {purpose: _by_dimension(some) for purpose, some in purposes.items()}


def _reservation(offer: Offer) -> str | None:
    return offer.limits.reservation if offer.limits else None


def _is_of_booking(offer: Offer) -> bool:
    return offer.limits is not None and offer.limits.booking is not None


def _bands(offers: Offers) -> tuple[tuple[int, TariffRestrictions], ...]:
    """Each element once, in the order in which its dimensions are priced."""
    limits = {offer.element: offer.limits for some in offers.values() for offer in some if offer.limits}
    return tuple((element, one) for element, one in limits.items() if _has_band(one))


def _has_band(limits: TariffRestrictions) -> bool:
    return not (limits.min_power is limits.max_power is limits.min_current is limits.max_current is None)
