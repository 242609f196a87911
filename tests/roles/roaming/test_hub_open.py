"""Requests to a hub that do not say to whom: it finds the one they are for, or says that it cannot tell."""

from __future__ import annotations

import json

import pytest
from hub_world import DAN, ELS, HUB, NOR, PLACE, RET, HubWorld, envelope
from roaming_world import Answer, aio
from wire_documents import CDR, SESSION, TOKEN, but

from elstrada.model.http import HttpRequest, HttpResponse

E, C = "emsp", "cpo"
S9 = f"{E}/sessions/SE/ELS/S9"
RESULT = "https://ret.example/ocpi/2.2.1/emsp/commands/START_SESSION/77?secret=1"


async def _taken(request: HttpRequest) -> HttpResponse | None:
    return HttpResponse(200, {}, envelope({"result": "ACCEPTED", "timeout": 30}))


async def _heard(request: HttpRequest) -> HttpResponse | None:
    return HttpResponse(200, {}, envelope())


@aio
async def test_r68_an_authorization_finds_the_tokens_issuer_who_answers_in_its_own_name():
    world = await HubWorld().open()
    await world.ask(RET, "PUT", f"{C}/tokens/SE/RET/AABBCCDD", TOKEN, to=HUB)

    async def allows(request: HttpRequest) -> HttpResponse | None:
        return HttpResponse(200, {}, envelope({"allowed": "ALLOWED", "token": TOKEN}))

    world.answers(RET, allows)
    answer = await world.ask(ELS, "POST", f"{E}/tokens/aabbccdd/authorize", query={"type": "RFID"})
    assert answer.data == {"allowed": "ALLOWED", "token": TOKEN}
    assert answer.headers["ocpi-from-party-id"] == "RET"
    (asked,) = world.to_party(RET, "POST")
    assert asked.headers["ocpi-to-party-id"] == "RET"
    assert asked.path.endswith("/emsp/tokens/aabbccdd/authorize?type=RFID")
    unknown = await world.ask(ELS, "POST", f"{E}/tokens/00000000/authorize")
    assert (unknown.status, unknown.code) == (200, 4001)


@aio
async def test_r68_a_token_of_two_issuers_is_asked_of_neither():
    world = await HubWorld().open()
    await world.ask(RET, "PUT", f"{C}/tokens/SE/RET/AABBCCDD", TOKEN, to=HUB)
    other = but(TOKEN, country_code="DK", party_id="DAN")
    await world.ask(DAN, "PUT", f"{C}/tokens/DK/DAN/AABBCCDD", other, to=HUB)
    assert (await world.ask(ELS, "POST", f"{E}/tokens/AABBCCDD/authorize")).code == 4001
    assert world.net.sent == []


@aio
async def test_r68_sessions_and_cdrs_find_the_issuer_of_their_token_and_a_patch_follows_the_session():
    world = await HubWorld().open()
    assert (await world.ask(ELS, "PUT", S9, SESSION)).status == 201
    patch = {"kwh": 13, "last_updated": "2026-02-03T11:00:00Z"}
    assert (await world.ask(ELS, "PATCH", S9, patch)).code == 1000
    assert (await world.ask(ELS, "POST", f"{E}/cdrs", CDR)).status == 201
    assert [one.method for one in world.to_party(RET)] == ["PUT", "PATCH", "POST"]
    assert world.to_party(DAN) == []
    assert (await world.ask(ELS, "PATCH", f"{E}/sessions/SE/ELS/S8", patch)).code == 4001
    assert (await world.ask(NOR, "PATCH", f"{E}/sessions/NO/NOR/S9", patch)).code == 4001


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_r68_a_location_that_is_addressed_to_nobody_is_for_all(method: str):
    @aio
    async def check() -> None:
        world = await HubWorld().open()
        assert (await world.ask(ELS, "PUT", f"{E}/locations/SE/ELS/L9", PLACE)).status == 201
        later = {"name": "x", "last_updated": "2026-02-03T11:00:00Z"}
        body = later if method == "PATCH" else PLACE | later
        await world.ask(ELS, method, f"{E}/locations/SE/ELS/L9", body)
        await world.settle()
        for party in (RET, DAN):
            assert json.loads(world.to_party(party)[-1].body)["name"] == "x"

    check()


@aio
async def test_r68_one_object_is_asked_of_its_owner():
    world = await HubWorld().open()
    await world.ask(ELS, "PUT", f"{E}/locations/SE/ELS/L9", PLACE, to=HUB)

    async def shows(request: HttpRequest) -> HttpResponse | None:
        return HttpResponse(200, {}, envelope(PLACE))

    world.answers(ELS, shows)
    for to in (None, HUB):
        assert (await world.ask(RET, "GET", f"{C}/locations/L9", to=to)).data == PLACE
    assert (await world.ask(RET, "GET", f"{C}/locations/L8")).code == 4001
    assert len(world.to_party(ELS)) == 2


