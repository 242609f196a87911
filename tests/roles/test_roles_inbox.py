"""CDRs in doubt: what operators decide of them, what is tried again by itself, and what a credit takes back."""

from __future__ import annotations

from datetime import date, timedelta
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
    START,
    TOKEN,
    US,
    bill,
    changed,
    checks,
    later,
    lines,
    put_contract,
    put_plan,
    put_token,
    receive,
    run,
    spine_with,
)
from elstrada.model.agreement import Agreement
from elstrada.model.cdr import Cdr, CdrState, SignedData, SignedValue
from elstrada.model.cost import Price
from elstrada.model.examination import Examination, Severity, Thresholds
from elstrada.model.facts import AgreementMade, CdrChecked, CdrCredited, CdrDecided, CdrReceived
from elstrada.model.ids import agreement_stream, cdr_stream
from elstrada.model.location import GeoLocation
from elstrada.model.party import BusinessDetails, PartyRole, Peer, PeerState, Role
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import Dimension, PriceComponent, TariffElement, TariffRestrictions
from elstrada.roles.biller import Biller, NotDecided
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, Work
from elstrada.spine.memory import MemorySpine
from ocmf_scene import payload, reading, record, signer

DEAR = changed(total_cost=Price(Decimal(99)))
"""V20 holds it."""
WRONG = changed(total_energy=Decimal(11))
"""V14 refuses it."""
CREDIT = changed(id="k1", credit=True, credit_reference_id="c1", total_cost=Price(Decimal(-40)))


async def state(spine: MemorySpine, cdr_id: str = "c1") -> str:
    row = await spine.get(t.cdr, owner=str(OWNER), party=str(CPO), cdr_id=cdr_id)
    assert row is not None
    return str(row["state"])


async def decide(spine: MemorySpine, to: CdrState, cdr_id: str = "c1") -> None:
    biller = Biller(spine)
    case = await biller.case(OWNER, CPO, cdr_id, now=NOW)
    assert case is not None
    await spine.commit(await biller.decided(case, CdrDecided(to, "because", "Anna")))


async def arrived(*cdrs: Cdr) -> MemorySpine:
    spine = await spine_with(*ALL)
    await receive(spine, *cdrs)
    await bill(spine)
    return spine


def peer(version: str = "2.3.0") -> Put:
    """The connection to the CPO."""
    known = Peer(
        owner=OWNER,
        id="els",
        state=PeerState.ACTIVE,
        version=version,
        changed_at=START,
        roles=(PartyRole(CPO, Role.CPO, BusinessDetails("Nord")),),
    )
    row = {
        "owner": str(OWNER),
        "peer_id": "els",
        "state": "ACTIVE",
        "document": msgspec.json.encode(known).decode(),
        "changed_at": START,
    }
    return Put(t.peer, row)


async def agreeing(spine: MemorySpine, examination: Examination) -> None:
    fact = AgreementMade("els", Agreement(cdrs=examination))
    await spine.commit(Work((Append(agreement_stream(OWNER, "els"), 0, (fact,)),), (peer(),)))


def test_findings_that_refuse_reject_and_those_that_hold_hold() -> None:
    async def scene() -> None:
        assert await state(await arrived(WRONG)) == CdrState.REJECTED
        assert await state(await arrived(DEAR)) == CdrState.HELD
        assert await state(await arrived(CDR)) == CdrState.ACCEPTED

    run(scene())


def test_an_operator_accepts_what_is_held_and_the_customer_gets_one_line() -> None:
    async def scene() -> None:
        spine = await arrived(DEAR)
        await decide(spine, CdrState.ACCEPTED)
        assert (await state(spine), len(await lines(spine))) == (CdrState.ACCEPTED, 1)
        last = (await spine.facts(cdr_stream(OWNER, CPO, "c1")))[-1].fact
        assert last == CdrDecided(CdrState.ACCEPTED, "because", "Anna")
        assert await Biller(spine).again(OWNER, CPO, "c1", now=NOW) == Work()

    run(scene())


@pytest.mark.parametrize(
    ("cdr", "records", "says"),
    [
        (WRONG, ALL, "only its issuer can mend it: V14 R"),
        (CDR, (TOKEN, put_plan()), "it cannot be rated"),
        (CDR, ALL[1:], "V29 R"),
    ],
)
def test_what_only_others_can_mend_no_operator_accepts(cdr: Cdr, records: tuple[Put, ...], says: str) -> None:
    async def scene() -> None:
        spine = await spine_with(*records)
        await receive(spine, cdr)
        await bill(spine)
        with pytest.raises(NotDecided, match=says):
            await decide(spine, CdrState.ACCEPTED)
        assert await lines(spine) == []

    run(scene())


