"""Agreements between two systems that speak to each other: what is not agreed is not there (T17, T18)."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from roaming_world import (
    ELS,
    RET,
    START,
    STATION,
    Answer,
    World,
    aio,
    at_station,
    furnished,
    issue,
    location,
    started,
    status,
    tariff,
    token,
)
from wire_documents import BOOKING_REQUEST, INVOICE, TOKEN

from elstrada.model import facts as f
from elstrada.model.agreement import (
    Agreement,
    Asking,
    Bounds,
    PartnerTariff,
    Places,
    Which,
)
from elstrada.model.answers import AskParty
from elstrada.model.device import ConnectorStatus, EvsePlace, Station
from elstrada.model.ids import PartyId, agreement_stream
from elstrada.model.location import Location
from elstrada.model.token import Allowed, AuthMethod, Verdict
from elstrada.ocpi.endpoints import Endpoint, Interface, Side, module_path
from elstrada.ocpi.versions import TABLES
from elstrada.roaming.agreement import FREE
from elstrada.roaming.news import Kind
from elstrada.roles.roaming.rows import location_row, tariff_row
from elstrada.spine import tables as t
from elstrada.spine.face import Put

V = "2.3.0"
OTHER = PartyId("SE", "OTH")
HIDES_L1 = Agreement(places=Places(which=Which.EXCLUDED, locations=("L1",)))
START_AT_L1 = {
    "response_url": "https://ret.example/ocpi/x",
    "token": TOKEN,
    "location_id": "L1",
    "evse_uid": "E1",
    "connector_id": "1",
}


async def agreed(world: World, agreement: Agreement) -> None:
    """The CPO agrees with its eMSP, and both learn of it."""
    await world.els.happen(agreement_stream(ELS, "ret"), f.AgreementMade("ret", agreement))
    await world.settle()


async def ended(world: World, party: PartyId | None = None) -> None:
    await world.els.happen(agreement_stream(ELS, "ret"), f.AgreementEnded("ret", party))
    await world.settle()


async def kept(world: World, location_id: str = "L1") -> Location | None:
    """The location as the eMSP has it."""
    row = await world.ret.spine.get(t.location, owner=str(RET), party=str(ELS), location_id=location_id)
    return None if row is None else msgspec.json.decode(str(row["document"]), type=Location)


async def statuses(world: World) -> list[str]:
    found = await kept(world)
    assert found is not None
    return [evse.status.value for evse in found.evses]


# --- modules ----------------------------------------------------------------------------------------


@aio
async def test_t17_a_module_that_is_not_agreed_is_neither_named_nor_served():
    world = await furnished()
    await agreed(world, Agreement(sends=("locations", "cdrs"), receives=("tokens",)))
    details = await world.as_ret("GET", V)
    named = {(one["identifier"], one["role"]) for one in details.data["endpoints"]}
    assert named == {
        ("credentials", "SENDER"),
        ("hubclientinfo", "RECEIVER"),
        ("locations", "SENDER"),
        ("cdrs", "SENDER"),
        ("tokens", "RECEIVER"),
    }
    assert (await world.as_ret("GET", f"{V}/cpo/locations")).data
    for path in ("tariffs", "sessions"):
        assert _is_absent(await world.as_ret("GET", f"{V}/cpo/{path}"))
    assert _is_absent(await world.as_ret("POST", f"{V}/cpo/commands/START_SESSION", START_AT_L1))


@aio
async def test_t17_a_module_that_is_not_agreed_is_not_pushed_and_not_pulled():
    world = await furnished()
    await agreed(world, Agreement(sends=("locations",), receives=()))
    world.net.sent.clear()
    await at_station(world, started(world))
    await world.els.put(*await world.els.changed(ELS, Kind.TARIFF, "T1"))
    await agreed(world, Agreement(sends=("locations",), receives=()))
    paths = {sent.path.partition("example/")[2] for sent in world.net.sent if "els.example" not in sent.path}
    assert paths
    assert all("/locations/" in path for path in paths), paths


@aio
async def test_t17_an_agreement_that_ended_leaves_nothing_but_the_settling():
    world = await furnished()
    await issue(world)
    await ended(world)
    for path in ("locations", "tariffs"):
        assert _is_absent(await world.as_ret("GET", f"{V}/cpo/{path}"))
    assert [one["id"] for one in (await world.as_ret("GET", f"{V}/cpo/cdrs")).data] == ["C1"]
    assert await statuses(world) == ["REMOVED"]


@aio
async def test_p4_a_cdr_of_a_module_that_is_not_agreed_waits_until_it_is():
    world = await furnished()
    await agreed(world, Agreement(sends=("locations",)))
    await issue(world)
    await world.settle()
    assert ("cdr", "C1") in await world.els.marks()
    await agreed(world, Agreement())
    world.clock.pass_by(minutes=10)
    await world.settle()
    assert await world.ret.spine.get(t.cdr, owner=str(RET), party=str(ELS), cdr_id="C1") is not None


# --- locations --------------------------------------------------------------------------------------


@aio
async def test_t18_a_hidden_location_is_absent_from_lists_counts_and_single_reads():
    world = await furnished()
    await world.els.put(Put(t.location, location_row(ELS, location(id="L2", name="Hidden"), "own")))
    await agreed(world, Agreement(places=Places(which=Which.LISTED, locations=("L1",))))
    page = await world.as_ret("GET", f"{V}/cpo/locations")
    assert [one["id"] for one in page.data] == ["L1"]
    assert page.headers["x-total-count"] == "1"
    for below in ("", "/E1", "/E1/1"):
        hidden = await world.as_ret("GET", f"{V}/cpo/locations/L2{below}")
        nowhere = await world.as_ret("GET", f"{V}/cpo/locations/L9{below}")
        assert _is_absent(hidden)
        assert hidden.envelope | {"timestamp": ""} == nowhere.envelope | {"timestamp": ""}
    assert await kept(world, "L2") is None


@aio
async def test_t18_commands_know_no_hidden_location():
    world = await furnished()
    await agreed(world, HIDES_L1)
    hidden = await world.as_ret("POST", f"{V}/cpo/commands/START_SESSION", START_AT_L1)
    nowhere = await world.as_ret(
        "POST", f"{V}/cpo/commands/START_SESSION", START_AT_L1 | {"location_id": "L9"}
    )
    assert (hidden.status, hidden.code) == (200, 2003)
    assert hidden.envelope | {"timestamp": ""} == nowhere.envelope | {"timestamp": ""}


@pytest.mark.parametrize(
    "places",
    [
        Places(which=Which.EXCLUDED, locations=("L1",)),
        Places(which=Which.EXCLUDED, groups=("north",)),
        Places(which=Which.LISTED, countries=("NOR",)),
    ],
)
def test_t18_a_location_that_stops_being_visible_is_told_to_be_removed_once(places: Places):
    @aio
    async def scene() -> None:
        world = await furnished()
        grouped = location(groups=("north",))
        await world.els.put(Put(t.location, location_row(ELS, grouped, "own")))
        await world.settle()
        assert await statuses(world) == ["UNKNOWN"]
        await agreed(world, Agreement(places=places))
        assert await statuses(world) == ["REMOVED"]
        world.net.sent.clear()
        await at_station(world, status(ConnectorStatus.CHARGING, START + timedelta(minutes=1)))
        await agreed(world, Agreement(places=places))
        assert not world.net.requests("PUT", "/locations/")
        assert not world.net.requests("PATCH", "/locations/")
        world.clock.pass_by(minutes=5)
        await agreed(world, Agreement())
        found = await kept(world)
        assert found is not None
        assert [evse.status for evse in found.evses] != ["REMOVED"]

    scene()


@aio
async def test_t18_a_location_that_was_never_told_is_not_told_to_be_removed_either():
    world = await furnished()
    await agreed(world, HIDES_L1)
    hidden = location(id="L2")
    world.net.sent.clear()
    await agreed(world, Agreement(places=Places(which=Which.LISTED)))
    await world.els.put(
        Put(t.location, location_row(ELS, hidden, "own")),
        *await world.els.changed(ELS, Kind.LOCATION, "L2"),
    )
    await world.settle()
    assert not [sent for sent in world.net.sent if "L2" in sent.path]


@aio
async def test_t18_the_removal_reaches_a_peer_that_was_away():
    world = await furnished()
    world.net.down.add("ret.example")
    await agreed(world, HIDES_L1)
    world.net.down.clear()
    world.clock.pass_by(minutes=10)
    await world.settle()
    assert await statuses(world) == ["REMOVED"]


@aio
async def test_t17_an_agreement_begins_and_ends_by_itself():
    world = await furnished()
    begins, ends = START + timedelta(hours=1), START + timedelta(hours=2)
    await agreed(world, Agreement(valid_from=begins, valid_to=ends))
    assert await statuses(world) == ["REMOVED"]
    world.clock.at = begins
    await world.settle()
    assert (await world.as_ret("GET", f"{V}/cpo/locations")).data
    assert await statuses(world) == ["UNKNOWN"]
    world.clock.at = ends
    await world.settle()
    assert _is_absent(await world.as_ret("GET", f"{V}/cpo/locations"))
    assert await statuses(world) == ["REMOVED"]


# --- tariffs ----------------------------------------------------------------------------------------


@aio
async def test_a_partner_sees_its_own_tariff_and_nobody_elses():
    world = await furnished()
    await world.els.put(
        Put(t.tariff, tariff_row(ELS, tariff(id="OURS"))), Put(t.tariff, tariff_row(ELS, tariff(id="OTHERS")))
    )
    theirs = Agreement(party=OTHER, tariffs=(PartnerTariff(tariff_id="OTHERS"),))
    await world.els.happen(agreement_stream(ELS, "nord"), f.AgreementMade("nord", theirs))
    await agreed(world, Agreement(tariffs=(PartnerTariff(tariff_id="OURS", location_id="L1"),)))
    page = await world.as_ret("GET", f"{V}/cpo/tariffs")
    assert [one["id"] for one in page.data] == ["OURS", "T1"]
    assert page.headers["x-total-count"] == "2"
    [shown] = (await world.as_ret("GET", f"{V}/cpo/locations")).data
    assert shown["evses"][0]["connectors"][0]["tariff_ids"] == ["OURS"]
    told = await kept(world)
    assert told is not None
    assert told.evses[0].connectors[0].tariff_ids == ("OURS",)
    assert not [sent for sent in world.net.sent if "OTHERS" in sent.path]


@aio
async def test_a_tariff_that_is_another_partners_from_now_on_is_deleted_at_this_one():
    world = await furnished()
    key = {"owner": str(RET), "party": str(ELS), "tariff_id": "T1"}
    assert await world.ret.spine.get(t.tariff, **key) is not None
    theirs = Agreement(party=OTHER, tariffs=(PartnerTariff(tariff_id="T1"),))
    await world.els.happen(agreement_stream(ELS, "nord"), f.AgreementMade("nord", theirs))
    await agreed(world, Agreement())
    assert await world.ret.spine.get(t.tariff, **key) is None


# --- authorization and bounds -----------------------------------------------------------------------

FALLBACK = Verdict(Allowed.ALLOWED, AuthMethod.WHITELIST, RET, note="fallback")


async def verdict(world: World) -> Verdict:
    question = AskParty(
        token_ref=world.els.means.keys.token_ref(token().uid),
        token_uid=token().uid,
        token_type="RFID",
        party=RET,
        evse_id=1,
        station_id=STATION,
        fallback=FALLBACK,
    )
    return await world.els.roaming.authorizer.authorize(ELS, question)


@pytest.mark.parametrize(
    ("agreement", "asked"),
    [
        (Agreement(), True),
        (Agreement(asking=Asking.ALWAYS), True),
        (Agreement(asking=Asking.WHITELIST), False),
        (Agreement(receives=("commands",)), False),
        (HIDES_L1, False),
        (Agreement(valid_to=START), False),
    ],
)
def test_t17_an_emsp_is_asked_in_real_time_only_as_agreed(agreement: Agreement, asked: bool):
    @aio
    async def scene() -> None:
        world = await furnished()
        await agreed(world, agreement)
        given = await verdict(world)
        assert bool(world.net.requests("POST", "/authorize")) is asked
        assert given.note.startswith("peer ret answered" if asked else "no peer to ask")

    scene()


@aio
async def test_no_more_sessions_run_at_once_than_agreed():
    world = await furnished()
    await agreed(world, Agreement(bounds=Bounds(open_sessions=1)))
    assert (await verdict(world)).allowed is Allowed.ALLOWED
    await at_station(world, started(world))
    refused = await verdict(world)
    assert (refused.allowed, "1 sessions" in refused.note) == (Allowed.NOT_ALLOWED, True)
    answer = await world.as_ret("POST", f"{V}/cpo/commands/START_SESSION", START_AT_L1)
    assert answer.data["result"] == "REJECTED"
    assert "of 1 agreed" in answer.data["message"][0]["text"]


@pytest.mark.parametrize("bounds", [Bounds(energy_wh=25_000), Bounds(cost=Decimal(130))])
def test_no_more_is_taken_in_a_month_than_agreed(bounds: Bounds):
    @aio
    async def scene() -> None:
        world = await furnished()
        await agreed(world, Agreement(bounds=bounds))
        assert (await verdict(world)).allowed is Allowed.ALLOWED
        await issue(world)
        assert (await verdict(world)).allowed is Allowed.NOT_ALLOWED
        assert (await verdict(world)).allowed is Allowed.NOT_ALLOWED, "a CDR counts once"

    scene()


# --- the law ----------------------------------------------------------------------------------------

UNASKED = ("register", "renew", "unregister")
SEEN_AT = {"last_updated": "2026-02-03T12:00:00Z"}
PERIODS = {"charging_rate_unit": "W", "charging_profile_period": [{"start_period": 0, "limit": 1000}]}
BODIES: dict[str, Any] = {
    "put_preferences": {"profile_type": "REGULAR"},
    "set_profile": {"charging_profile": PERIODS, "response_url": "https://ret.example/done"},
    "put_client": {"country_code": "SE", "party_id": "RET", "role": "EMSP", "status": "CONNECTED"} | SEEN_AT,
    "post_booking": BOOKING_REQUEST,
    "post_invoice_record": INVOICE,
    "put_invoice_record": INVOICE,
    "post_terminal": {"terminal_id": "Term-1"} | SEEN_AT,
    "post_advice": {
        "id": "A1",
        "authorization_reference": "R1",
        "total_costs": {"before_taxes": 1},
        "currency": "SEK",
        "eft_data": ["x"],
        "capture_status_code": "SUCCESS",
    }
    | SEEN_AT,
}

MODULES = ("locations", "sessions", "cdrs", "tariffs", "tokens", "commands")
NAMES = st.none() | st.lists(st.sampled_from(MODULES), unique=True).map(tuple)
AGREEMENTS = st.builds(
    Agreement,
    sends=NAMES,
    receives=NAMES,
    places=st.builds(
        Places,
        which=st.sampled_from(Which),
        locations=st.lists(st.sampled_from(("L1", "L2", "L3")), unique=True).map(tuple),
        groups=st.sampled_from(((), ("north",))),
        countries=st.sampled_from(((), ("SWE",), ("NOR",))),
    ),
    tariffs=st.sampled_from(((), (PartnerTariff(tariff_id="OURS"),))),
    valid_to=st.sampled_from((None, START)),
)
PLACES = (
    location(),
    location(id="L2", name="SECRET-L2", country="NOR"),
    location(id="L3", name="SECRET-L3", groups=("north",)),
)


@pytest.mark.parametrize("version", TABLES)
def test_t18_what_a_peer_can_get_never_contains_what_its_agreement_hides(version: str):
    """Over all endpoints of the version's table: nothing hidden in any answer, and none of a module not agreed."""

    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(AGREEMENTS)
    def law(agreement: Agreement) -> None:
        aio(_besieged)(version, agreement)

    law()


