"""What is odd about a tariff that OCPI allows: one function per kind of oddity, one table of them.

A finding names its code, its place and the values that its text needs; the phrase books have a text and
an advice for each code. Source: OCPI 2.3.0 mod_tariffs; A2, A4 and A5 are decisions of the pricing engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from elstrada.model.currencies import CURRENCIES
from elstrada.model.tariff import (
    Dimension,
    PriceComponent,
    Tariff,
    TariffElement,
    TariffRestrictions,
    TaxIncluded,
)
from elstrada.tariffs.compile import beyond_reckoning, too_large
from elstrada.tariffs.phrases import Phrases
from elstrada.tariffs.policy import OCPI_2_3_0
from elstrada.tariffs.reach import MOST_SITUATIONS, Reach, reach_of
from elstrada.tariffs.refusals import UnusableTariff
from elstrada.tariffs.restrictions import rules_of


class Severity(StrEnum):
    ERROR = "ERROR"
    """It cannot be meant: something never applies, or no CDR can be made."""
    WARNING = "WARNING"
    """It may well be a mistake."""
    INFO = "INFO"
    """It is often meant so, or could be said more plainly."""


class Code(StrEnum):
    """Every kind of finding, in the order in which they are told."""

    COUNTRY_CODE = "country-code"
    CURRENCY = "currency"
    NO_DECIMALS = "no-decimals"
    ENDS_BEFORE_START = "ends-before-start"
    MIN_ABOVE_MAX_PRICE = "min-above-max-price"
    NOTHING_BY_USE = "nothing-by-use"
    UNREADABLE = "unreadable"
    EMPTY_RESTRICTIONS = "empty-restrictions"
    MIN_NOT_BELOW_MAX = "min-not-below-max"
    MAX_ZERO = "max-zero"
    EMPTY_DATES = "empty-dates"
    START_IS_END = "start-is-end"
    ALL_WEEKDAYS = "all-weekdays"
    WRAPPING_WITH_DAYS = "wrapping-with-days"
    DUPLICATE_DIMENSION = "duplicate-dimension"
    RESERVATION_DIMENSION = "reservation-dimension"
    STEP_ZERO = "step-zero"
    STEP_ON_FLAT = "step-on-flat"
    TIME_STEP_INERT = "time-step-inert"
    VAT_RANGE = "vat-range"
    VAT_NOT_APPLICABLE = "vat-not-applicable"
    NO_RATE = "no-rate"
    UNREACHABLE = "unreachable"
    NO_FALLBACK = "no-fallback"
    NOT_FOLLOWED = "not-followed"
    UNUSED = "unused"
    """No connector refers to it: found where the records are, not here."""


_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
SEVERITIES: Mapping[Code, Severity] = {
    Code.COUNTRY_CODE: _W,
    Code.CURRENCY: _E,
    Code.NO_DECIMALS: _W,
    Code.ENDS_BEFORE_START: _E,
    Code.MIN_ABOVE_MAX_PRICE: _E,
    Code.NOTHING_BY_USE: _W,
    Code.UNREADABLE: _E,
    Code.EMPTY_RESTRICTIONS: _I,
    Code.MIN_NOT_BELOW_MAX: _E,
    Code.MAX_ZERO: _E,
    Code.EMPTY_DATES: _E,
    Code.START_IS_END: _W,
    Code.ALL_WEEKDAYS: _I,
    Code.WRAPPING_WITH_DAYS: _W,
    Code.DUPLICATE_DIMENSION: _W,
    Code.RESERVATION_DIMENSION: _W,
    Code.STEP_ZERO: _I,
    Code.STEP_ON_FLAT: _I,
    Code.TIME_STEP_INERT: _W,
    Code.VAT_RANGE: _E,
    Code.VAT_NOT_APPLICABLE: _W,
    Code.NO_RATE: _E,
    Code.UNREACHABLE: _W,
    Code.NO_FALLBACK: _I,
    Code.NOT_FOLLOWED: _I,
    Code.UNUSED: _I,
}


class Finding(msgspec.Struct, frozen=True):
    """One oddity."""

    code: Code
    place: str
    """Such as ``elements[2].restrictions.start_time``; empty: the whole tariff."""
    values: Mapping[str, str] = {}
    """What stands in the gaps of its text."""

    @property
    def severity(self) -> Severity:
        return SEVERITIES[self.code]


def lint(tariff: Tariff, written_country: str | None = None) -> tuple[Finding, ...]:
    """Everything that is odd about a tariff, in the order of ``Code`` and of the tariff.

    Args:
        written_country: ``country_code`` as the document has it, which the model corrects.
    """
    found = [finding for check in CHECKS for finding in check(tariff)]
    found += _country(tariff.party.country_code if written_country is None else written_country)
    if all(finding.code is not Code.UNREADABLE for finding in found):
        found += _reached(tariff)
    order = list(Code)
    return tuple(sorted(found, key=lambda finding: order.index(finding.code)))


def unused(tariff: Tariff) -> Finding:
    """The finding that no connector refers to a tariff; whoever knows all connectors finds it."""
    return Finding(Code.UNUSED, "", {"id": tariff.id})


def told(finding: Finding, phrases: Phrases) -> tuple[str, str]:
    """What is wrong, and what to do about it."""
    values = dict(finding.values)
    if "dimension" in values:
        values["dimension"] = phrases[f"dimension.{values['dimension']}"]
    return (
        phrases[f"lint.{finding.code.value}"].format_map(values),
        phrases[f"lint.{finding.code.value}.advice"].format_map(values),
    )


# --- the tariff -------------------------------------------------------------------------------------


def _country(code: str) -> Iterator[Finding]:
    if not (len(code) == 2 and code.isascii() and code.isalpha() and code.isupper()):
        yield Finding(Code.COUNTRY_CODE, "country_code", {"value": code[:10]})


def currency(tariff: Tariff) -> Iterator[Finding]:
    if tariff.currency not in CURRENCIES:
        yield Finding(Code.CURRENCY, "currency", {"currency": tariff.currency})


def no_decimals(tariff: Tariff) -> Iterator[Finding]:
    """A session's total is rounded to whole coins; a price that is not whole is then likely of another scale."""
    if OCPI_2_3_0.decimals.get(tariff.currency, OCPI_2_3_0.usual_decimals):
        return
    for place, one in _components(tariff):
        if one.price != one.price.to_integral_value():
            values = {"price": _shown(one.price), "currency": tariff.currency}
            yield Finding(Code.NO_DECIMALS, f"{place}.price", values)


