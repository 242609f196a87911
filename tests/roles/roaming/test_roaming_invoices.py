"""Which CDRs an invoice covers: told by who sent it, held against their CDRs by who got it (OCPI 2.3.0, edition 2)."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from roaming_world import ELS, EVIL, RET, START, Node, World, aio, call, furnished, issued, known

from elstrada.model import facts as f
from elstrada.model.agreement import Agreement
from elstrada.model.cost import Price
from elstrada.model.ids import PartyId, agreement_stream, cdr_stream
from elstrada.model.party import Role
from elstrada.model.reconciliation import MOST_CDRS
from elstrada.model.waits import Waits
from elstrada.ocpi.endpoints import Interface
from elstrada.ocpi.versions import LANGUAGES, TABLES, endpoint_urls
from elstrada.roaming.visibility import listens
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.roles.desk.reconciliations import RecordCard, RecordLine
from elstrada.roles.desk.table import params_of, perform, verb_named
from elstrada.spine import tables as t
from elstrada.spine.face import Row
from elstrada.spine.memory import MemorySpine

MODULE = "invoicereconciliation"
AT = f"2.3.0/{MODULE}"
OTH = PartyId("SE", "OTH")


async def bid(node: Node, name: str, /, **values: object) -> Any:
    """Have a verb done at a node's desk; a refusal is an answer."""
    desk = Desk(
        spine=node.spine,
        keys=node.means.keys,
        clock=node.means.clock,
        chance=node.means.chance,
        post=node.post,
    )
    verb = known(verb_named(name))
    params = params_of(verb, values, strict=False)
    assert not isinstance(params, Refusal), params
    return await perform(desk, verb, params)


async def charged(world: World, *cdr_ids: str, **changes: Any) -> None:
    """CDRs of the CPO, which the eMSP has got."""
    for cdr_id in cdr_ids:
        fact = issued(world, cdr_id)
        fact = f.CdrIssued(msgspec.structs.replace(fact.cdr, **changes), fact.cost)
        await world.els.happen(cdr_stream(ELS, ELS, cdr_id), fact)
        await world.settle()
        world.clock.pass_by(seconds=1)


async def record_at(node: Node, owner: PartyId, party: PartyId, record_id: str) -> Row | None:
    return await node.spine.get(t.invoice_record, owner=str(owner), party=str(party), record_id=record_id)


def wire(**changes: Any) -> dict[str, Any]:
    """A record of the CPO's, as its platform sends it."""
    return {
        "country_code": "SE",
        "party_id": "ELS",
        "id": "R1",
        "invoice_id": "2026-02",
        "cdrs": ["C1"],
        "last_updated": "2026-02-03T12:00:00Z",
    } | changes


# --- direct billing ---------------------------------------------------------------------------------


@aio
async def test_an_invoice_of_the_cpo_is_told_to_the_emsp_and_agrees_with_its_cdrs() -> None:
    world = await furnished()
    await charged(world, "C1", "C2")
    line = await bid(world.els, "reconciliation issue", invoice="F-2026-02", to="SE*RET", cdr=["C1", "C2"])
    assert isinstance(line, RecordLine), line
    assert (line.state, line.agrees, line.cdrs) == ("ISSUED", True, 2)
    await world.settle()
    mine = known(await record_at(world.els, ELS, ELS, line.record_id))
    assert (mine["state"], mine["peer_id"]) == ("DELIVERED", "ret")
    card = await bid(world.ret, "reconciliation show", record=line.record_id)
    assert isinstance(card, RecordCard), card
    assert (card.party, card.to_party, card.invoice_id, card.state) == (
        "SE*ELS",
        "SE*RET",
        "F-2026-02",
        "RECEIVED",
    )
    assert card.agrees
    assert card.cdrs == ("C1", "C2")
    (total,) = card.sums
    assert (total.currency, total.cdrs, total.before_taxes) == ("SEK", 2, Decimal(260))
    assert (total.after_taxes, total.total_energy) == (Decimal(325), Decimal(50))
    (sent,) = world.net.requests("POST", MODULE)
    assert sent.headers["ocpi-to-party-id"] == "RET"
    assert json.loads(sent.body)["cdrs"] == ["C1", "C2"]


