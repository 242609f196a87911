"""Parties of different versions behind one hub: what both write alike passes untouched, all else by translation."""

from __future__ import annotations

import asyncio
import json

import pytest
from hub_world import DAN, ELS, HUB, PLACE, RET, HubWorld, envelope
from roaming_world import StationDouble, aio, at_station, furnish, issue, known, location, started, token
from wire_documents import CDR, SESSION, TARIFF, TOKEN, Document, but

from elstrada.model import facts as f
from elstrada.model.answers import AskParty
from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.token import Allowed, AuthMethod, Verdict
from elstrada.ocpi.v221.commands import ResultType
from elstrada.spine import tables as t

E, C = "emsp", "cpo"
L9 = f"{E}/locations/SE/ELS/L9"


@aio
async def test_r69_a_broadcast_reaches_each_in_its_own_version_and_its_like_byte_for_byte():
    world = await HubWorld("2.2.1", {"dan": "2.3.0"}).open()
    body = json.dumps(but(PLACE, x_own=1), indent=2).encode()
    await world.ask(ELS, "PUT", L9, body, to=HUB)
    await world.ask(ELS, "PUT", f"{E}/tariffs/SE/ELS/T9", TARIFF, to=HUB)
    await world.settle()
    assert world.to_party(RET)[-1].body == body or world.to_party(RET)[0].body == body
    tariff = next(json.loads(one.body) for one in world.to_party(DAN) if "tariffs" in one.path)
    assert tariff["tax_included"] == "NO", "2.2.1 means so (R-66)"
    place = next(json.loads(one.body) for one in world.to_party(DAN) if "locations" in one.path)
    assert (place["id"], place["last_updated"]) == ("L9", PLACE["last_updated"])
    assert {one.path.split("/")[4] for one in world.to_party(DAN)} == {"2.3.0"}


@aio
async def test_r70_a_list_of_all_is_in_the_version_of_whoever_asks():
    world = await HubWorld("2.2.1", {"dan": "2.3.0"}).open()
    await world.ask(ELS, "PUT", f"{E}/tariffs/SE/ELS/T9", TARIFF, to=HUB)
    world.version = "2.3.0"
    listed = await world.ask(DAN, "GET", f"{C}/tariffs", to=HUB)
    assert [one["tax_included"] for one in listed.data] == ["NO"]


@aio
async def test_r68_a_cdr_to_one_of_another_version_is_translated_and_its_tokens_are_not_changed():
    world = await HubWorld("2.2.1", {"ret": "2.3.0"}).open()
    posted = await world.ask(ELS, "POST", f"{E}/cdrs", CDR, to=RET)
    assert posted.status == 201, posted.envelope
    (sent,) = world.to_party(RET)
    told = json.loads(sent.body)
    assert told["total_cost"]["before_taxes"] == CDR["total_cost"]["excl_vat"]
    assert told["cdr_token"] == CDR["cdr_token"]
    location_ = posted.headers["location"].removeprefix("https://hub.example/ocpi/2.2.1/")
    again = await world.ask(ELS, "GET", location_, to=RET)
    assert again.data["total_cost"] == CDR["total_cost"], "and comes back in the words it was said in"


@aio
async def test_r68_a_patch_passes_where_both_write_it_alike_and_else_the_whole_is_wanted():
    world = await HubWorld("2.2.1", {"ret": "2.3.0"}).open()
    path = f"{E}/sessions/SE/ELS/S9"
    assert (await world.ask(ELS, "PUT", path, SESSION, to=RET)).status == 201
    body = b'{"kwh": 13.0, "last_updated":"2026-02-03T11:00:00Z"}'
    assert (await world.ask(ELS, "PATCH", path, body, to=RET)).code == 1000
    assert world.to_party(RET)[-1].body == body
    priced = {"total_cost": {"excl_vat": 4.0}, "last_updated": "2026-02-03T11:01:00Z"}
    assert (await world.ask(ELS, "PATCH", path, priced, to=RET)).status == 404
    assert len(world.to_party(RET)) == 2


