"""OCPI 2.1.1 between two nodes: plain tokens, addresses for each side of the market, contracts for tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from roaming_world import (
    ELS,
    RET,
    START,
    STATION,
    Answer,
    Node,
    StationDouble,
    World,
    aio,
    at_station,
    call,
    furnished,
    give,
    issue,
    json_text,
    known,
    location,
    started,
    tariff,
    token,
)
from wire_documents import but

from elstrada.model.answers import AskParty
from elstrada.model.device import CommandResult
from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.model.party import PeerState, Role
from elstrada.model.session import Session
from elstrada.model.tariff import Tariff, TaxIncluded
from elstrada.model.token import Allowed, AuthMethod, Token, Verdict, Whitelist
from elstrada.ocpi.endpoints import Side
from elstrada.ocpi.headers import authorization
from elstrada.ocpi.v221.commands import ResponseType, ResultType
from elstrada.roaming.news import Kind
from elstrada.roles.roaming.rows import location_row, tariff_row
from elstrada.roles.roaming.wiring import wire
from elstrada.spine import tables as t
from elstrada.spine.face import Put

V211 = ("2.1.1",)


def old(**more: Any) -> World:
    return World(versions=V211, **more)


async def plain(node: Node, shown: str | None, method: str, path: str, body: object = None) -> Answer:
    """A request as 2.1.1 writes it: with the token as it is, and no routing headers."""
    headers = {} if shown is None else {"authorization": authorization(shown, plain=True)}
    return await call(node, None, method, path, body, headers=headers)


async def as_els(world: World, method: str, path: str, body: object = None) -> Answer:
    shown = await world.els.roaming.peers.token_out(await world.ret_at_els())
    return await plain(world.ret, shown, method, f"emsp/2.1.1/{path}", body)


async def as_ret(world: World, method: str, path: str, body: object = None) -> Answer:
    shown = await world.ret.roaming.peers.token_out(await world.els_at_ret())
    return await plain(world.els, shown, method, f"cpo/2.1.1/{path}", body)


# --- meeting ----------------------------------------------------------------------------------------


@aio
async def test_r12_the_role_of_a_peer_that_names_none_is_the_other_side_of_the_market():
    world = await old().registered()
    cpo, emsp = await world.els_at_ret(), await world.ret_at_els()
    assert [(role.party, role.role) for role in (*cpo.roles, *emsp.roles)] == [
        (ELS, Role.CPO),
        (RET, Role.EMSP),
    ]
    interfaces = {(found.identifier, found.role) for found in cpo.endpoints}
    assert {("locations", "SENDER"), ("tokens", "RECEIVER"), ("commands", "RECEIVER")} <= interfaces
    assert ("locations", "RECEIVER") not in interfaces


@aio
async def test_r02_what_is_said_shows_the_plain_token_and_no_routing():
    world = await furnished(old())
    told = world.net.requests("PUT", "/ocpi/emsp/2.1.1/locations/SE/ELS/L1")
    shown = known(await world.els.roaming.peers.token_out(await world.ret_at_els()))
    assert [sent.headers["authorization"] for sent in told] == [f"Token {shown}"]
    assert not [name for sent in told for name in sent.headers if name.startswith("ocpi-")]


@aio
async def test_endpoints_name_no_role_and_credentials_are_flat():
    world = await old().registered()
    details = await as_els(world, "GET", "")
    assert {entry["url"] for entry in details.data["endpoints"]} >= {
        "https://ret.example/ocpi/emsp/2.1.1/credentials/",
        "https://ret.example/ocpi/emsp/2.1.1/locations/",
    }
    assert all(entry.keys() == {"identifier", "url"} for entry in details.data["endpoints"])
    credentials = await as_els(world, "GET", "credentials")
    assert credentials.data.keys() == {"token", "url", "business_details", "party_id", "country_code"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("versions", 200),
        ("emsp/versions", 200),
        ("emsp/2.1.1", 200),
        ("emsp/2.1.1/tokens", 200),
        ("emsp/2.1.1//tokens/", 200),  # Put together with one slash too many.
        ("2.1.1", 200),
        ("2.1.1/credentials", 200),
        ("cpo/versions", 404),  # The eMSP is no CPO.
        ("cpo/2.1.1", 404),
        ("2.1.1/emsp/tokens", 404),  # That order is of later versions.
        ("emsp/2.2.1", 404),
        ("emsp/nothing", 404),
    ],
)
@aio
async def test_r24_each_side_of_the_market_has_addresses_of_its_own(path: str, status: int):
    world = await old().registered()
    shown = await world.els.roaming.peers.token_out(await world.ret_at_els())
    assert (await call(world.ret, shown, "GET", path)).status == status


@aio
async def test_r02_a_plain_token_opens_nothing_of_later_versions():
    world = await World().registered()
    shown = known(await world.els.roaming.peers.token_out(await world.ret_at_els()))
    for path in ("versions", "2.2.1", "2.3.0", "2.2.1/emsp/tokens"):
        assert (await plain(world.ret, shown, "GET", path)).status == 401
        assert (await call(world.ret, shown, "GET", path)).status == 200
    token_a = await world.ret.roaming.registrar.invite(RET, "another")
    assert (await plain(world.ret, token_a, "GET", "versions")).status == 200, "it may know no version yet"
    assert (await plain(world.ret, token_a, "GET", "2.2.1")).status == 401


@aio
async def test_r02_where_2_1_1_is_not_offered_no_plain_token_is_taken():
    world = await World(versions=("2.2.1", "2.3.0")).open()
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    assert (await plain(world.ret, token_a, "GET", "versions")).status == 401
    assert (await plain(world.ret, token_a, "GET", "emsp/2.1.1")).status == 401
    assert (await call(world.ret, token_a, "GET", "emsp/2.1.1")).status == 404


@aio
async def test_r02_a_token_in_base64_is_read_in_2_1_1_as_well():
    world = await old().registered()
    shown = await world.els.roaming.peers.token_out(await world.ret_at_els())
    assert (await call(world.ret, shown, "GET", "emsp/2.1.1/tokens")).status == 200


@aio
async def test_r04_r05_token_a_opens_versions_and_credentials_alone_and_once():
    world = await old().open()
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    for path, status in (("versions", 200), ("emsp/2.1.1", 200), ("emsp/2.1.1/tokens", 401)):
        assert (await plain(world.ret, token_a, "GET", path)).status == status
    await world.els.roaming.registrar.register(ELS, "ret", world.ret.versions_url, token_a)
    assert (await plain(world.ret, token_a, "GET", "versions")).status == 401


@aio
async def test_r08_a_peer_that_cannot_be_called_back_is_not_registered():
    world = await old().open()
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    body = {
        "token": "t" * 20,
        "url": "https://nowhere.example/versions",
        "party_id": "ELS",
        "country_code": "SE",
        "business_details": {"name": "Els"},
    }
    answer = await plain(world.ret, token_a, "POST", "emsp/2.1.1/credentials", body)
    assert (answer.status, answer.code) == (200, 3001)
    wrong = await plain(world.ret, token_a, "POST", "emsp/2.1.1/credentials", but(body, party_id="ELSA"))
    assert (wrong.status, wrong.code) == (200, 2001)
    ours = await plain(world.ret, token_a, "POST", "emsp/2.1.1/credentials", but(body, party_id="RET"))
    assert (ours.status, ours.code) == (200, 2001)
    assert (await world.els_at_ret()).state is PeerState.INVITED


@aio
async def test_a_connection_rises_to_newer_versions_and_falls_back():
    world = await World().open()
    token_a = await world.ret.roaming.registrar.invite(RET, "els")

    def speaking(*versions: str) -> Any:
        means = msgspec.structs.replace(world.els.means, versions=versions)
        roaming = wire(means, world.els.post)
        world.net.hosts["els.example"] = lambda request: roaming.office.handle(request, "192.0.2.1")
        return roaming.registrar

    await speaking("2.1.1").register(ELS, "ret", world.ret.versions_url, token_a)
    seen = [(await world.els_at_ret()).version]
    for versions in (("2.1.1", "2.2.1"), ("2.1.1", "2.2.1", "2.3.0"), ("2.1.1",)):
        await speaking(*versions).renew(ELS, "ret")
        cpo, emsp = await world.els_at_ret(), await world.ret_at_els()
        assert cpo.version == emsp.version
        assert [role.role for role in (*cpo.roles, *emsp.roles)] == [Role.CPO, Role.EMSP]
        seen.append(cpo.version)
    assert seen == ["2.1.1", "2.2.1", "2.3.0", "2.1.1"]
    assert (await as_els(world, "GET", "tokens")).status == 200


@aio
async def test_r24_a_party_on_both_sides_is_met_at_the_addresses_of_one():
    world = await old().open()
    await world.ret.party(RET, Role.CPO, Role.EMSP)
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    emsps = world.ret.means.versions_url_at(Side.EMSP)
    emsp = await world.els.roaming.registrar.register(ELS, "ret", emsps, token_a)
    assert {role.role for role in emsp.roles} == {Role.EMSP}
    cpo = await world.els_at_ret()
    assert {role.role for role in cpo.roles} == {Role.CPO}
    assert (await as_els(world, "GET", "tokens")).status == 200


@aio
async def test_two_parties_that_are_both_on_both_sides_find_all_of_each_other():
    world = await old().open()
    await world.els.party(ELS, Role.CPO, Role.EMSP)
    await world.ret.party(RET, Role.CPO, Role.EMSP)
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    await world.els.roaming.registrar.register(ELS, "ret", world.ret.versions_url, token_a)
    for peer in (await world.els_at_ret(), await world.ret_at_els()):
        assert {role.role for role in peer.roles} == {Role.CPO, Role.EMSP}
        urls = {found.role: found.url for found in peer.endpoints if found.identifier == "locations"}
        assert "/cpo/" in urls["SENDER"]
        assert "/emsp/" in urls["RECEIVER"]


# --- places and prices ------------------------------------------------------------------------------


async def _kept_location(world: World) -> Location:
    [row] = await world.ret.spine.find(t.location)
    return msgspec.json.decode(str(row["document"]), type=Location)


@aio
async def test_places_and_prices_are_told_and_what_cannot_be_told_is_counted():
    world = await furnished(old())
    place = await _kept_location(world)
    assert (place.party, place.name, place.time_zone) == (ELS, "Norra torget", "Europe/Stockholm")
    assert place.evses[0].connectors[0].tariff_ids == ("T1",)
    [row] = await world.ret.spine.find(t.tariff)
    kept = msgspec.json.decode(str(row["document"]), type=Tariff)
    assert kept.elements[0].price_components[0].price == tariff().elements[0].price_components[0].price
    found = await world.els.found()
    assert found["peer:SE*ELS/ret", "UNTOLD Tariff/elements/*/price_components/*/vat"] >= 1


@aio
async def test_a_place_or_price_that_would_be_misread_is_withheld_and_not_listed():
    world = await furnished(old())
    hidden = location(id="L2", publish=False, publish_allowed_to=())
    gross = tariff(id="T2", tax_included=TaxIncluded.YES)
    await world.els.put(
        Put(t.location, location_row(ELS, hidden, "own")),
        Put(t.tariff, tariff_row(ELS, gross)),
        *await world.els.changed(ELS, Kind.TARIFF, "T2"),
    )
    await world.els.settle()
    assert [entry["id"] for entry in (await as_ret(world, "GET", "locations")).data] == ["L1"]
    assert [entry["id"] for entry in (await as_ret(world, "GET", "tariffs")).data] == ["T1"]
    assert (await as_ret(world, "GET", "locations/L2")).status == 404
    assert ("tariff", "T2") in await world.els.marks(), "told when it can be"
    assert (await world.els.found())["party:SE*ELS", "withheld tariff"] >= 1


@pytest.mark.parametrize(
    ("path", "patch", "told"),
    [
        ("locations/SE/ELS/L1", {"name": "Södra torget"}, ("Södra torget", "UNKNOWN", 200)),
        ("locations/SE/ELS/L1/E1", {"status": "CHARGING"}, ("Norra torget", "CHARGING", 200)),
        ("locations/SE/ELS/L1/E1/1", {"amperage": 125}, ("Norra torget", "UNKNOWN", 125)),
    ],
)
@aio
async def test_r33_a_patch_needs_no_date_and_has_that_of_its_arrival(
    path: str, patch: dict[str, Any], told: tuple[str, str, int]
):
    world = await furnished(old())
    world.clock.pass_by(minutes=5)
    assert (await as_els(world, "PATCH", path, patch)).code == 1000
    place = await _kept_location(world)
    [evse] = place.evses
    assert (place.name, evse.status, evse.connectors[0].max_amperage) == told
    assert place.last_updated >= world.clock.at


@aio
async def test_r34_a_patch_without_a_date_counts_though_the_peer_s_clock_is_ahead():
    world = await furnished(old())
    world.clock.pass_by(days=-2)
    assert (await as_els(world, "PATCH", "locations/SE/ELS/L1/E1", {"status": "BLOCKED"})).code == 1000
    assert (await _kept_location(world)).evses[0].status == "BLOCKED"


@aio
async def test_r33_later_versions_still_demand_a_date():
    world = await furnished()
    answer = await world.as_els("PATCH", "2.2.1/emsp/locations/SE/ELS/L1/E1", {"status": "CHARGING"})
    assert answer.code == 2001


@aio
async def test_a_tariff_can_be_patched_here_alone():
    world = await furnished(old())
    element = {"price_components": [{"type": "TIME", "price": 2.50, "step_size": 300}]}
    patch = {"elements": [element]}
    assert (await as_els(world, "PATCH", "tariffs/SE/ELS/T1", patch)).code == 1000
    [row] = await world.ret.spine.find(t.tariff)
    kept = msgspec.json.decode(str(row["document"]), type=Tariff)
    assert [part.type for part in kept.elements[0].price_components] == ["TIME"]
    for path, body, status, code in (
        ("tariffs/SE/ELS/T8", patch, 404, 2000),
        ("tariffs/SE/ELS/T1", {"id": "T8"}, 200, 2001),
        ("tariffs/SE/ELS/T1", {"elements": "none"}, 200, 2001),
    ):
        answer = await as_els(world, "PATCH", path, body)
        assert (answer.status, answer.code) == (status, code)
    newer = await (await furnished()).as_els("PATCH", "2.2.1/emsp/tariffs/SE/ELS/T1", patch)
    assert newer.status == 405


# --- tokens -----------------------------------------------------------------------------------------


def _asked(world: World, uid: str, kind: str = "RFID", party: PartyId | None = RET) -> AskParty:
    return AskParty(
        token_ref=world.els.means.keys.token_ref(uid),
        token_uid=uid,
        token_type=kind,
        party=party,
        evse_id=1,
        station_id=STATION,
        fallback=Verdict(Allowed.NOT_ALLOWED, AuthMethod.WHITELIST, note="fallback"),
    )


@aio
async def test_r47_a_driver_is_allowed_and_an_unknown_token_is_not_found():
    world = await furnished(old())
    verdict = await world.els.roaming.authorizer.authorize(ELS, _asked(world, token().uid))
    assert (verdict.allowed, verdict.party, verdict.authorization_reference) == (Allowed.ALLOWED, RET, None)
    unknown = await world.els.roaming.authorizer.authorize(ELS, _asked(world, "04FFFFFF"))
    assert (unknown.allowed, unknown.note) == (Allowed.NOT_ALLOWED, "peer ret does not know the token")
    answer = await as_els(world, "POST", "tokens/04FFFFFF/authorize")
    assert (answer.status, answer.code) == (404, 2000), "2.1.1 has no 2004"
    good = await as_els(world, "POST", f"tokens/{token().uid}/authorize", {"location_id": "L1"})
    assert good.data == {"allowed": "ALLOWED", "location": {"location_id": "L1"}}


@aio
async def test_a_token_that_was_not_told_is_fetched_once_it_is_allowed():
    """The answer does not hold it, and session and CDR will have to name its contract."""
    world = await furnished(old())
    late = token(uid="04BBBBBB", whitelist=Whitelist.NEVER)
    await give(world.ret, late)
    verdict = await world.els.roaming.authorizer.authorize(ELS, _asked(world, late.uid))
    assert verdict.allowed is Allowed.ALLOWED
    assert ("pull", "tokens") in await world.els.marks()
    await world.els.settle()
    kept = [
        msgspec.json.decode(str(row["document"]), type=Token) for row in await world.els.spine.find(t.token)
    ]
    assert late.uid in [one.uid for one in kept]


@aio
async def test_an_app_is_another_type_and_is_recognized_all_the_same():
    world = await furnished(old())
    app = token(uid="APP-17", type="APP_USER")
    await give(world.ret, app)
    await world.ret.put(*await world.ret.changed(RET, Kind.TOKEN, app.uid, app.type))
    await world.ret.settle()
    rows = await world.els.spine.find(t.token, {"uid": app.uid})
    assert [row["type"] for row in rows] == ["OTHER"]
    assert (await world.ret.found())["peer:SE*RET/els", "UNTOLD Token/type"] == 1
    verdict = await world.els.roaming.authorizer.authorize(ELS, _asked(world, app.uid, "APP_USER"))
    assert verdict.allowed is Allowed.ALLOWED
    [asked] = world.net.requests("POST", "/authorize")
    assert asked.path.endswith("?type=OTHER&token_type=OTHER"), "the text has both names"
    for query in ({"type": "OTHER"}, {"token_type": "OTHER"}):
        shown = await world.els.roaming.peers.token_out(await world.ret_at_els())
        answer = await call(world.ret, shown, "POST", "emsp/2.1.1/tokens/APP-17/authorize", query=query)
        assert answer.code == 1000


@aio
async def test_r19_one_object_in_a_list_is_read_as_the_one():
    world = await furnished(old())

    def lists(inner: Callable[[HttpRequest], Awaitable[HttpResponse]]) -> Any:
        async def answer(request: HttpRequest) -> HttpResponse:
            response = await inner(request)
            envelope = msgspec.json.decode(response.body)
            if isinstance(envelope.get("data"), dict):
                envelope["data"] = [envelope["data"]]
            return HttpResponse(response.status, response.headers, msgspec.json.encode(envelope))

        return answer

    world.net.hosts["ret.example"] = lists(world.net.hosts["ret.example"])
    world.net.hosts["els.example"] = lists(world.net.hosts["els.example"])
    verdict = await world.els.roaming.authorizer.authorize(ELS, _asked(world, token().uid))
    assert verdict.allowed is Allowed.ALLOWED
    stopped = await world.ret.roaming.commander.stop(await world.els_at_ret(), ELS, "NOTHING")
    assert stopped.result is ResponseType.UNKNOWN_SESSION


@aio
async def test_r44_the_address_of_a_token_says_no_type():
    world = await furnished(old())
    body = {
        "uid": "04CCCCCC",
        "type": "OTHER",
        "auth_id": "SERETC00000018",
        "issuer": "Retailer",
        "valid": True,
        "whitelist": "ALLOWED",
        "last_updated": "2026-02-03T12:00:00Z",
    }
    path = "tokens/SE/RET/04CCCCCC"
    assert (await as_ret(world, "PUT", path, body)).status == 201
    assert (await as_ret(world, "PATCH", path, {"valid": False})).code == 1000
    kept = (await as_ret(world, "GET", path)).data
    assert (kept["type"], kept["auth_id"], kept["valid"]) == ("OTHER", "SERETC00000018", False)
    assert (await as_ret(world, "PUT", path, but(body, uid="04CCCCCD"))).code == 2001
    assert (await as_ret(world, "PUT", "tokens/SE/EVL/04CCCCCC", body)).status == 404


# --- commands ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("station", "ended"),
    [
        (CommandResult.ACCEPTED, ResultType.ACCEPTED),
        (CommandResult.REJECTED, ResultType.REJECTED),
        (CommandResult.FAILED, ResultType.REJECTED),  # 2.1.1 has no FAILED.
        (CommandResult.TIMEOUT, ResultType.TIMEOUT),
        (CommandResult.NOT_SUPPORTED, ResultType.NOT_SUPPORTED),
    ],
)
@aio
async def test_r52_a_start_ends_as_the_station_says(station: CommandResult, ended: ResultType):
    world = await furnished(old())
    double = await StationDouble.connected(world, station)
    evse = location().evses[0]
    result = await world.ret.roaming.commander.start(await world.els_at_ret(), ELS, token(), "L1", evse, "1")
    assert result.result is ended
    [command] = double.asked
    assert (known(command.token).uid, command.asked_by) == (token().uid, RET)
    [posted] = world.net.requests("POST", "/ocpi/emsp/2.1.1/commands/START_SESSION/")
    assert msgspec.json.decode(posted.body) == {"result": ended.value}


@aio
async def test_a_stop_of_what_is_not_there_is_an_unknown_session():
    world = await furnished(old())
    peer = await world.els_at_ret()
    result = await world.ret.roaming.commander.stop(peer, ELS, "NOTHING")
    assert result.result is ResponseType.UNKNOWN_SESSION
    answer = await as_ret(world, "POST", "commands/CANCEL_RESERVATION", {})
    assert answer.status == 404, "2.1.1 has no such command"


@pytest.mark.parametrize(("connectors", "code"), [(1, 1000), (2, 2001)])
@aio
async def test_r60_a_start_cannot_name_the_connector_and_needs_not_where_there_is_one(
    connectors: int, code: int
):
    world = await furnished(old())
    await StationDouble.connected(world)
    [evse] = location().evses
    several = tuple(msgspec.structs.replace(evse.connectors[0], id=str(n + 1)) for n in range(connectors))
    demanding = msgspec.structs.replace(
        evse, capabilities=("START_SESSION_CONNECTOR_REQUIRED",), connectors=several
    )
    await world.els.put(Put(t.location, location_row(ELS, location(evses=(demanding,)), "own")))
    body = {
        "response_url": "https://ret.example/ocpi/emsp/2.1.1/commands/START_SESSION/1",
        "token": {
            "uid": "04A1B2C3D4E5F6",
            "type": "RFID",
            "auth_id": "SERETC00000017",
            "issuer": "Retailer",
            "valid": True,
            "whitelist": "ALLOWED",
            "last_updated": "2026-02-03T12:00:00Z",
        },
        "location_id": "L1",
        "evse_uid": "E1",
    }
    assert (await as_ret(world, "POST", "commands/START_SESSION", body)).code == code


# --- sessions and CDRs ------------------------------------------------------------------------------


async def _session(world: World) -> Session:
    [row] = await world.ret.spine.find(t.roamed_session)
    return msgspec.json.decode(str(row["document"]), type=Session)


@aio
async def test_a_session_names_its_contract_and_holds_its_place():
    world = await furnished(old())
    await at_station(world, started(world))
    await world.settle()
    [told] = world.net.requests("PUT", "/sessions/SE/ELS/S1")
    body = msgspec.json.decode(told.body)
    assert body["auth_id"] == token().contract_id
    assert [evse["uid"] for evse in body["location"]["evses"]] == ["E1"]
    assert "cdr_token" not in body
    session = await _session(world)
    assert session.token_ref == world.ret.means.keys.token_ref(token().uid)
    assert (session.location_id, session.evse_uid, session.connector_id) == ("L1", "E1", "1")
    listed = await as_ret(world, "GET", "sessions")
    assert listed.code == 2001, "date_from is required (R-30)"
    again = await as_els(world, "GET", "sessions/SE/ELS/S1")
    assert (again.data["auth_id"], again.data["location"]["address"]) == (
        token().contract_id,
        "Norra torget 1",
    )


@aio
async def test_a_session_is_patched_without_a_date():
    world = await furnished(old())
    await at_station(world, started(world))
    await world.settle()
    world.clock.pass_by(minutes=1)
    answer = await as_els(world, "PATCH", "sessions/SE/ELS/S1", {"kwh": 3.5, "total_cost": 18.20})
    assert answer.code == 1000
    session = await _session(world)
    assert (str(session.kwh), str(known(session.total_cost).before_taxes)) == ("3.5", "18.2")
    other = await as_els(world, "PATCH", "sessions/SE/ELS/S1", {"auth_id": "SERETC00000099"})
    assert other.code == 2001


@pytest.mark.parametrize("module", ["sessions", "cdrs"])
@aio
async def test_what_names_no_contract_of_ours_is_refused_and_seen(module: str):
    world = await furnished(old())
    await at_station(world, started(world))
    await issue(world)
    await world.els.settle()
    method, part = ("PUT", "/sessions/") if module == "sessions" else ("POST", "/cdrs")
    body = msgspec.json.decode(world.net.requests(method, part)[0].body)
    strange = but(body, id="X9", auth_id="NOBODY-S")
    path = "sessions/SE/ELS/X9" if module == "sessions" else "cdrs"
    answer = await as_els(world, method, path, strange)
    assert (answer.code, answer.envelope["status_message"]) == (2001, "auth_id: no token of ours has it")
    assert (await world.ret.found())["peer:SE*RET/els", "OCPI INVALID"] == 1


@aio
async def test_r40_r41_a_cdr_is_taken_once_and_can_be_read_again():
    world = await furnished(old())
    await issue(world)
    await world.settle()
    [sent] = world.net.requests("POST", "/cdrs")
    body = msgspec.json.decode(sent.body)
    assert (body["total_cost"], body["auth_id"]) == (130, token().contract_id)
    [connector] = body["location"]["evses"][0]["connectors"]
    assert (connector["voltage"], connector["amperage"]) == (920, 200), "from the location's own record"
    again = await as_els(world, "POST", "cdrs", body)
    assert (again.code, again.headers["location"]) == (
        1000,
        "https://ret.example/ocpi/emsp/2.1.1/cdrs/SE/ELS/C1",
    )
    assert len(await world.ret.spine.find(t.cdr)) == 1
    assert (await as_els(world, "GET", "cdrs/SE/ELS/C1")).data == body
    listed = await as_ret(world, "GET", "cdrs")
    assert [entry["id"] for entry in listed.data] == ["C1"]


@aio
async def test_of_two_cards_of_one_contract_the_same_is_always_meant():
    world = await furnished(old())
    await give(world.ret, token(uid="01AAAAAA"))
    await issue(world)
    await world.els.settle()
    [row] = await world.ret.spine.find(t.cdr)
    assert row["token_ref"] == world.ret.means.keys.token_ref("01AAAAAA")
    of = {"owner": str(RET), "ref": row["token_ref"], "party": str(RET)}
    identity = known(await world.ret.spine.get(t.identity, **of))
    assert token().contract_id in str(identity["document"]), "whichever: the contract pays"


@aio
async def test_a_session_at_a_place_without_record_waits_and_is_seen():
    world = await furnished(old())
    row = {"owner": str(ELS), "party": str(ELS), "location_id": "L1"}
    await at_station(world, started(world))
    await world.els.put(Put(t.location, {**row, "source": "imported", "document": json_text(location())}))
    await world.els.settle()
    assert not world.net.requests("PUT", "/sessions/")
    assert (await world.els.found())["party:SE*ELS", "withheld session"] >= 1
    assert world.clock.at > START or ("session", "S1") in await world.els.marks()
