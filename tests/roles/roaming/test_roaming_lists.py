"""What a peer told while one of us was away is read from its lists, because nobody repeats it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from roaming_world import (
    ELS,
    RET,
    START,
    Node,
    World,
    aio,
    at_station,
    furnished,
    issue,
    location,
    started,
    token,
)
from wire_documents import CDR, LOCATION, SESSION, TARIFF, TOKEN, Document, but

from elstrada.model import facts as f
from elstrada.model.agreement import Agreement
from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.ids import PartyId, agreement_stream, cdr_stream
from elstrada.model.party import Peer
from elstrada.ocpi.body import encode
from elstrada.ocpi.scalars import Instant
from elstrada.roaming.news import Kind
from elstrada.roles.roaming.lists import EVERY, FIRST, NEWS, OVERLAP
from elstrada.roles.roaming.puller import Pulled
from elstrada.roles.roaming.rows import location_row
from elstrada.roles.roaming.wiring import wire
from elstrada.spine import tables as t
from elstrada.spine.face import Delete, Put, Work

VERSIONS = ("2.1.1", "2.2.1", "2.3.0")
LISTS = ("locations", "tariffs", "sessions", "cdrs")


async def _tell_in_vain(world: World) -> None:
    """The CPO tells once of a session, a CDR and a new name, while nobody listens; it repeats nothing."""
    world.net.down.add("ret.example")
    await at_station(world, started(world), f.SessionEnded("S1", START + timedelta(hours=1), energy_wh=9_000))
    await issue(world)
    world.clock.pass_by(minutes=10)
    news = location(name="Södra torget", last_updated=world.clock.now())
    await world.els.put(Put(t.location, location_row(ELS, news, "own")))
    await world.els.settle()
    for row in await world.els.spine.find(t.mark):
        key = {name: row[name] for name in ("owner", "peer_id", "kind", "object_id")}
        await world.els.spine.commit(Work(writes=(Delete(t.mark, key),)))
    world.net.down.clear()
    await world.settle()
    assert not await _knows(world)


async def _knows(world: World) -> bool:
    """Does the eMSP know all of it? Either it knows all or nothing."""
    sessions = await world.ret.spine.find(t.roamed_session, {"session_id": "S1"})
    cdrs = await world.ret.spine.find(t.cdr, {"party": str(ELS)})
    [place] = await world.ret.spine.find(t.location, {"party": str(ELS)})
    known = {bool(sessions), bool(cdrs), "Södra" in str(place["document"])}
    assert len(known) == 1
    return known.pop()


def _asked(world: World) -> dict[str, Mapping[str, str]]:
    """What the eMSP asked of which of the CPO's lists."""
    asked = [urlsplit(sent.path) for sent in world.net.requests("GET", "els.example")]
    return {url.path.rstrip("/").rpartition("/")[2]: dict(parse_qsl(url.query)) for url in asked}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_was_told_in_vain_is_fetched_after_a_start(version: str):
    @aio
    async def check() -> None:
        world = await furnished(World(versions=(version,)))
        await _tell_in_vain(world)
        await world.ret.roaming.courier.begin()
        await world.ret.settle()
        assert await _knows(world)

    check()


@aio
async def test_what_was_told_in_vain_is_fetched_once_the_peer_is_back():
    world = await furnished()
    await _tell_in_vain(world)
    world.net.down.add("els.example")
    await world.ret.put(*await world.ret.changed(RET, Kind.TOKEN, token().uid, "RFID"))
    await world.ret.settle()
    world.net.down.clear()
    world.clock.pass_by(seconds=30)
    await world.ret.settle()
    assert await _knows(world)


@aio
async def test_what_was_told_in_vain_is_fetched_in_time_though_nobody_saw_an_outage():
    world = await furnished()
    await _tell_in_vain(world)
    world.clock.pass_by(seconds=EVERY.total_seconds() * 1.25)
    await world.ret.settle()
    assert await _knows(world)


@aio
async def test_only_what_changed_is_asked_for_with_an_overlap():
    world = await furnished()
    world.clock.pass_by(hours=5)
    await world.ret.roaming.courier.begin()
    await world.ret.settle()
    world.net.sent.clear()
    read_at = world.clock.now()
    world.clock.pass_by(hours=3)
    await world.ret.roaming.courier.begin()
    await world.ret.settle()
    asked = _asked(world)
    assert asked.keys() >= set(LISTS)
    assert {query.get("date_from") for query in asked.values()} == {str(Instant(read_at - OVERLAP))}


@aio
async def test_after_a_registration_lists_are_read_whole_and_dealings_of_a_month():
    world = await furnished()
    asked = _asked(world)
    assert asked["locations"] == asked["tariffs"] == {}
    assert asked["sessions"] == asked["cdrs"] == {"date_from": str(Instant(START - FIRST))}


