"""What drivers pay at terminals: reserved, ordered, charged, taken and told, whatever happens on the way."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from roaming_world import (
    ELS,
    EVIL,
    StationDouble,
    aio,
    at_station,
    call,
    issued,
    known,
    started,
    token,
)
from terminal_world import INVOICES, PTP, Card, cash, open_counter
from test_roaming_terminals import another_provider, at_cpo
from wire_documents import TOKEN

from elstrada.model import facts as f
from elstrada.model.device import CommandResult
from elstrada.model.ids import cdr_stream
from elstrada.model.terminal_payment import TapState
from elstrada.pay.face import ProviderAway
from elstrada.roles.payments.taps import FAILED, SHORT, STUCK, NoTap, uid_of
from elstrada.roles.roaming.cashier import CODE, SECOND
from elstrada.roles.roaming.rows import token_row
from elstrada.spine import tables as t
from elstrada.spine.face import Delete, Put, RowMoved, Work

AT_CPO = "2.3.0/cpo/payments/financial-advice-confirmations"
AT_PTP = "2.3.0/ptp/payments/financial-advice-confirmations"


def advice(reference: str, **changes: Any) -> dict[str, Any]:
    made = {
        "id": "A1",
        "authorization_reference": reference,
        "total_costs": {"before_taxes": 130, "taxes": [{"name": "VAT", "amount": 32.5}]},
        "currency": "SEK",
        "eft_data": ["Nr: **** 1234"],
        "capture_status_code": "SUCCESS",
        "last_updated": "2026-02-04T12:00:00Z",
    }
    return made | changes


@pytest.mark.roaming_rule(50, 51)
@aio
async def test_a_driver_pays_at_a_terminal_and_the_cpo_hears_what_was_taken():
    """T18: the token is the provider's own; nobody else is asked, and nobody else gets session or CDR."""
    world = await open_counter()
    station = await StationDouble.connected(world)
    payment = await world.tap()
    assert (payment.state, payment.amount, payment.currency) == (TapState.STARTED, Decimal(200), "SEK")
    [start] = station.asked
    assert known(start.token).type == "AD_HOC_USER"
    assert (start.asked_by, start.authorization_reference) == (PTP, payment.payment_id)
    assert not [sent for sent in world.net.sent if "authorize" in sent.path]
    [bound] = await world.els.spine.find(t.allowance)
    may = json.loads(str(bound["document"]))
    assert (may["tariff_id"], may["session"]["cost"]) == ("T1", "200")

    await world.charged(payment.payment_id)
    assert (await world.payment(payment.payment_id)).state is TapState.DUE
    assert (await world.payment(payment.payment_id)).session_id == "S1"
    assert (await world.paid())["state"] == "UNPAID"
    assert await world.els.spine.find(t.allowance) == [], "what bounded the token is gone with it"
    await world.taps.look()
    await world.settle()
    over = await world.payment(payment.payment_id)
    assert (over.state, over.taken, over.why) == (TapState.SETTLED, Decimal("162.50"), "")
    assert world.provider.captured == {payment.payment_id: Decimal("162.50")}
    paid = await world.paid()
    assert (paid["state"], paid["session_id"], paid["taken"]) == ("PAID", "S1", "162.50")
    assert paid["invoice_url"] == f"{INVOICES}/{payment.payment_id}"
    assert await world.els.marks() == await world.ret.marks() == []
    told = await world.as_ret("GET", f"{AT_CPO}/{payment.payment_id.upper()}")
    assert told.data["total_costs"] == {"before_taxes": 130.0, "taxes": [
        {"name": "VAT", "percentage": 25, "amount": 32.5}
    ]}  # fmt: skip
    assert told.data["eft_data"][-1] == "Amount: SEK 162.50"
    listed = await world.as_els("GET", AT_PTP)
    assert listed.data == [told.data]
    assert (await world.as_els("GET", f"{AT_PTP}/{payment.payment_id}")).data == told.data
    codes = {code for _, code in await world.els.found() | await world.ret.found()}
    assert not {CODE, SHORT, FAILED, SECOND} & codes