@aio
async def test_r68_what_another_version_would_misread_is_not_told():
    world = await HubWorld("2.3.0", {"ret": "2.2.1"}).open()
    taxed = {**TARIFF, "tax_included": "YES"}
    answer = await world.ask(ELS, "PUT", f"{E}/tariffs/SE/ELS/T9", taxed, to=RET)
    assert (answer.status, answer.code) == (200, 4000)
    await world.ask(ELS, "PUT", f"{E}/tariffs/SE/ELS/T9", taxed, to=HUB)
    await world.settle()
    assert world.to_party(RET) == []
    assert len(world.to_party(DAN)) == 1
    world.version = "2.2.1"
    assert (await world.ask(RET, "GET", f"{C}/tariffs", to=HUB)).data == []


@aio
async def test_r68_what_a_version_cannot_say_is_counted_with_whoever_is_told():
    world = await HubWorld("2.3.0", {"ret": "2.2.1"}).open()
    helpful = {**PLACE, "help_phone": "+4612345"}
    assert (await world.ask(ELS, "PUT", L9, helpful, to=RET)).status == 201
    assert ("peer:SE*HUB/ret", "UNTOLD location/help_phone") in await world.hub.found()


def _with_unknown(place: Document) -> Document:
    """A location of which neither version knows all, at each level."""
    [evse] = place["evses"]
    [connector] = evse["connectors"]
    evse = {**evse, "x_evse": None, "connectors": [{**connector, "x_connector": {"a": [1, 2.50]}}]}
    return {
        **place,
        "x_place": [True],
        "coordinates": {**place["coordinates"], "x_alt": "12"},
        "evses": [evse],
    }


MIXED = pytest.mark.parametrize(
    ("of", "to"), [("2.2.1", "2.3.0"), ("2.3.0", "2.2.1"), ("2.2.1", "2.1.1"), ("2.3.0", "2.1.1")]
)


@MIXED
def test_r21_what_neither_version_knows_is_told_between_them_at_every_level(of: str, to: str):
    @aio
    async def check() -> None:
        world = await HubWorld(of, {"ret": to}).open()
        assert (await world.ask(ELS, "PUT", L9, _with_unknown(PLACE), to=HUB)).status == 201
        await world.settle()
        [told] = [json.loads(one.body) for one in world.to_party(RET) if "locations" in one.path]
        assert told["x_place"] == [True]
        assert told["coordinates"]["x_alt"] == "12"
        assert told["evses"][0]["connectors"][0]["x_connector"] == {"a": [1, 2.50]}
        assert told["id"] == "L9"

    check()


@aio
async def test_r21_unknown_fields_of_what_is_for_one_are_told_in_another_version():
    world = await HubWorld("2.2.1", {"ret": "2.3.0"}).open()
    await world.ask(ELS, "PUT", f"{E}/sessions/SE/ELS/S9", {**SESSION, "x_session": 1}, to=RET)
    await world.ask(ELS, "POST", f"{E}/cdrs", {**CDR, "x_cdr": {"b": 2}}, to=RET)
    session, cdr = (json.loads(one.body) for one in world.to_party(RET))
    assert (session["x_session"], cdr["x_cdr"]) == (1, {"b": 2})
    assert cdr["total_cost"]["before_taxes"] == CDR["total_cost"]["excl_vat"]


@aio
async def test_r21_unknown_fields_overlay_nothing_and_what_would_spoil_the_whole_is_counted():
    world = await HubWorld("2.2.1", {"ret": "2.3.0"}).open()
    early = {**TARIFF, "tax_included": "YES"}
    await world.ask(ELS, "PUT", f"{E}/tariffs/SE/ELS/T9", early, to=RET)
    await world.ask(ELS, "PUT", L9, {**PLACE, "x_place": 1, "help_phone": 5}, to=RET)
    tariff, place = (json.loads(one.body) for one in world.to_party(RET))
    assert tariff["tax_included"] == "NO", "in 2.2.1 it says so by its version"
    assert not {"x_place", "help_phone"} & place.keys()
    assert ("peer:SE*HUB/ret", "UNTOLD location") in await world.hub.found()