def ends_before_start(tariff: Tariff) -> Iterator[Finding]:
    begin, end = tariff.start_date_time, tariff.end_date_time
    if begin is not None and end is not None and end <= begin:
        values = {"from": begin.isoformat(), "to": end.isoformat()}
        yield Finding(Code.ENDS_BEFORE_START, "end_date_time", values)


def min_above_max_price(tariff: Tariff) -> Iterator[Finding]:
    least, most = tariff.min_price, tariff.max_price
    if least is None or most is None:
        return
    for name in ("before_taxes", "after_taxes"):
        low: Decimal | None = getattr(least, name)
        high: Decimal | None = getattr(most, name)
        if low is not None and high is not None and low > high:
            values = {"least": _shown(low), "most": _shown(high)}
            yield Finding(Code.MIN_ABOVE_MAX_PRICE, f"min_price.{name}", values)


def nothing_by_use(tariff: Tariff) -> Iterator[Finding]:
    by_use = any(
        one.type is not Dimension.FLAT
        for element in tariff.elements
        if not _of_reservation(element)
        for one in element.price_components
    )
    if not by_use:
        yield Finding(Code.NOTHING_BY_USE, "elements")


# --- restrictions -----------------------------------------------------------------------------------


def unreadable(tariff: Tariff) -> Iterator[Finding]:
    for place, limits in _restrictions(tariff):
        try:
            rules_of(limits)
        except UnusableTariff as problem:
            yield Finding(Code.UNREADABLE, place, {"problem": str(problem)})
    for place, number in beyond_reckoning(tariff):
        yield Finding(Code.UNREADABLE, place, {"problem": too_large(number)})


