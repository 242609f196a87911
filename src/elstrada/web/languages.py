"""Languages of the pages: which one a reader gets, its texts, and how it writes numbers and times.

Texts stand in English in the templates; catalogues are read as ``.po`` and compiled in memory, so a
source tree and a wheel behave alike and nothing is built.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import msgspec
from babel import Locale, negotiate_locale
from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, get_currency_symbol
from babel.support import NullTranslations, Translations

from elstrada.web.operator.rows import COUNTED

LANGUAGES = ("en", "sv", "it")
"""The first is the language of the templates, and of readers who want none of these."""
MISSING = "–"


def choose(asked: str | None, remembered: str | None, accepted: str) -> str:
    """The language of a page: as asked for, else as last time, else as the browser says."""
    for wish in (asked, remembered):
        if wish in LANGUAGES:
            return wish
    return negotiate_locale(_preferences(accepted), LANGUAGES, sep="-") or LANGUAGES[0]


def _preferences(accept_language: str) -> list[str]:
    """Languages of an Accept-Language header, the dearest first. Source: RFC 9110 §12.5.4."""
    wishes: list[tuple[float, str]] = []
    for part in accept_language[:200].split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            wishes.append((float(weight or 1), tag))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(wishes, key=lambda wish: -wish[0]) if tag and weight > 0]


@cache
def translations(language: str) -> NullTranslations:
    """The texts of one language."""
    if language == LANGUAGES[0]:
        return NullTranslations()
    catalogue = files("elstrada.web") / "locale" / language / "LC_MESSAGES" / "elstrada.po"
    compiled = io.BytesIO()
    with catalogue.open("rb") as source:
        write_mo(compiled, read_po(source, locale=language))
    compiled.seek(0)
    return Translations(compiled)


class Formats(msgspec.Struct, frozen=True):
    """How one language writes what is not a word. None is written as a dash."""

    locale: Locale
    zone: tzinfo

    def number(self, value: Decimal | int | None, decimals: int = 0) -> str:
        """``12 345,60``."""
        if value is None:
            return MISSING
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        return format_decimal(value, format=pattern, locale=self.locale)

    def counted(self, value: int) -> str:
        """A number of things that are counted no further than ``COUNTED``: ``10 000+``."""
        return self.number(value) + ("+" if value >= COUNTED else "")

    def money(self, value: Decimal | None, currency: str | None) -> str:
        """An amount as its currency is written; one that nobody knows keeps its code."""
        if value is None or currency is None:
            return MISSING
        pattern = self.locale.currency_formats["standard"].pattern
        if get_currency_symbol(currency, self.locale)[-1:].isalpha():
            # Unicode CLDR "alphaNextToNumber": letters keep off the digits, as in SEK 12.50 beside €12.50.
            pattern = pattern.replace("¤#", "¤\xa0#")
        return format_currency(value, currency, format=pattern, locale=self.locale)

    def clock(self, at: datetime | None) -> str:
        """Day and time to the minute, short, in the page's zone."""
        if at is None:
            return MISSING
        return format_datetime(at.astimezone(self.zone), "d MMM HH:mm", locale=self.locale)

    def moment(self, at: datetime | None, zone: str = "") -> str:
        """Day, year and time to the minute, in the page's zone or in one that is named."""
        if at is None:
            return MISSING
        local = at.astimezone(ZoneInfo(zone) if zone else self.zone)
        return format_datetime(local, "d MMM y HH:mm", locale=self.locale)

    def share(self, value: Decimal | None) -> str:
        """A share of one in percent: ``12,5 %``."""
        return MISSING if value is None else f"{self.number(100 * value, 1)}\xa0%"

    def day(self, day: date) -> str:
        """A day of the year: ``Sun 25 Oct``."""
        return format_date(day, "EEE d MMM", locale=self.locale)

    def month(self, day: date) -> str:
        """The month in which a day lies: ``October 2026``."""
        return format_date(day, "LLLL y", locale=self.locale)

    def hour(self, at: datetime) -> str:
        """The time of day, and by how much clocks are ahead of UTC: ``02:00 (+02:00)``."""
        return format_datetime(at.astimezone(self.zone), "HH:mm (xxx)", locale=self.locale)

    def zone_name(self) -> str:
        """The zone of every time on the page, such as ``Europe/Stockholm``."""
        return str(self.zone)


def formats(language: str, zone: tzinfo) -> Formats:
    """The habits of one language."""
    return Formats(Locale.parse(language), zone)


def names(languages: Sequence[str] = LANGUAGES) -> list[tuple[str, str]]:
    """Each language with its own name for itself."""
    return [(code, (Locale.parse(code).get_display_name() or code).capitalize()) for code in languages]
