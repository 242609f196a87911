"""Numbers, times and conditions as a language writes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, get_day_names
from babel.numbers import NumberPattern, parse_pattern

from elstrada.model.tariff import TariffRestrictions
from elstrada.tariffs.phrases import Phrases

_NUMBER, _MONEY = "#,##0.############", "#,##0.00######"
_WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_BOUNDS = ("min_kwh", "max_kwh", "min_power", "max_power", "min_current", "max_current")
_DURATIONS = ("min_duration", "max_duration")


def number(value: Decimal | int, phrases: Phrases) -> str:
    """``1,234.5``: all its decimals and no idle zeros."""
    return _written(_NUMBER, Decimal(value), phrases)


def money(value: Decimal, phrases: Phrases) -> str:
    """``12.50``: at least two decimals, and no more than it needs."""
    return _written(_MONEY, value, phrases)


def exact(value: Decimal, phrases: Phrases) -> str:
    """A rounded amount with the decimals it has."""
    places = max(0, -int(value.as_tuple().exponent))
    return _written("#,##0" + ("." + "0" * places if places else ""), value, phrases)


def moment(at: datetime, zone: ZoneInfo, phrases: Phrases) -> str:
    """Day and time to the minute on a place's clock."""
    return format_datetime(at.astimezone(zone), phrases["moment"], locale=_locale(phrases["locale"]))


def minutes(seconds: int, phrases: Phrases) -> str:
    """A number of minutes, with decimals where it is no whole one."""
    return number(round(Decimal(seconds) / 60, 2).normalize(), phrases)


def hours_as_clock(seconds: int) -> str:
    """``1:05:00``."""
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def conditions(limits: TariffRestrictions | None, phrases: Phrases) -> str:
    """When an element applies, such as ``from 22:00 to 06:00, after 10 kWh``; empty: always.

    ``reservation`` is left out: it says what is priced, not when.
    """
    return "" if limits is None else ", ".join(_conditions(limits, phrases))


def _conditions(limits: TariffRestrictions, phrases: Phrases) -> Iterator[str]:
    if limits.start_time is not None or limits.end_time is not None:
        begin, end = limits.start_time or "00:00", limits.end_time or "00:00"
        if begin != end:  # A2: the whole day.
            to = "24:00" if end == "00:00" else end  # A3: the end of the day.
            yield phrases["when.time"].format_map({"from": begin, "to": to})
    yield from _dates(limits, phrases)
    if limits.day_of_week:
        yield phrases["when.days"].format(days=_days(limits.day_of_week, phrases["locale"]))
    for name in _BOUNDS:
        bound: Decimal | None = getattr(limits, name)
        if bound is not None:
            yield phrases[f"when.{name}"].format(number=number(bound, phrases))
    for name in _DURATIONS:
        seconds: int | None = getattr(limits, name)
        if seconds is not None:
            yield phrases[f"when.{name}"].format(number=minutes(seconds, phrases))


def _dates(limits: TariffRestrictions, phrases: Phrases) -> Iterator[str]:
    """The first and the last day, both included, as people say it; OCPI excludes the last."""
    first = limits.start_date and _date(date.fromisoformat(limits.start_date), phrases)
    last = limits.end_date and _date(date.fromisoformat(limits.end_date) - timedelta(days=1), phrases)
    if first and last:
        yield phrases["when.dates"].format_map({"from": first, "to": last})
    elif first:
        yield phrases["when.dates.from"].format_map({"from": first})
    elif last:
        yield phrases["when.dates.to"].format_map({"to": last})


def _date(day: date, phrases: Phrases) -> str:
    return format_date(day, phrases["date"], locale=_locale(phrases["locale"]))


@lru_cache(256)
def _days(days: tuple[str, ...], language: str) -> str:
    names = get_day_names("wide", locale=_locale(language))
    return ", ".join(names[_WEEKDAYS.index(day)] for day in days)


def _written(pattern: str, value: Decimal, phrases: Phrases) -> str:
    return _applied(pattern, value, phrases["locale"])


@lru_cache(4096)
def _applied(pattern: str, value: Decimal, language: str) -> str:
    """Kept, since the same prices are told again and again."""
    return _pattern(pattern).apply(value, _locale(language))


@lru_cache(64)
def _pattern(text: str) -> NumberPattern:
    return parse_pattern(text)


_locale = lru_cache(8)(Locale.parse)