def empty_restrictions(tariff: Tariff) -> Iterator[Finding]:
    for place, limits in _restrictions(tariff):
        if limits == TariffRestrictions():
            yield Finding(Code.EMPTY_RESTRICTIONS, place)


_BOUNDED = ("kwh", "current", "power", "duration")


def min_not_below_max(tariff: Tariff) -> Iterator[Finding]:
    for place, limits in _restrictions(tariff):
        for name in _BOUNDED:
            least: Decimal | int | None = getattr(limits, f"min_{name}")
            most: Decimal | int | None = getattr(limits, f"max_{name}")
            if least is not None and most is not None and least >= most > 0:
                values = {"least": f"min_{name} {_shown(least)}", "most": f"max_{name} {_shown(most)}"}
                yield Finding(Code.MIN_NOT_BELOW_MAX, f"{place}.min_{name}", values)


def max_zero(tariff: Tariff) -> Iterator[Finding]:
    for place, limits in _restrictions(tariff):
        for name in _BOUNDED:
            most: Decimal | int | None = getattr(limits, f"max_{name}")
            if most is not None and most <= 0:
                yield Finding(Code.MAX_ZERO, f"{place}.max_{name}", {"name": f"max_{name}"})


def empty_dates(tariff: Tariff) -> Iterator[Finding]:
    for place, limits in _restrictions(tariff):
        begin, end = limits.start_date, limits.end_date
        if begin is not None and end is not None and begin >= end:
            yield Finding(Code.EMPTY_DATES, f"{place}.end_date", {"from": begin, "to": end})


def start_is_end(tariff: Tariff) -> Iterator[Finding]:
    for place, limits in _restrictions(tariff):
        if limits.start_time is not None and limits.start_time == limits.end_time:
            yield Finding(Code.START_IS_END, f"{place}.end_time", {"at": limits.start_time})


def all_weekdays(tariff: Tariff) -> Iterator[Finding]:
    for place, limits in _restrictions(tariff):
        if len(set(limits.day_of_week)) == 7:
            yield Finding(Code.ALL_WEEKDAYS, f"{place}.day_of_week")


def wrapping_with_days(tariff: Tariff) -> Iterator[Finding]:
    """A4: after midnight of Saturday's window it is Sunday, and MONDAY to SATURDAY do not match."""
    for place, limits in _restrictions(tariff):
        begin, end = limits.start_time, limits.end_time
        wraps = begin is not None and end is not None and "00:00" < end < begin
        if wraps and 0 < len(set(limits.day_of_week)) < 7:
            yield Finding(Code.WRAPPING_WITH_DAYS, f"{place}.day_of_week")


# --- price components -------------------------------------------------------------------------------


def duplicate_dimension(tariff: Tariff) -> Iterator[Finding]:
    for number, element in enumerate(tariff.elements):
        kinds = [one.type for one in element.price_components]
        for index, kind in enumerate(kinds):
            if kind in kinds[:index]:
                place = f"elements[{number}].price_components[{index}]"
                yield Finding(Code.DUPLICATE_DIMENSION, place, {"dimension": kind.value})


def reservation_dimension(tariff: Tariff) -> Iterator[Finding]:
    """Rule 15: a reservation, and so a booking, is priced by TIME and FLAT alone."""
    for place, one in _components(tariff, of_reservations=True):
        if one.type in (Dimension.ENERGY, Dimension.PARKING_TIME):
            yield Finding(Code.RESERVATION_DIMENSION, f"{place}.type", {"dimension": one.type.value})


def step_zero(tariff: Tariff) -> Iterator[Finding]:
    for place, one in _components(tariff):
        if one.step_size == 0 and one.type is not Dimension.FLAT:
            yield Finding(Code.STEP_ZERO, f"{place}.step_size")


def step_on_flat(tariff: Tariff) -> Iterator[Finding]:
    for place, one in _components(tariff):
        if one.type is Dimension.FLAT and one.step_size > 1:
            yield Finding(Code.STEP_ON_FLAT, f"{place}.step_size", {"step": str(one.step_size)})