@aio
async def test_no_card_and_no_payments_name_stands_in_the_log():
    world = await open_counter()
    await StationDouble.connected(world)
    payment = await world.tap()
    await world.charged(payment.payment_id)
    await world.taps.look()
    await world.settle()
    ref = (await world.payment(payment.payment_id)).psp_ref
    for node in (world.els, world.ret):
        log = repr([one.fact for one in await node.spine.read(0)])
        assert ref
        assert ref not in log
        assert "Nr: ****" not in log


@aio
async def test_no_more_is_taken_than_was_reserved():
    world = await open_counter(amount="100")
    await StationDouble.connected(world)
    payment = await world.tap()
    await world.charged(payment.payment_id)
    await world.taps.look()
    await world.settle()
    over = await world.payment(payment.payment_id)
    assert (over.owed, over.taken) == (Decimal("162.50"), Decimal(100))
    [told] = await world.els.spine.find(t.advice)
    assert told["state"] == "PARTIAL_SUCCESS"
    paid = await world.paid()
    assert (paid["state"], paid["owed"], paid["taken"]) == ("SHORT", "162.50", "100.00")
    assert ("session:SE*ELS/S1", CODE) in await world.els.found()
    assert SHORT in {code for _, code in await world.ret.found()}


@aio
async def test_a_capture_that_fails_is_a_finding_at_both_sides():
    world = await open_counter()
    await StationDouble.connected(world)
    payment = await world.tap(Card.EMPTY)
    await world.charged(payment.payment_id)
    await world.taps.look()
    await world.settle()
    assert (await world.payment(payment.payment_id)).why == "the card is empty"
    paid = await world.paid()
    assert (paid["state"], paid["why"]) == ("UNPAID", "the card is empty")
    assert ("session:SE*ELS/S1", CODE) in await world.els.found()
    # A later capture mends it.
    said = advice(payment.payment_id, last_updated="2026-02-05T12:00:00Z")
    assert (await world.as_ret("POST", AT_CPO, said)).status == 201
    await world.settle()
    assert (await world.paid())["state"] == "PAID"
    assert ("session:SE*ELS/S1", CODE) not in await world.els.found()


@pytest.mark.parametrize(
    ("result", "why"),
    [(CommandResult.REJECTED, "REJECTED"), (CommandResult.OCCUPIED, "EVSE_OCCUPIED")],
)
def test_where_no_session_begins_the_money_is_released(result: CommandResult, why: str):
    @aio
    async def check() -> None:
        world = await open_counter()
        await StationDouble.connected(world, result)
        payment = await world.tap()
        assert payment.state is TapState.RELEASED
        assert why in payment.why
        assert world.provider.captured == {}

    check()


@aio
async def test_r22_a_terminal_finds_place_plug_and_price_in_whatever_case_their_ids_are_told():
    world = await open_counter()
    await StationDouble.connected(world)
    row = known(await world.ret.spine.get(t.location, owner=str(PTP), party=str(ELS), location_id="L1"))
    told = str(row["document"]).replace('"T1"', '"t1"')
    await world.ret.put(Put(t.location, {**row, "document": told}))
    payment = await world.tap(location_id="l1", evse_uid="e1")
    assert (payment.state, payment.location_id, payment.evse_uid) == (TapState.STARTED, "L1", "E1")


@aio
async def test_a_declined_card_orders_nothing():
    world = await open_counter()
    station = await StationDouble.connected(world)
    payment = await world.tap(Card.DECLINED)
    assert (payment.state, payment.why) == (TapState.RELEASED, "the card was declined")
    assert station.asked == []
    assert await world.els.spine.find(t.terminal_session) == []