@aio
async def test_a_period_takes_what_no_invoice_covers_yet() -> None:
    world = await furnished()
    await charged(world, "C1", "C2", "C3")
    first = await bid(world.els, "reconciliation issue", invoice="F1", to="SE*RET", cdr=["C2"])
    since = START.isoformat()
    rest = await bid(world.els, "reconciliation issue", invoice="F2", to="SE*RET", since=since)
    assert (first.cdrs, rest.cdrs) == (1, 2)
    await world.settle()
    card = await bid(world.ret, "reconciliation show", record=rest.record_id)
    assert card.cdrs == ("C1", "C3")
    nothing = await bid(world.els, "reconciliation issue", invoice="F3", to="SE*RET", since=since)
    assert (nothing.kind, nothing.pointer) == (Kind.MISSING, "/since")


@aio
async def test_a_cdr_is_in_one_invoice_unless_it_was_credited_or_its_record_withdrawn() -> None:
    world = await furnished()
    await charged(world, "C1", "C2")
    first = await bid(world.els, "reconciliation issue", invoice="F1", to="SE*RET", cdr=["C1"])
    again = await bid(world.els, "reconciliation issue", invoice="F2", to="SE*RET", cdr=["C1", "C2"])
    assert isinstance(again, Refusal)
    assert again.kind is Kind.CONFLICT
    assert "in another record already" in again.says
    credit = {"credit": True, "credit_reference_id": "C1", "total_cost": Price(Decimal("-130.00"))}
    await charged(world, "K1", **credit)
    with_credit = await bid(world.els, "reconciliation issue", invoice="F3", to="SE*RET", cdr=["C1", "K1"])
    assert isinstance(with_credit, RecordLine), with_credit
    assert with_credit.sums[0].before_taxes == 0
    await bid(world.els, "reconciliation issue", invoice="F4", to="SE*RET", cdr=["C2"])
    for record_id in (first.record_id, with_credit.record_id):
        await bid(world.els, "reconciliation withdraw", record=record_id)
    assert isinstance(
        await bid(world.els, "reconciliation issue", invoice="F5", to="SE*RET", cdr=["C1"]), RecordLine
    )


@aio
async def test_cdrs_of_others_are_never_invoiced() -> None:
    world = await furnished()
    await charged(world, "C1")
    await charged(world, "X1", token_party=OTH)
    for cdr_ids, to in ((["C1", "X1"], "SE*RET"), (["C1"], "SE*OTH"), (["NONE"], "SE*RET")):
        refused = await bid(world.els, "reconciliation issue", invoice="F", to=to, cdr=cdr_ids)
        assert isinstance(refused, Refusal)
        assert (refused.kind, refused.pointer) == (Kind.MISSING, "/cdr")
    assert await world.els.spine.find(t.invoice_record) == []


@aio
async def test_of_two_operators_at_once_one_is_refused() -> None:
    world = await furnished()
    await charged(world, "C1")
    both = await asyncio.gather(
        *(
            bid(world.els, "reconciliation issue", invoice=name, to="SE*RET", cdr=["C1"])
            for name in ("F1", "F2")
        )
    )
    assert sorted(type(one).__name__ for one in both) == ["RecordLine", "Refusal"]
    assert len(await world.els.spine.find(t.invoice_record)) == 1


@aio
async def test_a_record_is_brought_until_it_is_taken() -> None:
    world = await furnished()
    await charged(world, "C1")
    world.net.down.add("ret.example")
    line = await bid(world.els, "reconciliation issue", invoice="F1", to="SE*RET", cdr=["C1"])
    for _ in range(20):
        await world.settle()
        world.clock.pass_by(minutes=10)
    assert ("invoice", line.record_id) in await world.els.marks()
    world.net.down.clear()
    await world.settle()
    assert known(await record_at(world.ret, RET, ELS, line.record_id))["state"] == "RECEIVED"
    assert await world.els.marks() == []


