"""CDRs of ours are credited and reissued by the operator's hand: each once, and never changed (P4, A21, V41, V42)."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from desk_book import StepClock, done
from msgspec.structs import replace
from test_desk_retries import CPO, EMSP, TARIFF, UID, as_file, had, refused, run, with_an_unrated_session

from elstrada.model.agreement import Bounds
from elstrada.model.allowance import Allowance
from elstrada.model.cdr import Cdr
from elstrada.model.cost import Cost
from elstrada.model.facts import CdrIssued, CdrReissued, CdrTakenBack
from elstrada.model.ids import cdr_stream
from elstrada.roaming.news import CdrNews, news
from elstrada.roles.crediting import credit, reissue
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.roles.roaming.taken import Takings
from elstrada.roles.session_cdr import session_cdr
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Delete, Put, StreamMoved, Work


async def with_a_cdr(desk: Desk, clock: StepClock) -> Cdr:
    """Of 10 kWh at 4 SEK, and 25 % VAT."""
    await with_an_unrated_session(desk, clock)
    await had(desk, "station place", station="S1", place=["1=L1/E1"])
    await had(desk, "cdr retry", cdr="s1", session=True)
    clock.step(days=1)
    return await cdr_named(desk, "s1")


async def cdr_named(desk: Desk, cdr_id: str) -> Cdr:
    facts = await desk.spine.facts(cdr_stream(CPO, CPO, cdr_id))
    assert isinstance(facts[0].fact, CdrIssued)
    return facts[0].fact.cdr


async def dearer(desk: Desk, price: int = 5) -> None:
    """The tariff is mended."""
    element = {"price_components": [{"type": "ENERGY", "price": price, "vat": 25, "step_size": 1}]}
    await had(desk, "tariff put", file=as_file({**TARIFF, "elements": [element]}))


def test_a21_a_credit_gives_the_whole_cdr_back_and_the_cdr_stays_as_it_was(
    desk: Desk, clock: StepClock
) -> None:
    async def steps() -> None:
        original = await with_a_cdr(desk, clock)
        line: Any = await done(desk, "cdr credit", cdr="s1", reason="meter wrong", by="anna")
        assert (line.cdr_id, line.state, line.total_before_taxes) == ("s1-C", "ISSUED", -40)
        assert (line.total_after_taxes, line.total_energy) == (-50, 10)
        credit = await cdr_named(desk, "s1-C")
        assert (credit.credit, credit.credit_reference_id, credit.last_updated) == (True, "s1", clock.at)
        known = await desk.spine.facts(cdr_stream(CPO, CPO, "s1"))
        assert [one.fact for one in known][1:] == [CdrTakenBack("s1-C", "meter wrong", "anna")]
        assert await cdr_named(desk, "s1") == original

    run(steps)


def test_a_credit_goes_out_like_any_cdr(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await with_a_cdr(desk, clock)
        await had(desk, "cdr credit", cdr="s1", reason="why")
        (recorded,) = await desk.spine.facts(cdr_stream(CPO, CPO, "s1-C"))
        assert news(recorded.stream, recorded.fact) == CdrNews(CPO, "s1-C", EMSP)

    run(steps)


def test_v41_a_cdr_is_credited_once_and_a_credit_never(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await with_a_cdr(desk, clock)
        answers = await asyncio.gather(*(done(desk, "cdr credit", cdr="s1", reason="r") for _ in range(3)))
        assert [isinstance(answer, Refusal) for answer in answers].count(False) == 1
        assert all(answer.kind is Kind.CONFLICT for answer in answers if isinstance(answer, Refusal))
        refused(await done(desk, "cdr credit", cdr="s1", reason="r"), Kind.CONFLICT, "was credited by s1-C")
        refused(await done(desk, "cdr credit", cdr="s1-C", reason="r"), Kind.CONFLICT, "is a credit itself")
        refused(await done(desk, "cdr credit", cdr="s9", reason="r"), Kind.MISSING, "issued no CDR 's9'")
        assert len(await desk.spine.find(t.cdr)) == 2

    run(steps)


async def withheld(desk: Desk, clock: StepClock) -> None:
    """The CDR of a session, but with what its receiver would refuse."""
    cdr = replace(await with_a_cdr(desk, clock), id="w1")
    fact = CdrIssued(cdr, Cost(currency="SEK", total=cdr.total_cost), withheld=("V14 R: too much",))
    await desk.spine.commit(Work((Append(cdr_stream(CPO, CPO, "w1"), 0, (fact,)),)))


def test_a_cdr_that_we_withheld_and_let_go_is_new_to_those_who_ask_since_then(
    desk: Desk, clock: StepClock
) -> None:
    """R-26: a peer that fetches has read the window in which it was made."""

    async def steps() -> None:
        await withheld(desk, clock)
        clock.step(days=2)
        line: Any = await done(desk, "cdr accept", cdr="w1", reason="it is right", by="anna")
        row = await desk.spine.get(t.cdr, owner=str(CPO), party=str(CPO), cdr_id="w1")
        assert row is not None
        assert (line.state, row["recorded_at"]) == ("ISSUED", clock.at)
        line = await done(desk, "cdr credit", cdr="w1", reason="r")
        assert (line.cdr_id, line.state) == ("w1-C", "ISSUED")

    run(steps)


def test_a_cdr_that_we_withhold_is_credited_and_reissued_and_neither_goes_out(
    desk: Desk, clock: StepClock
) -> None:
    async def steps() -> None:
        await withheld(desk, clock)
        line: Any = await done(desk, "cdr credit", cdr="w1", reason="tariff wrong")
        assert (line.cdr_id, line.state) == ("w1-C", "WITHHELD")
        for cdr, says in (("w1", "was credited"), ("w1-C", "which went to nobody")):
            refused(await done(desk, "cdr accept", cdr=cdr, reason="r"), Kind.CONFLICT, says)
        await dearer(desk)
        line = await done(desk, "cdr reissue", cdr="w1", mended_tariff=True)
        assert (line.state, line.total_before_taxes) == ("ISSUED", 50)

    run(steps)


def test_what_was_paid_on_the_spot_is_given_back_where_it_was_paid(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        cdr = await with_a_cdr(desk, clock)
        (recorded,) = await desk.spine.facts(cdr_stream(CPO, CPO, "s1"))
        assert isinstance(recorded.fact, CdrIssued)
        paid = replace(recorded.fact, cdr=replace(cdr, id="paid", authorization_reference="p1"))
        await desk.spine.commit(Work((Append(cdr_stream(CPO, CPO, "paid"), 0, (paid,)),)))
        whole = {
            "document": "{}",
            "changed_at": clock.at,
            "station_id": "S1",
            "evse_id": 1,
            "state": "SETTLED",
        }
        on_the_web = Put(t.web_payment, {"owner": str(CPO), "payment_id": "p1", **whole})
        at_terminal = Put(
            t.terminal_session,
            {
                "owner": str(CPO),
                "party": str(EMSP),
                "reference": "P1",
                "peer_id": "ret",
                "state": "PAID",
                "asked_at": clock.at,
                "changed_at": clock.at,
                "revision": 1,
                "document": "{}",
            },
        )
        for payment in (on_the_web, at_terminal):
            await desk.spine.commit(Work(writes=(payment,)))
            answer = await done(desk, "cdr credit", cdr="paid", reason="why")
            refused(answer, Kind.CONFLICT, "paid on the spot")
            key = {
                name: payment.row[name]
                for name in ("owner", "payment_id", "party", "reference")
                if name in payment.row
            }
            await desk.spine.commit(Work(writes=(Delete(payment.table, key),)))
        await had(desk, "cdr credit", cdr="paid", reason="why")

    run(steps)


def test_of_two_nodes_at_once_one_is_too_late(desk: Desk, clock: StepClock) -> None:
    """Both read the CDR before either writes."""

    async def steps() -> None:
        await with_a_cdr(desk, clock)
        works = [
            (await credit(desk.spine, CPO, "s1", reason="r", by=by, now=clock.at))[1] for by in ("a", "b")
        ]
        await desk.spine.commit(works[0])
        with pytest.raises(StreamMoved):
            await desk.spine.commit(works[1])
        await dearer(desk)
        anew = [
            (await reissue(desk.spine, CPO, "s1", by=by, now=clock.at, mended_tariff=True))[1]
            for by in ("a", "b")
        ]
        await desk.spine.commit(anew[1])
        with pytest.raises(StreamMoved):
            await desk.spine.commit(anew[0])
        assert len(await desk.spine.find(t.cdr)) == 3

    run(steps)


def test_a_credited_session_is_reissued_once_when_its_tariff_is_mended(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        original = await with_a_cdr(desk, clock)
        refused(await done(desk, "cdr reissue", cdr="s1"), Kind.CONFLICT, "was not credited")
        await had(desk, "cdr credit", cdr="s1", reason="wrong tariff")
        await dearer(desk)
        answers = await asyncio.gather(
            *(done(desk, "cdr reissue", cdr="s1", mended_tariff=True) for _ in range(3))
        )
        (line,) = [answer for answer in answers if not isinstance(answer, Refusal)]
        anew = await cdr_named(desk, getattr(line, "cdr_id", ""))
        assert (anew.total_cost.before_taxes, anew.session_id, anew.credit) == (50, "s1", False)
        assert anew.remark == "in place of CDR s1"
        assert anew.last_updated == clock.at
        assert (anew.start_date_time, anew.total_energy) == (original.start_date_time, original.total_energy)
        known = [one.fact for one in await desk.spine.facts(cdr_stream(CPO, CPO, "s1"))]
        assert known[2:] == [CdrReissued(anew.id, "operator")]
        refused(await done(desk, "cdr reissue", cdr="s1"), Kind.CONFLICT, "took the place of CDR s1 already")
        assert len(await desk.spine.find(t.cdr)) == 3

    run(steps)


def test_v42_a_reissue_that_would_say_the_same_is_refused(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await with_a_cdr(desk, clock)
        await had(desk, "cdr credit", cdr="s1", reason="why")
        refused(await done(desk, "cdr reissue", cdr="s1"), Kind.CONFLICT, "would come out just the same")
        clock.step(minutes=1)
        await dearer(desk)
        # what came later is not the tariff of the session, unless the operator says so.
        refused(await done(desk, "cdr reissue", cdr="s1"), Kind.CONFLICT, "would come out just the same")
        await had(desk, "cdr reissue", cdr="s1", mended_tariff=True)

    run(steps)


def test_a_reissued_cdr_can_be_wrong_too(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await with_a_cdr(desk, clock)
        await had(desk, "cdr credit", cdr="s1", reason="why")
        await dearer(desk)
        second: Any = await done(desk, "cdr reissue", cdr="s1", mended_tariff=True)
        await had(desk, "cdr credit", cdr=second.cdr_id, reason="wrong again")
        clock.step(minutes=1)
        await dearer(desk, 6)
        third: Any = await done(desk, "cdr reissue", cdr=second.cdr_id, mended_tariff=True)
        rows = await desk.spine.find(t.cdr)
        assert len(rows) == 5
        owed = sum((row["total_before_taxes"] for row in rows), Decimal(0))  # type: ignore[misc]
        assert owed == third.total_before_taxes == 60

    run(steps)


def test_the_cdr_that_counts_is_what_a_session_shows(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await with_a_cdr(desk, clock)

        async def counting() -> object:
            row = await session_cdr(desk.spine, CPO, "s1")
            card: Any = await done(desk, "session show", session="s1")
            assert card.cdr_id == (row and row["cdr_id"])
            return card.cdr_id

        assert await counting() == "s1"
        await had(desk, "cdr credit", cdr="s1", reason="why")
        assert await counting() is None
        await dearer(desk)
        line: Any = await done(desk, "cdr reissue", cdr="s1", mended_tariff=True)
        assert await counting() == line.cdr_id

    run(steps)


async def prepaid(desk: Desk, credit: int, currency: str = "SEK") -> None:
    """The session's token has this credit."""
    allowance = Allowance(currency=currency, credit=Decimal(credit))
    row = {
        "owner": str(CPO),
        "ref": desk.keys.token_ref(UID),
        "document": msgspec.json.encode(allowance).decode(),
        "changed_at": desk.clock.now(),
    }
    await desk.spine.commit(Work(writes=(Put(t.allowance, row),)))


