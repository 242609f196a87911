"""What is priced: a stretch of time with its charging periods, wherever it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from elstrada.model.cdr import Cdr
from elstrada.model.session import ChargingPeriod
from elstrada.tariffs.refusals import UnknownZone

ZONE_OF_COUNTRY: dict[str, str] = {
    "AUT": "Europe/Vienna",
    "BEL": "Europe/Brussels",
    "BGR": "Europe/Sofia",
    "CHE": "Europe/Zurich",
    "CZE": "Europe/Prague",
    "DNK": "Europe/Copenhagen",
    "EST": "Europe/Tallinn",
    "FIN": "Europe/Helsinki",
    "FRA": "Europe/Paris",
    "GBR": "Europe/London",
    "GRC": "Europe/Athens",
    "HRV": "Europe/Zagreb",
    "HUN": "Europe/Budapest",
    "IRL": "Europe/Dublin",
    "ITA": "Europe/Rome",
    "LTU": "Europe/Vilnius",
    "LUX": "Europe/Luxembourg",
    "LVA": "Europe/Riga",
    "NLD": "Europe/Amsterdam",
    "NOR": "Europe/Oslo",
    "POL": "Europe/Warsaw",
    "ROU": "Europe/Bucharest",
    "SVK": "Europe/Bratislava",
    "SVN": "Europe/Ljubljana",
    "SWE": "Europe/Stockholm",
    "DEU": "Europe/Berlin",
}
"""ISO 3166-1 alpha-3 to zone, only for countries that charge cars in one zone (rule 17).

Overseas territories have country codes of their own; Spain and Portugal, with islands in another
zone under the same code, are left out.
"""

_OF_BOOKINGS = frozenset({"RESERVATION_EXPIRES", "RESERVATION_OVERTIME"})
"""Dimensions of OCPI's bookings."""
_OF_RESERVATIONS = _OF_BOOKINGS | {"RESERVATION_TIME"}
_OF_SESSIONS = frozenset({"ENERGY", "TIME", "PARKING_TIME"})
SUMMED = _OF_RESERVATIONS | _OF_SESSIONS
"""Dimensions of which two volumes make their sum; of all others the wider limit counts."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a session or CDR that its price depends on."""

    start: datetime
    """Of any offset, but not on a zone's wall clock, which cannot be reckoned with over a change of clocks."""
    end: datetime
    """So far, for a session that still runs."""
    time_zone: str
    """IANA name of the location's zone."""
    currency: str
    periods: tuple[ChargingPeriod, ...]
    """In time order; each lasts until the next or the end."""
    cut: bool = False
    """The periods were cut by the tariff they name, so that each has one price (rule 18)."""
    reservation_expired: bool = False
    """The reservation was never used (the CDR itself cannot say so)."""
    booked: bool = False
    """It fulfils a booking, or is what one costs."""
    booking_canceled: bool = False
    """The booking was called off (the CDR itself cannot say so)."""

    def stretches(self) -> Iterator[tuple[ChargingPeriod, datetime]]:
        """Each period with its end."""
        for number, period in enumerate(self.periods, 1):
            last = number == len(self.periods)
            yield period, self.end if last else self.periods[number].start_date_time


def usage_of(cdr: Cdr, *, time_zone: str | None = None, reservation_expired: bool = False) -> Usage:
    """The usage a CDR tells of.

    Args:
        time_zone: of the location, if known from elsewhere; it wins over the CDR's own.
    Raises:
        UnknownZone: neither says, and the country has several zones.
    """
    return Usage(
        start=cdr.start_date_time,
        end=cdr.end_date_time,
        time_zone=time_zone or zone_of(cdr.id, cdr.time_zone, cdr.cdr_location.country),
        currency=cdr.currency,
        periods=cdr.charging_periods,
        reservation_expired=reservation_expired,
        booked=cdr.booking_id is not None or any(map(is_of_booking, cdr.charging_periods)),
    )


def zone_of(cdr_id: str, told: str | None, country: str) -> str:
    """The name of a CDR's time zone: what it tells, else that of a country of one zone (rule 17).

    Raises:
        UnknownZone: neither settles it.
    """
    zone = told or ZONE_OF_COUNTRY.get(country)
    if zone is None:
        raise UnknownZone(f"CDR {cdr_id}: no time zone, and {country or 'no country'} does not settle it")
    return zone


def is_of_booking(period: ChargingPeriod) -> bool:
    """Has it a volume of a booking?"""
    return not _OF_BOOKINGS.isdisjoint([one.type for one in period.dimensions])


def volumes_of(period: ChargingPeriod) -> dict[str, Decimal]:
    """A period's volumes by dimension; one that is told twice counts twice."""
    volumes = {one.type: one.volume for one in period.dimensions}
    if len(volumes) == len(period.dimensions):
        return volumes
    volumes.clear()
    for one in period.dimensions:
        known = volumes.get(one.type)
        volumes[one.type] = one.volume if known is None else both(one.type, known, one.volume)
    return volumes


def both(name: str, volume: Decimal, other: Decimal) -> Decimal:
    """What two volumes of one dimension come to."""
    if name in SUMMED:
        return volume + other
    return min(volume, other) if name.startswith("MIN_") else max(volume, other)


def is_apart(volumes: Mapping[str, Decimal]) -> bool:
    """Is a reservation or a booking all that a period of these volumes tells of?"""
    return not _OF_RESERVATIONS.isdisjoint(volumes) and not any(volumes.get(name) for name in _OF_SESSIONS)


def zone_named(name: str) -> ZoneInfo:
    """The IANA time zone of this name.

    Raises:
        UnknownZone: there is none.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as problem:
        raise UnknownZone(f"no time zone is called {name[:40]!r}; expected an IANA name") from problem
