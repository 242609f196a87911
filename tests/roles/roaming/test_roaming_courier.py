"""What peers lack is marked and brought: latest state only, until it is there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from itertools import count

import msgspec
import pytest
from roaming_world import (
    ELS,
    RET,
    START,
    World,
    aio,
    at_station,
    furnish,
    furnished,
    give,
    issue,
    issued,
    json_text,
    known,
    location,
    started,
    status,
    tariff,
    token,
)
from wire_documents import LOCATION, TOKEN, but

from elstrada.model import facts as f
from elstrada.model.cdr import Cdr
from elstrada.model.device import ConnectorStatus, EvsePlace, Station
from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.ids import PartyId, cdr_stream, station_stream
from elstrada.model.location import EvseStatus, Location
from elstrada.model.quantity import MeterSample
from elstrada.model.session import Session, SessionStatus
from elstrada.model.tariff import TaxIncluded
from elstrada.model.unended import Presumed
from elstrada.ocpi.body import encode
from elstrada.ocpi.headers import token_of
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.versions import TABLES
from elstrada.roaming.news import Kind
from elstrada.roles.desk.cdr_inbox import DecideCdr, accept_cdr
from elstrada.roles.desk.face import Desk
from elstrada.roles.roaming import puller
from elstrada.roles.roaming.marks import mark
from elstrada.roles.roaming.rows import identity_of, identity_row, location_row, tariff_row
from elstrada.roles.roaming.stock import tariff_of
from elstrada.roles.roaming.wiring import wire
from elstrada.spine import tables as t
from elstrada.spine.face import Delete, Put


async def _session(world: World, session_id: str = "S1") -> Session | None:
    row = await world.ret.spine.get(t.roamed_session, owner=str(RET), party=str(ELS), session_id=session_id)
    return None if row is None else msgspec.json.decode(str(row["document"]), type=Session)


async def _known_session(world: World) -> Session:
    session = await _session(world)
    assert session is not None
    return session


async def _location(world: World) -> Location | None:
    row = await world.ret.spine.get(t.location, owner=str(RET), party=str(ELS), location_id="L1")
    return None if row is None else msgspec.json.decode(str(row["document"]), type=Location)


def _meter(energy_wh: int) -> f.MeterSampled:
    return f.MeterSampled(1, 1, (MeterSample(START),), "S1", energy_wh=energy_wh)


# --- after a registration ---------------------------------------------------------------------------


@aio
async def test_a_registration_brings_everything_both_ways():
    world = await furnished()
    assert await world.ret.spine.get(t.location, owner=str(RET), party=str(ELS), location_id="L1")
    assert await world.ret.spine.get(t.tariff, owner=str(RET), party=str(ELS), tariff_id="T1")
    [kept] = await world.els.spine.find(t.token)
    assert (kept["party"], kept["uid"]) == (str(RET), token().uid)
    assert await world.els.marks() == await world.ret.marks() == []


@aio
async def test_what_is_pulled_and_what_is_pushed_are_the_same():
    world = await furnished()
    pushed = await _location(world)
    await world.ret.spine.rebuild()
    await world.ret.roaming.roamer.resync(await world.els_at_ret())
    await world.ret.settle()
    assert await _location(world) == pushed
    assert len(world.net.requests("GET", "cpo/locations")) == 2


# --- sessions ---------------------------------------------------------------------------------------


@aio
async def test_the_emsps_copy_of_a_session_follows_live():
    world = await furnished()
    await at_station(world, started(world))
    await world.els.settle()
    session = await _session(world)
    assert session is not None
    assert (session.status, session.authorization_reference) == (SessionStatus.ACTIVE, "ref-1")
    await at_station(world, _meter(4_200))
    await world.els.settle()
    assert (await _known_session(world)).kwh == Decimal("4.2")
    await at_station(world, f.SessionEnded("S1", START + timedelta(hours=1), energy_wh=9_000))
    await world.els.settle()
    session = await _known_session(world)
    assert (session.status, session.kwh) == (SessionStatus.COMPLETED, 9)


@aio
async def test_a_presumed_end_is_told_to_nobody_before_it_holds_r18():
    """COMPLETED is for ever (mod_sessions, SessionStatus); a presumed end may still be replaced."""
    world = await furnished()
    end = START + timedelta(hours=1)
    presumed = f.SessionEnded("S1", end, energy_wh=9_000, presumed=Presumed.CONNECTOR_FREE)
    await at_station(world, started(world), presumed)
    await world.els.settle()
    session = await _known_session(world)
    assert (session.status, session.end_date_time, session.kwh) == (SessionStatus.ACTIVE, None, 9)
    await at_station(world, f.SessionReopened("S1", end))
    await world.els.settle()
    assert (await _known_session(world)).status is SessionStatus.ACTIVE
    await at_station(world, presumed, f.SessionCompleted("S1", START, end, 9_000))
    await world.els.settle()
    session = await _known_session(world)
    assert (session.status, session.end_date_time) == (SessionStatus.COMPLETED, end)


@aio
async def test_many_facts_are_one_push_of_the_latest_state():
    world = await furnished()
    await at_station(world, started(world), *(_meter(energy_wh) for energy_wh in range(0, 5_000, 100)))
    await world.els.settle()
    [push] = world.net.requests("PUT", "emsp/sessions")
    assert json.loads(push.body)["kwh"] == 4.9


@aio
async def test_a_session_of_someone_elses_token_is_pushed_to_nobody():
    world = await furnished()
    await at_station(world, started(world, token_party=ELS), f.SessionEnded("S1", START))
    await world.els.settle()
    assert world.net.requests("PUT", "emsp/sessions") == []
    assert await world.els.marks() == []


@aio
async def test_r15_a_push_from_the_background_carries_all_headers():
    world = await furnished()
    await at_station(world, started(world))
    await world.els.settle()
    [push] = world.net.requests("PUT", "emsp/sessions")
    routing = {name: value for name, value in push.headers.items() if name.startswith("ocpi-")}
    assert routing == {
        "ocpi-to-country-code": "SE",
        "ocpi-to-party-id": "RET",
        "ocpi-from-country-code": "SE",
        "ocpi-from-party-id": "ELS",
    }
    assert push.headers["x-request-id"] != push.headers["x-correlation-id"]


@aio
async def test_r14_every_request_has_an_id_of_its_own():
    world = await furnished()
    ids = [sent.headers["x-request-id"] for sent in world.net.sent]
    assert len(set(ids)) == len(ids) > 5


@aio
async def test_a_uid_that_two_issuers_gave_out_never_mixes_up_their_drivers():
    world = await furnished()
    other = token(party=PartyId("NO", "XYZ"), contract_id="NOXYZC00000001")
    ref = world.els.means.keys.token_ref(other.uid)
    await world.els.put(Put(t.identity, identity_row(ELS, identity_of(other), ref)))
    await at_station(world, started(world))
    await world.els.settle()
    [push] = world.net.requests("PUT", "emsp/sessions")
    assert json.loads(push.body)["cdr_token"]["contract_id"] == token().contract_id


# --- places -----------------------------------------------------------------------------------------


@aio
async def test_a_status_is_patched_and_only_the_latest():
    world = await furnished()
    news = (ConnectorStatus.PREPARING, ConnectorStatus.CHARGING, ConnectorStatus.FINISHING)
    for minute, condition in enumerate(news, 1):
        await at_station(world, status(condition, START + timedelta(minutes=minute)))
    await world.els.settle()
    [patch] = world.net.requests("PATCH", "emsp/locations/SE/ELS/L1/E1")
    assert json.loads(patch.body) == {"status": "BLOCKED", "last_updated": "2026-02-03T12:00:00Z"}
    kept = await _location(world)
    assert kept is not None
    assert kept.evses[0].status is EvseStatus.BLOCKED


@aio
async def test_a_station_placed_a_moment_ago_is_not_overlooked():
    world = await furnished()
    await at_station(world, status(ConnectorStatus.AVAILABLE))
    await world.els.settle()
    evses = (location().evses[0], msgspec.structs.replace(location().evses[0], uid="E2"))
    new = Station(owner=ELS, id="NEW", places=(EvsePlace(1, "L1", "E2"),))
    await world.els.put(
        Put(t.location, location_row(ELS, location(evses=evses), "own")),
        Put(
            t.station,
            {"owner": str(ELS), "station_id": "NEW", "document": json_text(new), "changed_at": START},
        ),
    )
    await world.els.happen(station_stream(ELS, "NEW"), status(ConnectorStatus.CHARGING))
    await world.els.settle()
    kept = await _location(world)
    assert kept is not None
    assert [evse.status for evse in kept.evses] == [EvseStatus.AVAILABLE, EvseStatus.CHARGING]


@aio
async def test_a_fault_of_the_whole_station_is_told_of_all_its_evses():
    world = await furnished()
    await at_station(world, f.ConnectorStatusChanged(0, 0, ConnectorStatus.FAULTED, START))
    await world.els.settle()
    kept = await _location(world)
    assert kept is not None
    assert kept.evses[0].status is EvseStatus.OUTOFORDER


@aio
async def test_r36_after_a_failed_patch_the_whole_location_is_put():
    world = await furnished()
    [row] = await world.ret.spine.find(t.location)
    key = {name: row[name] for name in ("owner", "party", "location_id")}
    await world.ret.put(Delete(t.location, key))  # type: ignore[arg-type]
    world.net.sent.clear()
    await at_station(world, status(ConnectorStatus.CHARGING))
    await world.els.settle()
    assert [sent.method for sent in world.net.sent] == ["PATCH", "GET", "PUT"]
    kept = await _location(world)
    assert kept is not None
    assert kept.evses[0].status is EvseStatus.CHARGING


@aio
async def test_a_change_of_a_record_is_told_with_it():
    world = await furnished()
    changed = location(name="Södra torget", last_updated=START + timedelta(minutes=1))
    marks = await world.els.changed(ELS, Kind.LOCATION, "L1")
    await world.els.put(Put(t.location, location_row(ELS, changed, "own")), *marks)
    await world.els.settle()
    kept = await _location(world)
    assert kept is not None
    assert kept.name == "Södra torget"


@aio
async def test_a_tariff_that_is_gone_is_deleted_at_the_peer_and_a_misleading_one_never_sent():
    world = await furnished(World(versions=("2.2.1",)))
    marks = await world.els.changed(ELS, Kind.TARIFF, "T1")
    key = {"owner": str(ELS), "party": str(ELS), "tariff_id": "T1"}
    await world.els.put(Delete(t.tariff, key), *marks)  # type: ignore[arg-type]
    await world.els.settle()
    assert await world.ret.spine.find(t.tariff) == []
    gross = tariff(id="T2", tax_included=TaxIncluded.YES)
    marks = await world.els.changed(ELS, Kind.TARIFF, "T2")
    await world.els.put(Put(t.tariff, tariff_row(ELS, gross)), *marks)
    await world.els.settle()
    assert world.net.requests("PUT", "tariffs/SE/ELS/T2") == []
    assert ("party:SE*ELS", "withheld tariff") in await world.els.found()


@aio
async def test_a_tariff_with_tax_included_goes_to_a_peer_of_2_3_0_as_it_is():
    world = await furnished()
    gross = tariff(id="T2", tax_included=TaxIncluded.YES)
    await world.els.put(
        Put(t.tariff, tariff_row(ELS, gross)), *await world.els.changed(ELS, Kind.TARIFF, "T2")
    )
    await world.els.settle()
    [kept] = await world.ret.spine.find(t.tariff, {"tariff_id": "T2"})
    assert tariff_of(kept) == gross


@aio
async def test_a_blocked_token_is_told_to_the_cpo():
    world = await furnished()
    await give(world.ret, token(valid=False, last_updated=START + timedelta(minutes=1)))
    await world.ret.put(*await world.ret.changed(RET, Kind.TOKEN, token().uid, "RFID"))
    await world.ret.settle()
    [kept] = await world.els.spine.find(t.token)
    assert '"valid":false' in str(kept["document"])


# --- CDRs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", TABLES)
@aio
async def test_a_cdr_arrives_with_the_cost_the_cpo_gave_and_its_delivery_is_a_fact(version: str):
    world = await furnished(World(versions=(version,)))
    await issue(world)
    await world.els.settle()
    [received] = await world.ret.spine.find(t.cdr)
    sent = (await world.els.spine.find(t.cdr))[0]
    theirs = msgspec.json.decode(str(received["document"]), type=Cdr)
    ours = msgspec.json.decode(str(sent["document"]), type=Cdr)
    if version == "2.1.1":
        assert theirs.total_cost == msgspec.structs.replace(ours.total_cost, taxes=None)
    else:
        assert theirs.total_cost == ours.total_cost
        assert theirs.authorization_reference == "ref-1"
    assert (sent["state"], sent["delivered_to"]) == ("DELIVERED", "ret")
    at = "emsp/2.1.1" if version == "2.1.1" else f"{version}/emsp"
    assert sent["delivered_url"] == f"https://ret.example/ocpi/{at}/cdrs/SE/ELS/C1"
    assert received["token_ref"] == world.ret.means.keys.token_ref(token().uid)


@aio
async def test_a_cdr_that_we_withhold_goes_to_nobody_until_an_operator_lets_it():
    world = await furnished()
    fact = msgspec.structs.replace(issued(world), withheld=("V51 R: too long",))
    await world.els.happen(cdr_stream(ELS, ELS, "C1"), fact)
    await world.settle()
    assert await world.els.marks() == [("cdr", "C1")]
    assert await world.ret.spine.find(t.cdr) == []
    means = world.els.means
    desk = Desk(spine=means.spine, keys=means.keys, clock=means.clock, chance=means.chance)
    line = await accept_cdr(desk, DecideCdr(cdr="C1", reason="its receiver takes it", by="Anna"))
    assert line.state == "ISSUED"
    world.clock.pass_by(days=1)
    await world.settle()
    assert await world.els.marks() == []
    [received] = await world.ret.spine.find(t.cdr)
    assert received["cdr_id"] == "C1"


@aio
async def test_p4_a_cdr_whose_answer_was_lost_is_sent_again_and_applied_once():
    world = await furnished()
    inner = world.net.hosts["ret.example"]

    async def loses_the_answer(request: HttpRequest) -> HttpResponse:
        await inner(request)
        return HttpResponse(504)

    world.net.hosts["ret.example"] = loses_the_answer
    await issue(world)
    await world.els.settle()
    assert await world.els.marks() == [("cdr", "C1")]
    world.net.hosts["ret.example"] = inner
    world.clock.pass_by(seconds=10)
    await world.els.settle()
    assert await world.els.marks() == []
    facts = [recorded.fact for recorded in await world.ret.spine.read(0)]
    assert sum(isinstance(fact, f.CdrReceived) for fact in facts) == 1
    told = [recorded.fact for recorded in await world.els.spine.facts(cdr_stream(ELS, ELS, "C1"))]
    assert sum(isinstance(fact, f.CdrDelivered) for fact in told) == 1


@aio
async def test_p4_a_cdr_that_a_partner_had_not_taken_when_it_left_is_brought_once_it_is_back():
    world = await furnished()
    world.net.down.add("ret.example")
    await issue(world)
    await world.els.settle()
    await world.els.roaming.registrar.unregister(ELS, "ret")
    world.clock.pass_by(minutes=10)
    await world.els.settle()
    assert await world.els.marks() == []
    world.net.down.clear()
    await world.ret.roaming.registrar.unregister(RET, "els")
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    await world.els.roaming.registrar.register(ELS, "ret", world.ret.versions_url, token_a)
    world.clock.pass_by(minutes=10)
    await world.els.settle()
    [row] = await world.els.spine.find(t.cdr)
    assert (row["state"], row["delivered_to"]) == ("DELIVERED", "ret")
    world.net.sent.clear()
    await world.els.roaming.registrar.renew(ELS, "ret")
    await world.els.settle()
    assert world.net.requests("POST", "cdrs") == [], "what was taken is not told again"


@aio
async def test_p4_a_cdr_that_is_refused_is_tried_for_ever_with_growing_pauses():
    world = await furnished()

    async def refuses(_: HttpRequest) -> HttpResponse:
        return HttpResponse(200, {}, encode({"status_code": 2001, "status_message": "no"}))

    inner, world.net.hosts["ret.example"] = world.net.hosts["ret.example"], refuses
    await issue(world)
    for _ in range(20):
        await world.els.settle()
        world.clock.pass_by(minutes=6)
    [mark] = await world.els.spine.find(t.mark, {"kind": Kind.CDR.value})
    assert mark["attempts"] == 20
    assert "2001" in str(mark["error"])
    world.net.hosts["ret.example"] = inner
    await world.els.settle()
    assert await world.els.marks() == []


# --- trouble ----------------------------------------------------------------------------------------


@aio
async def test_an_unreachable_peer_is_left_alone_and_then_gets_everything():
    world = await furnished()
    world.net.down.add("ret.example")
    world.net.sent.clear()
    await at_station(world, started(world), status(ConnectorStatus.CHARGING))
    await issue(world)
    await world.els.settle()
    assert len(world.net.sent) == 1
    await world.els.settle()
    assert len(world.net.sent) == 1
    assert len(await world.els.marks()) == 3
    world.net.down.clear()
    world.clock.pass_by(seconds=2)
    await world.els.settle()
    assert await world.els.marks() == []
    assert await _session(world) is not None


@aio
async def test_p6_a_peer_that_was_away_for_long_has_everything_half_a_minute_after_it_is_back():
    world = await furnished()
    world.net.down.add("ret.example")
    await at_station(world, started(world))
    world.net.sent.clear()
    for _ in range(3600):
        world.clock.pass_by(seconds=1)
        await world.els.settle()
    assert 100 < len(world.net.sent) < 300, "asked now and then, never all the time"
    world.net.down.clear()
    world.clock.pass_by(seconds=30)
    await world.els.settle()
    assert await world.els.marks() == []
    assert await _session(world) is not None


@aio
async def test_p7_marks_of_a_resting_peer_hide_nobody_elses():
    world = await furnished()
    token_a = await world.ret.roaming.registrar.invite(RET, "els-2")
    await world.els.roaming.registrar.register(ELS, "a-second", world.ret.versions_url, token_a)
    await world.settle()
    down = known(await world.els.roaming.peers.get(ELS, "a-second"))
    many = tuple(
        mark(down, Kind.TOKEN, f"T{number}", "RFID", position=1, now=START) for number in range(3_000)
    )
    world.net.down.add("ret.example")
    await world.els.put(*many)
    await world.els.settle()
    world.net.down.clear()
    await at_station(world, started(world))
    await world.els.settle()
    assert await _session(world) is not None


@aio
async def test_p6_after_a_long_outage_a_peer_is_tried_within_five_minutes():
    world = await furnished()
    world.net.down.add("ret.example")
    await at_station(world, started(world))
    for _ in range(30):
        await world.els.settle()
        world.clock.pass_by(minutes=5)
    world.net.down.clear()
    await world.els.settle()
    assert await world.els.marks() == []


@aio
async def test_after_a_recovery_patience_begins_anew():
    world = await furnished()
    await at_station(world, started(world))
    world.net.down.add("ret.example")
    for _ in range(10):
        await world.els.settle()
        world.clock.pass_by(minutes=6)
    world.net.down.clear()
    await world.els.settle()
    world.net.down.add("ret.example")
    await at_station(world, _meter(100))
    await world.els.settle()
    world.net.down.clear()
    world.clock.pass_by(seconds=2)
    await world.els.settle()
    assert await world.els.marks() == []


@aio
async def test_p7_a_peer_that_hangs_holds_up_nobody_else():
    world = await furnished()
    token_a = await world.ret.roaming.registrar.invite(RET, "els-2")
    await world.els.roaming.registrar.register(ELS, "slow", world.ret.versions_url, token_a)
    await world.settle()
    slow = await world.els.roaming.peers.token_out(
        await world.els.roaming.peers.get(ELS, "slow")  # type: ignore[arg-type]
    )
    inner = world.net.hosts["ret.example"]

    async def hangs_for_one(request: HttpRequest) -> HttpResponse:
        if token_of(request.headers) == slow:
            await asyncio.sleep(3600)
        return await inner(request)

    world.net.hosts["ret.example"] = hangs_for_one
    await at_station(world, started(world))
    await world.els.follow()
    assert await world.els.roaming.courier.start_rounds() == 2
    for _ in range(50):
        await asyncio.sleep(0)
    assert {str(row["peer_id"]) for row in await world.els.spine.find(t.mark)} == {"slow"}


@aio
async def test_an_object_that_is_refused_rests_until_it_changes():
    world = await furnished()

    async def refuses(_: HttpRequest) -> HttpResponse:
        return HttpResponse(200, {}, encode({"status_code": 2001, "status_message": "no"}))

    inner, world.net.hosts["ret.example"] = world.net.hosts["ret.example"], refuses
    await at_station(world, started(world))
    for _ in range(9):
        await world.els.settle()
        world.clock.pass_by(minutes=6)
    assert await world.els.marks() == []
    world.net.hosts["ret.example"] = inner
    await at_station(world, _meter(100))
    await world.els.settle()
    assert await _session(world) is not None


@aio
async def test_news_that_come_while_a_state_is_on_its_way_are_brought_too():
    world = await furnished()
    inner = world.net.hosts["ret.example"]
    once = [True]

    async def meanwhile(request: HttpRequest) -> HttpResponse:
        response = await inner(request)
        if once and request.method == "PUT":
            once.clear()
            world.clock.pass_by(seconds=1)
            await at_station(world, _meter(7_000))
            await world.els.follow()
        return response

    world.net.hosts["ret.example"] = meanwhile
    await at_station(world, started(world))
    await world.els.settle()
    assert (await _known_session(world)).kwh == 7
    assert await world.els.marks() == []


@aio
async def test_a_crash_between_marking_and_bringing_loses_nothing():
    world = await furnished()
    await at_station(world, started(world))
    await world.els.follow()
    # A new life of the node: everything it knows is in the store.
    world.els.roaming = wire(world.els.means, world.els.post)
    await world.els.settle()
    assert await _session(world) is not None


@aio
async def test_marks_of_a_peer_that_has_left_are_dropped():
    world = await furnished()
    await at_station(world, started(world))
    await world.els.follow()
    await world.els.roaming.registrar.unregister(ELS, "ret")
    await world.els.settle()
    assert await world.els.marks() == []


# --- pulling ----------------------------------------------------------------------------------------


@aio
async def test_r28_a_pull_follows_every_link():
    world = await World().open()
    await furnish(world)
    for number in range(2, 251):
        await world.els.put(Put(t.location, location_row(ELS, location(id=f"L{number}"), "own")))
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    await world.els.roaming.registrar.register(ELS, "ret", world.ret.versions_url, token_a)
    pulled = await world.ret.roaming.puller.pull(await world.els_at_ret(), "locations")
    assert pulled.kept == 250
    assert len(world.net.requests("GET", "cpo/locations")) == 3
    again = await world.ret.roaming.puller.pull(await world.els_at_ret(), "locations")
    assert again.kept == 0


Page = Callable[[HttpRequest], Awaitable[HttpResponse]]


def _pages(*pages: tuple[list[object], str, int]) -> Page:
    """A peer whose list is these pages: objects, next link, total; the last repeats."""
    served = iter(pages)
    last = pages[-1]

    async def answer(_: HttpRequest) -> HttpResponse:
        items, link, total = next(served, last)
        headers = {"x-total-count": str(total)} | ({"link": f'<{link}>; rel="next"'} if link else {})
        return HttpResponse(200, headers, encode({"status_code": 1000, "data": items}))

    return answer


@pytest.mark.parametrize(
    "link",
    ["https://els.example/ocpi/round?offset=1", "https://evil.example/x", "http://els.example/x", "::"],
)
def test_t24_a_pull_runs_neither_in_circles_nor_to_other_hosts(link: str):
    @aio
    async def check() -> None:
        world = await furnished()
        world.net.hosts["els.example"] = _pages(([], link, 5))
        world.net.sent.clear()
        pulled = await world.ret.roaming.puller.pull(await world.els_at_ret(), "locations")
        assert "circles" in repr(pulled.outcome)
        assert len(world.net.sent) <= 2
        assert not any("evil" in sent.path for sent in world.net.sent)

    check()


def test_t24_a_list_without_end_is_left_after_an_hour(monkeypatch: pytest.MonkeyPatch):
    """However fast the world's clock runs: it is an hour of the wall's, put short here."""
    monkeypatch.setattr(puller, "LONGEST_S", 0.3)
    asked = 0

    @aio
    async def check() -> None:
        world = await furnished()
        links = (f"https://els.example/ocpi/2.2.1/cpo/locations?offset={page}" for page in count(1))

        async def endless(_: HttpRequest) -> HttpResponse:
            nonlocal asked
            asked += 1
            world.clock.pass_by(hours=2)
            await asyncio.sleep(0.05)
            headers = {"link": f'<{next(links)}>; rel="next"', "x-total-count": str(asked)}
            return HttpResponse(200, headers, encode({"status_code": 1000, "data": []}))

        world.net.hosts["els.example"] = endless
        pulled = await world.ret.roaming.puller.pull(await world.els_at_ret(), "locations")
        assert "longer" in repr(pulled.outcome)
        assert 1 < asked <= 7, "those that begin anew count"

    check()


@aio
async def test_r28_a_list_that_changes_on_the_way_is_read_again():
    world = await furnished()
    link = "https://els.example/ocpi/2.2.1/cpo/locations?offset=1"
    world.net.hosts["els.example"] = _pages(([], link, 2), ([], "", 3), ([], link, 3), ([], "", 3))
    world.net.sent.clear()
    await world.ret.roaming.puller.pull(await world.els_at_ret(), "locations")
    assert len(world.net.sent) == 4


@aio
async def test_t18_objects_of_parties_the_peer_does_not_speak_for_are_passed_over():
    world = await furnished()
    page = [but(LOCATION, party_id="EVL"), LOCATION, but(LOCATION, id=None), 7]
    world.net.hosts["els.example"] = _pages((page, "", 4))  # type: ignore[arg-type]
    pulled = await world.ret.roaming.puller.pull(await world.els_at_ret(), "locations")
    assert (pulled.kept, pulled.passed_over) == (1, 3)
    assert {str(row["party"]) for row in await world.ret.spine.find(t.location)} == {"SE*ELS"}


@aio
async def test_a_pulled_token_that_gives_its_uid_a_second_contract_is_passed_over():
    world = await furnished()
    other = but(TOKEN, type="APP_USER", contract_id="SERETC00000018")
    known = but(other, uid=token().uid)
    world.net.hosts["ret.example"] = _pages(([TOKEN, other, known], "", 3))  # type: ignore[arg-type]
    pulled = await world.els.roaming.puller.pull(await world.ret_at_els(), "tokens")
    assert (pulled.kept, pulled.passed_over) == (1, 2)
    assert (f"peer:{ELS}/ret", "object passed over") in await world.els.found()


@pytest.mark.parametrize("order", [1, -1], ids=["older first", "newer first"])
def test_r22_a_token_that_stands_on_a_page_in_two_cases_is_one(order: int):
    @aio
    async def check() -> None:
        world = await furnished()
        older = but(TOKEN, uid="abcd1234")
        newer = but(TOKEN, uid="ABCD1234", valid=False, last_updated=str(Instant(START)))
        page: list[object] = [older, newer]
        world.net.hosts["ret.example"] = _pages((page[::order], "", 2))
        pulled = await world.els.roaming.puller.pull(await world.ret_at_els(), "tokens")
        assert pulled.kept == 1
        [row] = await world.els.spine.find(t.token, {"contract_id": str(TOKEN["contract_id"])})
        assert '"valid":false' in str(row["document"])

    check()


@aio
async def test_r34_a_pulled_token_that_was_dated_in_the_future_can_still_be_blocked():
    world = await furnished()
    path = f"2.2.1/cpo/tokens/SE/RET/{TOKEN['uid']}"
    await world.as_ret("PUT", path, but(TOKEN, last_updated="2099-01-01T00:00:00Z"))
    blocked = but(TOKEN, valid=False, last_updated=str(Instant(START)))
    world.net.hosts["ret.example"] = _pages(([blocked], "", 1))
    for kept in (1, 0):
        pulled = await world.els.roaming.puller.pull(await world.ret_at_els(), "tokens")
        assert pulled.kept == kept
        assert (await world.as_ret("GET", path)).data == blocked


@aio
async def test_a_list_that_the_peer_cannot_give_holds_up_nothing_else():
    world = await furnished()
    serve = world.net.hosts["ret.example"]

    async def without_lists(request: HttpRequest) -> HttpResponse:
        broken = request.method == "GET" and request.path.endswith("emsp/tokens")
        return HttpResponse(500) if broken else await serve(request)

    world.net.hosts["ret.example"] = without_lists
    await world.els.put(mark(await world.ret_at_els(), Kind.PULL, "tokens", position=1, now=START))
    await at_station(world, started(world))
    await world.els.settle()
    assert await _session(world) is not None
    assert await world.els.marks() == [("pull", "tokens")], "it is asked for again later"
    world.net.hosts["ret.example"] = serve
    world.clock.pass_by(minutes=6)
    await world.els.settle()
    assert await world.els.marks() == []


async def _with_a_list_that_hangs(world: World) -> asyncio.Event:
    """The eMSP's tokens are asked for, and are on their way until the event."""
    come, serve = asyncio.Event(), world.net.hosts["ret.example"]

    async def slow(request: HttpRequest) -> HttpResponse:
        if request.method == "GET" and request.path.endswith("emsp/tokens"):
            await come.wait()
        return await serve(request)

    world.net.hosts["ret.example"] = slow
    await world.els.put(mark(await world.ret_at_els(), Kind.PULL, "tokens", position=1, now=START))
    assert await world.els.roaming.courier.start_rounds() == 1
    return come