def time_step_inert(tariff: Tariff) -> Iterator[Finding]:
    """Rule 10 and A8: where parking is priced, parking alone is rounded."""
    session = [(place, one) for place, one in _components(tariff, of_reservations=False)]
    if all(one.type is not Dimension.PARKING_TIME for _, one in session):
        return
    for place, one in session:
        if one.type is Dimension.TIME and one.step_size > 1:
            yield Finding(Code.TIME_STEP_INERT, f"{place}.step_size", {"step": str(one.step_size)})


def vat_range(tariff: Tariff) -> Iterator[Finding]:
    for place, one in _components(tariff):
        if one.vat is not None and not 0 <= one.vat <= 100:
            yield Finding(Code.VAT_RANGE, f"{place}.vat", {"percent": _shown(one.vat)})


def vat_not_applicable(tariff: Tariff) -> Iterator[Finding]:
    for place, one in _components(tariff):
        if tariff.tax_included is TaxIncluded.NOT_APPLICABLE and one.vat is not None:
            yield Finding(Code.VAT_NOT_APPLICABLE, f"{place}.vat", {"percent": _shown(one.vat)})


def no_rate(tariff: Tariff) -> Iterator[Finding]:
    """Rule 14: only the gross amount is known then."""
    for place, one in _components(tariff):
        if tariff.tax_included is TaxIncluded.YES and one.vat is None and one.price:
            yield Finding(Code.NO_RATE, f"{place}.price")


CHECKS: tuple[Callable[[Tariff], Iterator[Finding]], ...] = (
    currency,
    no_decimals,
    ends_before_start,
    min_above_max_price,
    nothing_by_use,
    unreadable,
    empty_restrictions,
    min_not_below_max,
    max_zero,
    empty_dates,
    start_is_end,
    all_weekdays,
    wrapping_with_days,
    duplicate_dimension,
    reservation_dimension,
    step_zero,
    step_on_flat,
    time_step_inert,
    vat_range,
    vat_not_applicable,
    no_rate,
)


def _reached(tariff: Tariff) -> Iterator[Finding]:
    """What never applies, and when nothing does: by trying every situation that the bounds tell apart."""
    reach = reach_of(tariff)
    if reach is None:
        yield Finding(Code.NOT_FOLLOWED, "elements", {"cells": f"> {MOST_SITUATIONS}"})
        return
    said = _never(tariff)
    for element, dimension in reach.unreached:
        if element not in said:
            index = [one.type for one in tariff.elements[element].price_components].index(dimension)
            place = f"elements[{element}].price_components[{index}]"
            yield Finding(Code.UNREACHABLE, place, {"dimension": dimension.value})
    yield from _gaps(reach)


def _gaps(reach: Reach) -> Iterator[Finding]:
    for dimension, example in reach.gaps.items():
        values = {"dimension": dimension.value, "example": example}
        yield Finding(Code.NO_FALLBACK, "elements", values)


def _never(tariff: Tariff) -> set[int]:
    """Elements of which another finding says already that they never apply."""
    checks = (min_not_below_max, max_zero, empty_dates)
    places = [finding.place for check in checks for finding in check(tariff)]
    return {int(place.removeprefix("elements[").partition("]")[0]) for place in places}


# --- walking ----------------------------------------------------------------------------------------


def _components(
    tariff: Tariff, *, of_reservations: bool | None = None
) -> Iterator[tuple[str, PriceComponent]]:
    """Each price component with its place; those of reservations, those of sessions, or all."""
    for number, element in enumerate(tariff.elements):
        if of_reservations in (None, _of_reservation(element)):
            for index, one in enumerate(element.price_components):
                yield f"elements[{number}].price_components[{index}]", one


def _restrictions(tariff: Tariff) -> Iterator[tuple[str, TariffRestrictions]]:
    for number, element in enumerate(tariff.elements):
        if element.restrictions is not None:
            yield f"elements[{number}].restrictions", element.restrictions


def _of_reservation(element: TariffElement) -> bool:
    """Is an element of a reservation's or a booking's price?"""
    limits = element.restrictions
    return limits is not None and (limits.reservation is not None or limits.booking is not None)


def _shown(value: Decimal | int) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