@aio
async def test_a_list_that_broke_off_is_asked_for_from_where_it_was_read_last():
    world = await furnished()
    world.clock.pass_by(hours=2)
    serve = world.net.hosts["els.example"]

    async def broken(request: HttpRequest) -> HttpResponse:
        return HttpResponse(500) if request.path.endswith("/cdrs") else await serve(request)

    world.net.hosts["els.example"] = broken
    await world.ret.roaming.courier.begin()
    await world.ret.settle()
    assert await world.ret.marks() == [("pull", f"cdrs\n{NEWS}")]
    world.net.hosts["els.example"] = serve
    world.net.sent.clear()
    world.clock.pass_by(minutes=5)
    await world.ret.settle()
    assert _asked(world) == {"cdrs": {"date_from": str(Instant(START - OVERLAP))}}


@aio
async def test_a_list_that_cannot_be_had_is_given_up_and_asked_for_again_later():
    world = await furnished()
    world.clock.pass_by(hours=2)
    serve, asked = world.net.hosts["els.example"], 0

    async def broken(request: HttpRequest) -> HttpResponse:
        nonlocal asked
        if not request.path.endswith("/cdrs"):
            return await serve(request)
        asked += 1
        return HttpResponse(404)

    world.net.hosts["els.example"] = broken
    await world.ret.roaming.courier.begin()
    for _ in range(8):
        await world.ret.settle()
        world.clock.pass_by(minutes=5)
    assert (asked, await world.ret.marks()) == (8, [])
    world.clock.pass_by(seconds=EVERY.total_seconds() * 1.25)
    await world.ret.settle()
    assert asked == 9


@aio
async def test_what_was_pushed_and_is_fetched_is_one():
    world = await furnished()
    await at_station(world, started(world))
    await issue(world)
    await world.settle()
    facts = len(await world.ret.spine.read(0))
    world.clock.pass_by(hours=2)
    await world.ret.roaming.courier.begin()
    await world.ret.settle()
    assert {"sessions", "cdrs"} <= _asked(world).keys()
    assert len(await world.ret.spine.read(0)) == facts
    assert not [code for _, code in await world.ret.found() if code == "object passed over"]


def _list(items: list[Any]) -> HttpResponse:
    return HttpResponse(200, {}, encode({"status_code": 1000, "data": items}))


@aio
async def test_t18_fetched_dealings_are_the_peers_own_of_our_drivers_and_the_rest_is_counted():
    world = await furnished(World(versions=("2.2.1",)))
    strangers = but(CDR["cdr_token"], party_id="EVL")
    page = [but(CDR, id="C1", party_id="EVL"), but(CDR, id="C2", cdr_token=strangers), but(CDR, id="C3"), 7]

    async def lists(_: HttpRequest) -> HttpResponse:
        return _list(page)

    world.net.hosts["els.example"] = lists
    pulled = await world.ret.roaming.puller.pull(await world.els_at_ret(), "cdrs", START)
    assert (pulled.kept, pulled.passed_over) == (1, 3)
    assert [row["cdr_id"] for row in await world.ret.spine.find(t.cdr)] == ["C3"]
    assert (f"peer:{RET}/els", "object passed over") in await world.ret.found()


_OF_A_CPO: dict[str, Document] = {
    "locations": LOCATION,
    "tariffs": TARIFF,
    "sessions": SESSION,
    "cdrs": CDR,
}


async def _platform_reads(node: Node, peer: Peer, module: str, document: Document) -> Pulled:
    """Read a list of one object each of two parties of a platform, with the first of which nothing is agreed."""
    [role] = peer.roles
    stream = agreement_stream(peer.owner, peer.id)
    await node.happen(stream, f.AgreementMade(peer.id, Agreement(party=role.party, receives=("commands",))))
    second = msgspec.structs.replace(role, party=PartyId("SE", "OTH"))

    async def lists(_: HttpRequest) -> HttpResponse:
        return _list([document, but(document, party_id="OTH")])

    node.net.hosts[urlsplit(peer.endpoints[0].url).netloc] = lists
    platform = msgspec.structs.replace(peer, roles=(role, second))
    return await node.roaming.puller.pull(platform, module, START)


@pytest.mark.parametrize("module", _OF_A_CPO)
def test_t17_of_a_platforms_parties_only_those_are_read_with_which_the_module_is_agreed(module: str):
    @aio
    async def check() -> None:
        world = await furnished(World(versions=("2.2.1",)))
        pulled = await _platform_reads(world.ret, await world.els_at_ret(), module, _OF_A_CPO[module])
        assert (pulled.kept, pulled.passed_over) == (1, 1)
        assert (f"peer:{RET}/els", "object passed over") in await world.ret.found()

    check()


@aio
async def test_t17_tokens_of_a_platforms_party_with_which_they_are_not_agreed_are_passed_over():
    world = await furnished(World(versions=("2.2.1",)))
    pulled = await _platform_reads(world.els, await world.ret_at_els(), "tokens", TOKEN)
    assert (pulled.kept, pulled.passed_over) == (1, 1)
    kept = await world.els.spine.find(t.token, {"uid": TOKEN["uid"]})
    assert [row["party"] for row in kept] == ["SE*OTH"]


