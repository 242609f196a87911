"""Lint: every code has a tariff that has it and the same one mended (section 1.4 of the rules of prices)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elstrada.model.tariff import Dimension, Tariff
from elstrada.tariffs.compile import best, compiled
from elstrada.tariffs.lint import CHECKS, SEVERITIES, Code, Finding, Severity, lint, told, unused
from elstrada.tariffs.phrases import BOOKS, Tongue
from elstrada.tariffs.reach import reach_of
from elstrada.tariffs.restrictions import Situation

ENERGY = {"type": "ENERGY", "price": "3.60", "vat": "25", "step_size": 1}
TIME = {"type": "TIME", "price": "6", "vat": "25", "step_size": 1}
PARKING = {"type": "PARKING_TIME", "price": "60", "vat": "25", "step_size": 1}
FLAT = {"type": "FLAT", "price": "5", "vat": "25", "step_size": 1}


def element(*components: dict[str, Any], **restrictions: Any) -> dict[str, Any]:
    limits = {"restrictions": restrictions} if restrictions else {}
    return {"price_components": list(components), **limits}


def tariff(*elements: dict[str, Any], **more: Any) -> Tariff:
    plain = {
        "party": {"country_code": "SE", "party_id": "ELS"},
        "id": "T1",
        "currency": "SEK",
        "last_updated": "2026-01-01T00:00:00Z",
    }
    return msgspec.convert({**plain, "elements": elements, **more}, Tariff, strict=False)


LAST = element(ENERGY)
DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
MANY = [
    element(
        {**ENERGY, "price": str(n + 1)}, min_kwh=str(n), min_duration=n, start_time=f"{n % 24:02}:{n % 60:02}"
    )
    for n in range(1, 30)
]

CASES: dict[Code, tuple[str, Tariff, Tariff]] = {
    Code.CURRENCY: ("currency", tariff(LAST, currency="XTS"), tariff(LAST)),
    Code.NO_DECIMALS: (
        "elements[0].price_components[0].price", tariff(LAST, currency="ISK"),
        tariff(element({**ENERGY, "price": "60"}), currency="ISK"),
    ),
    Code.ENDS_BEFORE_START: (
        "end_date_time",
        tariff(LAST, start_date_time="2026-03-01T00:00:00Z", end_date_time="2026-03-01T00:00:00Z"),
        tariff(LAST, start_date_time="2026-03-01T00:00:00Z", end_date_time="2026-03-02T00:00:00Z"),
    ),
    Code.MIN_ABOVE_MAX_PRICE: (
        "min_price.before_taxes",
        tariff(LAST, min_price={"before_taxes": "11"}, max_price={"before_taxes": "10"}),
        tariff(LAST, min_price={"before_taxes": "10"}, max_price={"before_taxes": "10"}),
    ),
    Code.NOTHING_BY_USE: ("elements", tariff(element(FLAT)), tariff(element(FLAT, ENERGY))),
    Code.UNREADABLE: (
        "elements[0].restrictions", tariff(element(ENERGY, start_time="25:99")),
        tariff(element(ENERGY, start_time="06:00"), LAST),
    ),
    Code.EMPTY_RESTRICTIONS: (
        "elements[0].restrictions", tariff({**LAST, "restrictions": {}}), tariff(LAST)
    ),
    Code.MIN_NOT_BELOW_MAX: (
        "elements[0].restrictions.min_kwh", tariff(element(ENERGY, min_kwh="10", max_kwh="10"), LAST),
        tariff(element(ENERGY, min_kwh="9", max_kwh="10"), LAST),
    ),
    Code.MAX_ZERO: (
        "elements[0].restrictions.max_duration", tariff(element(ENERGY, max_duration=0), LAST),
        tariff(element(ENERGY, max_duration=60), LAST),
    ),
    Code.EMPTY_DATES: (
        "elements[0].restrictions.end_date",
        tariff(element(ENERGY, start_date="2026-07-01", end_date="2026-07-01"), LAST),
        tariff(element(ENERGY, start_date="2026-07-01", end_date="2026-07-02"), LAST),
    ),
    Code.START_IS_END: (
        "elements[0].restrictions.end_time", tariff(element(ENERGY, start_time="06:00", end_time="06:00")),
        tariff(element(ENERGY, start_time="06:00", end_time="06:01"), LAST),
    ),
    Code.ALL_WEEKDAYS: (
        "elements[0].restrictions.day_of_week", tariff(element(ENERGY, day_of_week=DAYS)),
        tariff(element(ENERGY, day_of_week=DAYS[:6]), LAST),
    ),
    Code.WRAPPING_WITH_DAYS: (
        "elements[0].restrictions.day_of_week",
        tariff(element(ENERGY, start_time="22:00", end_time="06:00", day_of_week=["SATURDAY"]), LAST),
        tariff(element(ENERGY, start_time="22:00", end_time="00:00", day_of_week=["SATURDAY"]), LAST),
    ),
    Code.DUPLICATE_DIMENSION: (
        "elements[0].price_components[1]", tariff(element(ENERGY, {**ENERGY, "price": "4"})),
        tariff(element(ENERGY, TIME)),
    ),
    Code.RESERVATION_DIMENSION: (
        "elements[0].price_components[0].type", tariff(element(PARKING, reservation="RESERVATION"), LAST),
        tariff(element(TIME, reservation="RESERVATION"), LAST),
    ),
    Code.STEP_ZERO: (
        "elements[0].price_components[0].step_size", tariff(element({**ENERGY, "step_size": 0})),
        tariff(element(ENERGY, {**FLAT, "step_size": 0})),
    ),
    Code.STEP_ON_FLAT: (
        "elements[0].price_components[1].step_size", tariff(element(ENERGY, {**FLAT, "step_size": 60})),
        tariff(element(ENERGY, FLAT)),
    ),
    Code.TIME_STEP_INERT: (
        "elements[0].price_components[0].step_size", tariff(element({**TIME, "step_size": 60}, PARKING)),
        tariff(element({**TIME, "step_size": 60}, ENERGY)),
    ),
    Code.VAT_RANGE: (
        "elements[0].price_components[0].vat", tariff(element({**ENERGY, "vat": "125"})),
        tariff(element({**ENERGY, "vat": "100"})),
    ),
    Code.VAT_NOT_APPLICABLE: (
        "elements[0].price_components[0].vat", tariff(LAST, tax_included="N/A"), tariff(LAST, tax_included="YES")
    ),
    Code.NO_RATE: (
        "elements[0].price_components[0].price",
        tariff(element({**ENERGY, "vat": None}), tax_included="YES"),
        tariff(element({**ENERGY, "vat": None}), tax_included="NO"),
    ),
    Code.UNREACHABLE: (
        "elements[2].price_components[0]",
        tariff(
            element(ENERGY, start_time="06:00", end_time="22:00"),
            element(ENERGY, start_time="22:00", end_time="06:00"),
            LAST,
        ),
        tariff(
            element(ENERGY, start_time="06:00", end_time="22:00"),
            element(ENERGY, start_time="22:00", end_time="05:59"),
            LAST,
        ),
    ),
    Code.NO_FALLBACK: (
        "elements", tariff(element(ENERGY, max_kwh="10"), element(ENERGY, min_kwh="11")),
        tariff(element(ENERGY, max_kwh="10"), element(ENERGY, min_kwh="10")),
    ),
    Code.NOT_FOLLOWED: ("elements", tariff(*MANY), tariff(*MANY[:3], LAST)),
}  # fmt: skip
"""Code: the place of the finding, a tariff that has it, and one that has not."""

BESIDE = {Code.COUNTRY_CODE, Code.UNUSED}
"""Codes that need to be told more than the tariff; each has its own test below."""


def codes(found: tuple[Finding, ...]) -> list[Code]:
    return [finding.code for finding in found]


def test_every_code_has_a_tariff_with_it_and_one_without() -> None:
    assert set(CASES) | BESIDE == set(Code)
    assert set(SEVERITIES) == set(Code)


@pytest.mark.parametrize("code", CASES)
def test_a_fault_is_found_at_its_place_and_the_mended_tariff_has_it_no_more(code: Code) -> None:
    place, faulty, mended = CASES[code]
    assert [finding.place for finding in lint(faulty) if finding.code is code] == [place]
    assert code not in codes(lint(mended))


def test_a_plain_tariff_has_no_finding() -> None:
    assert lint(tariff(element(FLAT, TIME, PARKING, ENERGY))) == ()


@pytest.mark.parametrize(("written", "found"), [("SE", 0), ("SWE", 1), ("se", 1), ("S1", 1)])
def test_a_country_code_is_judged_as_it_was_written(written: str, found: int) -> None:
    told_of = lint(tariff(LAST), written)
    assert codes(told_of) == [Code.COUNTRY_CODE] * found
    assert all(finding.place == "country_code" for finding in told_of)


def test_a_tariff_that_no_connector_names_is_told_by_who_knows_the_connectors() -> None:
    assert unused(tariff(LAST)).severity is Severity.INFO
    assert Code.UNUSED not in codes(lint(tariff(LAST)))


def all_findings() -> Iterator[Finding]:
    for _, faulty, _ in CASES.values():
        yield from lint(faulty)
    yield from lint(tariff(LAST), "swe")
    yield unused(tariff(LAST))


@pytest.mark.parametrize("tongue", Tongue)
def test_every_finding_has_a_text_and_an_advice_in_every_language(tongue: Tongue) -> None:
    said = {finding.code: told(finding, BOOKS[tongue]) for finding in all_findings()}
    assert set(said) == set(Code)
    for text, advice in said.values():
        assert text
        assert advice
        assert not re.search(r"[{}]", text + advice)


def test_a_finding_says_what_it_found() -> None:
    _, faulty, _ = CASES[Code.MIN_NOT_BELOW_MAX]
    (finding,) = lint(faulty)
    assert told(finding, BOOKS[Tongue.EN])[0].startswith("min_kwh 10 is not below max_kwh 10")
    _, faulty, _ = CASES[Code.UNREACHABLE]
    (finding,) = lint(faulty)
    assert "energi" in told(finding, BOOKS[Tongue.SV])[0]


def test_bands_of_power_leave_a_last_element_reachable_since_power_may_be_unknown() -> None:
    """A5: a limit on a volume that a period does not name does not match."""
    one = tariff(element(ENERGY, max_power="11"), element(ENERGY, min_power="11"), LAST)
    assert lint(one) == ()
    assert codes(lint(tariff(*[element(ENERGY, max_power="11"), element(ENERGY, min_power="11")]))) == [
        Code.NO_FALLBACK
    ]


def test_an_element_for_no_day_of_its_dates_is_unreachable() -> None:
    saturday = element(ENERGY, start_date="2026-06-01", end_date="2026-06-06", day_of_week=["SATURDAY"])
    assert codes(lint(tariff(saturday, LAST))) == [Code.UNREACHABLE]


@pytest.mark.parametrize("days", [[], ["MONDAY"]], ids=["any day", "Mondays"])
@pytest.mark.parametrize("name", ["start_date", "end_date"])
@pytest.mark.parametrize("day", ["0001-01-01", "0001-01-03", "9999-12-28", "9999-12-31"])
def test_dates_at_the_ends_of_the_calendar_are_looked_at_like_any_other(
    day: str, name: str, days: list[str]
) -> None:
    """They are how some systems write "always" and "for ever"."""
    found = lint(tariff(element(ENERGY, day_of_week=days, **{name: day}), LAST))
    never = (name, day) in (("start_date", "9999-12-31"), ("end_date", "0001-01-01"))
    no_monday_left = (name, day, days) == ("start_date", "9999-12-28", ["MONDAY"])
    always = (name, day) in (("start_date", "0001-01-01"), ("end_date", "9999-12-31")) and not days
    assert [(one.code, one.place) for one in found] == [
        (Code.UNREACHABLE, f"elements[{number}].price_components[0]")
        for number, is_so in enumerate((never or no_monday_left, always))
        if is_so
    ]


@pytest.mark.parametrize("number", ["1E+15", "-1E+15"])
def test_a_number_beyond_reckoning_is_found_at_its_place(number: str) -> None:
    one = tariff(element({**ENERGY, "price": number}), LAST, min_price={"before_taxes": number})
    found = [(finding.place, finding.code) for finding in lint(one) if finding.code is Code.UNREADABLE]
    assert [place for place, _ in found] == [
        "min_price.before_taxes",
        "elements[0].price_components[0].price",
    ]
    assert Code.UNREADABLE not in codes(lint(tariff(element({**ENERGY, "price": "999999999999999"}), LAST)))


def test_a_price_of_an_expired_reservation_does_not_hide_that_of_a_used_one() -> None:
    """Rule 15: RESERVATION stands in for what RESERVATION_EXPIRES lacks."""
    one = tariff(
        element(FLAT, reservation="RESERVATION_EXPIRES"), element(FLAT, TIME, reservation="RESERVATION"), LAST
    )
    assert lint(one) == ()


@pytest.mark.parametrize(
    "purpose", ["BOOKING", "BOOKING_EXPIRES", "BOOKING_CANCELLATION_FEES", "BOOKING_OVERTIME"]
)
def test_a_price_of_a_booking_is_looked_at_as_one_and_not_as_the_sessions(purpose: str) -> None:
    """OCPI bookings 1.1: TIME and FLAT alone, each brought to whole steps on its own, whatever parking costs."""
    hourly = element({**TIME, "step_size": 900}, FLAT, booking=purpose)
    assert lint(tariff(hourly, element(ENERGY, PARKING))) == ()
    assert codes(lint(tariff(hourly, element(FLAT)))) == [Code.NOTHING_BY_USE]
    (found,) = lint(tariff(element(ENERGY, FLAT, booking=purpose), LAST))
    assert (found.code, found.place) == (Code.RESERVATION_DIMENSION, "elements[0].price_components[0].type")


def test_every_check_finds_something_in_some_fixture() -> None:
    for check in CHECKS:
        assert any(list(check(faulty)) for _, faulty, _ in CASES.values()), check.__name__


BOUNDS = st.fixed_dictionaries(
    {},
    optional={
        "start_time": st.sampled_from(["00:00", "06:00", "22:00"]),
        "end_time": st.sampled_from(["00:00", "06:00", "22:00"]),
        "day_of_week": st.lists(st.sampled_from(DAYS), max_size=3),
        "min_kwh": st.sampled_from(["0", "5", "10"]),
        "max_kwh": st.sampled_from(["5", "10"]),
        "min_duration": st.sampled_from([0, 600]),
        "max_power": st.sampled_from(["11", "22"]),
    },
)
MOMENTS = st.datetimes(datetime.fromisoformat("2026-01-01"), datetime.fromisoformat("2026-12-31"))


@settings(max_examples=50)
@given(
    elements=st.lists(BOUNDS, min_size=1, max_size=4),
    local=MOMENTS,
    energy=st.decimals("0", "20", places=2),
    elapsed=st.integers(0, 2_000),
    power=st.none() | st.decimals("0", "30", places=1),
)
def test_whatever_the_situation_it_is_priced_as_the_reach_says(
    elements: list[dict[str, Any]], local: datetime, energy: Decimal, elapsed: int, power: Decimal | None
) -> None:
    """No situation that was not tried has a price that was said to be unreachable, or a gap that was not told."""
    one = tariff(*(element(ENERGY, **limits) for limits in elements))
    reach = reach_of(one)
    assert reach is not None
    volumes = {} if power is None else {"MIN_POWER": power, "MAX_POWER": power}
    offers = compiled(one).session[Dimension.ENERGY]
    offer = best(offers, Situation(local, energy, elapsed, volumes))
    if offer is None:
        assert Dimension.ENERGY in reach.gaps
    else:
        assert (offer.element, Dimension.ENERGY) not in reach.unreached
