"""Hubs and their parties: who is told what of whom (R-16), and how a hub finds out (R-72)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hub_scene import (
    CONNECTED,
    HUB,
    OFFLINE,
    SUSPENDED,
    WITH_HUBS,
    Scene,
    client,
    hosts_asked,
    hub_of_two,
)
from roaming_world import ELS, EVIL, RET, START, aio, call

from elstrada.model.facts import ClientInfoChanged
from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.ids import PartyId, client_stream
from elstrada.model.party import ClientReason, PeerState, Role
from elstrada.roaming.news import Kind
from elstrada.roles.roaming import clients
from elstrada.roles.roaming.clients import MOST_CLIENTS, is_connected
from elstrada.spine import tables as t
from elstrada.spine.face import SpineDown

versions = pytest.mark.parametrize("version", WITH_HUBS)
LIST = "hubclientinfo"
HUB_2 = PartyId("NO", "HUB")


def one(party: PartyId) -> str:
    return f"{LIST}/{party.country_code}/{party.party_id}"


def names(data: list[dict[str, str]]) -> list[str]:
    return [f"{entry['party_id']} {entry['role']} {entry['status']}" for entry in data]


# --- who is told --------------------------------------------------------------------------------------


@versions
@aio
async def test_r72_whoever_registers_is_connected_and_all_others_are_told(version: str):
    async with hub_of_two(version) as scene:
        assert await scene.at_hub(ELS) is CONNECTED
        assert await scene.at_hub(RET) is CONNECTED
        assert await scene.told("els", RET) is CONNECTED
        assert await scene.told("ret", ELS) is CONNECTED
        put = [sent.path.rpartition("/")[2] for sent in scene.net.requests("PUT", LIST)]
        assert sorted(put) == ["ELS", "RET"], "nobody is told of itself"


@versions
@aio
async def test_r16_hub_client_info_works_without_routing_headers(version: str):
    async with hub_of_two(version) as scene:
        assert (await scene.call("els", "hub", "GET", LIST)).code == 1000
        assert (await scene.call("hub", "ret", "GET", one(ELS))).code == 1000
        told = client(ELS, Role.CPO, OFFLINE, "2026-03-01T00:00:00Z")
        answer = await scene.call("hub", "ret", "PUT", one(ELS), told)
        assert (answer.status, answer.code) == (200, 1000)
        sent = [sent for sent in scene.net.sent if LIST in sent.path]
        assert sent
        assert not [name for one in sent for name in one.headers if name.startswith("ocpi-")]


@versions
@aio
async def test_r72_a_party_whose_registration_ends_is_suspended_and_comes_back(version: str):
    async with hub_of_two(version) as scene:
        await scene.nodes["ret"].roaming.registrar.unregister(RET, "hub")
        await scene.settle()
        assert await scene.at_hub(RET) is SUSPENDED
        assert await scene.told("els", RET) is SUSPENDED
        await scene.join("ret", RET)
        await scene.settle()
        assert await scene.at_hub(RET) is CONNECTED
        assert await scene.told("els", RET) is CONNECTED


@aio
async def test_a_platform_with_several_parties_and_roles_is_told_of_role_by_role():
    async with hub_of_two("2.2.1") as scene:
        await scene.node("evil", EVIL, Role.CPO, Role.EMSP)
        await scene.join("evil", EVIL)
        await scene.settle()
        data = (await scene.call("els", "hub", "GET", LIST)).data
        assert names(data) == [
            "ELS CPO CONNECTED",
            "EVL CPO CONNECTED",
            "EVL EMSP CONNECTED",
            "RET EMSP CONNECTED",
        ]


@versions
@aio
async def test_the_list_has_pages_and_dates(version: str):
    async with hub_of_two(version) as scene:
        first = await scene.call("els", "hub", "GET", LIST, query={"limit": "1"})
        assert names(first.data) == ["ELS CPO CONNECTED"]
        assert first.headers["x-total-count"] == "2"
        assert f"/ocpi/{version}/{LIST}" in first.headers["link"]
        query = dict(
            pair.split("=", 1) for pair in first.headers["link"].split("?")[1].split(">")[0].split("&")
        )
        second = await scene.call("els", "hub", "GET", LIST, query=query)
        assert names(second.data) == ["RET EMSP CONNECTED"]
        assert "link" not in second.headers
        before, after = START - timedelta(days=1), START + timedelta(days=1)
        said = {"date_from": after.strftime("%Y-%m-%dT%H:%M:%SZ")}
        assert (await scene.call("els", "hub", "GET", LIST, query=said)).data == []
        said = {"date_to": before.strftime("%Y-%m-%dT%H:%M:%SZ")}
        assert (await scene.call("els", "hub", "GET", LIST, query=said)).data == []
        assert (await scene.call("els", "hub", "GET", LIST, query={"date_from": "soon"})).code == 2001


@versions
@aio
async def test_each_side_offers_its_own_interface(version: str):
    async with hub_of_two(version) as scene:
        assert _offered(await scene.call("els", "hub", "GET", "")) == [(LIST, "SENDER")]
        assert _offered(await scene.call("hub", "els", "GET", "")) == [(LIST, "RECEIVER")]
        assert (await scene.call("hub", "els", "GET", LIST)).status == 404
        told = client(RET, Role.EMSP, OFFLINE)
        assert (await scene.call("els", "hub", "PUT", one(RET), told)).status == 404


def _offered(answer: Any) -> list[tuple[str, str]]:
    found = answer.data["endpoints"]
    return [(entry["identifier"], entry["role"]) for entry in found if entry["identifier"] == LIST]


# --- what a hub tells us ------------------------------------------------------------------------------


@versions
@aio
async def test_r31_r34_what_a_hub_tells_is_created_then_updated_and_older_news_change_nothing(version: str):
    async with hub_of_two(version) as scene:
        new = client(EVIL, Role.EMSP, OFFLINE, "2026-02-02T00:00:00Z")
        assert (await scene.call("hub", "els", "PUT", one(EVIL), new)).status == 201
        assert (await scene.call("hub", "els", "PUT", one(EVIL), new)).status == 200
        older = client(EVIL, Role.EMSP, CONNECTED, "2026-02-01T00:00:00Z")
        assert (await scene.call("hub", "els", "PUT", one(EVIL), older)).status == 200
        assert await scene.told("els", EVIL) is OFFLINE
        assert (await scene.call("hub", "els", "GET", one(EVIL))).data == new
        later = client(EVIL, Role.EMSP, CONNECTED, "2026-02-03T00:00:00Z")
        assert (await scene.call("hub", "els", "PUT", one(EVIL), later)).status == 200
        assert await scene.told("els", EVIL) is CONNECTED
        facts = await scene.nodes["els"].spine.facts(client_stream(ELS, EVIL, "hub"))
        assert len(facts) == 2, "what is no news is no fact"


@versions
@pytest.mark.roaming_rule(34)
@aio
async def test_a_party_that_a_hub_dated_in_the_future_can_be_connected_again(version: str):
    async with hub_of_two(version) as scene:
        wrong = client(EVIL, Role.EMSP, OFFLINE, "2099-01-01T00:00:00Z")
        assert (await scene.call("hub", "els", "PUT", one(EVIL), wrong)).status == 201
        now = client(EVIL, Role.EMSP, CONNECTED, "2026-02-03T12:00:00Z")
        assert (await scene.call("hub", "els", "PUT", one(EVIL), now)).status == 200
        assert await scene.told("els", EVIL) is CONNECTED


@versions
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"status": "ASLEEP"}, "/status"),
        ({"role": "KING"}, "/role"),
        ({"party_id": "ELS"}, "party_id"),
        ({"country_code": "NO"}, "country_code"),
        ({"last_updated": "soon"}, "last_updated"),
        ({"last_updated": None}, "last_updated"),
    ],
)
@aio
async def test_what_makes_no_sense_is_2001_and_says_where(version: str, changes: dict[str, Any], says: str):
    async with hub_of_two(version) as scene:
        answer = await scene.call("hub", "els", "PUT", one(EVIL), client(EVIL, Role.EMSP, OFFLINE) | changes)
        assert (answer.status, answer.code) == (200, 2001)
        assert says in answer.envelope["status_message"]
        assert await scene.told("els", EVIL) is None
        assert (await scene.nodes["els"].found())["peer:SE*ELS/hub", "OCPI INVALID"] == 1


@versions
@aio
async def test_r09_r32_who_is_no_hub_can_tell_of_nobody_not_even_of_itself(version: str):
    async with hub_of_two(version) as scene:
        await _direct(scene)
        for party, role in ((EVIL, Role.EMSP), (RET, Role.EMSP), (ELS, Role.CPO)):
            answer = await scene.call("evil", "els", "PUT", one(party), client(party, role, OFFLINE))
            assert answer.code == 2000
            assert "hub" in answer.envelope["status_message"]
        assert (await scene.call("evil", "els", "GET", one(RET))).status == 404, "nor may it ask"
        assert await scene.told("els", RET) is CONNECTED
        assert await scene.told("els", EVIL, "evil") is None
        assert (await scene.nodes["els"].found())["peer:SE*ELS/evil", "OCPI REFUSED"] == 3


@versions
@aio
async def test_r09_a_hub_speaks_for_itself_and_never_for_another_hub(version: str):
    """Its token says who tells: the same party is known apart at each hub."""
    async with hub_of_two(version) as scene:
        await scene.node("hub2", HUB_2, Role.HUB)
        await scene.join("els", ELS, "hub2")
        told = client(RET, Role.EMSP, SUSPENDED, "2030-01-01T00:00:00Z")
        assert (await scene.call("hub2", "els", "PUT", one(RET), told)).status == 201
        assert await scene.told("els", RET, "hub2") is SUSPENDED
        assert await scene.told("els", RET, "hub") is CONNECTED
        assert (await scene.call("hub2", "els", "GET", one(RET))).data == told
        assert (await scene.call("hub2", "els", "GET", one(ELS))).status == 404, "the other hub told of it"


@aio
async def test_without_a_token_or_with_an_invitation_nobody_reads_or_tells():
    async with hub_of_two("2.2.1") as scene:
        hub = scene.nodes["hub"]
        token_a = await hub.roaming.registrar.invite(HUB, "guest")
        for token in (None, "nonsense", token_a):
            assert (await call(hub, token, "GET", f"2.2.1/{LIST}")).status == 401


@aio
async def test_t24_a_hub_that_tells_of_ever_more_parties_is_stopped(monkeypatch: pytest.MonkeyPatch):
    async with hub_of_two("2.2.1") as scene:
        monkeypatch.setattr(clients, "MOST_CLIENTS", 3)
        assert MOST_CLIENTS > 1_000
        answers = [
            await scene.call("hub", "els", "PUT", one(party), client(party, Role.EMSP, OFFLINE))
            for party in (PartyId("SE", f"X{number:02}") for number in range(4))
        ]
        assert [answer.code for answer in answers][-2:] == [2000, 2000]
        again = client(RET, Role.EMSP, OFFLINE, "2027-01-01T00:00:00Z")
        assert (await scene.call("hub", "els", "PUT", one(RET), again)).code == 1000, "those known go on"


# --- the list is fetched ------------------------------------------------------------------------------


@versions
@aio
async def test_the_list_is_fetched_once_at_registration(version: str):
    async with hub_of_two(version) as scene:
        assert len(scene.net.requests("GET", LIST)) == 2, "each of the two asked once"
        await scene.settle()
        assert len(scene.net.requests("GET", LIST)) == 2


@versions
@aio
async def test_whoever_the_whole_list_no_longer_names_is_suspended(version: str):
    async with hub_of_two(version) as scene:
        gone = client(EVIL, Role.EMSP, CONNECTED)
        assert (await scene.call("hub", "els", "PUT", one(EVIL), gone)).status == 201
        peer = await scene.peer("els", "hub")
        pulled = await scene.nodes["els"].roaming.puller.pull(peer, LIST)
        assert pulled.passed_over == 0
        assert await scene.told("els", EVIL) is SUSPENDED
        assert await scene.told("els", RET) is CONNECTED


@aio
async def test_a_part_of_the_list_says_nothing_of_those_it_does_not_name():
    async with hub_of_two("2.2.1") as scene:
        assert (
            await scene.call("hub", "els", "PUT", one(EVIL), client(EVIL, Role.EMSP, CONNECTED))
        ).status == 201
        peer = await scene.peer("els", "hub")
        await scene.nodes["els"].roaming.puller.pull(peer, LIST, START + timedelta(days=1))
        assert await scene.told("els", EVIL) is CONNECTED


# --- still alive --------------------------------------------------------------------------------------


@versions
@aio
async def test_r72_a_party_that_no_longer_answers_is_offline_and_all_are_told(version: str):
    async with hub_of_two(version) as scene:
        await scene.net.cut(scene.nodes["ret"].host)
        await scene.silence()
        assert await scene.at_hub(RET) is OFFLINE
        assert await scene.at_hub(ELS) is CONNECTED
        assert await scene.told("els", RET) is OFFLINE
        spine = scene.nodes["hub"].spine
        assert not await is_connected(spine, await scene.peer("hub", "ret"), RET)
        assert await is_connected(spine, await scene.peer("hub", "els"), ELS)
        assert (await scene.nodes["hub"].found())["peer:SE*HUB/ret", "silent"] == 1
        await scene.net.open(scene.nodes["ret"].host)
        await scene.silence()
        assert await scene.at_hub(RET) is CONNECTED
        assert await scene.told("els", RET) is CONNECTED
        [row] = await scene.nodes["hub"].spine.find(t.client, {"party": str(RET)})
        assert row["reason"] == ClientReason.HEARD


@versions
@aio
async def test_r72_only_who_was_silent_for_long_is_asked_and_at_its_versions_with_our_token(version: str):
    async with hub_of_two(version) as scene:
        scene.net.sent.clear()
        await scene.silence(200)
        assert hosts_asked(scene, "/ocpi/versions") == []
        assert (await scene.call("els", "hub", "GET", LIST)).code == 1000
        await scene.silence(200)
        assert hosts_asked(scene, "/ocpi/versions") == [scene.nodes["ret"].host], "the other was heard"
        [asked] = scene.net.requests("GET", "/ocpi/versions")
        assert not [name for name in asked.headers if name.startswith("ocpi-")]
        assert await scene.at_hub(RET) is CONNECTED


@aio
async def test_r72_any_request_is_a_sign_of_life():
    async with hub_of_two("2.2.1") as scene:
        await scene.net.cut(scene.nodes["ret"].host)
        await scene.silence()
        assert await scene.at_hub(RET) is OFFLINE
        # It cannot be reached still, but it has spoken.
        assert (await scene.call("ret", "hub", "GET", "nonsense")).status == 404
        await scene.settle()
        assert await scene.at_hub(RET) is CONNECTED
        assert await scene.told("els", RET) is CONNECTED


@pytest.mark.parametrize("answer", ["401", "500", "no JSON", "no list"])
@aio
async def test_r72_an_answer_that_would_not_do_is_no_sign_of_life(answer: str):
    async with hub_of_two("2.2.1") as scene:
        bodies = {
            "no JSON": HttpResponse(200, {}, b"<html>"),
            "no list": HttpResponse(
                200, {}, b'{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z","data":{}}'
            ),
        }

        async def odd(_: HttpRequest) -> HttpResponse:
            return bodies.get(answer) or HttpResponse(int(answer))

        scene.net.hosts[scene.nodes["ret"].host] = odd
        await scene.silence()
        assert await scene.at_hub(RET) is OFFLINE
        [row] = await scene.nodes["hub"].spine.find(t.pulse, {"peer_id": "ret"})
        assert row["problem"]


@aio
async def test_r72_each_is_asked_once_at_a_time_and_apart_from_others():
    async with hub_of_two("2.2.1") as scene:
        dues = [row["due_at"] for row in await scene.nodes["hub"].spine.find(t.pulse)]
        assert len(set(dues)) == 2, "asked apart"
        scene.clock.pass_by(seconds=400)
        watch = scene.nodes["hub"].roaming.watch
        scene.net.sent.clear()
        for _ in range(5):
            await watch.look()
        await watch.settle()
        asked = hosts_asked(scene, "/ocpi/versions")
        assert sorted(asked) == sorted([scene.nodes["els"].host, scene.nodes["ret"].host])


@aio
async def test_r72_a_sign_of_life_is_written_down_now_and_then_only():
    async with hub_of_two("2.2.1") as scene:
        hub = scene.nodes["hub"]
        await scene.call("els", "hub", "GET", LIST)
        [before] = await hub.spine.find(t.pulse, {"peer_id": "els"})
        scene.clock.pass_by(seconds=5)
        await scene.call("els", "hub", "GET", LIST)
        assert await hub.spine.find(t.pulse, {"peer_id": "els"}) == [before]
        scene.clock.pass_by(seconds=60)
        await scene.call("els", "hub", "GET", LIST)
        [row] = await hub.spine.find(t.pulse, {"peer_id": "els"})
        assert row["heard_at"] == scene.clock.now()


@aio
async def test_r72_a_party_that_left_is_asked_no_more():
    async with hub_of_two("2.2.1") as scene:
        await scene.nodes["ret"].roaming.registrar.unregister(RET, "hub")
        assert (await scene.peer("hub", "ret")).state is PeerState.ENDED
        scene.net.sent.clear()
        await scene.silence()
        await scene.silence()
        assert scene.nodes["ret"].host not in hosts_asked(scene, "/ocpi/versions")
        assert [row["peer_id"] for row in await scene.nodes["hub"].spine.find(t.pulse)] == ["els"]


@aio
async def test_r72_changes_are_facts_and_only_the_latest_is_brought_to_who_was_away():
    async with hub_of_two("2.2.1") as scene:
        els, ret = scene.nodes["els"], scene.nodes["ret"]
        await scene.net.cut(els.host)
        await scene.net.cut(ret.host)
        await scene.silence()
        assert (await scene.call("ret", "hub", "GET", LIST)).code == 1000
        await scene.settle()
        marked = await scene.nodes["hub"].marks()
        assert marked.count((Kind.CLIENT.value, f"{RET}\nEMSP")) == 1
        scene.net.sent.clear()
        await scene.net.open(els.host)
        await scene.silence(60)
        puts = [sent for sent in scene.net.requests("PUT", LIST) if els.host in sent.path]
        assert [b"CONNECTED" in sent.body for sent in puts] == [True]
        facts = await scene.nodes["hub"].spine.facts(client_stream(HUB, RET))
        told = [recorded.fact for recorded in facts]
        assert [
            (fact.client.status, fact.reason) for fact in told if isinstance(fact, ClientInfoChanged)
        ] == [
            (CONNECTED, ClientReason.REGISTERED),
            (OFFLINE, ClientReason.SILENT),
            (CONNECTED, ClientReason.HEARD),
        ]
        assert await scene.told("els", RET) is CONNECTED


@aio
async def test_a_store_that_is_down_stops_no_request_for_a_sign_of_life(monkeypatch: pytest.MonkeyPatch):
    async with hub_of_two("2.2.1") as scene:
        scene.clock.pass_by(seconds=100)

        def fails(_: object) -> None:
            raise SpineDown("disk full")

        with monkeypatch.context() as patched:
            patched.setattr(scene.nodes["hub"].spine, "commit", fails)
            assert (await scene.call("els", "hub", "GET", LIST)).code == 1000
        await scene.call("els", "hub", "GET", LIST)
        [row] = await scene.nodes["hub"].spine.find(t.pulse, {"peer_id": "els"})
        assert row["heard_at"] == scene.clock.now()


async def _direct(scene: Scene) -> None:
    """A peer of the CPO's own, which is no hub."""
    await scene.node("evil", EVIL, Role.EMSP)
    token_a = await scene.nodes["els"].roaming.registrar.invite(ELS, "evil")
    await scene.nodes["evil"].roaming.registrar.register(
        EVIL, "els", scene.nodes["els"].versions_url, token_a
    )