MIXES = pytest.mark.parametrize(
    "versions",
    [
        {"els": "2.2.1", "ret": "2.3.0"},
        {"els": "2.3.0", "ret": "2.2.1"},
        {"els": "2.2.1", "ret": "2.1.1"},
        {"els": "2.3.0", "ret": "2.1.1"},
    ],
    ids=lambda versions: " and ".join(versions.values()),
)


@MIXES
def test_r68_r69_a_whole_story_between_parties_of_two_versions(versions: dict[str, str]):
    """Places, prices and tokens told to all, an authorization, a remote start, its session and its CDR."""

    @aio
    async def check() -> None:
        world = await HubWorld("2.2.1", versions).open()
        await furnish(world)  # type: ignore[arg-type]
        if versions["ret"] == "2.1.1":
            world.answers(RET, _takes_all)
        for party in (ELS, RET):
            node = world.at[party]
            peer = known(await node.roaming.peers.get(party, "hub"))
            await node.roaming.roamer.resync(peer)
        for _ in range(3):
            await world.settle()
        (place,) = await world.at[DAN].spine.find(t.location)
        assert (place["party"], place["location_id"]) == (str(ELS), "L1")
        assert await world.at[ELS].spine.find(t.token, {"party": str(RET)}) != []
        verdict = await world.els.roaming.authorizer.authorize(ELS, _question(world))
        assert verdict.allowed is Allowed.ALLOWED, verdict.note
        await at_station(world, f.StationConnected("ocpp1.6", "c1", "n1"), started(world))  # type: ignore[arg-type]
        await issue(world)  # type: ignore[arg-type]
        world.net.sent.clear()
        for _ in range(3):
            await world.settle()
        told = [one for one in world.to_party(RET) if "sessions" in one.path or "cdrs" in one.path]
        assert {one.method for one in told} == {"PUT", "POST"}
        assert await world.els.spine.find(t.mark, {"kind": "cdr"}) == [], "the CDR was taken"

    check()


@aio
async def test_r68_a_remote_start_and_its_result_between_2_2_1_and_2_1_1():
    world = await HubWorld("2.2.1", {"ret": "2.1.1"}).open()
    await furnish(world)  # type: ignore[arg-type]
    for party in (ELS, RET):
        node = world.at[party]
        await node.roaming.roamer.resync(known(await node.roaming.peers.get(party, "hub")))
    for _ in range(3):
        await world.settle()
    station = await StationDouble.connected(world)  # type: ignore[arg-type]
    hub = known(await world.ret.roaming.peers.get(RET, "hub"))
    ended = await asyncio.wait_for(
        world.ret.roaming.commander.start(hub, ELS, token(), "L1", location().evses[0], "1"), 10
    )
    assert ended.result is ResultType.ACCEPTED
    assert len(station.asked) == 1
    station.release()


