"""Prepaid credit: what sessions hold at once is never more than there is, and every session is paid once."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.billing.credit import MOST_HOLDS, free, granted, held, released, session_key, spent
from elstrada.model.allowance import Allowance, SessionLimit

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MONEY = st.decimals(min_value=0, max_value=1000, places=2)


def prepaid(credit: str, most: str | None = None) -> Allowance:
    limit = SessionLimit(cost=None if most is None else Decimal(most), energy_wh=9000)
    return Allowance(currency="EUR", credit=Decimal(credit), session=limit)


def test_the_first_session_holds_all_there_is_and_another_nothing() -> None:
    (
        allowance,
        limit,
    ) = held(prepaid("20"), "a", NOW)
    assert limit == SessionLimit(cost=Decimal(20), currency="EUR", energy_wh=9000)
    assert held(allowance, "b", NOW) == (allowance, None)
    assert granted(allowance) is None
    assert held(allowance, "a", NOW) == (allowance, limit), "asked for again, it holds what it held"


def test_with_a_most_for_a_session_several_share_it() -> None:
    allowance, first = held(prepaid("50", "30"), "a", NOW)
    allowance, second = held(allowance, "b", NOW)
    assert first is not None
    assert second is not None
    assert (first.cost, second.cost, held(allowance, "c", NOW).limit) == (Decimal(30), Decimal(20), None)


def test_what_a_session_did_not_use_is_free_again_and_what_it_took_too_much_is_owed() -> None:
    allowance = held(prepaid("20"), "a", NOW).allowance
    assert free(spent(allowance, "a", Decimal("7.50"))) == Decimal("12.50")
    owing = spent(allowance, "a", Decimal("20.75"))
    assert (owing.credit, free(owing), granted(owing)) == (Decimal("-0.75"), Decimal(0), None)


def test_a_token_that_is_not_prepaid_is_bound_by_its_limits_alone() -> None:
    plain = Allowance(currency="EUR", session=SessionLimit(cost=Decimal(5), currency="EUR"))
    assert held(plain, "a", NOW) == (plain, plain.session)
    assert spent(plain, "a", Decimal(3)) == plain
    assert free(plain) is None


def test_a_token_of_very_many_sessions_gets_no_more() -> None:
    allowance = prepaid("1000", "1")
    for number in range(MOST_HOLDS):
        allowance = held(allowance, str(number), NOW).allowance
    assert held(allowance, "one more", NOW).limit is None


@given(
    MONEY,
    st.none() | MONEY.filter(bool),
    st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["begin", "price", "release"]), MONEY),
        max_size=30,
    ),
)
def test_holds_never_exceed_the_credit_and_only_prices_lower_it(
    credit: Decimal, most: Decimal | None, course: list[tuple[str, str, Decimal]]
) -> None:
    allowance = Allowance(currency="EUR", credit=credit, session=SessionLimit(cost=most))
    paid = Decimal(0)
    for session, step, cost in course:
        before = allowance
        if step == "begin":
            allowance, limit = held(allowance, session, NOW)
            assert limit is None or (limit.cost is not None and limit.cost > 0)
            holding = sum((hold.amount for hold in allowance.holds), Decimal(0))
            assert allowance == before or holding <= max(credit - paid, Decimal(0))
        elif step == "price":
            allowance, paid = spent(allowance, session, cost), paid + cost
        else:
            allowance = released(allowance, session)
        assert allowance.credit == credit - paid


@pytest.mark.parametrize(
    ("start", "transaction", "key"), [("k", "7", "S/k"), (None, "7", "S/tx|7"), ("tx|7", "7", "S/tx|7")]
)
def test_a_session_has_one_name_whether_or_not_its_start_came(
    start: str | None, transaction: str, key: str
) -> None:
    assert session_key("S", start, transaction) == key
