"""CDRs and credits in any order, on several nodes at once, and one that nobody can examine: no line twice, none lost."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace
from test_roles_missing_cdrs import SESSION

from cdr_scene import (
    ALL,
    CARD,
    CDR,
    CONTRACT,
    CONTRACT_ID,
    CPO,
    NOW,
    OWNER,
    START,
    TARIFF,
    US,
    bill,
    changed,
    checks,
    later,
    lines,
    put_contract,
    receive,
    run,
    spine_with,
)
from elstrada.model.cdr import Cdr, CdrState, SignedData, SignedValue
from elstrada.model.cost import Price
from elstrada.model.facts import CdrDecided, RoamedSessionChanged
from elstrada.model.ids import PartyId, roamed_session_stream
from elstrada.model.session import Session
from elstrada.model.tariff import Dimension, PriceComponent, TariffElement, TariffRestrictions
from elstrada.roles import cdr_verdicts
from elstrada.roles.biller import Biller, NotDecided
from elstrada.roles.roaming.rows import token_row
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, RowMoved, StreamMoved, Work
from elstrada.spine.memory import MemorySpine

CREDIT = changed(id="k1", credit=True, credit_reference_id="c1", total_cost=Price(Decimal(-40)))


async def state(spine: MemorySpine, cdr_id: str) -> str:
    row = await spine.get(t.cdr, owner=str(OWNER), party=str(CPO), cdr_id=cdr_id)
    assert row is not None
    return str(row["state"])


async def billed(spine: MemorySpine) -> list[str]:
    return [line.cdr_id for line in await lines(spine)]


async def arrive(spine: MemorySpine, *cdrs: Cdr) -> None:
    """Received and examined, one batch."""
    position = len(spine.store.log)
    await receive(spine, *cdrs)
    await bill(spine, position)


def test_a_time_of_day_that_nobody_can_read_holds_that_cdr_alone() -> None:
    limits = TariffRestrictions(start_time="8:00", end_time="20:00")
    element = TariffElement((PriceComponent(Dimension.ENERGY, Decimal(4)),), limits)
    unreadable = changed(tariffs=(msgspec.structs.replace(TARIFF, elements=(element,)),))

    async def scene() -> None:
        spine = await spine_with(US, *ALL)
        await arrive(spine, unreadable, later(5, id="c2", session_id="s2"))
        assert await billed(spine) == ["c2"]
        (check,) = await checks(spine)
        assert check.findings[0].startswith("V20 H")
        assert "V49 not a time of day: '8:00'; expected HH:MM" in check.unexamined

    run(scene())


def test_a_fault_of_ours_holds_the_cdr_that_brings_it_to_light_and_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def faulty(_: SignedData) -> None:
        raise KeyError("a fault")

    signed = changed(signed_data=SignedData("OCMF", (SignedValue("Start", "", "OCMF|{}|{}"),)))

    async def scene() -> None:
        spine = await spine_with(US, *ALL)
        with monkeypatch.context() as patched:
            patched.setattr(cdr_verdicts, "verify", faulty)
            await arrive(spine, signed, later(5, id="c2", session_id="s2"))
        assert (await state(spine, "c1"), await billed(spine)) == (CdrState.HELD, ["c2"])
        (check,) = await checks(spine)
        assert check.findings == (
            "RATE H: it cannot be examined, by a fault of ours that the log tells: KeyError",
        )
        assert "CDR c1 of SE*ELS cannot be examined" in caplog.text
        await Biller(spine).retry(NOW)  # Mended meanwhile: it is examined like any.
        assert [text[:5] for text in (await checks(spine))[-1].findings] == ["V38 H"]

    run(scene())


@pytest.mark.parametrize("contract_id", ["AAA-1", "SE-RET-C00000018-1"])
def test_r44_a_partners_token_of_the_same_uid_pays_for_nothing_of_ours(contract_id: str) -> None:
    """One physical card may be of two eMSPs, and a partner may write what it likes into its own token."""
    other = msgspec.structs.replace(CARD, party=PartyId("SE", "AAA"), contract_id=contract_id)
    also_ours = msgspec.structs.replace(CONTRACT, id="SE-RET-C00000018-1", customer_id="4712")

    async def scene() -> None:
        spine = await spine_with(*ALL, put_contract(also_ours), Put(t.token, token_row(OWNER, other, "ref")))
        await arrive(spine, CDR)
        assert [(line.contract_id, line.customer_id) for line in await lines(spine)] == [
            (CONTRACT_ID, "4711")
        ]

    run(scene())


def test_v41_a_credit_before_its_cdr_in_one_batch_leaves_nothing_to_pay() -> None:
    async def scene() -> None:
        spine = await spine_with(US, *ALL)
        await arrive(spine, CREDIT, CDR)
        assert await billed(spine) == []
        assert (await state(spine, "c1"), await state(spine, "k1")) == (CdrState.CREDITED, CdrState.ACCEPTED)

    run(scene())


def test_v41_a_credit_that_overtook_its_cdr_waits_for_it() -> None:
    """Nobody can accept it before, and once that is here it gives it back: nothing is to pay, on no day."""

    async def scene() -> None:
        spine = await spine_with(US, *ALL)
        await arrive(spine, CREDIT)
        assert await state(spine, "k1") == CdrState.HELD
        biller = Biller(spine)
        case = await biller.case(OWNER, CPO, "k1", now=NOW)
        assert case is not None
        with pytest.raises(NotDecided, match="is not here"):
            await biller.decided(case, CdrDecided(CdrState.ACCEPTED, "because", "Anna"))
        assert await biller.retry(NOW) == 0
        await arrive(spine, later(5, id="c2", session_id="s2"))
        assert await state(spine, "k1") == CdrState.HELD
        await arrive(spine, CDR)
        assert await billed(spine) == ["c2"]
        assert (await state(spine, "c1"), await state(spine, "k1")) == (CdrState.CREDITED, CdrState.ACCEPTED)
        assert await biller.retry(NOW) == 0

    run(scene())


def test_v41_a_credit_and_its_cdr_whose_billers_look_past_each_other_leave_nothing_to_pay() -> None:
    """They are in different shards: the credit finds no CDR yet, and the CDR no credit that is held."""

    async def scene() -> None:
        spine = await spine_with(US, *ALL)
        await receive(spine, CREDIT)
        of_the_credit = await Biller(spine).handle(await spine.read(0))
        came = len(spine.store.log)
        await receive(spine, CDR)
        await bill(spine, came)
        assert await billed(spine) == ["c1"]
        held = len(spine.store.log)
        await spine.commit(of_the_credit)
        assert await state(spine, "k1") == CdrState.HELD
        await bill(spine, held)
        assert (await state(spine, "c1"), await state(spine, "k1")) == (CdrState.CREDITED, CdrState.ACCEPTED)
        assert await billed(spine) == ["c1", "k1"]

    run(scene())


def test_v41_a_credit_that_is_disputed_was_taken_all_the_same() -> None:
    async def scene() -> None:
        spine = await spine_with(US, *ALL)
        await arrive(spine, CDR)
        await arrive(spine, CREDIT)
        biller = Biller(spine)
        case = await biller.case(OWNER, CPO, "k1", now=NOW)
        assert case is not None
        await spine.commit(await biller.decided(case, CdrDecided(CdrState.DISPUTED, "because", "Anna")))
        await arrive(spine, msgspec.structs.replace(CREDIT, id="k2"))
        (check,) = await checks(spine, "k2")
        assert "'k1' credited before" in check.findings[0]
        assert await billed(spine) == ["c1", "k1"]

    run(scene())


def test_v41_a_cdr_that_is_billed_while_its_credit_is_read_is_looked_at_again() -> None:
    async def scene() -> None:
        spine = await spine_with(US, *ALL)
        await receive(spine, CDR, CREDIT)
        biller = Biller(spine)
        credit = await biller.again(OWNER, CPO, "k1", now=NOW)
        await spine.commit(await biller.again(OWNER, CPO, "c1", now=NOW))
        with pytest.raises(StreamMoved):
            await spine.commit(credit)
        await spine.commit(await biller.again(OWNER, CPO, "k1", now=NOW))
        assert await billed(spine) == ["c1", "k1"]

    run(scene())


def test_v02_two_cdrs_of_a_session_that_are_examined_at_once_become_one_line() -> None:
    """Whoever is second sees it when it is about to write, or when it does."""

    async def scene() -> None:
        spine = await spine_with(*ALL)
        await receive(spine, CDR, changed(id="c2"))
        biller = Biller(spine)
        cases = [await biller.case(OWNER, CPO, cdr_id, now=NOW) for cdr_id in ("c1", "c2")]
        one, other = [case for case in cases if case is not None]
        decision = CdrDecided(CdrState.ACCEPTED, "because", "Anna")
        first, at_once = await biller.decided(one, decision), await biller.decided(other, decision)
        await spine.commit(first)
        with pytest.raises(StreamMoved):
            await spine.commit(at_once)
        with pytest.raises(RowMoved):
            await biller.decided(other, decision)
        await spine.commit(await biller.again(OWNER, CPO, "c2", now=NOW))
        assert (await billed(spine), await state(spine, "c2")) == (["c1"], CdrState.HELD)

    run(scene())


OTHER = replace(SESSION, id="s0", start_date_time=START - timedelta(days=1), last_updated=START)
TOLD = replace(SESSION, start_date_time=START, kwh=Decimal(10), last_updated=NOW)


async def tell(spine: MemorySpine, *sessions: Session) -> None:
    """What its CPO tells of them, recorded; nobody has looked yet."""
    for one in sessions:
        stream = roamed_session_stream(OWNER, CPO, one.id)
        append = Append(stream, await spine.version(stream), (RoamedSessionChanged(one),))
        await spine.commit(Work((append,)))


def test_v37_a_cdr_that_overtook_its_session_is_billed_when_that_is_told() -> None:
    async def scene() -> None:
        spine = await spine_with(US, *ALL)
        await tell(spine, OTHER)
        await arrive(spine, CDR, later(2, id="c2", session_id="s2"))
        assert [await state(spine, one) for one in ("c1", "c2")] == [CdrState.HELD] * 2
        position = len(spine.store.log)
        await tell(spine, TOLD)
        await bill(spine, position)
        assert (await state(spine, "c1"), await state(spine, "c2")) == (CdrState.ACCEPTED, CdrState.HELD)
        assert await billed(spine) == ["c1"]
        facts = len(spine.store.log)
        await bill(spine)  # The log read again, from its beginning.
        assert len(spine.store.log) == facts

    run(scene())


def test_v37_billers_of_two_shards_that_look_past_each_other_leave_no_cdr_behind() -> None:
    """One examines the CDR before its session is there; the other the session before the CDR is held."""

    async def scene() -> None:
        spine = await spine_with(US, *ALL)
        await tell(spine, OTHER)
        await receive(spine, CDR)
        of_the_cdr = await Biller(spine).handle(await spine.read(0))
        told = len(spine.store.log)
        await tell(spine, TOLD)
        await bill(spine, told)
        held = len(spine.store.log)
        await spine.commit(of_the_cdr)
        assert await state(spine, "c1") == CdrState.HELD
        await bill(spine, held)
        assert (await state(spine, "c1"), await billed(spine)) == (CdrState.ACCEPTED, ["c1"])

    run(scene())


class Ticking:
    """A second later each time."""

    def __init__(self) -> None:
        self._at = NOW

    def now(self) -> datetime:
        self._at += timedelta(seconds=1)
        return self._at


def test_v37_a_cdr_that_also_lies_in_the_future_is_not_looked_at_for_ever() -> None:
    """What is found of it (V07) says how late it is now, and so never twice the same."""

    async def scene() -> None:
        spine = MemorySpine(Ticking())
        await spine.start()
        await spine.commit(Work(writes=(US, *ALL)))
        await tell(spine, OTHER)
        await receive(spine, later(60))
        position = 0
        for _ in range(10):
            facts = await spine.read(position)
            if facts:
                position = facts[-1].position
                await spine.commit(await Biller(spine).handle(facts))
        assert await state(spine, "c1") == CdrState.HELD
        assert len(await checks(spine)) <= 2

    run(scene())


def test_v37_of_two_cdrs_of_a_session_that_waited_for_it_one_is_billed() -> None:
    async def scene() -> None:
        spine = await spine_with(US, *ALL)
        await tell(spine, OTHER)
        await arrive(spine, CDR)
        position = len(spine.store.log)
        await receive(spine, changed(id="c2"))
        await tell(spine, TOLD)
        await bill(spine, position)
        assert await billed(spine) == ["c1"]
        (check,) = await checks(spine, "c2")
        assert [text[:4] for text in check.findings] == ["V02 "]

    run(scene())


def test_v37_what_an_operator_decided_stands_when_the_session_is_told() -> None:
    async def scene() -> None:
        spine = await spine_with(US, *ALL)
        await tell(spine, OTHER)
        await arrive(spine, CDR)
        biller = Biller(spine)
        case = await biller.case(OWNER, CPO, "c1", now=NOW)
        assert case is not None
        await spine.commit(await biller.decided(case, CdrDecided(CdrState.REJECTED, "because", "Anna")))
        position = len(spine.store.log)
        await tell(spine, TOLD)
        await bill(spine, position)
        assert (await state(spine, "c1"), await billed(spine)) == (CdrState.REJECTED, [])

    run(scene())
