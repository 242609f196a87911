"""The biller on a spine: one CDR received, one line on the right bill, or held with its findings."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from cdr_scene import (
    ALL,
    CDR,
    CONTRACT,
    CONTRACT_ID,
    CPO,
    NOW,
    OWNER,
    PLACE,
    PLAN,
    START,
    TARIFF,
    TOKEN,
    Noon,
    bill,
    changed,
    checks,
    in_country,
    later,
    lines,
    put_contract,
    put_plan,
    put_token,
    receive,
    run,
    spine_with,
)
from elstrada.model.cdr import Cdr
from elstrada.model.cost import Price, TaxAmount
from elstrada.model.ids import PartyId, contract_stream
from elstrada.model.invoice import PlanChange, PlanMove, RetailMode
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.roles.biller import Biller
from elstrada.spine import tables as t
from elstrada.spine.face import Loaded, Put, Recorded, Work
from elstrada.spine.memory import MemorySpine


def test_a_cdr_that_passes_becomes_one_line_on_its_contract() -> None:
    async def scene() -> None:
        spine = await spine_with(*ALL)
        await receive(spine, CDR)
        await bill(spine)
        (line,) = await lines(spine)
        assert (line.net, line.vat, line.gross) == (Decimal("47.90"), Decimal("11.98"), Decimal("59.88"))
        assert (line.customer_id, line.cdr_id, line.cdr_party) == ("4711", "c1", CPO)
        (check,) = await checks(spine)
        assert (check.accepted, check.findings) == (True, ())
        assert "V38 no signed data" in check.unexamined
        row = await spine.get(t.cdr, owner=str(OWNER), party=str(CPO), cdr_id="c1")
        assert row is not None
        assert row["state"] == "ACCEPTED"
        assert len(await spine.find(t.bill_line, {"owner": str(OWNER)})) == 1

    run(scene())


def test_many_cdrs_of_one_contract_in_one_batch_each_get_a_line() -> None:
    async def scene() -> None:
        spine = await spine_with(*ALL)
        await receive(spine, *(later(n, id=f"c{n}", session_id=f"s{n}") for n in range(5)))
        await bill(spine)
        assert [line.cdr_id for line in await lines(spine)] == [f"c{n}" for n in range(5)]

    run(scene())


def test_a_line_is_added_to_a_bill_of_whatever_length_without_reading_it() -> None:
    """A fleet has thousands of lines on one contract, written by the followers of all shards."""
    asked: list[str] = []

    class Watched(MemorySpine):
        async def load(self, stream: str) -> Loaded:
            asked.append(stream)
            return await super().load(stream)

        async def facts(self, stream: str, after_version: int = 0, limit: int = 10_000) -> list[Recorded]:
            asked.append(stream)
            return await super().facts(stream, after_version, limit)

    async def scene() -> None:
        spine = Watched(Noon())
        await spine.start()
        await spine.commit(Work(writes=ALL))
        await receive(spine, *(later(n, id=f"c{n}", session_id=f"s{n}") for n in range(3)))
        await bill(spine)
        asked.clear()
        after = (await spine.read(0))[-1].position
        await receive(spine, later(9, id="c9", session_id="s9"))
        await bill(spine, after)
        assert contract_stream(OWNER, CONTRACT_ID) not in asked
        assert len(await lines(spine)) == 4

    run(scene())


def test_however_often_a_cdr_comes_it_is_billed_once() -> None:
    async def scene() -> None:
        spine = await spine_with(*ALL)
        await receive(spine, CDR, CDR)  # P4: twice in one batch,
        await bill(spine)
        await bill(spine)  # the batch taken again after a lost cursor,
        position = len(spine.store.log)
        await receive(spine, CDR)  # and once more, later.
        await bill(spine, position)
        assert len(await lines(spine)) == 1
        assert len(await checks(spine)) == 1

    run(scene())


def test_other_content_under_the_same_id_is_refused_and_bills_nothing_more() -> None:
    async def scene() -> None:
        spine = await spine_with(*ALL)
        await receive(spine, CDR)
        await receive(spine, changed(total_energy=Decimal("10.001")), content_hash="b")
        await bill(spine)
        assert len(await lines(spine)) == 1
        accepted, refused = await checks(spine)
        assert accepted.accepted
        assert not refused.accepted
        assert refused.findings[0].startswith("V01 R")

    run(scene())


HELD = [
    (ALL[1:], CDR, "V29"),
    ((TOKEN, put_plan()), CDR, "contract SERETC00000017 is not in the records"),
    ((TOKEN, put_contract()), CDR, "plan P"),
    (ALL, changed(total_energy=Decimal(11)), "V14"),
    (ALL, in_country("ATL", time_zone="Europe/Stockholm"), "no VAT rate is known for ATL"),
    (ALL, in_country("ESP"), "no time zone"),
    (
        (TOKEN, put_plan(), put_contract(msgspec.structs.replace(CONTRACT, valid_to=date(2026, 3, 1)))),
        CDR,
        "V30",
    ),
    (
        (TOKEN, put_contract(), put_plan(msgspec.structs.replace(PLAN, mode=RetailMode.COST_PLUS))),
        changed(currency="EUR", tariffs=(msgspec.structs.replace(TARIFF, currency="EUR"),)),
        "nothing is converted",
    ),
    (ALL, changed(credit=True, credit_reference_id="c0", total_cost=Price(Decimal(-40))), "V41"),
    (ALL, changed(credit=True), "V41"),
    (ALL, changed(total_cost=Price(Decimal(-40))), "V42"),
    (ALL, changed(total_cost=Price(Decimal(99_999))), "V20"),
    (ALL, changed(total_cost=Price(Decimal(0))), "V20"),
    (ALL, changed(tariffs=(msgspec.structs.replace(TARIFF, end_date_time=START),)), "V20"),
    (
        ALL,
        changed(
            start_date_time=START.replace(year=2031),
            end_date_time=(START + timedelta(hours=1)).replace(year=2031),
            charging_periods=(ChargingPeriod(START.replace(year=2031), CDR.charging_periods[0].dimensions),),
        ),
        "V07",
    ),
    ((put_token(valid=False), *ALL[1:]), CDR, "the token was blocked"),
]


@pytest.mark.parametrize(("records", "cdr", "finding"), HELD, ids=[case[2][:20] for case in HELD])
def test_a_cdr_that_does_not_pass_is_held_and_says_why(
    records: tuple[Put, ...], cdr: Cdr, finding: str
) -> None:
    async def scene() -> None:
        spine = await spine_with(*records)
        await receive(spine, cdr)
        await bill(spine)
        assert await lines(spine) == []
        (check,) = await checks(spine)
        assert not check.accepted
        assert any(finding in text for text in check.findings), check.findings

    run(scene())


def test_a_session_is_billed_once_whatever_its_cdrs_are_called() -> None:
    async def scene() -> None:
        spine = await spine_with(*ALL)
        await receive(spine, CDR, changed(id="c2"))  # V02: in one batch,
        await bill(spine)
        position = len(spine.store.log)
        await receive(spine, changed(id="c3"))  # and later.
        await bill(spine, position)
        assert [line.cdr_id for line in await lines(spine)] == ["c1"]
        for cdr_id in ("c2", "c3"):
            (check,) = await checks(spine, cdr_id)
            assert [text[:4] for text in check.findings] == ["V02 "]

    run(scene())


def test_a_session_whose_first_cdr_was_refused_is_billed_by_its_second() -> None:
    async def scene() -> None:
        spine = await spine_with(*ALL)
        await receive(spine, changed(total_cost=Price(Decimal(99_999))), changed(id="c2"))
        await bill(spine)
        assert [line.cdr_id for line in await lines(spine)] == ["c2"]
        await spine.commit(await Biller(spine).again(OWNER, CPO, "c1", now=NOW))
        assert len(await lines(spine)) == 1

    run(scene())


def test_the_same_session_id_of_another_party_is_another_session() -> None:
    async def scene() -> None:
        spine = await spine_with(*ALL)
        place = msgspec.structs.replace(PLACE, evse_id="SE*OTH*E1")
        await receive(spine, CDR, later(2, party=PartyId("SE", "OTH"), cdr_location=place))
        await bill(spine)
        assert len(await lines(spine)) == 2

    run(scene())


EVENING = datetime(2026, 3, 2, 22, 50, tzinfo=UTC)
"""Ten minutes to midnight in Stockholm."""
OTHER = PlanChange(valid_from=date(2026, 3, 3), mode=PLAN.mode, currency="SEK", price_per_kwh=Decimal("9.79"))


@pytest.mark.parametrize(
    "writes",
    [
        (put_contract(), put_plan(msgspec.structs.replace(PLAN, changes=(OTHER,)))),
        (
            put_contract(
                msgspec.structs.replace(
                    CONTRACT, moves=(PlanMove(valid_from=OTHER.valid_from, plan_id="P2"),)
                )
            ),
            put_plan(),
            put_plan(msgspec.structs.replace(PLAN, id="P2", price_per_kwh=OTHER.price_per_kwh)),
        ),
    ],
    ids=["another price", "another plan"],
)
def test_a_session_is_billed_by_the_prices_of_its_day_however_late_its_cdr_comes(
    writes: tuple[Put, ...],
) -> None:
    """Pricing 3.1: of the local day on which it began; in UTC both begin on the same."""

    async def scene() -> None:
        spine = await spine_with(TOKEN, *writes)
        for minutes, cdr_id in ((0, "c1"), (80, "c2")):
            start = EVENING + timedelta(minutes=minutes)
            times = {
                "start_date_time": start,
                "end_date_time": start + timedelta(minutes=60, seconds=-minutes // 8),
            }
            periods = (ChargingPeriod(start, CDR.charging_periods[0].dimensions),)
            await receive(spine, changed(id=cdr_id, session_id=cdr_id, charging_periods=periods, **times))
        await bill(spine)
        assert [(line.cdr_id, line.net) for line in await lines(spine)] == [
            ("c1", Decimal("47.90")),
            ("c2", Decimal("97.90")),
        ]

    run(scene())


def test_v22_the_rate_is_that_of_the_sessions_last_local_day() -> None:
    """Half past midnight in Romania, and 21:30 of the day before in UTC: the rate rose on 1 August 2025."""
    start = datetime(2025, 7, 31, 20, 30, tzinfo=UTC)
    cdr = in_country(
        "ROU",
        start_date_time=start,
        end_date_time=start + timedelta(hours=1),
        charging_periods=(ChargingPeriod(start, CDR.charging_periods[0].dimensions),),
        total_cost=Price(Decimal(40), (TaxAmount("VAT", amount=Decimal("8.40"), percentage=Decimal(21)),)),
    )

    async def scene() -> None:
        spine = await spine_with(*ALL)
        await receive(spine, cdr)
        await bill(spine)
        (check,) = await checks(spine)
        assert [text for text in check.findings if text.startswith("V22")] == []

    run(scene())


def test_a_token_blocked_when_the_session_ran_does_not_hold_its_cdr() -> None:
    async def scene() -> None:
        blocked = put_token(valid=False, last_updated=START + timedelta(minutes=1))
        spine = await spine_with(blocked, *ALL[1:])
        await receive(spine, CDR)
        await bill(spine)
        assert len(await lines(spine)) == 1

    run(scene())


HUGE = Decimal("9E+999999")


@pytest.mark.parametrize(
    "cdr",
    [
        changed(
            total_energy=HUGE, charging_periods=(ChargingPeriod(START, (PeriodDimension("ENERGY", HUGE),)),)
        ),
        changed(charging_periods=(ChargingPeriod(START, (PeriodDimension("ENERGY", HUGE),) * 2),)),
        changed(total_cost=Price(Decimal(10**12))),
        changed(
            end_date_time=datetime(9999, 12, 31, 23, 59, tzinfo=UTC),
            total_time=Decimal(69_902_000),
        ),
    ],
    ids=["energy", "sum", "cost", "year"],
)
def test_nonsense_is_held_and_stops_nobody_elses_bill(cdr: Cdr) -> None:
    async def scene() -> None:
        spine = await spine_with(*ALL)
        await receive(spine, cdr, changed(id="c2"))
        await bill(spine)
        (check,) = await checks(spine)
        assert not check.accepted
        assert [line.cdr_id for line in await lines(spine)] == ["c2"]

    run(scene())


def test_a_held_cdr_is_billed_once_when_the_cause_is_mended() -> None:
    async def scene() -> None:
        spine = await spine_with(TOKEN, put_contract())
        await receive(spine, CDR)
        await bill(spine)
        await spine.commit(Work(writes=(put_plan(),)))
        await spine.commit(await Biller(spine).again(OWNER, CPO, "c1", now=NOW))
        assert len(await lines(spine)) == 1
        assert [check.accepted for check in await checks(spine)] == [False, True]
        assert await Biller(spine).again(OWNER, CPO, "c1", now=NOW) == Work()
        assert await Biller(spine).again(OWNER, CPO, "c9", now=NOW) == Work()

    run(scene())


def test_the_token_of_another_party_of_the_installation_is_not_ours() -> None:
    async def scene() -> None:
        other = Put(t.token, {**TOKEN.row, "owner": "SE*OTH"})
        spine = await spine_with(other, put_contract(), put_plan())
        await receive(spine, CDR)
        await bill(spine)
        assert (await checks(spine))[0].findings[0].startswith("V29 R")

    run(scene())