def test_a_billed_cdr_is_disputed_but_not_rejected() -> None:
    async def scene() -> None:
        spine = await arrived(CDR)
        with pytest.raises(NotDecided, match="on a bill"):
            await decide(spine, CdrState.REJECTED)
        await decide(spine, CdrState.DISPUTED)
        assert (await state(spine), len(await lines(spine))) == (CdrState.DISPUTED, 1)
        await decide(spine, CdrState.ACCEPTED)
        assert len(await lines(spine)) == 1, "it has its line already"

    run(scene())


def test_a_rejected_cdr_is_examined_again_when_its_operator_wants_so() -> None:
    async def scene() -> None:
        spine = await arrived(DEAR)
        await decide(spine, CdrState.REJECTED)
        assert await state(spine) == CdrState.REJECTED
        await spine.commit(await Biller(spine).again(OWNER, CPO, "c1", now=NOW))
        assert await state(spine) == CdrState.HELD

    run(scene())


def test_what_is_held_for_a_fault_of_ours_is_billed_by_itself_when_that_is_mended() -> None:
    async def scene() -> None:
        spine = await spine_with(TOKEN, put_contract(), US)
        await receive(spine, CDR, changed(id="c2", session_id="s2", total_cost=Price(Decimal(99))))
        await bill(spine)
        facts = len(spine.store.log)
        assert await Biller(spine).retry(NOW) == 0
        assert len(spine.store.log) == facts, "what is found as before is not written again"
        await spine.commit(Work(writes=(put_plan(),)))
        assert await Biller(spine).retry(NOW) == 1
        assert [line.cdr_id for line in await lines(spine)] == ["c1"]
        assert await state(spine, "c2") == CdrState.HELD

    run(scene())


def test_v30_what_no_contract_covered_is_billed_by_itself_when_its_days_are_put_right() -> None:
    """But a card that was blocked when it charged was so for ever, whatever it may do now."""
    late = put_contract(msgspec.structs.replace(CONTRACT, valid_from=date(2026, 3, 3)))

    async def scene() -> None:
        spine = await spine_with(TOKEN, late, put_plan(), US)
        await receive(spine, CDR)
        await bill(spine)
        assert await Biller(spine).retry(NOW) == 0
        await spine.commit(Work(writes=(put_contract(),)))
        assert await Biller(spine).retry(NOW) == 1
        blocked = await spine_with(put_token(valid=False), *ALL[1:], US)
        await receive(blocked, CDR)
        await bill(blocked)
        await blocked.commit(Work(writes=(TOKEN,)))
        assert await Biller(blocked).retry(NOW) == 0

    run(scene())


def test_a_credit_takes_the_line_back_to_the_cent_and_another_may_come() -> None:
    async def scene() -> None:
        spine = await arrived(CDR)
        for cdr in (CREDIT, changed(id="c2", total_cost=Price(Decimal("40.01")))):
            position = len(spine.store.log)
            await receive(spine, cdr)
            await bill(spine, position)
        first, back, again = await lines(spine)
        for name in ("quantity_kwh", "net", "vat", "gross", "wholesale_net"):
            assert getattr(first, name) == -getattr(back, name), name
        assert (back.credit_of, back.cdr_id, back.contract_id) == (first.id, "k1", CONTRACT_ID)
        assert again.cdr_id == "c2"
        states = [await state(spine, one) for one in ("c1", "k1", "c2")]
        assert states == [CdrState.CREDITED, CdrState.ACCEPTED, CdrState.ACCEPTED]
        assert CdrCredited("k1") in [one.fact for one in await spine.facts(cdr_stream(OWNER, CPO, "c1"))]

    run(scene())