@aio
async def test_a_fetched_cdr_is_kept_as_it_came_and_another_of_its_id_is_counted():
    world = await furnished(World(versions=("2.2.1",)))
    told = but(CDR, x_unknown={"a": 1.50})

    async def lists(_: HttpRequest) -> HttpResponse:
        return _list([told, but(told, total_energy=99)])

    world.net.hosts["els.example"] = lists
    pulled = await world.ret.roaming.puller.pull(await world.els_at_ret(), "cdrs", START)
    assert (pulled.kept, pulled.passed_over) == (1, 1)
    [recorded] = await world.ret.spine.facts(cdr_stream(RET, ELS, str(CDR["id"])))
    assert isinstance(recorded.fact, f.CdrReceived)
    document = await world.ret.spine.get(t.document, hash=recorded.fact.content_hash or "")
    assert document is not None
    assert json.loads(document["body"]) == told  # type: ignore[arg-type]


@pytest.mark.parametrize("step", [1, -1], ids=["grows", "shrinks"])
def test_r28_a_list_that_never_stands_still_is_read_to_its_end(step: int):
    """A busy partner has ever more sessions, on each page another total; others count what is left."""

    @aio
    async def check() -> None:
        world = await furnished(World(versions=("2.2.1",)))
        total, pages = 1_000, 5

        async def busy(request: HttpRequest) -> HttpResponse:
            nonlocal total
            total += step
            if not request.path.endswith("/sessions"):
                return _list([])
            page = int(request.query.get("offset", "0"))
            items = [but(SESSION, id=f"S{page}")]
            link = f'<https://els.example/ocpi/2.2.1/cpo/sessions?offset={page + 1}>; rel="next"'
            headers = {"x-total-count": str(total)} | ({"link": link} if page + 1 < pages else {})
            return HttpResponse(200, headers, encode({"status_code": 1000, "data": items}))

        world.net.hosts["els.example"] = busy
        world.clock.pass_by(hours=2)
        await world.ret.roaming.courier.begin()
        await world.ret.settle()
        assert await world.ret.marks() == []
        sessions = await world.ret.spine.find(t.roamed_session)
        assert {row["session_id"] for row in sessions} == {f"S{page}" for page in range(pages)}
        read = await world.ret.spine.get(t.pull, owner=str(RET), peer_id="els", name="sessions")
        assert read is not None
        assert read["began_at"] == world.clock.now()

    check()


@aio
async def test_lists_of_a_peer_that_left_are_read_no_more():
    world = await furnished()
    await world.ret.roaming.registrar.unregister(RET, "els")
    world.clock.pass_by(hours=3)
    world.net.sent.clear()
    await world.ret.settle()
    assert world.net.sent == []
    assert await world.ret.spine.find(t.pull, {"peer_id": "els"}) == []


async def _renewed(world: World, versions: tuple[str, ...]) -> None:
    """The CPO's node comes back with these versions alone, and registers anew."""
    els = world.els
    els.means = msgspec.structs.replace(els.means, versions=versions)
    els.roaming = wire(els.means, els.post)
    await els.roaming.registrar.renew(ELS, "ret")


@pytest.mark.parametrize("is_marked", [True, False], ids=["marked before", "due after"])
def test_lists_that_an_older_version_has_not_are_read_no_more(is_marked: bool):
    """2.2.1 has no bookings."""

    @aio
    async def check() -> None:
        world = await furnished()
        world.clock.pass_by(hours=2)
        if is_marked:
            await world.ret.roaming.courier.begin()
            assert ("pull", f"bookings\n{NEWS}") in await world.ret.marks()
        await _renewed(world, ("2.2.1",))
        await world.settle()
        world.clock.pass_by(hours=2)
        await world.settle()
        assert (await world.els_at_ret()).version == "2.2.1"
        assert await world.ret.marks() == []
        names = {str(row["name"]) for row in await world.ret.spine.find(t.pull, {"peer_id": "els"})}
        assert names == set(LISTS)
        assert not [code for _, code in await world.ret.found() if code == "unreachable"]

    check()


@aio
async def test_a_list_that_is_offered_no_more_leaves_the_rest_of_the_peer_served():
    world = await furnished(World(versions=("2.2.1",)))
    world.clock.pass_by(hours=2)
    await world.els.happen(agreement_stream(ELS, "ret"), f.AgreementMade("ret", Agreement(sends=("cdrs",))))
    await world.settle()
    await _renewed(world, ("2.2.1",))
    await world.ret.roaming.courier.begin()
    world.clock.pass_by(hours=2)
    await world.settle()
    assert await world.ret.marks() == []
    assert not [code for _, code in await world.ret.found() if code == "unreachable"]