@aio
async def test_a_start_that_came_to_nothing_is_released_in_time_and_a_late_cdr_is_a_failure_told():
    world = await open_counter()
    await StationDouble.connected(world)
    payment = await world.tap()
    await world.taps.look()
    assert (await world.payment(payment.payment_id)).state is TapState.STARTED
    world.clock.pass_by(minutes=21)
    await world.taps.look()
    gone = await world.payment(payment.payment_id)
    assert (gone.state, gone.why) == (TapState.RELEASED, "no session began")
    await world.charged(payment.payment_id)
    await world.taps.look()
    await world.settle()
    assert (await world.paid())["why"] == "nothing is reserved any more"
    assert (await world.paid())["state"] == "UNPAID"
    assert world.provider.captured == {}


@aio
async def test_a_session_that_cost_nothing_takes_nothing():
    world = await open_counter()
    await StationDouble.connected(world)
    payment = await world.tap()
    await world.charged(payment.payment_id, "0")
    await world.taps.look()
    await world.settle()
    assert world.provider.captured == {}
    assert (await world.paid())["state"] == "PAID"


@aio
async def test_a_cdr_in_another_currency_takes_nothing():
    world = await open_counter()
    await StationDouble.connected(world)
    payment = await world.tap()
    uid_ref = world.els.means.keys.token_ref(uid_of(payment.payment_id))
    await at_station(world, started(world, token_ref=uid_ref, token_party=PTP,
                                    authorization_reference=payment.payment_id))  # fmt: skip
    await world.bill(payment.payment_id, "130", "S1", uid_ref, currency="EUR")
    await world.taps.look()
    await world.settle()
    over = await world.payment(payment.payment_id)
    assert over.why == "the CDR is in EUR, and SEK were reserved"
    assert world.provider.captured == {}
    assert (await world.paid())["state"] == "UNPAID"


@aio
async def test_p4_after_a_crash_between_capture_and_word_both_are_there_once():
    world = await open_counter()
    await StationDouble.connected(world)
    payment = await world.tap()
    await world.charged(payment.payment_id)
    captures: list[str] = []
    capture = world.provider.capture

    async def dies(payment_id: str, amount: Decimal, currency: str) -> str:
        captures.append(payment_id)
        await capture(payment_id, amount, currency)
        raise ProviderAway("the process died")

    world.provider.capture = dies  # type: ignore[method-assign]  The process dies after the money is taken.
    await world.taps.look()
    assert (await world.payment(payment.payment_id)).state is TapState.DUE
    assert await world.ret.spine.find(t.advice) == []
    world.provider.capture = capture  # type: ignore[method-assign]
    lives = (world.another_life(), world.another_life())
    first = await world.payment(payment.payment_id)
    await lives[0].advance(PTP, first)
    with pytest.raises(RowMoved):
        await lives[1].advance(PTP, first)
    await world.settle()
    assert captures == [payment.payment_id]
    assert len(world.net.requests("POST", "financial-advice-confirmations")) == 1
    assert (await world.paid())["state"] == "PAID"


@aio
async def test_a_cpo_that_is_away_hears_of_the_money_when_it_is_back():
    world = await open_counter()
    await StationDouble.connected(world)
    payment = await world.tap()
    await world.charged(payment.payment_id)
    world.net.down.add("els.example")
    await world.taps.look()
    await world.settle()
    assert (await world.paid())["state"] == "UNPAID"
    assert ("advice", payment.payment_id) in await world.ret.marks()
    world.net.down.clear()
    world.clock.pass_by(minutes=10)
    await world.settle()
    assert (await world.paid())["state"] == "PAID"
    assert await world.ret.marks() == []


@aio
async def test_what_was_taken_can_be_pulled_as_well():
    world = await open_counter()
    await StationDouble.connected(world)
    payment = await world.tap()
    await world.charged(payment.payment_id)
    world.net.down.add("els.example")
    await world.taps.look()
    world.net.down.clear()
    await world.els.roaming.terminals.pull(await world.ret_at_els())
    await cash(world.els)
    assert (await world.paid())["state"] == "PAID"