def test_what_a_credit_repeats_of_a_cdr_that_counts_holds_it_no_second_time() -> None:
    """A lorry's 250 kWh were accepted in spite of V12: the credit that gives them back asks nobody again (A21)."""
    amount = (PeriodDimension("ENERGY", Decimal(250)),)
    lorry = changed(
        total_energy=Decimal(250),
        total_cost=Price(Decimal(1000)),
        charging_periods=(ChargingPeriod(START, amount),),
    )
    credit = msgspec.structs.replace(
        lorry, id="k1", credit=True, credit_reference_id="c1", total_cost=Price(Decimal(-1000))
    )

    async def scene() -> None:
        spine = await arrived(lorry)
        position = len(spine.store.log)
        await receive(spine, credit)
        await bill(spine, position)
        assert await state(spine, "k1") == CdrState.HELD, "what it gives back does not count yet"
        position = len(spine.store.log)
        await decide(spine, CdrState.ACCEPTED)
        await bill(spine, position)
        assert (await state(spine, "c1"), await state(spine, "k1")) == (CdrState.CREDITED, CdrState.ACCEPTED)
        first, back = await lines(spine)
        assert first.net == -back.net

    run(scene())


def test_a_cdr_its_credit_and_what_comes_instead_may_come_at_once() -> None:
    async def scene() -> None:
        spine = await arrived(CDR, CREDIT, changed(id="c2", total_cost=Price(Decimal("40.01"))))
        assert [line.cdr_id for line in await lines(spine)] == ["c1", "k1", "c2"]
        assert sum(line.net for line in await lines(spine)) == (await lines(spine))[0].net

    run(scene())


def test_the_credit_of_what_is_on_no_bill_only_marks_it() -> None:
    async def scene() -> None:
        spine = await arrived(DEAR)
        position = len(spine.store.log)
        await receive(spine, msgspec.structs.replace(CREDIT, total_cost=Price(Decimal(-99))))
        await bill(spine, position)
        assert await lines(spine) == []
        assert [await state(spine, one) for one in ("c1", "k1")] == [CdrState.CREDITED, CdrState.ACCEPTED]
        assert await Biller(spine).case(OWNER, CPO, "c1", now=NOW) is None

    run(scene())


def test_a_second_credit_is_refused_and_takes_nothing_back() -> None:
    async def scene() -> None:
        second = msgspec.structs.replace(CREDIT, id="k2")
        at_once = await arrived(CDR, CREDIT, second)
        one_by_one = await arrived(CDR, CREDIT)
        position = len(one_by_one.store.log)
        await receive(one_by_one, second)
        await bill(one_by_one, position)
        for spine in (at_once, one_by_one):
            assert [line.cdr_id for line in await lines(spine)] == ["c1", "k1"]
            (check,) = await checks(spine, "k2")
            assert "V41 R" in check.findings[0]
            assert "'k1' credited before" in check.findings[0]

    run(scene())


def test_what_repeats_the_credited_cdr_is_held() -> None:
    async def scene() -> None:
        spine = await arrived(CDR, CREDIT, changed(id="c2"))
        (check,) = await checks(spine, "c2")
        assert [text[:5] for text in check.findings] == ["V42 H"]

    run(scene())


@pytest.mark.parametrize(
    ("others", "cdr", "check"),
    [
        (
            (CDR,),
            changed(id="c2", session_id="s2", cdr_location=msgspec.structs.replace(PLACE, evse_uid="E2")),
            "V03",
        ),
        ((CDR,), changed(id="c2", session_id="s2", token_ref="other"), "V04"),
        (
            (CDR,),
            later(
                1,
                id="c2",
                session_id="s2",
                cdr_location=msgspec.structs.replace(PLACE, id="L2", coordinates=GeoLocation("67.8", "20.2")),
            ),
            "V05",
        ),
        (
            (CDR,),
            changed(
                id="c2",
                session_id="s2",
                start_date_time=START + timedelta(hours=2),
                end_date_time=START + timedelta(hours=3),
                charging_periods=(
                    msgspec.structs.replace(
                        CDR.charging_periods[0], start_date_time=START + timedelta(hours=2)
                    ),
                ),
            ),
            "V46",
        ),
    ],
)
def test_what_contradicts_other_sessions_is_held_at_once_and_later(
    others: tuple[Cdr, ...], cdr: Cdr, check: str
) -> None:
    async def scene() -> None:
        at_once = await arrived(*others, cdr)
        one_by_one = await arrived(*others)
        position = len(one_by_one.store.log)
        await receive(one_by_one, cdr)
        await bill(one_by_one, position)
        for spine in (at_once, one_by_one):
            (found,) = await checks(spine, "c2")
            assert [text for text in found.findings if text.startswith(f"{check} H")], found
            assert len(await lines(spine)) == len(others)

    run(scene())