@aio
async def test_r68_a_commands_result_comes_through_the_hub_bare_and_once():
    world = await HubWorld().open()
    world.answers(ELS, _taken)
    world.answers(RET, _heard)
    body = json.dumps(_start(RESULT), indent=1).encode()
    answer = await world.ask(RET, "POST", f"{C}/commands/START_SESSION", body, to=ELS)
    assert answer.data == {"result": "ACCEPTED", "timeout": 30}
    (sent,) = world.to_party(ELS)
    url = json.loads(sent.body)["response_url"]
    assert url.startswith("https://hub.example/ocpi/2.2.1/")
    assert sent.body == body.replace(RESULT.encode(), url.encode())
    path, result = url.removeprefix("https://hub.example/ocpi/2.2.1/"), b'{ "result":"ACCEPTED" }'
    assert (await world.ask(NOR, "POST", path, result, to=RET)).status == 404, "it is not its address"
    assert (await world.ask(ELS, "POST", path, result, to=RET, said=NOR)).code == 2001
    assert (await world.ask(ELS, "GET", path, to=RET)).status == 405
    assert (await world.ask(ELS, "POST", path, b"{", to=RET)).status == 400
    world.net.sent.clear()
    heard = await world.ask(ELS, "POST", path, result, to=RET)
    assert heard.code == 1000
    assert (await world.ask(ELS, "POST", path, result, to=RET)).status == 404
    (told,) = world.to_party(RET)
    assert (told.path, told.body) == (RESULT, result)
    assert (told.headers["ocpi-from-party-id"], told.headers["ocpi-to-party-id"]) == ("ELS", "RET")


@aio
async def test_r68_a_result_is_passed_on_after_the_hub_was_started_anew():
    world = await HubWorld().open()
    world.answers(ELS, _taken)
    world.answers(RET, _heard)
    await world.ask(RET, "POST", f"{C}/commands/START_SESSION", _start(RESULT), to=ELS)
    url = json.loads(world.to_party(ELS)[0].body)["response_url"]
    world.restart_hub()
    path = url.removeprefix("https://hub.example/ocpi/2.2.1/")
    assert (await world.ask(ELS, "POST", path, {"result": "ACCEPTED"}, to=RET)).code == 1000
    assert [one.path for one in world.to_party(RET)] == [RESULT]


@aio
async def test_r68_a_result_is_not_kept_for_ever():
    world = await HubWorld().open()
    world.answers(ELS, _taken)
    await world.ask(RET, "POST", f"{C}/commands/START_SESSION", _start(RESULT), to=ELS)
    url = json.loads(world.to_party(ELS)[0].body)["response_url"]
    world.clock.pass_by(days=2)
    path = url.removeprefix("https://hub.example/ocpi/2.2.1/")
    assert (await world.ask(ELS, "POST", path, {"result": "ACCEPTED"}, to=RET)).status == 404


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x",
        "http://169.254.169.254/latest",
        "https://els.example/ocpi/2.2.1/x",
        "file:///etc",
    ],
)
def test_r71_a_result_goes_to_no_address_that_is_not_the_askers(url: str):
    @aio
    async def check() -> None:
        world = await HubWorld().open()
        answer: Answer = await world.ask(RET, "POST", f"{C}/commands/START_SESSION", _start(url), to=ELS)
        assert (answer.status, answer.code) == (200, 2001)
        assert world.net.sent == []

    check()


@aio
async def test_r68_a_command_finds_the_cpo_by_its_place_or_its_session():
    world = await HubWorld().open()
    world.answers(ELS, _taken)
    await world.ask(ELS, "PUT", f"{E}/locations/SE/ELS/L9", PLACE, to=HUB)
    await world.ask(ELS, "PUT", S9, SESSION)
    start = await world.ask(RET, "POST", f"{C}/commands/START_SESSION", _start(RESULT))
    stop = await world.ask(
        RET, "POST", f"{C}/commands/STOP_SESSION", {"response_url": RESULT, "session_id": "s9"}
    )
    assert start.data["result"] == stop.data["result"] == "ACCEPTED"
    assert start.headers["ocpi-from-party-id"] == "ELS"
    other = await world.ask(
        DAN, "POST", f"{C}/commands/STOP_SESSION", {"response_url": RESULT, "session_id": "S9"}
    )
    assert other.code == 4001, "nobody learns where another's session is"


def _start(url: str) -> dict[str, object]:
    return {"response_url": url, "token": TOKEN, "location_id": "L9", "evse_uid": "E9", "x_mine": [1.0, "é"]}