@pytest.mark.roaming_rule(41)
@aio
async def test_an_advice_sent_again_counts_once():
    world = await open_counter()
    await StationDouble.connected(world)
    payment = await world.tap()
    await world.charged(payment.payment_id)
    said = advice(payment.payment_id)
    assert [(await world.as_ret("POST", AT_CPO, said)).status for _ in range(3)] == [201, 200, 200]
    await world.settle()
    assert (await world.paid())["state"] == "PAID"
    # Another under the same id: newer news of it count, older do not.
    less = {"before_taxes": 10}
    for date, state in (("2026-02-03T12:00:00Z", "PAID"), ("2026-02-05T12:00:00Z", "SHORT")):
        again = advice(payment.payment_id, total_costs=less, last_updated=date)
        assert (await world.as_ret("POST", AT_CPO, again)).code == 1000
        await world.settle()
        assert (await world.paid())["state"] == state
    # Twice the money is too much.
    twice = advice(payment.payment_id, id="A2")
    assert (await world.as_ret("POST", AT_CPO, twice)).status == 201
    await world.settle()
    assert (await world.paid())["state"] == "OVERPAID"
    assert ("session:SE*ELS/S1", CODE) in await world.els.found()


@pytest.mark.roaming_rule(34)
@aio
async def test_an_advice_that_was_dated_in_the_future_can_be_put_right():
    world = await open_counter()
    await StationDouble.connected(world)
    payment = await world.tap()
    await world.charged(payment.payment_id)
    less = {"before_taxes": 10}
    for changes in ({"total_costs": less, "last_updated": "2099-01-01T00:00:00Z"}, {}):
        said = advice(payment.payment_id, **changes)
        assert (await world.as_ret("POST", AT_CPO, said)).code == 1000
        await world.settle()
    assert (await world.paid())["state"] == "PAID"


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"currency": "EUR"}, "DIFFERS"),
        ({"total_costs": {"before_taxes": 500}}, "OVERPAID"),
        ({"total_costs": {"before_taxes": 1}}, "SHORT"),
        ({"total_costs": {"excl_vat": 130, "incl_vat": 162.5}}, "PAID"),
        ({"capture_status_code": "FAILED", "capture_status_message": "no"}, "UNPAID"),
    ],
)
def test_what_does_not_agree_is_told_to_the_operator(changes: dict[str, Any], state: str):
    @aio
    async def check() -> None:
        world = await open_counter()
        await StationDouble.connected(world)
        payment = await world.tap()
        await world.charged(payment.payment_id)
        assert (await world.as_ret("POST", AT_CPO, advice(payment.payment_id, **changes))).status == 201
        await world.settle()
        assert (await world.paid())["state"] == state
        assert (("session:SE*ELS/S1", CODE) in await world.els.found()) == (state != "PAID")

    check()


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"id": "x" * 37},
        {"authorization_reference": "never-ordered"},
        {"total_costs": {"before_taxes": -1}},
        {"total_costs": {}},
        {"capture_status_code": "PERHAPS"},
        {"last_updated": "yesterday"},
    ],
)
def test_an_advice_that_is_none_is_refused_and_not_kept(changes: dict[str, Any]):
    @aio
    async def check() -> None:
        world = await open_counter()
        await StationDouble.connected(world)
        payment = await world.tap()
        said = await world.as_ret("POST", AT_CPO, advice(payment.payment_id, **changes))
        assert said.code == 2001
        assert await world.els.spine.find(t.advice) == []

    check()


