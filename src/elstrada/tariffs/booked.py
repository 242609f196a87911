"""What a booking costs, beside the session that fulfils it. Source: OCPI 2.3.0 bookings 1.1, mod_tariffs, mod_cdrs.

The text names the elements and the volumes, and leaves their meeting open. Read here as reservations are:

* a volume has the price of its purpose: RESERVATION_TIME that of BOOKING, RESERVATION_EXPIRES that of
  BOOKING_EXPIRES, else BOOKING for a dimension that lacks there (rule 15), RESERVATION_OVERTIME that of
  BOOKING_OVERTIME;
* a fixed price is due once for each purpose: that of BOOKING wherever a booking is fulfilled, the others where
  their volume is told, and of an expired booking not that of BOOKING besides its own, whichever period tells it;
* one that was called off costs BOOKING_CANCELLATION_FEES and nothing else;
* each purpose is brought to whole steps on its own, and limits of duration count from the start of the CDR.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from elstrada.model.booking import Period
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import Dimension
from elstrada.tariffs.charge import Charge
from elstrada.tariffs.compile import PriceList, best
from elstrada.tariffs.policy import Policy
from elstrada.tariffs.refusals import UnusableTariff
from elstrada.tariffs.restrictions import Situation
from elstrada.tariffs.usage import Usage

_ONE = Decimal(1)
_FOUR_DECIMALS = Decimal("0.0001")
_BOOKING, _EXPIRES, _OVERTIME = "BOOKING", "BOOKING_EXPIRES", "BOOKING_OVERTIME"
_CANCELED = "BOOKING_CANCELLATION_FEES"


class BookingCharges(msgspec.Struct):
    """Prices the booking of one usage, period by period."""

    usage: Usage
    zone: ZoneInfo
    fixed: str
    """The purpose whose fixed price the booking itself has; that of its overtime is due besides."""
    policy: Policy
    paid: set[str] = msgspec.field(default_factory=set[str])
    """Purposes whose fixed price has been charged."""

    def of(
        self, period: ChargingPeriod, by: PriceList, volumes: dict[str, Decimal], energy: Decimal
    ) -> Iterator[Charge]:
        """The charges of a period, by the elements of its tariff that are of bookings."""
        at = period.start_date_time
        elapsed_s = int((at - self.usage.start).total_seconds())
        now = Situation(at.astimezone(self.zone), energy, elapsed_s, volumes, self.policy)
        yield from self._once(self.fixed, by, now, at)
        purpose, name = self._counted(volumes)
        yield from _by_hours(purpose, volumes.get(name), by, now, at)
        overtime = volumes.get("RESERVATION_OVERTIME")
        if overtime is not None and not self.usage.booking_canceled:
            yield from self._once(_OVERTIME, by, now, at)
            yield from _by_hours(_OVERTIME, overtime, by, now, at)

    def _counted(self, volumes: dict[str, Decimal]) -> tuple[str, str]:
        """Whose price by the hour the period's part of the booking has, and the volume that counts."""
        if self.usage.booking_canceled:
            return _CANCELED, "RESERVATION_TIME"
        if "RESERVATION_EXPIRES" in volumes:
            return _EXPIRES, "RESERVATION_EXPIRES"
        return (_EXPIRES if self.usage.reservation_expired else _BOOKING), "RESERVATION_TIME"

    def _once(self, purpose: str, by: PriceList, now: Situation, at: datetime) -> Iterator[Charge]:
        offer = best(by.of_bookings.get(purpose, {}).get(Dimension.FLAT, ()), now)
        if offer is not None and purpose not in self.paid:
            self.paid.add(purpose)
            yield Charge(Dimension.FLAT, True, at, by, offer, _ONE, _ONE)


def booking_charges(usage: Usage, zone: ZoneInfo, policy: Policy) -> BookingCharges:
    """For the booking of this usage, nothing charged yet."""
    told = {one.type for period in usage.periods for one in period.dimensions}
    if usage.booking_canceled:
        return BookingCharges(usage, zone, _CANCELED, policy)
    expired = usage.reservation_expired or "RESERVATION_EXPIRES" in told
    return BookingCharges(usage, zone, _EXPIRES if expired else _BOOKING, policy)


def _by_hours(
    purpose: str, hours: Decimal | None, by: PriceList, now: Situation, at: datetime
) -> Iterator[Charge]:
    offer = best(by.of_bookings.get(purpose, {}).get(Dimension.TIME, ()), now)
    if hours and offer is not None:
        yield Charge(Dimension.TIME, True, at, by, offer, hours, hours)


def refuse_untold_time(usage: Usage, by: PriceList) -> None:
    """A price by the hour of a booking needs its hours, and must not be left out in silence.

    Raises:
        UnusableTariff: the tariff has one, and no period tells how long the booking was.
    """
    timed = by.of_bookings.get(_BOOKING, {}).get(Dimension.TIME)
    if not timed or usage.booking_canceled or not usage.periods:
        return
    told = {one.type for period in usage.periods for one in period.dimensions}
    if told.isdisjoint({"RESERVATION_TIME", "RESERVATION_EXPIRES"}):
        raise UnusableTariff(
            f"tariff {by.name} prices bookings by the hour (element {timed[0].element + 1}), the session "
            "fulfils one, and no period tells its hours (RESERVATION_TIME)"
        )


def with_booked_hours(usage: Usage, booked: Period, by: PriceList) -> Usage:
    """The usage with those hours of its booking that its tariff prices by the hour or asks for."""
    if Dimension.TIME in by.of_bookings.get(_BOOKING, {}):
        usage = with_reserved_time(usage, booked)
    return with_overtime(usage, booked.end) if _OVERTIME in by.of_bookings else usage


def with_reserved_time(usage: Usage, booked: Period) -> Usage:
    """The usage with the hours of each period that were booked, to four decimals.

    Told of the session's own periods alone: what was booked before it came and after it left is in none. A
    session of which nothing was booked, as it came early and left early, tells so in its first period.
    """
    periods = tuple(
        _with_hours("RESERVATION_TIME", booked.start, booked.end, period, end)
        for period, end in usage.stretches()
    )
    if periods == usage.periods and periods:
        none = PeriodDimension("RESERVATION_TIME", Decimal(0))
        first = msgspec.structs.replace(periods[0], dimensions=(*periods[0].dimensions, none))
        periods = (first, *periods[1:])
    return msgspec.structs.replace(usage, periods=periods)


def with_overtime(usage: Usage, booked_until: datetime) -> Usage:
    """The usage with the hours of each period after its booking was over, to four decimals."""
    periods = tuple(
        _with_hours("RESERVATION_OVERTIME", booked_until, end, period, end)
        for period, end in usage.stretches()
    )
    return msgspec.structs.replace(usage, periods=periods)


def _with_hours(
    name: str, since: datetime, until: datetime, period: ChargingPeriod, end: datetime
) -> ChargingPeriod:
    """A period that ends then, with the hours of it between these moments, if there are any."""
    seconds = int((min(end, until) - max(since, period.start_date_time)).total_seconds())
    if seconds <= 0:
        return period
    hours = (Decimal(seconds) / 3600).quantize(_FOUR_DECIMALS)
    return msgspec.structs.replace(period, dimensions=(*period.dimensions, PeriodDimension(name, hours)))
