"""VAT numbers of companies in the EU: their form, and what a register says of one.

A number may be a person's, so neither it nor its company ever stands in a fact.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

import msgspec

MOST_CHARACTERS = 20
_FORMS: Mapping[str, str] = {
    "AT": r"U\d{8}",
    "BE": r"[01]\d{9}",
    "BG": r"\d{9,10}",
    "CY": r"\d{8}[A-Z]",
    "CZ": r"\d{8,10}",
    "DE": r"\d{9}",
    "DK": r"\d{8}",
    "EE": r"\d{9}",
    "EL": r"\d{9}",
    "ES": r"[A-Z]\d{7}[A-Z0-9]|\d{8}[A-Z]",
    "FI": r"\d{8}",
    "FR": r"[A-HJ-NP-Z0-9]{2}\d{9}",
    "HR": r"\d{11}",
    "HU": r"\d{8}",
    "IE": r"\d{7}[A-W][A-I]?|\d[A-Z+*]\d{5}[A-W]",
    "IT": r"\d{11}",
    "LT": r"\d{9}|\d{12}",
    "LU": r"\d{8}",
    "LV": r"\d{11}",
    "MT": r"\d{8}",
    "NL": r"\d{9}B\d{2}",
    "PL": r"\d{10}",
    "PT": r"\d{9}",
    "RO": r"\d{2,10}",
    "SE": r"\d{12}",
    "SI": r"\d{8}",
    "SK": r"\d{10}",
    "XI": r"\d{9}|\d{12}|(?:GD|HA)\d{3}",
}
"""What follows the country, by the structures that the EU's VIES gives; XI is Northern Ireland."""
_LEFT_OUT = str.maketrans("", "", " .-/")


class NoVatNumber(ValueError):
    """It has no form of a VAT number of the EU; the text says what was expected, and does not repeat it."""


class VatNumber(msgspec.Struct, frozen=True):
    country: str
    """As VIES names it: EL is Greece."""
    number: str

    @classmethod
    def parse(cls, text: str) -> VatNumber:
        """Read a number as people write it, with spaces, dots and hyphens.

        Raises:
            NoVatNumber: it is none.
        """
        plain = text.translate(_LEFT_OUT).upper()
        country = "EL" if plain[:2] == "GR" else plain[:2]
        form = _FORMS.get(country)
        if form is None:
            raise NoVatNumber("it does not begin with a country of the EU")
        if re.fullmatch(form, plain[2:], re.ASCII) is None:
            raise NoVatNumber(f"no number of {country} has this form")
        return cls(country, plain[2:])

    def __str__(self) -> str:
        return f"{self.country}{self.number}"


class Company(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """To whom a number was given, as far as the register says."""

    name: str = ""
    street: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = ""
    """As in the number."""


class VatChecked(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, rename="camel"):
    """What came of the check of a number that a driver wants on a receipt. Personal data."""

    vat_number: str
    status: str
    """Accepted or Rejected, as the station was told."""
    why: str = ""
    checked_at: datetime
    evse_id: int | None = None
    transaction_id: str | None = None
    """Of the session that ran there, in the station's words."""
    company: Company | None = None
    consultation: str = ""
    """The register's own name of our question, which proves that it was asked."""