@aio
async def test_t18_a_provider_says_nothing_of_anothers_session():
    world = await open_counter()
    await StationDouble.connected(world)
    payment = await world.tap()
    await world.charged(payment.payment_id)
    _, shown = await another_provider(world)
    mine = await call(world.els, shown, "POST", AT_CPO, advice(payment.payment_id))
    nobodys = await call(world.els, shown, "POST", AT_CPO, advice("never-ordered"))
    assert (mine.code, mine.envelope["status_message"]) == (nobodys.code, nobodys.envelope["status_message"])
    assert mine.code == 2001
    assert (await world.as_ret("POST", AT_CPO, advice(payment.payment_id))).status == 201
    assert (await call(world.els, shown, "GET", f"{AT_CPO}/A1")).status == 404
    stop = {"response_url": "https://evil.example/x", "session_id": "S1"}
    stopped = await call(world.els, shown, "POST", "2.3.0/cpo/commands/STOP_SESSION", stop)
    assert stopped.data["result"] == "UNKNOWN_SESSION"
    query = {"date_from": "2020-01-01T00:00:00Z"}
    assert (await call(world.els, shown, "GET", "2.3.0/cpo/sessions", query=query)).data == []
    assert (await call(world.els, shown, "GET", "2.3.0/cpo/cdrs")).data == []
    assert len((await world.as_ret("GET", "2.3.0/cpo/cdrs")).data) == 1


@pytest.mark.parametrize(
    ("changes", "token"),
    [
        ({"authorization_reference": None}, {}),
        ({"authorization_reference": "x" * 37}, {}),
        ({}, {"type": "RFID"}),
        ({}, {"party_id": "EVL"}),
    ],
)
def test_an_order_whose_money_could_not_be_found_again_is_refused(
    changes: dict[str, Any], token: dict[str, Any]
):
    @aio
    async def check() -> None:
        world = await open_counter()
        station = await StationDouble.connected(world)
        assert (await world.as_ret("POST", START, order(**changes, token=token))).code == 2001
        assert station.asked == []
        assert await world.els.spine.find(t.allowance) == []

    check()


START = "2.3.0/cpo/commands/START_SESSION"


def order(token: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "response_url": "https://ret.example/ocpi/2.3.0/emsp/commands/START_SESSION/x",
        "token": TOKEN | {"type": "AD_HOC_USER", "uid": "CARD-1"} | (token or {}),
        "location_id": "L1",
        "evse_uid": "E1",
        "authorization_reference": "ref-9",
    }
    return {name: value for name, value in (made | changes).items() if value is not None}


@aio
async def test_a_reference_begins_one_session_and_no_second():
    world = await open_counter()
    station = await StationDouble.connected(world)
    for _ in range(2):
        # Until a session has it, an order may be given again: the first may have come to nothing.
        assert (await world.as_ret("POST", START, order())).data["result"] == "ACCEPTED"
    await station.heard.wait()
    ref = world.els.means.keys.token_ref("CARD-1")
    await at_station(world, started(world, token_ref=ref, token_party=PTP, authorization_reference="ref-9"))
    await world.settle()
    replayed = await world.as_ret("POST", START, order(authorization_reference="REF-9"))
    assert replayed.code == 2001
    assert (await world.paid())["session_id"] == "S1"


@aio
async def test_where_no_price_is_known_nobody_starts():
    world = await open_counter()
    station = await StationDouble.connected(world)
    key = {"owner": str(ELS), "party": str(ELS), "tariff_id": "T1"}
    await world.els.spine.commit(Work(writes=(Delete(t.tariff, key),)))
    said = await world.as_ret("POST", START, order())
    assert said.data["result"] == "REJECTED"
    assert "no price" in said.data["message"][0]["text"]
    assert station.asked == []


@aio
async def test_orders_of_which_nothing_came_are_forgotten():
    world = await open_counter()
    await StationDouble.connected(world)
    assert (await world.as_ret("POST", START, order())).data["result"] == "ACCEPTED"
    world.clock.pass_by(hours=25)
    later = order(token={"uid": "CARD-2"}, authorization_reference="ref-10")
    assert (await world.as_ret("POST", START, later)).data["result"] == "ACCEPTED"
    assert (await world.paid())["reference"] == "ref-10"
    [bound] = await world.els.spine.find(t.allowance)
    assert bound["ref"] == world.els.means.keys.token_ref("CARD-2")