@pytest.mark.parametrize(
    ("version", "peer_id", "wanted"),
    [
        ("2.1.1", "els", CdrState.ACCEPTED),
        ("2.2.1", "els", CdrState.HELD),
        ("2.3.0", "els", CdrState.HELD),
        ("2.1.1", "", CdrState.HELD),  # Nobody knows who brought it.
    ],
)
def test_a_cdr_is_reckoned_as_the_version_reads_that_its_sender_speaks(
    version: str, peer_id: str, wanted: CdrState
) -> None:
    """A5: 2.1.1 has limits of power and no volume that tells it; V20 holds what comes to another price."""
    (usual,) = CDR.tariffs
    dear = PriceComponent(Dimension.ENERGY, Decimal(9), Decimal(25))
    slow = TariffElement(
        usual.elements[0].price_components, TariffRestrictions(max_power=Decimal(15))
    )  # 10 kWh in an hour at 4.
    tariff = msgspec.structs.replace(usual, elements=(slow, TariffElement((dear,))))

    async def scene() -> None:
        spine = await spine_with(*ALL, peer(version))
        fact = CdrReceived(changed(tariffs=(tariff,)), "a", peer_id)
        await spine.commit(Work((Append(cdr_stream(OWNER, CPO, "c1"), 0, (fact,)),)))
        await bill(spine)
        assert await state(spine) == wanted
        if wanted is CdrState.HELD:
            assert any("V20" in one and "give 90" in one for one in (await checks(spine))[-1].findings)

    run(scene())


def test_thresholds_and_severities_are_those_agreed_with_the_party() -> None:
    async def scene() -> None:
        spine = await spine_with(*ALL)
        lenient = Examination(
            thresholds=Thresholds(price_percent=Decimal(60)), severities={"V14": Severity.WARN}
        )
        await agreeing(spine, lenient)
        await receive(spine, changed(total_cost=Price(Decimal(60)), total_energy=Decimal(11)))
        await bill(spine)
        (check,) = await checks(spine)
        assert check.accepted
        assert [text[:5] for text in check.findings] == ["V14 W"]

    run(scene())


def test_v38_signed_values_are_verified_and_what_was_changed_is_held() -> None:
    """10 kWh, as the meter signed them; then as somebody wrote them."""
    meter = signer("secp256r1")
    begin = record(meter, payload("T1", reading("B", "100.000")))
    end = record(meter, payload("T2", reading("E", "110.000")))

    async def found(text: str) -> list[str]:
        values = (SignedValue("Start", "", begin), SignedValue("End", "", text))
        data = SignedData("OCMF", values, public_key=meter.key.der.hex())
        (check,) = await checks(await arrived(changed(signed_data=data)))
        return [finding for finding in check.findings if finding.startswith("V38")]

    async def scene() -> None:
        assert await found(end) == []
        (finding,) = await found(end.replace("110.000", "111.000"))
        assert "value 2: the signature is not of this content and key" in finding
        assert "differ by 11.000 kWh, total_energy is 10" in finding

    run(scene())


def test_an_examination_says_what_it_could_not_examine() -> None:
    async def scene() -> None:
        spine = await arrived(CDR)
        (check,) = await checks(spine)
        assert isinstance(check, CdrChecked)
        assert "V33 we have no locations of its party" in check.unexamined
        row = await spine.get(t.cdr, owner=str(OWNER), party=str(CPO), cdr_id="c1")
        assert row is not None
        assert str(row["unexamined"]).split("\n") == list(check.unexamined)

    run(scene())


def test_what_was_given_back_counts_for_no_month() -> None:
    """V47: the energy of a credit is that of the CDR that it gives back, and was taken no second time (A21)."""

    async def scene() -> None:
        spine = await spine_with(*ALL, US)
        await agreeing(spine, Examination(thresholds=Thresholds(month_kwh=25)))
        arrivals = (CDR, CREDIT, later(1, id="c2", session_id="s2"), later(2, id="c3", session_id="s3"))
        for cdr in arrivals:
            after = len(spine.store.log)
            await receive(spine, cdr)
            await bill(spine, after)
        assert [await state(spine, one.id) for one in arrivals] == [
            CdrState.CREDITED,
            *[CdrState.ACCEPTED] * 3,
        ]
        (last,) = await checks(spine, "c3")
        assert last.findings == (), "20 kWh were taken, and 25 are agreed"
        after = len(spine.store.log)
        await receive(spine, later(3, id="c4", session_id="s4"))
        await bill(spine, after)
        (beyond,) = await checks(spine, "c4")
        assert any(text.startswith("V47 W: 30") for text in beyond.findings)

    run(scene())
