"""Each check of a CDR with a case that passes (the plain one) and cases that fail."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from scenes import MINUTE, START, an_hour

from elstrada.billing.validate import CHECKS, Finding, Known, Severity, may_be_billed, validate
from elstrada.model.cdr import Cdr
from elstrada.model.cost import Price
from elstrada.model.session import ChargingPeriod, PeriodDimension

NOW = START + 90 * MINUTE
FINE = Known(token=True, now=NOW, content_hash="a")
PRICE = Decimal(56)
KWH = PeriodDimension("ENERGY", Decimal(1))


def known(**fields: object) -> Known:
    return msgspec.structs.replace(FINE, **fields)


def changed(**fields: object) -> Cdr:
    return msgspec.structs.replace(an_hour(), **fields)


def with_periods(*periods: ChargingPeriod) -> Cdr:
    energy = sum((d.volume for p in periods for d in p.dimensions if d.type == "ENERGY"), Decimal(0))
    return changed(charging_periods=periods, total_energy=energy)


CASES = [
    ("V01", an_hour(), known(content_hash="a", earlier_hash="b"), "other content"),
    ("V02", an_hour(), known(billed_as="c0"), "by CDR 'c0'"),
    ("V06", changed(end_date_time=START - MINUTE), FINE, "before start"),
    ("V06", changed(end_date_time=START), FINE, "same instant"),
    ("V07", an_hour(), known(now=START + 54 * MINUTE), "more than 5 minutes"),
    ("V07", changed(start_date_time=NOW + 6 * MINUTE), FINE, "more than 5 minutes"),
    ("V14", changed(total_energy=Decimal("11.012")), FINE, "periods sum to 11.000 kWh"),
    ("V15", changed(total_time=Decimal("1.0101")), FINE, "1.0101 h"),
    ("V17", with_periods(ChargingPeriod(START, (KWH,)), ChargingPeriod(START, (KWH,))), FINE, "period 2"),
    ("V17", with_periods(ChargingPeriod(START - MINUTE, (KWH,))), FINE, "before the session"),
    ("V17", with_periods(ChargingPeriod(START + 60 * MINUTE, (KWH,))), FINE, "is over"),
    ("V18", with_periods(), FINE, "no charging period"),
    ("V18", with_periods(ChargingPeriod(START, ())), FINE, "no dimension"),
    (
        "V18",
        with_periods(ChargingPeriod(START, (PeriodDimension("ENERGY", Decimal(-1)),))),
        FINE,
        "-1 of ENERGY",
    ),
    ("V20", changed(total_cost=Price(Decimal(99_999))), known(price=PRICE), "its own tariffs give 56"),
    ("V20", changed(total_cost=Price(Decimal("55.43"))), known(price=PRICE), "total_cost is 55.43 SEK"),
    ("V20", changed(total_cost=Price(Decimal("0.02"))), known(price=Decimal(0)), "tariffs give 0"),
    ("V20", an_hour(), known(not_priced="no tariff is valid"), "no tariff is valid"),
    ("V24", changed(currency="kr"), FINE, "ISO 4217"),
    ("V24", changed(currency="EUR"), FINE, "in SEK"),
    ("V24", an_hour(), known(currency="EUR"), "in EUR"),
    ("V25", changed(tariffs=()), FINE, "no tariff"),
    ("V25", with_periods(ChargingPeriod(START, (KWH,), "X")), FINE, "names tariff 'X'"),
    ("V29", an_hour(), known(token=False), "not one of ours"),
    ("V30", an_hour(), known(blocked_since=START), "before the session began"),
    ("V41", changed(credit=True, credit_reference_id="c0"), FINE, "it credits CDR 'c0'"),
    ("V41", changed(credit=True, total_cost=Price(-PRICE)), FINE, "no CDR it names"),
    ("V42", changed(total_cost=Price(Decimal("-0.01"))), FINE, "no credit"),
]


@pytest.mark.parametrize(("check", "cdr", "known", "text"), CASES, ids=[f"{c[0]}-{c[3]}" for c in CASES])
def test_a_check_finds_its_fault_and_says_where(check: str, cdr: Cdr, known: Known, text: str) -> None:
    findings = validate(cdr, known)
    assert [one for one in findings if one.check == check and text in one.text], findings
    assert not may_be_billed(findings)


def test_a_plain_cdr_has_no_findings() -> None:
    assert validate(an_hour(), FINE) == ()


@pytest.mark.parametrize(
    "cdr",
    [
        changed(total_energy=Decimal("11.011")),  # V14: 0.1 %.
        changed(total_time=Decimal("1.0100")),  # V15: 36 s.
        changed(tariffs=(), total_cost=Price(Decimal(0))),  # V25: nothing is asked.
    ],
)
def test_what_lies_within_tolerance_is_not_found(cdr: Cdr) -> None:
    assert validate(cdr, FINE) == ()


@pytest.mark.parametrize(
    ("cost", "known"),
    [
        ("55.44", known(price=PRICE)),  # V20: 1 %.
        ("0.51", known(price=Decimal("0.50"))),  # V20: a cent.
        ("56", known(now=START + 55 * MINUTE)),  # V07: clocks differ.
        ("56", known(blocked_since=START + MINUTE)),  # V30: blocked while it charged.
    ],
)
def test_what_the_receiver_knows_is_compared_with_tolerance_too(cost: str, known: Known) -> None:
    assert validate(changed(total_cost=Price(Decimal(cost))), known) == ()


def test_an_identical_cdr_that_comes_again_is_fine() -> None:
    assert validate(an_hour(), known(content_hash="a", earlier_hash="a")) == ()


def test_energy_given_back_is_right_where_the_contract_covers_it() -> None:
    back = with_periods(ChargingPeriod(START, (PeriodDimension("ENERGY", Decimal(-1)),)))
    assert validate(back, known(energy_back=True)) == ()


def test_a_warning_alone_does_not_stop_a_bill() -> None:
    assert may_be_billed((Finding("V08", Severity.WARN, "late"),))


def test_every_check_has_a_failing_case() -> None:
    assert {check.id for check in CHECKS} == {case[0] for case in CASES}
