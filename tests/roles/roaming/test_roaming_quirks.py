"""Peers that stray from the standard: what is put up with where an operator said so, and refused and counted elsewhere."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from roaming_world import (
    ELS,
    RET,
    START,
    Answer,
    Node,
    World,
    aio,
    at_station,
    furnished,
    location,
    status,
)
from test_roaming_authorizer import _ask  # pyright: ignore[reportPrivateUsage]

from elstrada.model.device import ConnectorStatus
from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.ids import PartyId
from elstrada.model.party import BusinessDetails, Party, PeerEndpoint, Role
from elstrada.model.peer_quirk import PeerQuirk, PeerQuirkRow, faults
from elstrada.model.token import Allowed
from elstrada.ocpi.registration import misnamed, renamed, write_credentials
from elstrada.ocpi.v221.credentials import Credentials
from elstrada.roaming.news import Kind
from elstrada.roles.quirks.peers import peer_quirks
from elstrada.roles.roaming.rows import location_row
from elstrada.spine import tables as t
from elstrada.spine.face import Put

V = "2.3.0"
FAR = timedelta(minutes=1)


async def mark_peer(node: Node, owner: PartyId, peer_id: str, *quirks: PeerQuirk) -> None:
    peer = await node.roaming.peers.get(owner, peer_id)
    assert peer is not None
    document = msgspec.json.encode(msgspec.structs.replace(peer, quirks=quirks)).decode()
    await node.put(Put(t.peer, {"owner": str(owner), "peer_id": peer_id, "document": document}))


async def token_of_ret(world: World) -> str:
    token = await world.ret.roaming.peers.token_out(await world.els_at_ret())
    assert token is not None
    return token


async def shows(world: World, shown: str, path: str = f"{V}/cpo/locations") -> Answer:
    """The eMSP calls the CPO with this in its Authorization header."""
    request = HttpRequest("GET", f"/ocpi/{path}", {}, {"authorization": f"Token {shown}"}, b"")
    response = await world.els.roaming.office.handle(request, "192.0.2.1")
    return Answer(response.status, dict(response.headers), json.loads(response.body))


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# --- tokens -----------------------------------------------------------------------------------------


async def _taken_of_a_marked_peer_only(quirk: PeerQuirk, form: Callable[[str], str]) -> None:
    world = await furnished()
    shown = form(await token_of_ret(world))
    assert (await shows(world, shown)).status == 401
    assert (await world.els.found())["peer:SE*ELS/ret", f"quirk {quirk.value}"] == 1
    others = [other for other in PeerQuirk if other is not quirk]
    await mark_peer(world.els, ELS, "ret", *others)
    assert (await shows(world, shown)).status == 401
    await mark_peer(world.els, ELS, "ret", quirk)
    assert (await shows(world, shown)).status == 200
    assert (await shows(world, encoded(await token_of_ret(world)))).status == 200
    assert (await world.els.found())["peer:SE*ELS/ret", f"quirk {quirk.value}"] == 3


@aio
async def test_r02_a_raw_token_is_taken_of_a_marked_peer_only():
    await _taken_of_a_marked_peer_only(PeerQuirk.RAW_TOKEN_TAKEN, lambda token: token)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_r03_a_token_with_a_line_end_is_taken_of_a_marked_peer_only(ending: str):
    aio(_taken_of_a_marked_peer_only)(PeerQuirk.TRIMMED_TOKEN, lambda token: encoded(token + ending))


@aio
async def test_r03_nothing_but_a_line_end_is_taken_off():
    world = await furnished()
    await mark_peer(world.els, ELS, "ret", *PeerQuirk)
    token = await token_of_ret(world)
    for wrong in (f"{token} ", f" {token}", f"{token}\t", f"\n{token}", f"{token}x"):
        assert (await shows(world, encoded(wrong))).status == 401, wrong


@aio
async def test_t17_no_quirk_opens_the_door_to_a_token_of_nobody():
    world = await furnished()
    await mark_peer(world.els, ELS, "ret", *PeerQuirk)
    before = await world.els.found()
    for wrong in ("nobodys-token", encoded("nobodys-token\n"), "", "a b"):
        assert (await shows(world, wrong)).status == 401
    after = await world.els.found()
    assert {key for key in after if "quirk" in key[1]} == {key for key in before if "quirk" in key[1]}


@aio
async def test_r02_a_marked_peer_is_shown_the_raw_token():
    world = await furnished()
    token = await world.els.roaming.peers.token_out(await world.ret_at_els())
    await mark_peer(world.els, ELS, "ret", PeerQuirk.RAW_TOKEN_SHOWN)
    world.net.sent.clear()
    await _ask(world)
    [asked] = world.net.requests("POST", "/authorize")
    assert asked.headers["authorization"] == f"Token {token}"


@aio
async def test_r02_a_marked_peer_is_renewed_with_the_raw_token():
    world = await furnished()
    await mark_peer(world.els, ELS, "ret", PeerQuirk.RAW_TOKEN_SHOWN)
    await mark_peer(world.ret, RET, "els", PeerQuirk.RAW_TOKEN_TAKEN)
    token = await world.els.roaming.peers.token_out(await world.ret_at_els())
    world.net.sent.clear()
    renewed = await world.els.roaming.registrar.renew(ELS, "ret")
    assert renewed.quirks == (PeerQuirk.RAW_TOKEN_SHOWN,)
    ours = [sent for sent in world.net.sent if "ret.example" in sent.path]
    assert {sent.headers["authorization"] for sent in ours} == {f"Token {token}"}


# --- what is said -----------------------------------------------------------------------------------


@aio
async def test_a_marked_peer_is_called_with_a_slash_at_the_end():
    world = await furnished()
    await mark_peer(world.els, ELS, "ret", PeerQuirk.SLASH_AT_END)
    world.net.sent.clear()
    assert (await _ask(world)).allowed is Allowed.ALLOWED
    [asked] = world.net.requests("POST", "/authorize")
    assert asked.path.endswith("/authorize/?type=RFID")


@aio
async def test_a_peer_of_the_first_edition_gets_what_it_has_room_for():
    world = await furnished()
    await mark_peer(world.els, ELS, "ret", PeerQuirk.EDITION_1)
    long = location(address="A" * 60, state="S" * 30, last_updated=START + FAR)
    await world.els.put(
        Put(t.location, location_row(ELS, long, "own")), *await world.els.changed(ELS, Kind.LOCATION, "L1")
    )
    world.net.sent.clear()
    await world.settle()
    [put] = world.net.requests("PUT", "/locations/")
    [listed] = (await world.as_ret("GET", f"{V}/cpo/locations")).data
    for told in (json.loads(put.body), listed):
        assert (told["address"], told["state"]) == ("A" * 45, "S" * 20)
    assert ("peer:SE*ELS/ret", "UNTOLD Location/address") in await world.els.found()
    await mark_peer(world.els, ELS, "ret")
    [listed] = (await world.as_ret("GET", f"{V}/cpo/locations")).data
    assert listed["address"] == "A" * 60


@aio
async def test_r36_a_marked_peer_is_put_the_whole_at_once():
    world = await furnished()
    await mark_peer(world.els, ELS, "ret", PeerQuirk.PUT_WHOLE)
    world.net.sent.clear()
    await at_station(world, status(ConnectorStatus.CHARGING, START + FAR))
    await world.settle()
    assert not world.net.requests("PATCH", "")
    [put] = world.net.requests("PUT", "/locations/")
    assert json.loads(put.body)["evses"][0]["status"] == "CHARGING"


@aio
async def test_r36_a_peer_without_patch_is_counted_and_the_quirk_named():
    world = await furnished()
    _answering(world, "ret.example", lambda request, answer: _without_patch(request, answer))
    await at_station(world, status(ConnectorStatus.CHARGING, START + FAR))
    await world.settle()
    rows = await _findings(world, "quirk put-whole")
    assert "partner quirk ret --quirk put-whole=on" in str(rows[0]["sample"])


@aio
async def test_r36_a_peer_that_does_not_know_the_evse_yet_lacks_no_patch():
    world = await furnished()
    _answering(world, "ret.example", lambda request, answer: _without_evse(request, answer))
    await at_station(world, status(ConnectorStatus.CHARGING, START + FAR))
    await world.settle()
    assert world.net.requests("PUT", "/locations/")
    assert not await _findings(world, "quirk put-whole")


@aio
async def test_r19_a_list_of_one_is_taken_for_the_object_of_a_marked_peer_only():
    world = await furnished()
    _answering(world, "ret.example", lambda request, answer: _listed(request, answer))
    assert (await _ask(world)).note.startswith("peer ret: not understood")
    assert await _findings(world, "quirk lone-lists")
    await mark_peer(world.els, ELS, "ret", PeerQuirk.LONE_LISTS)
    assert (await _ask(world)).note == "peer ret answered"


# --- the handshake ----------------------------------------------------------------------------------


def test_modules_of_a_marked_peer_are_known_by_their_letters():
    told = tuple(PeerEndpoint(name, "RECEIVER", "u") for name in ("loca-tions", "CDRs", "tariffs", "coffee"))
    assert misnamed(told) == ("loca-tions", "CDRs")
    assert [one.identifier for one in renamed(told)] == ["locations", "cdrs", "tariffs", "coffee"]


@aio
async def test_modules_that_are_misnamed_are_counted_and_read_after_marking():
    world = await World().open()
    _answering(world, "ret.example", lambda request, answer: _misnaming(answer))
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    await world.els.roaming.registrar.register(ELS, "ret", world.ret.versions_url, token_a)
    assert await _findings(world, "quirk module-names")
    assert "tokens" not in {one.identifier for one in (await world.ret_at_els()).endpoints}
    await mark_peer(world.els, ELS, "ret", PeerQuirk.MODULE_NAMES)
    await world.els.roaming.registrar.renew(ELS, "ret")
    assert "tokens" in {one.identifier for one in (await world.ret_at_els()).endpoints}


@pytest.mark.parametrize(
    ("quirks", "roles"), [((), ["CPO", "PTP"]), ((PeerQuirk.PTP_AS_OTHER,), ["CPO", "OTHER"])]
)
def test_a_marked_peer_is_not_told_of_a_role_it_refuses(quirks: tuple[PeerQuirk, ...], roles: list[str]):
    own = Party(ELS, (Role.CPO, Role.PTP), BusinessDetails("E"))
    pays = PeerEndpoint("payments", "RECEIVER", "https://y.example/payments")
    told = write_credentials(own, "t", "https://x.example", V, endpoints=(pays,), quirks=quirks)
    assert isinstance(told, Credentials)
    assert [entry.role for entry in told.roles] == roles


@aio
async def test_a_peer_written_by_a_release_without_quirks_can_still_be_renewed():
    world = await furnished()
    peer = await world.ret_at_els()
    former = {name: value for name, value in msgspec.to_builtins(peer).items() if name != "quirks"}
    document = msgspec.json.encode(former).decode()
    await world.els.put(Put(t.peer, {"owner": str(ELS), "peer_id": "ret", "document": document}))
    assert (await world.els.roaming.registrar.renew(ELS, "ret")).quirks == ()


# --- the table --------------------------------------------------------------------------------------


def test_each_quirk_has_a_row_with_reason_source_and_a_test_that_is_here():
    tests = set(re.findall(r"def (test_\w+)", Path(__file__).read_text()))
    assert {row.test for row in peer_quirks()} <= tests
    assert list(faults(peer_quirks())) == []


def test_a_table_that_lacks_something_says_so():
    row = PeerQuirkRow(name=PeerQuirk.PUT_WHOLE, reason="x", does="y", sources=(), test="z")
    says = list(faults((row, row)))
    assert "put-whole stands there 2 times" in says
    assert "raw-token-taken stands there 0 times" in says
    assert "put-whole lacks its reason, what is done, a source or its test" in says


# --- below ------------------------------------------------------------------------------------------


def _answering(
    world: World, host: str, otherwise: Callable[[HttpRequest, HttpResponse], HttpResponse]
) -> None:
    """Have a host answer otherwise than it does."""
    serve = world.net.hosts[host]

    async def answer(request: HttpRequest) -> HttpResponse:
        return otherwise(request, await serve(request))

    world.net.hosts[host] = answer


def _without_patch(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    return HttpResponse(405, {}, b"") if request.method == "PATCH" else answer


def _without_evse(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    unknown = json.dumps({"status_code": 2003, "timestamp": "2026-03-02T08:00:00Z"}).encode()
    return HttpResponse(404, {}, unknown) if request.method in ("PATCH", "GET") else answer


def _listed(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    if not request.path.endswith("/authorize"):
        return answer
    envelope = json.loads(answer.body)
    envelope["data"] = [envelope["data"]]
    return HttpResponse(answer.status, answer.headers, json.dumps(envelope).encode())


def _misnaming(answer: HttpResponse) -> HttpResponse:
    return HttpResponse(answer.status, answer.headers, answer.body.replace(b'"tokens"', b'"Tok_ens"'))


async def _findings(world: World, code: str) -> list[Any]:
    await world.els.means.findings.flush()
    return await world.els.spine.find(t.finding, {"source": "peer:SE*ELS/ret", "code": code})