async def _besieged(version: str, agreement: Agreement) -> None:
    world = await furnished(World(versions=(version,)))
    station = Station(owner=ELS, id="S2", places=(EvsePlace(1, "L2", "E1"), EvsePlace(2, "L3", "E1")))
    row = {"owner": str(ELS), "station_id": "S2", "document": _text(station), "changed_at": START}
    await world.els.put(
        *(Put(t.location, location_row(ELS, one, "own")) for one in PLACES),
        *(Put(t.tariff, tariff_row(ELS, tariff(id=name))) for name in ("OURS", "SECRET-T")),
        Put(t.station, row),
    )
    await at_station(world, started(world))
    await issue(world)
    theirs = Agreement(party=OTHER, tariffs=(PartnerTariff(tariff_id="SECRET-T"),))
    await world.els.happen(agreement_stream(ELS, "nord"), f.AgreementMade("nord", theirs))
    world.net.sent.clear()
    await agreed(world, agreement)
    secrets = {
        "SECRET-T",
        *(one.name or "" for one in PLACES if one.id != "L1" and not _sees(agreement, one)),
    }
    for endpoint in TABLES[version]:
        if endpoint.side in (Side.EMSP, Side.PTP) or endpoint.name in UNASKED:
            continue  # Of the other party's side; and the end of the connection.
        for answer in [await _asked(world, version, endpoint, id) for id in ("L1", "L2", "L3")]:
            said = json.dumps(answer.envelope)
            assert not [one for one in secrets if one in said], endpoint.name
            if endpoint.module not in FREE and not _is_agreed(agreement, endpoint):
                assert _is_absent(answer), (endpoint.name, answer)
    pushed = b"".join(sent.body for sent in world.net.sent)
    assert not [one for one in secrets if one.encode() in pushed]