@aio
async def test_p4_a_record_of_a_module_that_is_not_agreed_waits_until_it_is() -> None:
    world = await furnished()
    await charged(world, "C1")
    stream = agreement_stream(ELS, "ret")
    await world.els.happen(stream, f.AgreementMade("ret", Agreement(sends=("cdrs",))))
    await world.settle()
    line = await bid(world.els, "reconciliation issue", invoice="F1", to="SE*RET", cdr=["C1"])
    await world.settle()
    assert await record_at(world.ret, RET, ELS, line.record_id) is None
    await world.els.happen(stream, f.AgreementMade("ret", Agreement()))
    world.clock.pass_by(minutes=10)
    await world.settle()
    assert known(await record_at(world.ret, RET, ELS, line.record_id))["state"] == "RECEIVED"


@aio
async def test_an_amended_record_is_put_and_a_withdrawn_one_deleted() -> None:
    world = await furnished()
    await charged(world, "C1", "C2")
    line = await bid(world.els, "reconciliation issue", invoice="F1", to="SE*RET", cdr=["C1", "C2"])
    await world.settle()
    world.clock.pass_by(hours=1)
    amended = await bid(world.els, "reconciliation amend", record=line.record_id, cdr=["C2"], invoice="F1b")
    assert isinstance(amended, RecordLine), amended
    await world.settle()
    card = await bid(world.ret, "reconciliation show", record=line.record_id)
    assert (card.cdrs, card.invoice_id, card.not_invoiced) == (("C2",), "F1b", ())
    assert len(world.net.requests("PUT", MODULE)) == 1
    await bid(world.els, "reconciliation withdraw", record=line.record_id)
    await world.settle()
    assert known(await record_at(world.ret, RET, ELS, line.record_id))["state"] == "REMOVED"
    assert known(await record_at(world.els, ELS, ELS, line.record_id))["state"] == "WITHDRAWN"
    refused = await bid(world.els, "reconciliation amend", record=line.record_id, cdr=["C1"])
    assert (refused.kind, refused.pointer) == (Kind.CONFLICT, "/record")


@aio
async def test_a_record_of_which_the_answer_was_lost_is_put_when_it_has_changed_meanwhile() -> None:
    world = await furnished()
    await charged(world, "C1", "C2")
    line = await bid(world.els, "reconciliation issue", invoice="F1", to="SE*RET", cdr=["C1"])
    earlier = wire(id=line.record_id, invoice_id="F1")
    assert (await world.as_els("POST", AT, earlier)).status == 201
    await bid(world.els, "reconciliation amend", record=line.record_id, cdr=["C1", "C2"])
    await world.settle()
    assert known(await record_at(world.ret, RET, ELS, line.record_id))["cdrs"] == 2
    assert await world.els.marks() == []


@aio
async def test_own_records_are_listed_in_pages_for_the_receiver_alone() -> None:
    world = await furnished()
    ids = [f"C{number}" for number in range(5)]
    await charged(world, *ids)
    made = []
    for cdr_id in ids:
        made.append(await bid(world.els, "reconciliation issue", invoice=cdr_id, to="SE*RET", cdr=[cdr_id]))
        world.clock.pass_by(hours=1)
    await bid(world.els, "reconciliation withdraw", record=made[0].record_id)
    seen: list[dict[str, Any]] = []
    query = {"limit": "2"}
    for _ in range(3):
        page = await world.as_ret("GET", AT, query=query)
        seen += page.data
        assert page.headers["x-total-count"] == "4"
        link = page.headers.get("link")
        if link is None:
            break
        url = link.partition(">")[0].removeprefix("<")
        query = dict(part.split("=", 1) for part in url.partition("?")[2].split("&"))
    assert [one["invoice_id"] for one in seen] == ids[1:]
    late = (START + timedelta(hours=4)).strftime("%Y-%m-%dT%H:%M:%SZ")
    some = await world.as_ret("GET", AT, query={"date_from": late})
    assert [one["invoice_id"] for one in some.data] == ["C4"]


