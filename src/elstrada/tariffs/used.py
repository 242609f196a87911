"""What a session used, priced period by period beside its reservation: which price each volume has, and the notes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from elstrada.model.session import ChargingPeriod
from elstrada.model.tariff import Dimension
from elstrada.tariffs.charge import Charge
from elstrada.tariffs.compile import Offer, Offers, PriceList, best
from elstrada.tariffs.notes import Notes
from elstrada.tariffs.policy import Policy
from elstrada.tariffs.restrictions import Situation, doubts
from elstrada.tariffs.segment import first_change, pieces
from elstrada.tariffs.usage import Usage, is_apart, volumes_of

_ZERO = Decimal(0)
_ONE = Decimal(1)
_SECOND = timedelta(seconds=1)
_PRICED = {
    "ENERGY": Dimension.ENERGY,
    "TIME": Dimension.TIME,
    "PARKING_TIME": Dimension.PARKING_TIME,
}


_DOUBTS = frozenset({"A5", "A6"})
"""Kinds of notes on limits of power and current."""


class SessionCharges(msgspec.Struct):
    """Prices the session of one usage, period by period."""

    zone: ZoneInfo
    origin: datetime
    """Durations count from here."""
    policy: Policy
    notes: Notes
    cut: bool = False
    """The periods were cut by the tariff already."""
    energy: Decimal = _ZERO
    """kWh so far."""
    returned: Decimal = _ZERO
    """kWh that flowed back so far."""
    fixed_due: bool = True
    fixed_of: set[tuple[str, int]] = msgspec.field(default_factory=set[tuple[str, int]])
    """Tariffs and elements whose fixed price was charged."""
    free: dict[Dimension, list[Decimal]] = msgspec.field(default_factory=dict[Dimension, list[Decimal]])
    """What was used and has no price."""

    def of(
        self, period: ChargingPeriod, end: datetime, by: PriceList, volumes: dict[str, Decimal]
    ) -> Iterator[Charge]:
        """The charges of a period that is more than a reservation."""
        now = self.situation(period.start_date_time, end, volumes)
        taken = volumes.get("ENERGY", _ZERO)
        changed = None if self.cut else first_change(by, now, end, taken, self.origin)
        if changed is None:
            yield from self._of(period, end, by, volumes, now)
        elif not self.policy.cut_spans:
            yield from self._of(period, end, by, volumes, now)
            self.notes.add(
                f"period_spans_price_change: a price changes at {changed.isoformat()}, "
                f"within the period from {now.local.isoformat()}, which keeps the price of its start (A1)"
            )
        else:
            self.notes.add(
                f"estimated: no reading was made at the change of price at {changed.isoformat()}, "
                "so energy is taken to have flowed evenly between the readings around it (rule 18)"
            )
            for piece, stop in pieces(by, period, end, self.energy, self.origin, self.zone):
                own = volumes_of(piece)
                yield from self._of(piece, stop, by, own, self.situation(piece.start_date_time, stop, own))

    def situation(
        self, start: datetime, end: datetime, volumes: dict[str, Decimal], origin: datetime | None = None
    ) -> Situation:
        """That at the start of a period.

        Args:
            origin: of a reservation: durations count from there.
        """
        if self.policy.derive_power and "ENERGY" in volumes and "MAX_POWER" not in volumes and end > start:
            mean = volumes["ENERGY"] * 3600 / ((end - start) // _SECOND or 1)
            volumes = {**volumes, "MIN_POWER": mean, "MAX_POWER": mean}
        elapsed_s = (start - (origin or self.origin)) // _SECOND
        return Situation(start.astimezone(self.zone), self.energy, elapsed_s, volumes, self.policy)

    def _of(
        self,
        period: ChargingPeriod,
        end: datetime,
        by: PriceList,
        volumes: dict[str, Decimal],
        now: Situation,
    ) -> Iterator[Charge]:
        at = period.start_date_time
        for offer in self._fixed(by, now):
            yield Charge(Dimension.FLAT, False, at, by, offer, _ONE, _ONE)
        for dimension, volume in self._consumed(volumes, end - at):
            offer = self._choose(by.session, dimension, now)
            if offer is None:
                self.free.setdefault(dimension, []).append(volume)
                note_free(by.session, dimension, now, period, self.notes)
            else:
                yield Charge(dimension, False, at, by, offer, volume, volume)
        if by.banded and _DOUBTS.isdisjoint(self.notes.full):
            for doubt in _doubts(by, volumes, period, self.policy):
                self.notes.add(doubt)
        taken = volumes.get("ENERGY", _ZERO)
        self.energy += taken
        if taken < 0:
            self.returned -= taken

    def _fixed(self, by: PriceList, now: Situation) -> Iterator[Offer]:
        """The fixed prices that fall due: the first of the session, or that of each element (rule 8, A9)."""
        if not self.policy.fixed_of_each_element:
            offer = self._choose(by.session, Dimension.FLAT, now) if self.fixed_due else None
            if offer is not None:
                self.fixed_due = False
                yield offer
            return
        for offer in by.session.get(Dimension.FLAT, ()) if self.fixed_due else ():
            key = by.name, offer.element
            if key not in self.fixed_of and offer.applies(now):
                self.fixed_of.add(key)
                yield offer

    def _choose(self, offers: Offers, dimension: Dimension, now: Situation) -> Offer | None:
        choose = _of_one_element if self.policy.one_element else first_of
        return choose(offers, dimension, now)

    def _consumed(
        self, volumes: dict[str, Decimal], length: timedelta
    ) -> Iterator[tuple[Dimension, Decimal]]:
        """What is to be priced of a period."""
        by_clock = self.policy.hours_by_clock and not (volumes.get("TIME") and volumes.get("PARKING_TIME"))
        for name, dimension in _PRICED.items():
            volume = volumes.get(name)
            if not volume or (self.policy.energy_back_is_free and name == "ENERGY" and volume < 0):
                continue
            if by_clock and name != "ENERGY":
                volume = Decimal(length // _SECOND) / 3600  # A15
            yield dimension, volume


def origin_of(usage: Usage, policy: Policy) -> datetime:
    """Where durations count from: the first charging period, not the reservation or booking before it (A11)."""
    if policy.durations_from_reservation:
        return usage.start
    used = (one.start_date_time for one in usage.periods if not is_apart(volumes_of(one)))
    return next(used, usage.start)


def first_of(offers: Offers, dimension: Dimension, now: Situation) -> Offer | None:
    """The first offer for a dimension that applies (rule 3)."""
    return best(offers.get(dimension, ()), now)


def _of_one_element(offers: Offers, dimension: Dimension, now: Situation) -> Offer | None:
    """What the first element that applies offers for a dimension: it prices the whole period (A18)."""
    offer = first_of(offers, dimension, now)
    found = [best(some, now) for some in offers.values()]
    first = min((one.element for one in found if one is not None), default=None)
    return offer if offer is not None and offer.element == first else None


def note_free(
    offers: Offers, dimension: Dimension, now: Situation, period: ChargingPeriod, notes: Notes
) -> None:
    """Say why what was used has no price, where the tariff prices it at other times."""
    at = period.start_date_time.isoformat()
    if first_of(offers, dimension, now) is not None:
        notes.add(f"{dimension} is free from {at}: the one element that prices all has no price for it (A18)")
    elif dimension in offers:
        notes.add(unmatched(dimension, period.start_date_time))


def unmatched(dimension: str, at: datetime) -> str:
    """What is said of a volume for which no element matches at the time."""
    return f"{dimension} is free from {at.isoformat()}: no element for it matches then (rule 7)"


def _doubts(
    by: PriceList, volumes: dict[str, Decimal], period: ChargingPeriod, policy: Policy
) -> Iterator[str]:
    """Notes on the limits of the elements, each element's once."""
    for element, one in by.bands:
        for doubt in doubts(one, volumes, policy):
            yield f"period at {period.start_date_time.isoformat()}, element {element}: {doubt}"
