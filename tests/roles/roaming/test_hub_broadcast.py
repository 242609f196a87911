"""What is told to all through a hub: kept, listed, told on in the hub's name, and caught up with."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest
from hub_world import DAN, ELS, HUB, NOR, PLACE, RET, HubWorld, envelope
from roaming_world import aio
from wire_documents import CDR, EVSE, SESSION, TARIFF, TOKEN, but

from elstrada.model.http import HttpRequest, HttpResponse, Unreachable
from elstrada.model.party import Role
from elstrada.spine import tables as t

E, C = "emsp", "cpo"
L9 = f"{E}/locations/SE/ELS/L9"
LATER = "2026-02-03T11:00:00Z"


@aio
async def test_r69_a_broadcast_goes_to_all_others_of_the_opposite_role_in_the_hubs_name():
    world = await HubWorld().open()
    body = json.dumps(PLACE, indent=2).encode()
    answer = await world.ask(ELS, "PUT", L9, body, to=HUB)
    assert (answer.status, answer.code) == (201, 1000)
    assert (answer.headers["ocpi-from-country-code"], answer.headers["ocpi-from-party-id"]) == ("SE", "HUB")
    assert world.net.sent == [], "the hub answers at once"
    await world.settle()
    for party in (RET, DAN):
        (sent,) = world.to_party(party)
        assert (sent.method, sent.body) == ("PUT", body)
        assert sent.path.endswith("/2.2.1/emsp/locations/SE/ELS/L9")
        assert sent.headers["ocpi-from-party-id"] == "HUB"
        assert sent.headers["ocpi-to-party-id"] == party.party_id
    assert world.to_party(ELS) == world.to_party(NOR) == []
    kept = await world.at[DAN].spine.get(t.location, owner="DK*DAN", party="SE*ELS", location_id="L9")
    assert kept is not None, "our own eMSP takes what a hub tells"


@aio
async def test_r69_tokens_go_to_the_cpos_and_a_token_of_a_type_keeps_it():
    world = await HubWorld().open()
    token = but(TOKEN, type="APP_USER")
    query = {"type": "APP_USER"}
    assert (
        await world.ask(RET, "PUT", f"{C}/tokens/SE/RET/AABBCCDD", token, to=HUB, query=query)
    ).status == 201
    await world.settle()
    assert [one.path for one in world.to_party(ELS)] == [
        "https://els.example/ocpi/2.2.1/cpo/tokens/SE/RET/AABBCCDD?type=APP_USER"
    ]
    assert len(world.to_party(NOR)) == 1
    assert world.to_party(DAN) == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("PUT", f"{E}/sessions/SE/ELS/S9", SESSION), ("POST", f"{E}/cdrs", CDR)],
)
def test_r69_sessions_and_cdrs_are_told_to_one_and_never_to_all(method: str, path: str, body: object):
    @aio
    async def check() -> None:
        world = await HubWorld().open()
        answer = await world.ask(ELS, method, path, body, to=HUB)
        assert (answer.status, answer.code) == (200, 2000)
        await world.settle()
        assert world.net.sent == []
        assert (await world.ask(RET, "GET", path.partition("/SE")[0].replace(E, C), to=HUB)).code == 2000

    check()


@aio
async def test_r69_a_receiver_that_fails_fails_alone_and_gets_the_latest_state_once():
    world = await HubWorld().open()
    away = True

    async def fails(request: HttpRequest) -> HttpResponse | None:
        if away:
            raise Unreachable("gone")
        return None

    world.answers(RET, fails)
    await world.ask(ELS, "PUT", L9, PLACE, to=HUB)
    await world.settle()
    newest = but(PLACE, last_updated=LATER, name="New")
    assert (await world.ask(ELS, "PUT", L9, newest, to=HUB)).status == 200
    await world.settle()
    assert [json.loads(one.body)["last_updated"] for one in world.to_party(DAN)][-1] == LATER
    away = False
    world.net.sent.clear()
    world.clock.pass_by(minutes=5)
    await world.settle()
    (sent,) = world.to_party(RET)
    assert json.loads(sent.body)["name"] == "New"
    assert world.to_party(DAN) == []


@aio
async def test_r69_a_receiver_that_refuses_one_object_gets_the_others():
    world = await HubWorld().open()

    async def knows_none(request: HttpRequest) -> HttpResponse | None:
        return HttpResponse(404, {}, envelope(code=2000)) if request.path.endswith("L9") else None

    world.answers(RET, knows_none)
    await world.ask(ELS, "PUT", L9, PLACE, to=HUB)
    await world.ask(ELS, "PUT", f"{E}/tariffs/SE/ELS/T9", TARIFF, to=HUB)
    await world.settle()
    assert await world.at[RET].spine.get(t.tariff, owner="SE*RET", party="SE*ELS", tariff_id="T9") is not None
    assert (
        await world.at[DAN].spine.get(t.location, owner="DK*DAN", party="SE*ELS", location_id="L9")
        is not None
    )


@aio
async def test_r69_a_patch_of_an_evse_is_told_as_that_evse_and_unknown_fields_stay():
    world = await HubWorld().open()
    await world.ask(ELS, "PUT", L9, but(PLACE, evses=[EVSE, but(EVSE, uid="E2", x_own=1)]), to=HUB)
    await world.settle()
    world.net.sent.clear()
    patch = {"status": "CHARGING", "last_updated": LATER}
    assert (await world.ask(ELS, "PATCH", f"{L9}/e2", patch, to=HUB)).status == 200
    await world.settle()
    (sent,) = world.to_party(RET)
    assert sent.path == "https://ret.example/ocpi/2.2.1/emsp/locations/SE/ELS/L9/E2"
    assert json.loads(sent.body) == but(EVSE, uid="E2", x_own=1, status="CHARGING", last_updated=LATER)
    listed = await world.ask(RET, "GET", f"{C}/locations", to=HUB)
    (place,) = listed.data
    assert place["last_updated"] == LATER
    assert place["x_unknown"] == PLACE["x_unknown"]
    shown = await world.ask(ELS, "GET", f"{L9}/E2", to=HUB)
    assert shown.data["status"] == "CHARGING"


@aio
async def test_r69_what_is_told_to_all_is_held_to_the_rules_of_a_receiver():
    world = await HubWorld().open()
    ask = world.ask
    assert (await ask(ELS, "PATCH", L9, {"name": "x", "last_updated": LATER}, to=HUB)).status == 404
    assert (await ask(ELS, "PUT", L9, but(PLACE, id="L8"), to=HUB)).code == 2001
    assert (await ask(ELS, "PUT", L9, but(PLACE, coordinates=None), to=HUB)).code == 2001
    await ask(ELS, "PUT", L9, but(PLACE, last_updated=LATER), to=HUB)
    assert (await ask(ELS, "PATCH", L9, {"name": "x"}, to=HUB)).code == 2001
    assert (await ask(ELS, "PATCH", L9, {"id": "L8", "last_updated": LATER}, to=HUB)).code == 2001
    older = await ask(ELS, "PUT", L9, but(PLACE, name="Old"), to=HUB)
    assert older.code == 1000
    listed = await ask(RET, "GET", f"{C}/locations", to=HUB)
    assert [one.get("name") for one in listed.data] == [None]
    assert (await ask(ELS, "DELETE", L9, to=HUB)).status == 405


@aio
async def test_r69_a_tariff_that_is_taken_back_is_taken_back_everywhere():
    world = await HubWorld().open()
    path = f"{E}/tariffs/SE/ELS/T9"
    await world.ask(ELS, "PUT", path, TARIFF, to=HUB)
    await world.settle()
    assert (await world.ask(ELS, "DELETE", path, to=HUB)).code == 1000
    assert (await world.ask(ELS, "DELETE", path, to=HUB)).status == 404
    await world.settle()
    assert [one.method for one in world.to_party(DAN)] == ["PUT", "DELETE"]
    assert (await world.ask(RET, "GET", f"{C}/tariffs", to=HUB)).data == []


@aio
async def test_r69_a_place_that_is_not_public_goes_to_no_open_data():
    world = await HubWorld().open()
    await world.at[DAN].party(DAN, Role.NSP)
    await world.at[DAN].roaming.registrar.renew(DAN, "hub")
    await world.ask(ELS, "PUT", L9, but(PLACE, publish=False), to=HUB)
    await world.settle()
    assert len(world.to_party(RET, "PUT")) == 1
    assert world.to_party(DAN, "PUT") == []


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
def test_r39_open_data_is_told_that_a_place_is_not_public_any_more(version: str):
    @aio
    async def check() -> None:
        world = await HubWorld("2.2.1", {"dan": version}).open()
        await world.at[DAN].party(DAN, Role.NSP)
        await world.at[DAN].roaming.registrar.renew(DAN, "hub")
        await world.ask(ELS, "PUT", L9, PLACE, to=HUB)
        await world.settle()
        hidden = but(PLACE, publish=False, name="Hemma hos mig", last_updated=LATER)
        await world.ask(ELS, "PUT", L9, hidden, to=HUB)
        await world.settle()
        _, gone = [json.loads(sent.body) for sent in world.to_party(DAN, "PUT")]
        assert [evse["status"] for evse in gone["evses"]] == ["REMOVED"]
        assert "Hemma" not in json.dumps(gone)
        assert json.loads(world.to_party(RET, "PUT")[-1].body)["name"] == "Hemma hos mig"
        await world.ask(ELS, "PUT", L9, but(hidden, last_updated="2026-02-03T11:30:00Z"), to=HUB)
        await world.settle()
        assert len(world.to_party(DAN, "PUT")) == 2, "of what it does not know it hears nothing"

    check()


@aio
async def test_r70_nor_is_it_in_the_list_of_all_for_open_data():
    world = await HubWorld().open()
    await world.at[DAN].party(DAN, Role.NSP)
    await world.at[DAN].roaming.registrar.renew(DAN, "hub")
    for number in range(6):
        body = but(PLACE, id=f"L{number}", publish=number % 2 == 0)
        await world.ask(ELS, "PUT", f"{E}/locations/SE/ELS/L{number}", body, to=HUB)
    listed = await world.ask(DAN, "GET", f"{C}/locations", to=HUB, query={"limit": "2"})
    assert [one["id"] for one in listed.data] == ["L0", "L2"]
    assert listed.headers["x-total-count"] == "3"
    place = parse_qs(listed.headers["link"].partition("?")[2].partition(">")[0])["place"][0]
    query = {"limit": "2", "offset": "2", "place": place}
    rest = await world.ask(DAN, "GET", f"{C}/locations", to=HUB, query=query)
    assert ([one["id"] for one in rest.data], rest.headers.get("link")) == (["L4"], None)
    whole = await world.ask(RET, "GET", f"{C}/locations", to=HUB)
    assert len(whole.data) == 6


@pytest.mark.parametrize("within", ["", "/E9"])
def test_r34_a_date_in_the_future_makes_no_copy_immutable(within: str):
    """A token that bears one could never be blocked, and its former state would be told to all."""

    @aio
    async def check() -> None:
        world = await HubWorld().open()
        future, now = "2099-01-01T00:00:00Z", "2026-02-03T12:00:00Z"
        evse = but(EVSE, last_updated=future)
        await world.ask(ELS, "PUT", L9, but(PLACE, evses=[evse], last_updated=future), to=HUB)
        patch = {"status": "BLOCKED"} if within else {"name": "another"}
        assert (
            await world.ask(ELS, "PATCH", L9 + within, patch | {"last_updated": now}, to=HUB)
        ).code == 1000
        (place,) = (await world.ask(RET, "GET", f"{C}/locations", to=HUB)).data
        told = place["evses"][0] if within else place
        assert {name: told[name] for name in patch} == patch
        assert place["last_updated"] == now

    check()


@aio
async def test_r70_all_objects_are_one_list_with_right_pages_and_filters():
    world = await HubWorld().open()
    for number in range(7):
        owner, cc, party = ((ELS, "SE", "ELS"), (NOR, "NO", "NOR"))[number % 2]
        day = f"2026-01-{10 + number:02}T00:00:00Z"
        body = but(PLACE, country_code=cc, party_id=party, id=f"L{number}", last_updated=day)
        await world.ask(owner, "PUT", f"{E}/locations/{cc}/{party}/L{number}", body, to=HUB)
    path, found = f"{C}/locations", list[str]()
    page = await world.ask(RET, "GET", path, to=HUB, query={"limit": "3"})
    assert page.headers["ocpi-from-party-id"] == "HUB"
    assert page.headers["ocpi-to-party-id"] == "RET"
    for _ in range(3):
        found += [one["id"] for one in page.data]
        assert page.headers["x-total-count"] == "7"
        if "link" not in page.headers:
            break
        link = page.headers["link"].removeprefix("<https://hub.example/ocpi/2.2.1/").partition(">")[0]
        query = dict(pair.split("=") for pair in link.partition("?")[2].split("&"))
        page = await world.ask(RET, "GET", link.partition("?")[0], to=HUB, query=query)
    assert found == [f"L{number}" for number in range(7)]
    dates = {"date_from": "2026-01-12T00:00:00Z", "date_to": "2026-01-14T00:00:00Z"}
    some = await world.ask(RET, "GET", path, to=HUB, query=dates)
    assert [one["id"] for one in some.data] == ["L2", "L3"]
    assert some.headers["x-total-count"] == "2"
    assert "link" not in some.headers
    skipped = await world.ask(RET, "GET", path, to=HUB, query={"offset": "5"})
    assert [one["id"] for one in skipped.data] == ["L5", "L6"]
    assert (await world.ask(RET, "GET", path, to=HUB, query={"limit": "x"})).code == 2001


@aio
async def test_r70_who_joins_later_gets_what_was_told_before():
    world = await HubWorld().open()
    await world.at[DAN].roaming.registrar.unregister(DAN, "hub")
    await world.ask(ELS, "PUT", L9, PLACE, to=HUB)
    await world.settle()
    assert await world.at[DAN].spine.find(t.location) == []
    await world.join(DAN)
    await world.settle()
    (row,) = await world.at[DAN].spine.find(t.location)
    assert row["party"] == "SE*ELS"


@aio
async def test_r70_a_list_of_all_must_be_asked_of_the_hub():
    world = await HubWorld().open()
    assert (await world.ask(RET, "GET", f"{C}/locations")).code == 2001
    assert (await world.ask(RET, "GET", f"{C}/sessions", to=HUB)).code == 2000