async def left(desk: Desk) -> Decimal | None:
    found = await desk.spine.get(t.allowance, owner=str(CPO), ref=desk.keys.token_ref(UID))
    assert found is not None
    return msgspec.json.decode(str(found["document"]), type=Allowance).credit


def test_prepaid_credit_comes_back_and_is_taken_anew(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await with_an_unrated_session(desk, clock)
        await prepaid(desk, 100)
        await had(desk, "station place", station="S1", place=["1=L1/E1"])
        await had(desk, "cdr retry", cdr="s1", session=True)
        assert await left(desk) == 50
        await had(desk, "cdr credit", cdr="s1", reason="why")
        assert await left(desk) == 100
        await dearer(desk)
        anew: Any = await done(desk, "cdr reissue", cdr="s1", mended_tariff=True)
        assert await left(desk) == Decimal("37.50")
        await had(desk, "cdr credit", cdr=anew.cdr_id, reason="why")
        assert await left(desk) == 100

    run(steps)


def test_what_prepaid_credit_did_not_pay_does_not_come_back_as_prepaid_credit(
    desk: Desk, clock: StepClock
) -> None:
    """The token became prepaid behind the session, which somebody's bill has: what takes its place is there, too."""

    async def steps() -> None:
        await with_a_cdr(desk, clock)
        await prepaid(desk, 100)
        await had(desk, "cdr credit", cdr="s1", reason="why")
        assert await left(desk) == 100
        await dearer(desk)
        await had(desk, "cdr reissue", cdr="s1", mended_tariff=True)
        assert await left(desk) == 100

    run(steps)


def test_prepaid_credit_in_other_money_is_not_given_back_in_silence(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await with_an_unrated_session(desk, clock)
        await prepaid(desk, 100)
        await had(desk, "station place", station="S1", place=["1=L1/E1"])
        await had(desk, "cdr retry", cdr="s1", session=True)
        await prepaid(desk, 9, "EUR")
        await had(desk, "cdr credit", cdr="s1", reason="why")
        assert await left(desk) == 9
        found = await desk.spine.get(t.finding, source=f"session:{CPO}/s1", code="credit-currency")
        assert found is not None
        assert "-50.00 SEK" in str(found["sample"])

    run(steps)


def test_a_cdr_of_before_prepaid_credit_was_noted_gives_back_what_it_cost(
    desk: Desk, clock: StepClock
) -> None:
    async def steps() -> None:
        cdr = await with_a_cdr(desk, clock)
        older = CdrIssued(msgspec.structs.replace(cdr, id="s0"), Cost(currency="SEK", total=cdr.total_cost))
        assert b"prepaid" not in msgspec.json.encode(older)
        await desk.spine.commit(Work((Append(cdr_stream(CPO, CPO, "s0"), 0, (older,)),)))
        await prepaid(desk, 100)
        await had(desk, "cdr credit", cdr="s0", reason="why")
        assert await left(desk) == 150

    run(steps)


def test_explaining_a_credit_says_what_it_gives_back_and_why(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await with_a_cdr(desk, clock)
        await had(desk, "cdr credit", cdr="s1", reason="the meter was wrong")
        told: Any = await done(desk, "cdr explain", cdr="s1-C")
        assert "Note: gives back CDR s1: the meter was wrong" in told.lines
        assert "Total: -50.00 SEK" in told.lines

    run(steps)


def test_what_a_partner_may_take_in_a_month_counts_credits_back(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await with_a_cdr(desk, clock)

        async def taken() -> tuple[int, Decimal]:
            found = await Takings(desk.spine).of(CPO, EMSP, Bounds(energy_wh=1, cost=Decimal(1)), clock.at)
            return found.energy_wh, found.cost

        assert await taken() == (10_000, 40)
        await had(desk, "cdr credit", cdr="s1", reason="why")
        assert await taken() == (0, 0)
        await dearer(desk)
        await had(desk, "cdr reissue", cdr="s1", mended_tariff=True)
        assert await taken() == (10_000, 50)

    run(steps)