@pytest.mark.roaming_rule(21, 68)
@aio
async def test_unknown_fields_of_a_command_its_answer_and_its_result_are_told_in_another_version():
    world = await HubWorld("2.2.1", {"els": "2.1.1"}).open()
    url = "https://ret.example/ocpi/2.2.1/emsp/commands/START_SESSION/1"
    start = {"response_url": url, "token": but(TOKEN, x_token="t"), "location_id": "L9", "evse_uid": "E9"}

    async def taken(request: HttpRequest) -> HttpResponse | None:
        return HttpResponse(200, {}, envelope({"result": "ACCEPTED", "x_answer": [1.50]}))

    async def heard(request: HttpRequest) -> HttpResponse | None:
        return HttpResponse(200, {}, envelope())

    world.answers(ELS, taken)
    world.answers(RET, heard)
    answer = await world.ask(
        RET, "POST", f"{C}/commands/START_SESSION", start | {"connector_id": "1", "x_start": {"a": 1}}, to=ELS
    )
    assert (answer.data["result"], answer.data["x_answer"]) == ("ACCEPTED", [1.50])
    (sent,) = world.to_party(ELS)
    told = json.loads(sent.body)
    assert (told["x_start"], told["token"]["x_token"], told["evse_uid"]) == ({"a": 1}, "t", "E9")
    assert "connector_id" not in told
    assert ("peer:SE*HUB/els", "UNTOLD start_session/connector_id") in await world.hub.found()

    world.version = "2.1.1"
    path = told["response_url"].removeprefix("https://hub.example/ocpi/2.1.1/")
    assert (await world.ask(ELS, "POST", path, {"result": "ACCEPTED", "x_result": "r"}, to=RET)).code == 1000
    (result,) = world.to_party(RET)
    assert json.loads(result.body) == {"result": "ACCEPTED", "x_result": "r"}


@aio
async def test_r68_a_command_that_a_version_lacks_is_refused():
    world = await HubWorld("2.2.1", {"els": "2.1.1"}).open()
    url = "https://ret.example/ocpi/2.2.1/emsp/commands/x/1"
    cancel = {"response_url": url, "reservation_id": "R1"}
    answer = await world.ask(RET, "POST", f"{C}/commands/CANCEL_RESERVATION", cancel, to=ELS)
    assert (answer.status, answer.code) == (200, 4000)
    assert world.to_party(ELS) == []


@aio
async def test_r68_what_both_versions_write_alike_passes_byte_for_byte():
    world = await HubWorld("2.2.1", {"els": "2.3.0"}).open()

    async def taken(request: HttpRequest) -> HttpResponse | None:
        return HttpResponse(200, {}, envelope({"result": "ACCEPTED", "timeout": 5, "x": [1.0]}))

    world.answers(ELS, taken)
    body = json.dumps(but(TOKEN, x_own={"b": 1.50}), indent=3).encode()
    await world.ask(RET, "PUT", f"{C}/tokens/SE/RET/AABBCCDD", body, to=ELS, query={"type": "RFID"})
    (sent,) = world.to_party(ELS)
    assert sent.body == body
    assert sent.path == "https://els.example/ocpi/2.3.0/cpo/tokens/SE/RET/AABBCCDD?type=RFID"


@aio
async def test_r70_a_long_page_is_told_whole_in_another_version():
    """However many objects a page has: the address of the next goes back as it came."""
    world = await HubWorld("2.2.1", {"els": "2.3.0"}).open()

    async def many(request: HttpRequest) -> HttpResponse | None:
        if request.method != "GET" or "/sessions" not in request.path:
            return None
        page = [but(SESSION, id=f"S{number}") for number in range(1_100)]
        return HttpResponse(200, {"x-total-count": "1100", "x-limit": "1100"}, envelope(page))

    world.answers(ELS, many)
    listed = await world.ask(
        RET, "GET", f"{C}/sessions", to=ELS, query={"date_from": "2020-01-01T00:00:00Z", "limit": "1100"}
    )
    assert [one["id"] for one in listed.data] == [f"S{number}" for number in range(1_100)]


async def _takes_all(request: HttpRequest) -> HttpResponse | None:
    """An eMSP of 2.1.1 that takes objects of any CPO from one peer, as its version has no word for a hub."""
    is_told = request.method in ("PUT", "POST") and "/commands" not in request.path
    return HttpResponse(201, {}, envelope()) if is_told and "authorize" not in request.path else None


def _question(world: HubWorld) -> AskParty:
    return AskParty(
        token_ref=world.els.means.keys.token_ref(token().uid),
        token_uid=token().uid,
        token_type="RFID",
        party=RET,
        evse_id=1,
        fallback=Verdict(Allowed.NOT_ALLOWED, AuthMethod.AUTH_REQUEST, RET, note="fallback"),
    )