@aio
async def test_a_list_that_is_long_holds_up_nothing_that_is_brought():
    world = await furnished()
    come = await _with_a_list_that_hangs(world)
    await at_station(world, started(world))
    await issue(world)
    await world.els.follow()
    assert await world.els.roaming.courier.start_rounds() == 1, "beside the one that reads the list"
    for _ in range(100):
        await asyncio.sleep(0)
    assert await world.els.marks() == [("pull", "tokens")]
    assert await world.ret.spine.find(t.cdr, {"cdr_id": "C1"})
    assert await world.els.roaming.courier.start_rounds() == 0, "the list is asked for once"
    come.set()
    for _ in range(100):
        await asyncio.sleep(0)
    assert await world.els.marks() == []


@aio
async def test_a_peer_that_falls_silent_to_both_its_rounds_has_failed_once():
    world = await furnished()
    world.net.down.add("ret.example")
    await world.els.put(mark(await world.ret_at_els(), Kind.PULL, "tokens", position=1, now=START))
    await at_station(world, started(world))
    await world.els.settle()
    assert world.els.roaming.courier.failing() == {(ELS, "ret"): 1}


@aio
async def test_a_list_on_its_way_is_let_go_when_the_courier_stops():
    world, before = await furnished(), asyncio.all_tasks()
    await _with_a_list_that_hangs(world)
    running = asyncio.ensure_future(world.els.roaming.courier.run(0.01))
    for _ in range(10):
        await asyncio.sleep(0)
    started = asyncio.all_tasks() - before
    assert len(started) > 1
    running.cancel()
    await asyncio.wait(started, timeout=5)
    assert all(task.cancelled() for task in started)
    assert await world.els.marks() == [("pull", "tokens")]


