"""Payment terminals between a CPO and their provider (OCPI 2.3.0 payments): told, assigned, switched on and off."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import openapi
import pytest
from roaming_world import ELS, START, Answer, Node, aio, call, furnished, known
from terminal_world import PTP, TERMINAL, Terminals, open_counter

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.ids import PartyId
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.model.terminal import Terminal, TerminalState
from elstrada.ocpi.body import encode
from elstrada.ocpi.client import Declined, Received
from elstrada.ocpi.registration import write_credentials
from elstrada.ocpi.v221.credentials import Credentials
from elstrada.roles.roaming import puller
from elstrada.roles.roaming.terminal_book import Known, known_terminal, write_terminal
from elstrada.spine import tables as t

AT_PTP, AT_CPO = "2.3.0/ptp/payments/terminals", "2.3.0/cpo/payments/terminals"


async def at_cpo(world: Terminals, terminal_id: str = TERMINAL) -> Known:
    return known(await known_terminal(world.els.spine, ELS, PTP, terminal_id))


async def at_ptp(world: Terminals, terminal_id: str = TERMINAL) -> Known:
    return known(await known_terminal(world.ret.spine, PTP, PTP, terminal_id))


@aio
async def test_a_terminal_of_a_provider_is_known_at_its_cpo():
    world = await open_counter()
    assert (await at_cpo(world)).terminal == (await at_ptp(world)).terminal
    assert (await at_cpo(world)).state is TerminalState.ACTIVE
    shown = await world.as_ret("GET", f"{AT_CPO}/{TERMINAL.lower()}")
    assert shown.data["terminal_id"] == TERMINAL, "ids compare without case, and keep it"
    listed = await world.as_els("GET", AT_PTP)
    assert [one["terminal_id"] for one in listed.data] == [TERMINAL]
    assert (await world.as_els("GET", f"{AT_PTP}/{TERMINAL}")).data["location_ids"] == ["L1"]
    assert (await world.as_els("GET", f"{AT_PTP}/OTHER")).status == 404
    assert await world.els.marks() == await world.ret.marks() == []


@aio
async def test_a_terminal_that_was_missed_is_pulled():
    world = await open_counter()
    await write_terminal(world.ret.spine, PTP, _terminal("Term-2", TerminalState.ACTIVE))
    await world.els.roaming.roamer.resync(await world.ret_at_els())
    await world.settle()
    assert (await at_cpo(world, "Term-2")).terminal.terminal_id == "Term-2"


def _terminal(terminal_id: str, state: TerminalState, **more: Any) -> Known:
    made = Terminal(terminal_id=terminal_id, last_updated=START, **more)
    return Known(PTP, made, state, ELS, "els")


@aio
async def test_the_cpo_assigns_and_describes_a_terminal():
    world = await open_counter()
    hand, peer = world.els.roaming.terminals, await world.ret_at_els()
    world.clock.pass_by(minutes=1)
    before = await at_cpo(world)
    wanted = _changed(world, before.terminal, location_ids=(), evse_uids=("E1",))
    assert isinstance(await hand.assign(peer, before, wanted), Received)
    assert (await at_ptp(world)).terminal == (await at_cpo(world)).terminal == wanted
    world.clock.pass_by(minutes=1)
    before = await at_cpo(world)
    wanted = _changed(world, before.terminal, customer_reference="Elstrada", city="Umeå")
    assert isinstance(await hand.put(peer, before, wanted), Received)
    assert (await at_ptp(world)).terminal == wanted
    world.net.down.add("ret.example")
    later = _changed(world, wanted, city="Luleå")
    assert not isinstance(await hand.put(peer, await at_cpo(world), later), Received)
    assert (await at_cpo(world)).terminal == wanted, "what the provider did not take is not so here either"


def _changed(world: Terminals, terminal: Terminal, **changes: Any) -> Terminal:
    return msgspec.structs.replace(terminal, last_updated=world.clock.now(), **changes)


@aio
async def test_a_terminal_that_waits_works_once_its_cpo_activates_it():
    world = await open_counter()
    hand, peer = world.els.roaming.terminals, await world.ret_at_els()
    await write_terminal(world.ret.spine, PTP, _terminal("Term-2", TerminalState.READY, reference="SN-2"))
    world.clock.pass_by(minutes=1)
    now = world.clock.now()
    wish = Terminal(terminal_id="", reference="sn-2", location_ids=("L1",), last_updated=now)
    assert await known_terminal(world.els.spine, ELS, PTP, "Term-2") is None
    assert isinstance(await hand.activate(peer, PTP, wish), Received)
    await world.settle()
    told = await at_cpo(world, "Term-2")
    assert (told.state, told.terminal.location_ids) == (TerminalState.ACTIVE, ("L1",))
    world.clock.pass_by(minutes=1)
    assert isinstance(await hand.deactivate(peer, told), Received)
    assert (await at_cpo(world, "Term-2")).state is TerminalState.INACTIVE
    assert (await at_ptp(world, "Term-2")).state is TerminalState.INACTIVE
    # Old news, sent again, switch nothing on.
    old = {"terminal_id": "Term-2", "last_updated": "2026-02-03T12:01:00Z", "location_ids": ["L1"]}
    assert (await world.as_ret("POST", AT_CPO, old)).status == 200
    assert (await at_cpo(world, "Term-2")).state is TerminalState.INACTIVE
    world.clock.pass_by(minutes=1)
    assert isinstance(await hand.activate(peer, PTP, _changed(world, told.terminal)), Received)
    await world.settle()
    assert (await at_cpo(world, "Term-2")).state is TerminalState.ACTIVE


@aio
async def test_what_the_samples_of_the_standard_leave_out_is_no_hindrance():
    world = await open_counter()
    minimal = {"terminal_id": "452cf8a1-79aa-4a0e-9aee-dc788586053c"}
    assert (await world.as_ret("POST", AT_CPO, minimal)).status == 201
    before = await at_cpo(world, minimal["terminal_id"])
    assert before.terminal.last_updated == START
    world.clock.pass_by(minutes=5)
    assert (await world.as_ret("POST", AT_CPO, minimal)).status == 200
    assert await at_cpo(world, minimal["terminal_id"]) == before
    put = {"customer_reference": "OMV", "invoice_base_url": "https://new.example", "invoice_creator": "CPO"}
    assert (await world.as_els("PUT", f"{AT_PTP}/{TERMINAL}", put)).code == 1000
    now = (await at_ptp(world)).terminal
    assert (now.terminal_id, now.reference, now.customer_reference) == (TERMINAL, "SN-1", "OMV")
    assert (await world.as_els("PATCH", f"{AT_PTP}/{TERMINAL}", {"location_ids": ["L1", "L2"]})).code == 1000
    assert (await at_ptp(world)).terminal.location_ids == ("L1", "L2")
    assert ("peer:SE*ELS/ret", "EMPTY Terminal/last_updated") in await world.els.found()


@aio
async def test_t18_a_terminal_is_only_for_the_cpo_that_it_is_meant_for():
    """Another CPO of the same provider sees it nowhere and changes nothing, and is answered as if it were not there."""
    world = await open_counter()
    evil = PartyId("SE", "EVL")
    stranger = Node(
        world.net, world.clock, "evil.example", world.els.spine.__class__(world.clock), world.els.means.waits,
        ("2.3.0",),
    )  # fmt: skip
    await stranger.party(evil, Role.CPO)
    token_a = await world.ret.roaming.registrar.invite(PTP, "evil")
    await stranger.roaming.registrar.register(evil, "ptp", world.ret.versions_url, token_a)
    peer = known(await stranger.roaming.peers.get(evil, "ptp"))
    shown = known(await stranger.roaming.peers.token_out(peer))
    before = await at_ptp(world)

    async def said(method: str, path: str, body: object = None) -> Answer:
        return await call(world.ret, shown, method, path, body)

    assert (await said("GET", AT_PTP)).data == []
    date = {"last_updated": "2026-02-04T12:00:00Z"}
    mine = [
        await said("GET", f"{AT_PTP}/{TERMINAL}"),
        await said("PUT", f"{AT_PTP}/{TERMINAL}", date),
        await said("PATCH", f"{AT_PTP}/{TERMINAL}", {"location_ids": ["X"], **date}),
        await said("POST", f"{AT_PTP}/{TERMINAL}/deactivate"),
        await said("POST", f"{AT_PTP}/activate", {"reference": "SN-1", **date}),
        await said("POST", f"{AT_PTP}/activate", {"terminal_id": TERMINAL, **date}),
    ]
    nobodys = await said("GET", f"{AT_PTP}/NOBODY")
    assert {(one.status, one.code, one.envelope["status_message"]) for one in mine} == {
        (404, nobodys.code, nobodys.envelope["status_message"])
    }
    assert await at_ptp(world) == before


@aio
async def test_two_providers_terminals_of_one_id_are_two():
    world = await open_counter()
    other, shown = await another_provider(world)
    body = {"terminal_id": TERMINAL, "location_ids": ["L9"], "last_updated": "2027-01-01T00:00:00Z"}
    assert (await call(world.els, shown, "GET", f"{AT_CPO}/{TERMINAL}")).status == 404
    assert (await call(world.els, shown, "POST", AT_CPO, body)).status == 201
    assert (await at_cpo(world)).terminal.location_ids == ("L1",)
    theirs = known(await known_terminal(world.els.spine, ELS, other, TERMINAL))
    assert theirs.terminal.location_ids == ("L9",)


async def another_provider(world: Terminals) -> tuple[PartyId, str]:
    """A second provider at the same CPO, and the token it shows."""
    evil = PartyId("SE", "EVL")
    stranger = Node(
        world.net, world.clock, "evil.example", world.els.spine.__class__(world.clock), world.els.means.waits,
        ("2.3.0",),
    )  # fmt: skip
    await stranger.party(evil, Role.PTP)
    token_a = await world.els.roaming.registrar.invite(ELS, "evil")
    await stranger.roaming.registrar.register(evil, "els", world.els.versions_url, token_a)
    peer = known(await stranger.roaming.peers.get(evil, "els"))
    return evil, known(await stranger.roaming.peers.token_out(peer))


@aio
async def test_who_is_no_provider_has_no_terminals():
    """An eMSP cannot bring any, nor say that something was paid."""
    world = await furnished()
    body = {"terminal_id": "T1", "last_updated": "2026-02-04T12:00:00Z"}
    for path in ("terminals", "terminals/T1", "financial-advice-confirmations/A1"):
        assert (await world.as_ret("GET", f"2.3.0/cpo/payments/{path}")).status in (404, 405)
    assert (await world.as_ret("POST", AT_CPO, body)).status == 404
    assert (await world.as_els("GET", AT_PTP)).status == 404, "the eMSP has none of its own either"
    assert await world.els.spine.find(t.terminal) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"terminal_id": "", "last_updated": "2026-02-04T12:00:00Z"},
        {"terminal_id": "x" * 37, "last_updated": "2026-02-04T12:00:00Z"},
        {"terminal_id": "a\nb", "last_updated": "2026-02-04T12:00:00Z"},
        {"terminal_id": "T", "invoice_creator": "DRIVER", "last_updated": "2026-02-04T12:00:00Z"},
        {"terminal_id": "T", "party_id": "ELS", "last_updated": "2026-02-04T12:00:00Z"},
    ],
)
def test_a_terminal_that_is_none_is_refused_and_not_kept(body: dict[str, Any]):
    @aio
    async def check() -> None:
        world = await open_counter()
        assert (await world.as_ret("POST", AT_CPO, body)).code == 2001
        assert len(await world.els.spine.find(t.terminal)) == 1

    check()


@aio
async def test_older_news_of_a_terminal_change_nothing():
    world = await open_counter()
    for method, old in (
        ("PUT", {"terminal_id": TERMINAL, "last_updated": "2020-01-01T00:00:00Z"}),
        ("PATCH", {"location_ids": [], "last_updated": "2020-01-01T00:00:00Z"}),
    ):
        assert (await world.as_els(method, f"{AT_PTP}/{TERMINAL}", old)).code == 1000
    assert (await at_ptp(world)).terminal.location_ids == ("L1",)
    wrong = {"terminal_id": "OTHER", "last_updated": "2027-01-01T00:00:00Z"}
    assert (await world.as_els("PUT", f"{AT_PTP}/{TERMINAL}", wrong)).code == 2001
    assert (await world.as_els("PATCH", f"{AT_PTP}/{TERMINAL}", wrong)).code == 2001


@pytest.mark.roaming_rule(34)
@aio
async def test_a_terminal_that_was_dated_in_the_future_can_be_changed_all_the_same():
    world = await open_counter()
    future, now = "2099-01-01T00:00:00Z", "2026-02-03T12:00:00Z"
    for date, places in ((future, ["L1"]), (now, [])):
        change = {"location_ids": places, "last_updated": date}
        assert (await world.as_els("PATCH", f"{AT_PTP}/{TERMINAL}", change)).code == 1000
    assert (await at_ptp(world)).terminal.location_ids == ()
    for date, places in ((future, ["L1"]), (now, [])):
        told = {"terminal_id": "T9", "location_ids": places, "last_updated": date}
        assert (await world.as_ret("POST", AT_CPO, told)).code == 1000
    kept = known(await known_terminal(world.els.spine, ELS, PTP, "T9"))
    assert kept.terminal.location_ids == ()


def test_only_who_serves_providers_is_told_of_one():
    """No edition's enum has PTP: others hear OTHER, in every version; it is read in every one."""
    own = Party(PTP, (Role.PTP,), BusinessDetails("Terminals"), "SEK")
    for version in ("2.2.1", "2.3.0"):
        told = write_credentials(own, "token", "https://x.example", version)
        assert isinstance(told, Credentials)
        assert [role.role for role in told.roles] == ["OTHER"]