@pytest.mark.parametrize(
    ("changes", "amount", "says"),
    [
        ({"terminal_id": "NEVER"}, "200", "no terminal"),
        ({"location_id": "L9"}, "200", "no location"),
        ({"evse_uid": "E9"}, "200", "not assigned"),
        ({"connector_id": "9"}, "200", "no connector"),
        ({}, None, "preauthorize_amount"),
    ],
)
def test_nobody_pays_where_it_would_lead_nowhere(changes: dict[str, Any], amount: str | None, says: str):
    @aio
    async def check() -> None:
        world = await open_counter(amount)
        with pytest.raises(NoTap, match=says):
            await world.tap(**changes)
        assert await world.ret.spine.find(t.terminal_payment) == []

    check()


@aio
async def test_a_terminal_that_is_not_assigned_or_off_takes_no_payment():
    world = await open_counter(location_ids=())
    with pytest.raises(NoTap, match="not assigned"):
        await world.tap()
    peer = await world.ret_at_els()
    await world.els.roaming.terminals.deactivate(peer, await at_cpo(world))
    with pytest.raises(NoTap, match="INACTIVE"):
        await world.tap()


@aio
async def test_another_cpos_word_moves_no_payment():
    """A CDR counts for a payment only from the CPO that was told to start."""
    world = await open_counter()
    await StationDouble.connected(world)
    payment = await world.tap()
    made = issued(world, "C9").cdr
    cdr = msgspec.structs.replace(
        made, party=EVIL, token_party=PTP, authorization_reference=payment.payment_id
    )
    await world.ret.happen(cdr_stream(PTP, EVIL, "C9"), f.CdrReceived(cdr, "0" * 64))
    await world.settle()
    assert (await world.payment(payment.payment_id)).state is TapState.STARTED


@aio
async def test_t18_a_provider_bounds_no_card_of_others_by_giving_its_uid():
    """An eMSP's card, and one whose credit is prepaid here: both stay as they are, and the answer tells nothing."""
    world = await open_counter()
    await StationDouble.connected(world)
    keys, prepaid = world.els.means.keys, {"currency": "SEK", "credit": "50"}
    await world.els.put(
        Put(t.token, token_row(ELS, token(party=EVIL, uid="CARD-8"), keys.token_ref("CARD-8"))),
        Put(
            t.allowance,
            {
                "owner": str(ELS),
                "ref": keys.token_ref("CARD-7"),
                "document": json.dumps(prepaid),
                "changed_at": world.clock.now(),
            },
        ),
    )
    before = await world.els.spine.find(t.allowance)
    for number, uid in enumerate(("CARD-7", "CARD-8")):
        said = order(token={"uid": uid}, authorization_reference=f"ref-{number}")
        assert (await world.as_ret("POST", START, said)).data["result"] == "ACCEPTED"
        await world.charged(f"ref-{number}", session_id=f"S{number}")
    assert await world.els.spine.find(t.allowance) == before


@aio
async def test_a_payment_that_nobody_can_go_on_with_holds_up_nobody_elses_money():
    world = await open_counter()
    await StationDouble.connected(world)
    first = await world.tap()
    await world.charged(first.payment_id)
    world.clock.pass_by(seconds=1)
    second = await world.tap()
    await world.charged(second.payment_id, session_id="S2")
    row = known(await world.ret.spine.get(t.terminal_payment, owner=str(PTP), payment_id=first.payment_id))
    owing = json.loads(str(row["document"])) | {"owed": "1E30"}  # As was read before numbers had a bound.
    await world.ret.put(Put(t.terminal_payment, {**row, "document": json.dumps(owing)}))
    await world.taps.look()
    await world.settle()
    assert (await world.payment(first.payment_id)).state is TapState.DUE
    assert (await world.payment(second.payment_id)).state is TapState.SETTLED
    assert STUCK in {code for _, code in await world.ret.found()}
