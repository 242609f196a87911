"""VAT on electricity for cars: the standard rate of the country of the charge point.

The supply of electricity to a driver is taxed where it is consumed (VAT Directive 2006/112/EC,
articles 38 and 39; CJEU C-282/22). Source: the European Commission's list "VAT rates applied in the
member states" and the national laws it names, compared with public lists on 2026-11-21 and, for the
countries added since and those outside the Union, on 2026-11-28. A country or date that is not here has no
rate, which is never 0: the line is held. Left out are countries and years in which electricity had a reduced
rate that might count for cars, too: Croatia, Greece, Ireland, Luxembourg, Malta, Portugal, Slovakia, Slovenia
and Spain, Czechia until 2021, Poland until 2022.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

_RATES: dict[str, tuple[tuple[date, Decimal], ...]] = {
    "AUT": ((date(1984, 1, 1), Decimal(20)),),
    "BEL": ((date(1996, 1, 1), Decimal(21)),),
    "BGR": ((date(1999, 1, 1), Decimal(20)),),
    "CHE": ((date(2018, 1, 1), Decimal("7.7")), (date(2024, 1, 1), Decimal("8.1"))),
    "CZE": ((date(2022, 1, 1), Decimal(21)),),
    "DEU": (
        (date(2007, 1, 1), Decimal(19)),
        (date(2020, 7, 1), Decimal(16)),  # Corona-Steuerhilfegesetz, half a year.
        (date(2021, 1, 1), Decimal(19)),
    ),
    "DNK": ((date(1992, 1, 1), Decimal(25)),),
    "EST": (
        (date(2009, 7, 1), Decimal(20)),
        (date(2024, 1, 1), Decimal(22)),
        (date(2025, 7, 1), Decimal(24)),
    ),
    "FIN": ((date(2013, 1, 1), Decimal(24)), (date(2024, 9, 1), Decimal("25.5"))),
    "FRA": ((date(2014, 1, 1), Decimal(20)),),
    "GBR": ((date(2011, 1, 4), Decimal(20)),),
    "HUN": ((date(2012, 1, 1), Decimal(27)),),
    "ITA": ((date(2013, 10, 1), Decimal(22)),),
    "LTU": ((date(2009, 9, 1), Decimal(21)),),
    "LVA": ((date(2012, 7, 1), Decimal(21)),),
    "NLD": ((date(2012, 10, 1), Decimal(21)),),
    "NOR": ((date(2005, 1, 1), Decimal(25)),),
    "POL": ((date(2023, 1, 1), Decimal(23)),),
    "ROU": ((date(2017, 1, 1), Decimal(19)), (date(2025, 8, 1), Decimal(21))),
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
