"""What plans ask from which day on (pricing-and-billing 3.1): the price of a session is that of its day."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import EMSP

from elstrada.billing.plan_history import MOST_CHANGES, MOST_MOVES, TooManyDays, with_change, with_move
from elstrada.model.invoice import Contract, Plan, PlanChange, PlanMove, RetailMode

BEGIN = date(2026, 1, 1)
PLAN = Plan(
    owner=EMSP,
    id="P",
    name="Resa",
    mode=RetailMode.FIXED_PER_KWH,
    currency="SEK",
    price_per_kwh=Decimal(3),
)
CONTRACT = Contract(owner=EMSP, id="C", customer_id="K", plan_id="P1", supply_point_id="1", valid_from=BEGIN)


def asks(price: int, day: date) -> PlanChange:
    return PlanChange(
        valid_from=day, mode=RetailMode.FIXED_PER_KWH, currency="SEK", price_per_kwh=Decimal(price)
    )


def test_a_plan_of_before_there_was_a_history_holds_since_ever() -> None:
    text = (
        '{"owner":{"country_code":"SE","party_id":"RET"},"id":"P","name":"El","mode":"FIXED_PER_KWH",'
        '"currency":"SEK","price_per_kwh":"3.20"}'
    )
    plan = msgspec.json.decode(text, type=Plan)
    assert plan.on(date(1, 1, 1)) == plan == plan.on(date(9999, 12, 31))


def test_a_price_holds_from_its_day_until_the_next() -> None:
    plan = with_change(with_change(PLAN, asks(5, date(2027, 1, 1))), asks(4, date(2026, 12, 1)))
    days = (date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 31), date(2027, 1, 1))
    assert [plan.on(day).price_per_kwh for day in days] == [3, 4, 4, 5]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), max_size=12))
def test_of_each_day_the_last_word_counts_and_none_reaches_back(told: list[tuple[int, int]]) -> None:
    plan, said = PLAN, dict[int, int]()
    for day, price in told:
        before, plan = plan, with_change(plan, asks(price, BEGIN + timedelta(days=day)))
        said[day] = price
        for earlier in range(-1, day):
            at = BEGIN + timedelta(days=earlier)
            assert plan.on(at) == before.on(at)
    assert {day: plan.on(BEGIN + timedelta(days=day)).price_per_kwh for day in said} == said


def test_a_contract_goes_by_the_plan_that_it_had_on_the_day() -> None:
    moved = with_move(CONTRACT, PlanMove(valid_from=date(2026, 7, 1), plan_id="P2"))
    assert [moved.plan_on(date(2026, 6, 30)), moved.plan_on(date(2026, 7, 1))] == ["P1", "P2"]
    assert moved.plan_ids == ("P1", "P2")
    back = with_move(moved, PlanMove(valid_from=date(2026, 7, 1), plan_id="P1"))
    assert back.plan_on(date(2026, 7, 1)) == "P1"


def test_a_history_has_a_bound() -> None:
    plan, contract = PLAN, CONTRACT
    for number in range(MOST_CHANGES):
        plan = with_change(plan, asks(4 + number % 2, BEGIN + timedelta(days=number)))
    for number in range(MOST_MOVES):
        day = BEGIN + timedelta(days=number)
        contract = with_move(contract, PlanMove(valid_from=day, plan_id=f"P{2 + number % 2}"))
    with pytest.raises(TooManyDays, match="keeps no more"):
        with_change(plan, asks(1, date(2030, 1, 1)))
    with pytest.raises(TooManyDays, match="keeps no more"):
        with_move(contract, PlanMove(valid_from=date(2030, 1, 1), plan_id="P9"))
    assert with_change(plan, asks(9, BEGIN)).on(BEGIN).price_per_kwh == 9, "a day that is there can change"