@aio
async def test_a_provider_and_a_cpo_know_each_other_as_what_they_are():
    world = await open_counter()
    assert [role.role for role in (await world.ret_at_els()).roles] == [Role.PTP]
    offered = {(one.identifier, one.role) for one in (await world.ret_at_els()).endpoints}
    assert ("payments", "SENDER") in offered
    assert not [module for module, _ in offered if module == "tokens"], "it issues none"
    assert ("payments", "RECEIVER") in {
        (one.identifier, one.role) for one in (await world.els_at_ret()).endpoints
    }


@aio
async def test_a_provider_that_is_away_is_told_so_to_the_operator():
    world = await open_counter()
    peer, before = await world.ret_at_els(), await at_cpo(world)
    gone = await world.els.roaming.terminals.deactivate(
        peer, Known(PTP, _terminal("NEVER", TerminalState.ACTIVE).terminal, TerminalState.ACTIVE, ELS, "ret")
    )
    assert isinstance(gone, Declined)
    assert gone.http == 404
    assert await at_cpo(world) == before


@pytest.mark.skipif(openapi.FILES is None, reason="OCPI_OPENAPI names no copy of the official OpenAPI files")
@aio
async def test_the_judge_has_seen_the_payments_module():
    openapi.judged.clear()
    world = await open_counter()
    world.clock.pass_by(minutes=1)
    before = await at_cpo(world)
    wanted = _changed(world, before.terminal, evse_uids=("E1",))
    hand, peer = world.els.roaming.terminals, await world.ret_at_els()
    await hand.assign(peer, before, wanted)
    await hand.put(peer, before, wanted)
    await hand.deactivate(peer, before)
    await hand.activate(peer, PTP, wanted)
    judged = {schema for schema in openapi.judged if "/modules/payments/" in schema}
    for method in ("patch/requestBody", "put/requestBody", "activate/post/requestBody", "get/responses"):
        assert [schema for schema in judged if method in schema], (method, judged)