# --- reverse billing --------------------------------------------------------------------------------


@aio
async def test_an_emsp_that_invoices_tells_the_cpo_which_cdrs_it_pays() -> None:
    world = await furnished()
    await charged(world, "C1", "C2")
    line = await bid(world.ret, "reconciliation issue", invoice="CREDIT-7", to="SE*ELS", cdr=["C1"])
    assert isinstance(line, RecordLine), line
    await world.settle()
    card = await bid(world.els, "reconciliation show", record=line.record_id, issuer="SE*RET")
    assert (card.party, card.to_party, card.state, card.agrees) == ("SE*RET", "SE*ELS", "RECEIVED", True)
    twice = await bid(world.els, "reconciliation issue", invoice="F1", to="SE*RET", cdr=["C1"])
    assert isinstance(twice, Refusal), "what the eMSP pays by itself is not invoiced again"
    page = await world.as_els("GET", AT)
    assert [one["invoice_id"] for one in page.data] == ["CREDIT-7"]


# --- what the receiver finds ------------------------------------------------------------------------


@aio
async def test_a_record_that_does_not_agree_is_taken_counted_and_reported() -> None:
    world = await furnished()
    await charged(world, "C1", "C2", "C3")
    await world.ret.happen(cdr_stream(RET, OTH, "X1"), _foreign(world))
    first = await world.as_els("POST", AT, wire(id="R0", cdrs=["C2"]))
    assert first.status == 201
    long = "C" * 39
    answer = await world.as_els("POST", AT, wire(cdrs=["C1", "C1", "C2", "X1", "NONE", long, "C3"]))
    assert (answer.status, answer.code) == (201, 1000)
    card = await bid(world.ret, "reconciliation show", record="R1")
    assert not card.agrees
    assert card.unknown == ("NONE", long)
    assert card.foreign == ("X1",)
    assert card.repeated == ("C1",)
    assert card.invoiced_twice == ("C2",)
    assert card.sums[0].cdrs == 3
    (line,) = await bid(world.ret, "reconciliation list", invoice="2026-02", limit=1)
    assert (line.record_id, line.unknown, line.foreign, line.repeated, line.invoiced_twice) == (
        "R1",
        2,
        1,
        1,
        1,
    )
    found = await world.ret.found()
    for name in ("UNKNOWN", "FOREIGN", "REPEATED", "TWICE"):
        assert found["peer:SE*RET/els", f"INVOICED {name}"] == 1


@aio
async def test_what_was_recorded_meanwhile_and_is_in_no_record_is_told() -> None:
    world = await furnished()
    await charged(world, "C1", "C2", "C3", "C4")
    await world.as_els("POST", AT, wire(cdrs=["C1", "C3"]))
    card = await bid(world.ret, "reconciliation show", record="R1")
    assert card.agrees
    assert card.not_invoiced == ("C2",)


@aio
async def test_a_cdr_that_comes_later_mends_the_report() -> None:
    world = await furnished()
    assert (await world.as_els("POST", AT, wire())).status == 201
    assert (await bid(world.ret, "reconciliation show", record="R1")).unknown == ("C1",)
    await charged(world, "C1")
    assert (await bid(world.ret, "reconciliation show", record="R1")).agrees


