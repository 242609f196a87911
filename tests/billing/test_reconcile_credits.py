"""What CDRs come to when some of them give others back (A21)."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from elstrada.billing.reconcile import HeldCdr, Sum, sums_of
from elstrada.model.ids import PartyId

CPO, EMSP = PartyId("SE", "ELS"), PartyId("SE", "RET")


def held(cdr_id: str, kwh: str, net: str, gross: str | None) -> HeldCdr:
    return HeldCdr(
        party=CPO,
        cdr_id=cdr_id,
        token_party=EMSP,
        state="DELIVERED",
        currency="SEK",
        total_energy=Decimal(kwh),
        before_taxes=Decimal(net),
        after_taxes=None if gross is None else Decimal(gross),
        recorded_at=datetime(2026, 2, 27, tzinfo=UTC),
    )


def credit_of(cdr: HeldCdr) -> HeldCdr:
    """As OCPI has it: the cost is negative and nothing else."""
    gross = None if cdr.after_taxes is None else -cdr.after_taxes
    return msgspec.structs.replace(
        cdr, cdr_id=f"{cdr.cdr_id}-C", credits=cdr.cdr_id, before_taxes=-cdr.before_taxes, after_taxes=gross
    )


def total(cdrs: int, kwh: str, net: str, gross: str | None) -> Sum:
    after = None if gross is None else Decimal(gross)
    return Sum(
        currency="SEK",
        cdrs=cdrs,
        total_energy=Decimal(kwh),
        before_taxes=Decimal(net),
        after_taxes=after,
    )


FIRST, OTHER = held("C1", "10.5", "42", "52.50"), held("C9", "3", "12", "15")
ANEW = held("C2", "10.5", "47.25", "59.0625")


def test_a_credit_and_the_cdr_that_it_gives_back_add_up_to_nothing() -> None:
    assert sums_of([FIRST, credit_of(FIRST)]) == (total(2, "0", "0", "0"),)


def test_a_session_that_was_credited_and_reissued_counts_once() -> None:
    again = credit_of(ANEW)
    assert sums_of([FIRST, credit_of(FIRST), ANEW, OTHER]) == (total(4, "13.5", "59.25", "74.0625"),)
    assert sums_of([FIRST, credit_of(FIRST), ANEW, again, OTHER]) == (total(5, "3", "12", "15"),)


def test_a_credit_of_what_an_earlier_invoice_covers_takes_its_energy_off_this_one() -> None:
    assert sums_of([credit_of(FIRST), OTHER]) == (total(2, "-7.5", "-30", "-37.50"),)


def test_a_credit_without_taxes_leaves_the_tax_unknown() -> None:
    bare = held("C1", "1", "4", None)
    assert sums_of([bare, credit_of(bare)]) == (total(2, "0", "0", None),)


def test_in_any_order_the_sum_is_that_of_the_cdrs_that_stand() -> None:
    chance = random.Random(21)
    for _ in range(50):
        cdrs = [held(f"C{n}", f"{chance.randint(0, 9999)}e-3", str(n), str(2 * n)) for n in range(20)]
        gone = chance.sample(cdrs, 7)
        listed = cdrs + [credit_of(cdr) for cdr in gone]
        chance.shuffle(listed)
        (found,), (standing,) = sums_of(listed), sums_of(cdr for cdr in cdrs if cdr not in gone)
        assert msgspec.structs.replace(found, cdrs=0) == msgspec.structs.replace(standing, cdrs=0)
