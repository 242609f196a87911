"""Credit CDRs and the CDRs that take a credited one's place (A21; OCPI mod_cdrs, Credit CDRs)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace
from scenes import CPO, START, an_hour

from elstrada.billing.reissue import (
    credit_cost,
    credit_id_of,
    credit_of,
    negative,
    reissue_id_of,
    reissued,
    says_the_same,
)
from elstrada.model.cost import Cost, Price, TaxAmount

NOW = START + timedelta(days=1)
CDR = an_hour()
AMOUNTS = st.decimals(min_value=0, max_value=10**6, places=2)


def test_a21_only_the_total_cost_is_negative_and_every_other_field_as_it_was() -> None:
    credit = credit_of(CDR, NOW)
    of_its_own = {"id", "credit", "credit_reference_id", "total_cost", "last_updated"}
    before, after = asdict(CDR), asdict(credit)
    assert {name for name in before if before[name] != after[name]} == of_its_own
    assert (credit.credit, credit.credit_reference_id, credit.last_updated) == (True, CDR.id, NOW)
    assert credit.total_cost.before_taxes == -CDR.total_cost.before_taxes < 0
    assert credit.total_energy == CDR.total_energy > 0
    assert credit.total_energy_cost == CDR.total_energy_cost


def test_v41_the_credit_and_its_cdr_come_to_nothing() -> None:
    credit = credit_of(CDR, NOW).total_cost
    whole, given_back = CDR.total_cost.after_taxes, credit.after_taxes
    assert whole is not None
    assert given_back is not None
    assert whole + given_back == 0


@given(AMOUNTS, st.none() | st.lists(st.tuples(AMOUNTS, st.sampled_from([None, Decimal(25)])), max_size=3))
def test_a_price_given_back_twice_is_the_price(
    before: Decimal, taxes: list[tuple[Decimal, Decimal | None]] | None
) -> None:
    lines = None if taxes is None else tuple(TaxAmount("VAT", amount, rate) for amount, rate in taxes)
    price = Price(before, lines)
    assert negative(negative(price)) == price
    assert (negative(price).taxes is None) == (lines is None)


def test_the_id_of_a_credit_is_within_what_ocpi_allows_and_that_of_a_reissue_is_no_longer_than_any() -> None:
    assert len(credit_id_of("x" * 36)) == 38 <= 39
    ids = ["s1"]
    for _ in range(20):
        ids.append(reissue_id_of(CPO, ids[-1]))
    assert len(set(ids)) == len(ids)
    assert {len(id) for id in ids[1:]} == {36}
    assert all(UUID(id).version == 5 for id in ids[1:])
    assert all(reissue_id_of(CPO, one) == other for one, other in pairwise(ids))


def test_a_reissued_cdr_says_whose_place_it_takes() -> None:
    anew = reissued(replace(CDR, remark="x" * 255), CDR, NOW)
    assert anew.remark is not None
    assert anew.remark.startswith(f"in place of CDR {CDR.id}; xxx")
    assert (len(anew.remark), anew.credit, anew.credit_reference_id) == (255, False, None)
    assert (anew.session_id, anew.last_updated) == (CDR.session_id, NOW)


def test_v42_what_differs_only_in_what_is_its_own_says_the_same() -> None:
    assert says_the_same(reissued(CDR, CDR, NOW), CDR)
    dearer = replace(CDR, total_cost=Price(CDR.total_cost.before_taxes + 1, CDR.total_cost.taxes))
    assert not says_the_same(reissued(dearer, CDR, NOW), CDR)


def test_the_cost_of_a_credit_says_what_it_gives_back_and_why() -> None:
    cost = Cost(currency="SEK", total=CDR.total_cost, notes=("a doubt",))
    told = credit_cost(cost, "s1", "the meter was wrong")
    assert told == Cost(
        currency="SEK",
        total=negative(CDR.total_cost),
        notes=("gives back CDR s1: the meter was wrong",),
    )