@aio
async def test_a_record_can_be_got_as_it_was_sent_and_the_same_again_is_no_second() -> None:
    world = await furnished()
    sent = wire(extra={"kept": [1, "x"]})
    assert (await world.as_els("POST", AT, sent)).status == 201
    before = len(await world.ret.spine.read(0, limit=100_000))
    assert (await world.as_els("POST", AT, sent)).status == 200
    assert len(await world.ret.spine.read(0, limit=100_000)) == before
    answer = await world.as_els("GET", f"{AT}/SE/ELS/R1")
    assert answer.data == sent
    other = await world.as_els("POST", AT, wire(cdrs=["C2"]))
    assert (other.status, other.code) == (200, 2000)
    older = await world.as_els(
        "PUT", f"{AT}/SE/ELS/R1", wire(cdrs=["C2"], last_updated="2020-01-01T00:00:00Z")
    )
    assert older.status == 200
    assert (await world.as_els("GET", f"{AT}/SE/ELS/R1")).data == sent
    newer = wire(cdrs=["C2"], last_updated="2026-02-04T00:00:00Z")
    assert (await world.as_els("PUT", f"{AT}/SE/ELS/R1", newer)).status == 200
    assert (await world.as_els("GET", f"{AT}/SE/ELS/R1")).data == newer
    assert (await world.as_els("DELETE", f"{AT}/SE/ELS/R1")).status == 200
    assert (await world.as_els("GET", f"{AT}/SE/ELS/R1")).status == 404
    assert (await world.as_els("DELETE", f"{AT}/SE/ELS/R1")).status == 404
    assert (await world.as_els("PUT", f"{AT}/SE/ELS/R1", newer)).status == 201


@pytest.mark.roaming_rule(34)
@aio
async def test_a_record_that_was_dated_in_the_future_can_be_changed_all_the_same() -> None:
    world = await furnished()
    assert (await world.as_els("POST", AT, wire(last_updated="2099-01-01T00:00:00Z"))).status == 201
    now = wire(cdrs=["C2"])
    assert (await world.as_els("PUT", f"{AT}/SE/ELS/R1", now)).status == 200
    assert (await world.as_els("GET", f"{AT}/SE/ELS/R1")).data == now


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (wire(cdrs=[]), 2001),
        (wire(cdrs=["C" * 40]), 2001),
        (wire(cdrs=[""]), 2001),
        (wire(cdrs=["C1\n"]), 2001),
        (wire(cdrs="C1"), 2001),
        (wire(cdrs=["C"] * (MOST_CDRS + 1)), 2001),
        (wire(id="R" * 37), 2001),
        (wire(id=""), 2001),
        (wire(invoice_id="I" * 256), 2001),
        (wire(invoice_id=7), 2001),
        (wire(last_updated="yesterday"), 2001),
        (wire(country_code="SWE"), 2001),
        ({"id": "R1"}, 2001),
        (b"[", 2001),
        ([wire()], 2001),
    ],
)
def test_what_is_no_record_is_refused_and_changes_nothing(body: object, code: int) -> None:
    @aio
    async def scene() -> None:
        world = await furnished()
        answer = await world.as_els("POST", AT, body)
        assert answer.code == code
        assert await world.ret.spine.find(t.invoice_record) == []
        assert await world.ret.spine.find(t.invoiced_cdr) == []

    scene()


@aio
async def test_r32_a_record_in_another_partys_name_is_not_stored() -> None:
    world = await furnished()
    for body in (wire(party_id="EVL"), wire(party_id="RET")):
        assert (await world.as_els("POST", AT, body)).status == 404
    for path in ("SE/EVL/R1", "SE/RET/R1"):
        for method in ("PUT", "GET", "DELETE"):
            answer = await world.as_els(
                method, f"{AT}/{path}", wire(party_id=path[3:6]) if method == "PUT" else None
            )
            assert answer.status == 404, (method, path)
    for changed in (wire(id="R2"), wire(country_code="NO")):
        assert (await world.as_els("PUT", f"{AT}/SE/ELS/R1", changed)).code == 2001
    forged = {"ocpi-from-country-code": "SE", "ocpi-from-party-id": "EVL"}
    assert (await world.as_els("POST", AT, wire(), headers=forged)).code == 2001
    assert (await call(world.ret, None, "POST", AT, wire())).status == 401
    assert await world.ret.spine.find(t.invoice_record) == []
    for method in ("PATCH", "PUT"):
        assert (await world.as_els(method, AT, wire())).status == 405


