"""Charging profiles, bookings, payment terminals and invoices from party to party through a hub."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hub_world import DAN, ELS, HUB, RET, HubWorld, envelope
from roaming_world import aio
from wire_documents import BOOKING, BOOKING_REQUEST

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.party import ClientInfo, ClientReason, ConnectionStatus, Role
from elstrada.roles.roaming.clients import note
from elstrada.spine import tables as t

E, C = "emsp", "cpo"
HUBS = "https://hub.example/ocpi/"
BACK = "https://ret.example/ocpi/{}/emsp/chargingprofiles/active/x?secret=1"
LIMIT = {"charging_rate_unit": "A", "charging_profile_period": [{"start_period": 0, "limit": 6.0}]}


async def _taken(request: HttpRequest) -> HttpResponse | None:
    return HttpResponse(200, {}, envelope({"result": "ACCEPTED", "timeout": 30}))


async def _heard(request: HttpRequest) -> HttpResponse | None:
    return HttpResponse(200, {}, envelope())


@pytest.mark.parametrize(("version", "other"), [("2.2.1", "2.2.1"), ("2.3.0", "2.3.0"), ("2.2.1", "2.3.0")])
def test_r68_a_profile_and_its_result_go_through_the_hub_once(version: str, other: str):
    @aio
    async def check() -> None:
        world = await HubWorld(version, {"els": other}).open()
        world.answers(ELS, _taken)
        world.answers(RET, _heard)
        url = BACK.format(version)
        body = json.dumps({"charging_profile": LIMIT, "response_url": url}, indent=1).encode()
        answer = await world.ask(RET, "PUT", f"{C}/chargingprofiles/S9", body, to=ELS)
        assert answer.data == {"result": "ACCEPTED", "timeout": 30}
        (sent,) = world.to_party(ELS, "PUT")
        ours = json.loads(sent.body)["response_url"]
        assert ours.startswith(f"{HUBS}{other}/relay/")
        assert sent.body == body.replace(url.encode(), ours.encode()), "all else is as it was"
        await _told_once(world, ours, url, b'{ "result":"ACCEPTED" }', other)

    check()


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_r68_a_profiles_result_comes_through_the_hub_where_its_address_is_in_the_query(method: str):
    @aio
    async def check() -> None:
        world = await HubWorld("2.2.1", {"els": "2.3.0"}).open()
        world.answers(ELS, _taken)
        world.answers(RET, _heard)
        url = BACK.format("2.2.1")
        query = {"duration": "900", "response_url": url}
        await world.ask(RET, method, f"{C}/chargingprofiles/S9", to=ELS, query=query)
        (sent,) = world.to_party(ELS, method)
        assert sent.body == b""
        assert url not in sent.path
        (kept,) = await world.hub.spine.find(t.hub_address)
        told = f"{HUBS}2.3.0/relay/{kept['address_id']}"
        assert sent.path.endswith(f"?duration=900&response_url={quote(told, safe='')}")
        active = {"start_date_time": "2026-02-03T12:00:00Z", "charging_profile": LIMIT}
        result = json.dumps({"result": "ACCEPTED", "profile": active}).encode()
        await _told_once(world, told, url, result, "2.3.0")

    check()


@aio
async def test_r68_what_a_session_is_allowed_is_told_through_the_hub():
    world = await HubWorld().open()
    world.answers(RET, _heard)
    active = json.dumps({"start_date_time": "2026-02-03T12:00:00Z", "charging_profile": LIMIT}).encode()
    answer = await world.ask(ELS, "PUT", f"{E}/chargingprofiles/S9", active, to=RET)
    assert answer.code == 1000
    assert [one.body for one in world.to_party(RET, "PUT")] == [active]
    assert (await world.ask(DAN, "PUT", f"{E}/chargingprofiles/S9", active, to=RET)).status == 404


@aio
async def test_r68_a_booking_is_asked_for_and_told_of_through_the_hub():
    world = await HubWorld("2.3.0").open()

    async def books(request: HttpRequest) -> HttpResponse | None:
        return HttpResponse(200, {}, envelope(BOOKING))

    world.answers(ELS, books)
    world.answers(RET, _heard)
    body = json.dumps(BOOKING_REQUEST, indent=2).encode()
    answer = await world.ask(RET, "POST", f"{C}/bookings", body, to=ELS)
    assert answer.data == BOOKING
    (sent,) = world.to_party(ELS, "POST")
    assert (sent.body, sent.path) == (body, "https://els.example/ocpi/2.3.0/cpo/bookings")
    told = json.dumps(BOOKING, indent=3).encode()
    assert (await world.ask(ELS, "PUT", f"{E}/bookings/SE/ELS/B9", told, to=RET)).code == 1000
    assert [one.body for one in world.to_party(RET, "PUT")] == [told]
    borrowed = json.dumps(BOOKING | {"party_id": "NOR"}).encode()
    assert (await world.ask(ELS, "PUT", f"{E}/bookings/SE/ELS/B9", borrowed, to=RET)).code == 2001
    assert (await world.ask(ELS, "PUT", f"{E}/bookings/SE/ELS/B9", told, to=HUB)).code == 2000, "not for all"


@aio
async def test_r68_a_booking_is_refused_for_a_version_that_knows_none():
    world = await HubWorld("2.3.0", {"els": "2.2.1"}).open()
    answer = await world.ask(RET, "POST", f"{C}/bookings", BOOKING_REQUEST, to=ELS)
    assert (answer.status, answer.code) == (200, 4000)
    assert world.to_party(ELS) == []


@aio
async def test_r68_an_invoice_record_goes_to_the_interface_that_its_method_means():
    world = await HubWorld("2.3.0").open()
    world.answers(RET, _heard)
    record = {
        "country_code": "SE",
        "party_id": "ELS",
        "id": "R1",
        "invoice_id": "I1",
        "cdrs": ["C1"],
        "last_updated": "2026-02-03T12:00:00Z",
    }
    body = json.dumps(record, indent=2).encode()
    assert (await world.ask(ELS, "POST", "invoicereconciliation", body, to=RET)).code == 1000
    listed = await world.ask(DAN, "GET", "invoicereconciliation", to=RET, query={"limit": "5"})
    assert listed.code == 1000
    assert [(one.method, one.body) for one in world.to_party(RET)] == [("POST", body), ("GET", b"")]
    assert (await world.ask(DAN, "POST", "invoicereconciliation", body, to=RET)).code == 2001, (
        "it is not its own"
    )
    assert [row["decision"] for row in await world.log()][:2] == ["forward", "forward"]


@aio
async def test_r68_a_terminal_that_names_its_cpo_goes_from_its_provider_through_the_hub():
    world = await HubWorld("2.3.0").open()
    await world.at[DAN].party(DAN, Role.PTP)
    await world.at[DAN].roaming.registrar.renew(DAN, "hub")
    world.answers(ELS, _heard)
    terminal = {"terminal_id": "T1", "country_code": "SE", "party_id": "ELS", "location_ids": ["L1"]}
    body = json.dumps(terminal | {"last_updated": "2026-02-03T12:00:00Z"}).encode()
    assert (await world.ask(DAN, "POST", f"{C}/payments/terminals", body, to=ELS)).code == 1000
    assert [one.body for one in world.to_party(ELS, "POST")] == [body]
    assert (await world.ask(RET, "POST", f"{C}/payments/terminals", body, to=ELS)).status == 404


@pytest.mark.parametrize("status", ["OFFLINE", "SUSPENDED", "PLANNED"])
def test_r68_a_party_that_the_hub_is_not_connected_to_is_4003_and_not_asked(status: str):
    @aio
    async def check() -> None:
        world = await HubWorld().open()
        client = ClientInfo(ELS, Role.CPO, ConnectionStatus(status), world.clock.now())
        await note(world.hub.spine, HUB, client, ClientReason.OPERATOR, now=client.last_updated)
        answer = await world.ask(RET, "GET", f"{C}/locations/L1", to=ELS)
        assert (answer.status, answer.code) == (200, 4003)
        assert world.to_party(ELS) == []

    check()


@aio
async def test_r72_what_is_passed_on_is_a_sign_of_life_of_its_sender():
    world = await HubWorld().open()
    before = await world.hub.spine.get(t.pulse, owner=str(HUB), peer_id="ret")
    world.clock.pass_by(days=1)
    world.answers(ELS, _heard)
    await world.ask(RET, "GET", f"{C}/locations", to=ELS)
    after = await world.hub.spine.get(t.pulse, owner=str(HUB), peer_id="ret")
    assert after is not None
    assert after["heard_at"] == world.clock.now() != (before or {}).get("heard_at")


async def _told_once(world: HubWorld, ours: str, url: str, result: bytes, version: str) -> None:
    """A result that is posted to the hub's address arrives at the asker's, as it is and once."""
    spoken, world.version = world.version, version
    path = ours.removeprefix(f"{HUBS}{version}/")
    world.net.sent.clear()
    assert (await world.ask(ELS, "POST", path, result, to=RET)).code == 1000
    assert (await world.ask(ELS, "POST", path, result, to=RET)).status == 404
    world.version = spoken
    assert [(one.path, one.body) for one in world.to_party(RET, "POST")] == [(url, result)]