@aio
async def test_a_terminal_that_names_another_cpo_is_not_ours():
    world = await open_counter()
    told = {
        "terminal_id": "Term-9",
        "country_code": "SE",
        "party_id": "XXX",
        "last_updated": "2026-02-04T12:00:00Z",
    }
    refused = await world.as_ret("POST", AT_CPO, told)
    assert (refused.status, refused.code) == (200, 2001)
    assert (await world.as_ret("POST", AT_CPO, told | {"party_id": "ELS"})).code == 1000
    moved = {"country_code": "SE", "party_id": "XXX", "last_updated": "2026-02-04T12:00:00Z"}
    assert (await world.as_els("PUT", f"{AT_PTP}/{TERMINAL}", moved)).code == 2001
    assert (await at_ptp(world)).terminal.party is None


def test_t24_a_list_of_terminals_without_end_is_left_after_an_hour(monkeypatch: pytest.MonkeyPatch):
    """By the wall's clock, which is put short here."""
    monkeypatch.setattr(puller, "LONGEST_S", 0.3)
    asked = 0

    @aio
    async def check() -> None:
        world = await open_counter()

        async def endless(_: HttpRequest) -> HttpResponse:
            nonlocal asked
            asked += 1
            world.clock.pass_by(hours=2)
            await asyncio.sleep(0.05)
            headers = {"link": f'<https://ret.example/ocpi/{AT_PTP}?offset={asked}>; rel="next"'}
            return HttpResponse(200, headers, encode({"status_code": 1000, "data": []}))

        world.net.hosts["ret.example"] = endless
        outcome = await world.els.roaming.terminals.pull(await world.ret_at_els())
        assert "longer" in repr(outcome)
        assert 1 < asked <= 7

    check()
