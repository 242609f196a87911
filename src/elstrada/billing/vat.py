"""VAT on electricity for cars: the standard rate of the country of the charge point.

The supply of electricity to a driver is taxed where it is consumed (VAT Directive 2006/112/EC,
articles 38 and 39; CJEU C-282/22). Source: the European Commission's list "VAT rates applied in the
member states" and the national laws it names, compared with public lists on 2026-11-21. A country
or date that is not here has no rate, which is never 0: the line is held.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

_RATES: dict[str, tuple[tuple[date, Decimal], ...]] = {
    "DEU": (
        (date(2007, 1, 1), Decimal(19)),
        (date(2020, 7, 1), Decimal(16)),  # Corona-Steuerhilfegesetz, half a year.
        (date(2021, 1, 1), Decimal(19)),
    ),
    "FRA": ((date(2014, 1, 1), Decimal(20)),),
    "ITA": ((date(2013, 10, 1), Decimal(22)),),
    "NLD": ((date(2012, 10, 1), Decimal(21)),),
    "SWE": ((date(1990, 7, 1), Decimal(25)),),
}
"""ISO 3166-1 alpha-3 to percent, each from a local date on."""


def vat_percent(country: str, on: date) -> Decimal | None:
    """The rate in a country on a local date; None where none is known."""
    found = None
    for since, percent in _RATES.get(country, ()):
        if since <= on:
            found = percent
    return found
