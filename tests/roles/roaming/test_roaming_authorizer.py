"""Real-time authorization: the eMSP decides in time, or the fallback holds."""

from __future__ import annotations

import asyncio
import json

import pytest
from roaming_world import ELS, RET, STATION, World, aio, furnished, give, token

from elstrada.model.answers import AskParty
from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.ids import PartyId
from elstrada.model.token import Allowed, AuthMethod, Verdict
from elstrada.model.waits import Waits
from elstrada.ocpi.body import encode
from elstrada.spine import tables as t

FALLBACK = Verdict(Allowed.ALLOWED, AuthMethod.WHITELIST, RET, note="ALLOWED_OFFLINE")


def _question(world: World, **changes: object) -> AskParty:
    uid = str(changes.pop("uid", token().uid))
    given: dict[str, object] = {
        "token_ref": world.els.means.keys.token_ref(uid),
        "token_uid": uid,
        "token_type": "RFID",
        "party": RET,
        "evse_id": 1,
        "station_id": STATION,
        "fallback": FALLBACK,
    }
    return AskParty(**(given | changes))  # type: ignore[arg-type]


async def _ask(world: World, **changes: object) -> Verdict:
    return await world.els.roaming.authorizer.authorize(ELS, _question(world, **changes))


@aio
async def test_r47_r51_the_emsp_allows_and_gives_its_reference():
    world = await furnished()
    verdict = await _ask(world)
    assert (verdict.allowed, verdict.method, verdict.party) == (Allowed.ALLOWED, AuthMethod.AUTH_REQUEST, RET)
    assert verdict.authorization_reference
    [asked] = world.net.requests("POST", "/authorize")
    assert asked.path.endswith("/emsp/tokens/04A1B2C3D4E5F6/authorize?type=RFID")
    assert json.loads(asked.body) == {"location_id": "L1", "evse_uids": ["E1"]}


@pytest.mark.parametrize(("kind", "told"), [("KeyCode", "OTHER"), ("VIN", "OTHER"), ("APP_USER", "APP_USER")])
def test_a_type_that_only_ocpp_knows_is_other_to_the_emsp(kind: str, told: str):
    @aio
    async def check() -> None:
        world = await furnished()
        await _ask(world, token_type=kind)
        [asked] = world.net.requests("POST", "/authorize")
        assert asked.path.endswith(f"?type={told}")

    check()


@aio
async def test_the_emsp_refuses():
    world = await furnished()
    await give(world.ret, token(valid=False))
    verdict = await _ask(world)
    assert (verdict.allowed, verdict.party) == (Allowed.BLOCKED, RET)


@aio
async def test_an_emsp_that_does_not_know_the_token_refuses_it():
    world = await furnished()
    verdict = await _ask(world, uid="UNKNOWN")
    assert verdict.allowed is Allowed.NOT_ALLOWED
    assert "does not know" in verdict.note


@aio
async def test_r49_an_unreachable_emsp_never_refuses_who_may_charge():
    world = await furnished()
    world.net.down.add("ret.example")
    verdict = await _ask(world)
    assert (verdict.allowed, verdict.method) == (Allowed.ALLOWED, AuthMethod.WHITELIST)
    assert "no answer" in verdict.note


@aio
async def test_r49_a_slow_emsp_costs_the_driver_no_more_than_the_deadline():
    world = await furnished(World(waits=Waits(authorize_s=1)))

    async def sleeps(_: HttpRequest) -> HttpResponse:
        await asyncio.sleep(3600)
        return HttpResponse(200)

    world.net.hosts["ret.example"] = sleeps
    loop = asyncio.get_running_loop()
    before = loop.time()
    verdict = await _ask(world)
    assert verdict.allowed is Allowed.ALLOWED
    assert "no answer in 1 s" in verdict.note
    assert loop.time() - before < 2
    assert world.net.waits_s[-1][1] == 1


def _answers(status: int, document: object) -> HttpResponse:
    body = document if isinstance(document, bytes) else encode(document)
    return HttpResponse(status, {}, body)


_TOKEN = {
    "country_code": "SE",
    "party_id": "RET",
    "uid": "04A1B2C3D4E5F6",
    "type": "RFID",
    "contract_id": "C",
    "issuer": "R",
    "valid": True,
    "whitelist": "ALLOWED",
    "last_updated": "2026-01-01T00:00:00Z",
}
_INFO = {"allowed": "ALLOWED", "token": _TOKEN}


@pytest.mark.parametrize(
    "response",
    [
        _answers(500, b"<html>"),
        _answers(200, b"<html>"),
        _answers(200, {"status_code": 3000}),
        _answers(200, {"status_code": 1000, "data": _INFO | {"authorization_reference": "r" * 256}}),
        _answers(200, {"status_code": 2002, "status_message": "where?"}),
        _answers(401, {"status_code": 2000}),
        _answers(200, {"status_code": 1000, "data": {"allowed": "YES"}}),
        _answers(200, {"status_code": 1000, "data": _INFO | {"allowed": "PERHAPS"}}),
        _answers(200, {"status_code": 1000, "data": [_INFO]}),
        _answers(200, {"status_code": 1000, "data": _INFO | {"token": _TOKEN | {"party_id": "EVL"}}}),
        _answers(200, {"status_code": 1000, "data": _INFO | {"token": _TOKEN | {"uid": "OTHER"}}}),
    ],
)
def test_r49_an_answer_that_is_none_is_like_no_answer(response: HttpResponse):
    @aio
    async def check() -> None:
        world = await furnished()

        async def answer(_: HttpRequest) -> HttpResponse:
            return response

        world.net.hosts["ret.example"] = answer
        assert (await _ask(world)).method is AuthMethod.WHITELIST

    check()


@aio
async def test_t28_a_verdicts_note_has_no_word_of_the_peers():
    world = await furnished()

    async def blabs(_: HttpRequest) -> HttpResponse:
        return _answers(200, {"status_code": 2001, "status_message": "04A1B2C3D4E5F6 is Anna"})

    world.net.hosts["ret.example"] = blabs
    assert "04A1" not in (await _ask(world)).note


@aio
async def test_a_token_of_a_party_that_is_no_peer_gets_the_fallback_unasked():
    world = await furnished()
    world.net.sent.clear()
    assert (await _ask(world, party=PartyId("NO", "XYZ"))).method is AuthMethod.WHITELIST
    assert world.net.sent == []


@aio
async def test_a_token_nobody_told_us_of_is_asked_of_all_and_remembered():
    world = await furnished()
    await give(world.ret, token(uid="NEWCARD"))
    verdict = await _ask(world, party=None, uid="NEWCARD")
    assert (verdict.allowed, verdict.party) == (Allowed.ALLOWED, RET)
    ref = world.els.means.keys.token_ref("NEWCARD")
    assert await world.els.spine.get(t.identity, owner=str(ELS), ref=ref, party=str(RET)) is not None
    unknown = await _ask(world, party=None, uid="NOBODYS")
    assert unknown.allowed is Allowed.NOT_ALLOWED


@aio
async def test_a_group_is_told_as_a_pseudonym():
    world = await furnished()
    await give(world.ret, token(group_id="FLEET"))
    verdict = await _ask(world)
    assert verdict.contract_ref == world.els.means.keys.token_ref("FLEET")
