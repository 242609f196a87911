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

FINE = Known(token=True, content_hash="a")
KWH = PeriodDimension("ENERGY", Decimal(1))


def changed(**fields: object) -> Cdr:
    return msgspec.structs.replace(an_hour(), **fields)


def with_periods(*periods: ChargingPeriod) -> Cdr:
    energy = sum((d.volume for p in periods for d in p.dimensions if d.type == "ENERGY"), Decimal(0))
    return changed(charging_periods=periods, total_energy=energy)


CASES = [
    ("V01", an_hour(), Known(token=True, content_hash="a", earlier_hash="b"), "other content"),
    ("V06", changed(end_date_time=START - MINUTE), FINE, "before start"),
    ("V06", changed(end_date_time=START), FINE, "same instant"),
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
    ("V24", changed(currency="kr"), FINE, "ISO 4217"),
    ("V24", changed(currency="EUR"), FINE, "in SEK"),
    ("V24", an_hour(), Known(token=True, currency="EUR"), "in EUR"),
    ("V25", changed(tariffs=()), FINE, "no tariff"),
    ("V25", with_periods(ChargingPeriod(START, (KWH,), "X")), FINE, "names tariff 'X'"),
    ("V29", an_hour(), Known(token=False), "not one of ours"),
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


def test_an_identical_cdr_that_comes_again_is_fine() -> None:
    assert validate(an_hour(), Known(token=True, content_hash="a", earlier_hash="a")) == ()


def test_energy_given_back_is_right_where_the_contract_covers_it() -> None:
    back = with_periods(ChargingPeriod(START, (PeriodDimension("ENERGY", Decimal(-1)),)))
    assert validate(back, Known(token=True, energy_back=True)) == ()


def test_a_warning_alone_does_not_stop_a_bill() -> None:
    assert may_be_billed((Finding("V08", Severity.WARN, "late"),))


def test_every_check_has_a_failing_case() -> None:
    assert {check.id for check in CHECKS} == {case[0] for case in CASES}