@aio
async def test_what_we_cannot_tell_yet_is_no_finding_against_the_peer():
    """The peer was never asked: its name stands only under what it did."""
    world = await furnished()
    await at_station(world, started(world, token_ref="nobody-knows"))
    world.net.sent.clear()
    await world.els.settle()
    assert world.net.requests("PUT", "emsp/sessions") == []
    found = await world.els.found()
    assert found[(f"party:{ELS}", "withheld session")] == 1
    assert not [source for source, _ in found if source.startswith("peer:")]
    assert await world.els.marks() == [("session", "S1")]


@aio
async def test_p7_an_object_that_cannot_be_read_holds_up_nothing_else():
    world = await furnished()
    [row] = await world.els.spine.find(t.location)
    await world.els.put(
        Put(t.location, {**row, "document": "{}"}), *await world.els.changed(ELS, Kind.LOCATION, "L1")
    )
    world.clock.pass_by(seconds=1)
    named = tariff(id="T2")
    await world.els.put(
        Put(t.tariff, tariff_row(ELS, named)), *await world.els.changed(ELS, Kind.TARIFF, "T2")
    )
    await world.settle()
    assert {row["tariff_id"] for row in await world.ret.spine.find(t.tariff)} == {"T1", "T2"}
    assert await world.els.marks() == [("location", "L1")]
    assert world.els.roaming.courier.failing() == {}, "it is no fault of the peer's"
    assert ("party:SE*ELS", "withheld location") in await world.els.found()
