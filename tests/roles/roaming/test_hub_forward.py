"""Requests from party to party through a hub: carried as they are, and refused where they cannot be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import msgspec
import pytest
from hub_world import DAN, ELS, HUB, NOR, PLACE, RET, HubWorld, envelope
from roaming_world import aio
from wire_documents import CDR, SESSION, TOKEN, but

from elstrada.model.http import HttpRequest, HttpResponse, Late, Unreachable
from elstrada.model.ids import PartyId
from elstrada.model.party import PeerEndpoint
from elstrada.roles.roaming.peers import Secrets

E, C = "emsp", "cpo"
L9 = f"{E}/locations/SE/ELS/L9"
NOBODY = PartyId("FI", "XXX")


@aio
async def test_r68_a_push_to_one_party_arrives_byte_for_byte_with_its_headers():
    world = await HubWorld().open()
    body = json.dumps(PLACE, indent=3, ensure_ascii=False).encode()
    ids = {"x-request-id": "r-1", "x-correlation-id": "c-1"}
    answer = await world.ask(ELS, "PUT", L9, body, to=RET, headers=ids)
    assert (answer.status, answer.code) == (201, 1000)
    (sent,) = world.to_party(RET)
    assert (sent.method, sent.path, sent.body) == (
        "PUT",
        "https://ret.example/ocpi/2.2.1/emsp/locations/SE/ELS/L9",
        body,
    )
    assert _parties(sent.headers) == ("SE", "RET", "SE", "ELS")
    assert sent.headers["x-correlation-id"] == "c-1"
    assert sent.headers["x-request-id"] not in ("", "r-1")
    assert sent.headers["authorization"] != f"Token {await world.token(ELS)}"
    assert _parties(answer.headers) == ("SE", "ELS", "SE", "RET")
    assert (answer.headers["x-request-id"], answer.headers["x-correlation-id"]) == ("r-1", "c-1")


@aio
async def test_r69_a_push_to_one_party_is_neither_kept_nor_told_on():
    world = await HubWorld().open()
    await world.ask(ELS, "PUT", L9, PLACE, to=RET)
    await world.settle()
    assert world.to_party(DAN) == []
    listed = await world.ask(DAN, "GET", f"{C}/locations", to=HUB)
    assert listed.data == []


@aio
async def test_r71_nobody_speaks_for_a_party_that_is_not_its_own():
    world = await HubWorld().open()
    said = await world.ask(NOR, "PUT", L9, PLACE, to=RET, said=ELS)
    in_path = await world.ask(NOR, "PUT", L9, PLACE, to=RET)
    in_body = await world.ask(NOR, "POST", f"{E}/cdrs", CDR, to=RET)
    assert (said.status, said.code) == (200, 2001)
    assert (in_path.status, in_path.code) == (404, 2000)
    assert (in_body.status, in_body.code) == (200, 2001)
    assert world.net.sent == []
    refused = [line["outcome"] for line in await world.log() if line["outcome"] != "done"]
    assert sorted(refused) == ["invalid", "invalid", "not_found"]


@aio
async def test_r71_an_emsp_pushes_no_location_and_a_cpo_no_token():
    world = await HubWorld().open()
    mine = but(PLACE, party_id="RET")
    assert (await world.ask(RET, "PUT", f"{E}/locations/SE/RET/L9", mine, to=DAN)).status == 404
    assert (await world.ask(ELS, "GET", f"{C}/locations", to=NOR)).status == 404
    assert world.net.sent == []


@aio
async def test_r68_an_unknown_receiver_is_4001():
    world = await HubWorld().open()
    ids = {"x-request-id": "r-1", "x-correlation-id": "c-1"}
    answer = await world.ask(ELS, "PUT", L9, PLACE, to=NOBODY, headers=ids)
    assert (answer.status, answer.code) == (200, 4001)
    assert answer.headers["x-request-id"] == "r-1"
    assert answer.headers["x-correlation-id"] == "c-1"


@pytest.mark.parametrize(("problem", "code"), [(Late("slow"), 4002), (Unreachable("gone"), 4003)])
def test_r68_a_slow_receiver_is_4002_and_one_that_is_away_4003(problem: Exception, code: int):
    @aio
    async def check() -> None:
        world = await HubWorld().open()

        async def fails(request: HttpRequest) -> HttpResponse | None:
            raise problem

        world.answers(RET, fails)
        answer = await world.ask(ELS, "PUT", L9, PLACE, to=RET)
        assert (answer.status, answer.code) == (200, code)
        assert len(world.to_party(RET)) == 1, "nothing is sent twice"

    check()


@aio
async def test_r68_a_receiver_that_has_left_is_unknown_and_one_said_to_be_away_is_not_asked():
    world = await HubWorld().open()
    await world.at[RET].roaming.registrar.unregister(RET, "hub")
    world.net.sent.clear()
    assert (await world.ask(ELS, "PUT", L9, PLACE, to=RET)).code == 4001
    assert world.net.sent == []


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (HttpResponse(502, {}, b"<html>"), (200, 4003)),
        (HttpResponse(200, {}, b"<html>"), (200, 4003)),
        (HttpResponse(401, {}, envelope(code=2000)), (200, 4003)),
        (HttpResponse(404, {}, b"nothing"), (404, 2000)),
        (HttpResponse(404, {}, envelope(code=2004)), (404, 2004)),
        (HttpResponse(200, {}, envelope(code=2003)), (200, 2003)),
        (HttpResponse(503, {}, envelope(code=3000)), (503, 3000)),
    ],
)
def test_r68_what_is_no_answer_of_ocpi_is_a_connection_problem_and_all_else_is_relayed(
    response: HttpResponse, expected: tuple[int, int]
):
    @aio
    async def check() -> None:
        world = await HubWorld().open()

        async def answers(request: HttpRequest) -> HttpResponse | None:
            return response

        world.answers(RET, answers)
        answer = await world.ask(ELS, "PUT", L9, PLACE, to=RET)
        assert (answer.status, answer.code) == expected

    check()


@aio
async def test_r70_a_list_of_a_party_is_that_partys_and_its_next_page_comes_through_the_hub():
    world = await HubWorld().open()

    async def pages(request: HttpRequest) -> HttpResponse | None:
        if not request.path.endswith("/cpo/locations"):
            return None
        link = {
            "link": '<https://els.example/ocpi/2.2.1/cpo/locations?offset=1&limit=1>; rel="next"',
            "x-total-count": "2",
            "x-limit": "1",
        }
        first = request.query.get("offset", "0") == "0"
        return HttpResponse(200, link if first else {}, envelope([PLACE]))

    world.answers(ELS, pages)
    page = await world.ask(RET, "GET", f"{C}/locations", to=ELS, query={"limit": "1"})
    assert page.data == [PLACE]
    assert (
        page.headers["link"] == '<https://hub.example/ocpi/2.2.1/cpo/locations?offset=1&limit=1>; rel="next"'
    )
    assert page.headers["x-total-count"] == "2"
    last = await world.ask(RET, "GET", f"{C}/locations", to=ELS, query={"offset": "1", "limit": "1"})
    assert "link" not in last.headers
    assert [one.path for one in world.to_party(ELS)] == [
        "https://els.example/ocpi/2.2.1/cpo/locations?limit=1",
        "https://els.example/ocpi/2.2.1/cpo/locations?offset=1&limit=1",
    ]


@aio
async def test_r70_a_next_page_elsewhere_at_the_party_is_reached_and_one_at_another_host_is_not():
    world = await HubWorld().open()
    link = "https://els.example/cursor/77?x=1"

    async def pages(request: HttpRequest) -> HttpResponse | None:
        if request.path == "/cursor/77":
            return HttpResponse(200, {}, envelope([but(PLACE, id="last")]))
        return HttpResponse(200, {"link": f'<{link}>; rel="next"'}, envelope([PLACE]))

    world.answers(ELS, pages)
    page = await world.ask(RET, "GET", f"{C}/locations", to=ELS)
    ours = page.headers["link"].removeprefix("<https://hub.example/ocpi/2.2.1/").partition(">")[0]
    last = await world.ask(RET, "GET", ours, to=ELS)
    assert [one["id"] for one in last.data] == ["last"]
    assert world.to_party(ELS)[-1].path == link
    assert (await world.ask(DAN, "GET", ours, to=ELS)).status == 404, "another's address is none"
    link = "https://evil.example/steal"
    assert (await world.ask(RET, "GET", f"{C}/locations", to=ELS)).code == 4000


@aio
async def test_r70_a_cdr_is_got_again_through_the_hub_as_it_was_posted():
    world = await HubWorld().open()
    posted = await world.ask(ELS, "POST", f"{E}/cdrs", CDR, to=RET)
    assert posted.status == 201
    location = posted.headers["location"]
    assert location.startswith("https://hub.example/ocpi/2.2.1/")
    again = await world.ask(ELS, "GET", location.removeprefix("https://hub.example/ocpi/2.2.1/"), to=RET)
    assert again.data == CDR


@aio
async def test_r68_a_path_leads_nowhere_but_below_its_module():
    world = await HubWorld().open()
    for path in (f"{C}/locations/../credentials", f"{C}/locations//x", f"{C}/locations/a\r\nb", f"{C}/kings"):
        answer = await world.ask(RET, "GET", path, to=ELS)
        assert answer.code in (2000, 2001), path
    assert world.net.sent == []


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"a":1,"a":2}', b"{" * 10_000])
def test_r68_what_is_no_json_object_is_passed_on_to_nobody(body: bytes):
    @aio
    async def check() -> None:
        world = await HubWorld().open()
        answer = await world.ask(ELS, "PUT", L9, body, to=RET)
        if body:
            assert (answer.status, answer.code) == (400, 2001)
            assert world.net.sent == []
        else:
            assert answer.code == 2001, "the receiver says so"

    check()


@aio
async def test_r68_a_request_that_runs_in_circles_ends():
    world = await HubWorld().open()
    answer = await world.ask(ELS, "PUT", L9, PLACE, to=RET)
    first = world.to_party(RET)[0].headers["via"]
    assert answer.code == 1000
    again = await world.ask(ELS, "PUT", L9, PLACE, to=RET, headers={"via": first})
    assert (again.status, again.code) == (200, 4000)
    assert len(world.to_party(RET)) == 1


@aio
async def test_r68_a_party_that_says_it_lives_at_the_hub_is_never_asked():
    world = await HubWorld().open()
    peer = await world.peer(RET)

    at_hub = PeerEndpoint("locations", "RECEIVER", "https://hub.example/ocpi/2.2.1/emsp/locations")
    await world.hub.roaming.peers.write(
        msgspec.structs.replace(peer, endpoints=(at_hub,)), Secrets(), before=peer
    )
    assert (await world.ask(ELS, "PUT", L9, PLACE, to=RET)).code == 4000
    assert world.net.sent == []


@aio
async def test_r68_a_slow_receiver_delays_nobody_else():
    world = await HubWorld().open()
    release = asyncio.Event()

    async def sleeps(request: HttpRequest) -> HttpResponse | None:
        await release.wait()
        return None

    world.answers(RET, sleeps)
    stuck = [asyncio.ensure_future(world.ask(ELS, "PUT", L9, PLACE, to=RET)) for _ in range(40)]
    for _ in range(1_000):
        await asyncio.sleep(0)
    assert len(world.to_party(RET)) == 16
    assert (await world.ask(ELS, "PUT", L9, PLACE, to=DAN)).code == 1000
    release.set()
    codes = [answer.code for answer in await asyncio.gather(*stuck)]
    assert sorted(set(codes)) == [1000, 4003]
    assert codes.count(4003) == 24, "only so many wait for one platform"


@aio
async def test_r68_sessions_go_to_whose_token_it_is_and_queries_are_kept():
    world = await HubWorld().open()
    answer = await world.ask(ELS, "PUT", f"{E}/sessions/SE/ELS/S9", SESSION, to=RET)
    assert answer.status == 201
    token = {"type": "RFID"}
    await world.ask(RET, "PUT", f"{C}/tokens/SE/RET/AABB CC", but(TOKEN, uid="AABB CC"), to=ELS, query=token)
    (sent,) = world.to_party(ELS)
    assert sent.path == "https://els.example/ocpi/2.2.1/cpo/tokens/SE/RET/AABB%20CC?type=RFID"


def _parties(headers: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        headers[f"ocpi-{side}-{part}"] for side in ("to", "from") for part in ("country-code", "party-id")
    )