@aio
async def test_a_third_party_neither_sees_nor_touches_what_two_others_tell_each_other() -> None:
    world = await furnished()
    await charged(world, "C1")
    line = await bid(world.els, "reconciliation issue", invoice="F1", to="SE*RET", cdr=["C1"])
    await world.settle()
    evil = Node(world.net, world.clock, "evil.example", MemorySpine(world.clock), Waits(), tuple(TABLES))
    await evil.party(EVIL, Role.CPO, Role.EMSP)
    for node, own in ((world.els, ELS), (world.ret, RET)):
        name = node.host.partition(".")[0]
        invited = await node.roaming.registrar.invite(own, "evil")
        await evil.roaming.registrar.register(EVIL, name, node.versions_url, invited)
        token = await evil.roaming.peers.token_out(known(await evil.roaming.peers.get(EVIL, name)))
        assert (await call(node, token, "GET", AT)).data == []
        for path in (f"SE/ELS/{line.record_id}", f"SE/RET/{line.record_id}"):
            assert (await call(node, token, "GET", f"{AT}/{path}")).status == 404
            assert (await call(node, token, "DELETE", f"{AT}/{path}")).status == 404
        # A record of its own that names others' CDRs makes nobody believe that these were invoiced.
        mine = wire(party_id="EVL", id=line.record_id)
        assert (await call(node, token, "POST", AT, mine)).status == 201
    mine = await bid(world.els, "reconciliation show", record=line.record_id, issuer="SE*ELS")
    theirs = await bid(world.ret, "reconciliation show", record=line.record_id, issuer="SE*ELS")
    assert mine.agrees
    assert theirs.agrees
    forged = await bid(world.ret, "reconciliation show", record=line.record_id, issuer="SE*EVL")
    assert (forged.foreign, forged.agrees) == (("C1",), False)
    unclear = await bid(world.ret, "reconciliation show", record=line.record_id)
    assert unclear.pointer == "/issuer"


# --- versions ---------------------------------------------------------------------------------------


@aio
async def test_a_partner_of_an_older_version_is_told_nothing_of_it() -> None:
    world = await furnished(World(versions=("2.2.1",)))
    await charged(world, "C1")
    assert not listens(await world.ret_at_els(), MODULE)
    line = await bid(world.els, "reconciliation issue", invoice="F1", to="SE*RET", cdr=["C1"])
    assert line.state == "ISSUED"
    await world.settle()
    assert world.net.requests("POST", MODULE) == []
    assert (await world.as_ret("GET", f"2.2.1/{MODULE}")).status == 404


def test_the_module_has_one_address_for_each_role_and_is_of_2_3_0_alone() -> None:
    for version in LANGUAGES:
        offered = [one for one in endpoint_urls(version, "https://x.example", ()) if one.identifier == MODULE]
        roles = sorted(one.role for one in offered)
        assert roles == ([Interface.RECEIVER, Interface.SENDER] if version == "2.3.0" else [])


@aio
async def test_views_of_records_are_the_same_when_they_are_made_again() -> None:
    world = await furnished()
    await charged(world, "C1", "C2")
    line = await bid(world.els, "reconciliation issue", invoice="F1", to="SE*RET", cdr=["C1", "C2"])
    await world.settle()
    await bid(world.els, "reconciliation amend", record=line.record_id, cdr=["C2"])
    await world.settle()
    for node in (world.els, world.ret):
        before = [await node.spine.find(table) for table in (t.invoice_record, t.invoiced_cdr)]
        await node.spine.rebuild()
        assert [await node.spine.find(table) for table in (t.invoice_record, t.invoiced_cdr)] == before


def _foreign(world: World) -> f.CdrReceived:
    cdr = issued(world, "X1").cdr
    return f.CdrReceived(msgspec.structs.replace(cdr, party=OTH), "0" * 64)