def _is_agreed(agreement: Agreement, endpoint: Endpoint) -> bool:
    """As this law has it, in its own words."""
    modules = agreement.sends if endpoint.interface is Interface.SENDER else agreement.receives
    named = modules is None or endpoint.module in modules
    return named and (agreement.valid_to is None or endpoint.module == "cdrs")


def _sees(agreement: Agreement, one: Location) -> bool:
    places = agreement.places
    named = (
        one.id in places.locations
        or one.country in places.countries
        or bool({*one.groups} & {*places.groups})
    )
    hidden = (places.which is Which.LISTED and not named) or (places.which is Which.EXCLUDED and named)
    sends = agreement.sends is None or "locations" in agreement.sends
    return sends and not hidden and agreement.valid_to is None


async def _asked(world: World, version: str, endpoint: Endpoint, location_id: str) -> Answer:
    named = {
        "{location_id}": location_id,
        "{evse_uid}": "E1",
        "{connector_id}": "1",
        "{country_code}": "SE",
        "{party_id}": "RET",
        "{token_uid}": token().uid,
    }
    parts = f"{version}/{module_path(endpoint)}/{endpoint.template}".strip("/").split("/")
    path = "/".join(named.get(part, part) for part in parts)
    query = {"date_from": "2020-01-01T00:00:00Z"} if "date_from" in endpoint.query else {}
    return await world.as_ret(endpoint.method, path, _body(endpoint, location_id), query=query)


def _body(endpoint: Endpoint, location_id: str) -> Any:
    if endpoint.module == "commands":
        return START_AT_L1 | {
            "location_id": location_id,
            "session_id": "S1",
            "reservation_id": "R1",
            "expiry_date": "2026-02-04T12:00:00Z",
        }
    if endpoint.name in BODIES:
        return BODIES[endpoint.name]
    if endpoint.method == "PUT":
        return TOKEN
    return {"last_updated": "2026-02-03T12:00:00Z"} if endpoint.method == "PATCH" else None


def _is_absent(answer: Answer) -> bool:
    return (answer.status, answer.code, answer.data) == (404, 2000, None)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
