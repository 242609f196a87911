"""Our own CPO and eMSP with a hub between them, in each version: nothing they do needs to know of it."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest
from hub_world import DAN, ELS, HUB, NOR, RET, HubWorld
from roaming_world import (
    STATION,
    StationDouble,
    aio,
    at_station,
    furnish,
    issue,
    known,
    location,
    started,
    status,
    token,
)
from wire_documents import LOCATION, but

from elstrada.model import facts as f
from elstrada.model.answers import AskParty
from elstrada.model.device import ConnectorStatus
from elstrada.model.http import HttpRequest
from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.model.token import Allowed, AuthMethod, Verdict
from elstrada.ocpi.v221.commands import ResultType
from elstrada.roles.roaming.registrar import NotRegistered
from elstrada.spine import tables as t

VERSIONS = pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])


async def _furnished(version: str) -> HubWorld:
    world = await HubWorld(version).open()
    await furnish(world)  # type: ignore[arg-type]
    for party in (ELS, RET):
        node = world.at[party]
        await node.roaming.roamer.resync(known(await node.roaming.peers.get(party, "hub")))
    await world.settle()
    await world.settle()
    world.net.sent.clear()
    return world


@VERSIONS
def test_r69_our_cpo_tells_the_hub_and_it_tells_every_emsp(version: str):
    @aio
    async def check() -> None:
        world = await _furnished(version)
        for party in (RET, DAN):
            (row,) = await world.at[party].spine.find(t.location)
            assert (row["party"], row["location_id"]) == (str(ELS), "L1")
        for party in (ELS, NOR):
            rows = await world.at[party].spine.find(t.token, {"party": str(RET)})
            assert [row["uid"] for row in rows] == [token().uid]
        await at_station(world, status(ConnectorStatus.OCCUPIED))  # type: ignore[arg-type]
        await world.settle()
        await world.settle()
        rows = await world.at[DAN].spine.find(t.location)
        assert '"CHARGING"' in str(rows[0]["document"])
        assert await _strayed(world) == {}

    check()


@VERSIONS
def test_r69_sessions_and_cdrs_go_through_the_hub_to_the_drivers_emsp_alone(version: str):
    @aio
    async def check() -> None:
        world = await _furnished(version)
        await at_station(world, f.StationConnected("ocpp1.6", "c1", "n1"), started(world))  # type: ignore[arg-type]
        await issue(world)  # type: ignore[arg-type]
        await world.settle()
        (session,) = await world.ret.spine.find(t.roamed_session)
        (cdr,) = await world.ret.spine.find(t.cdr)
        assert (session["party"], cdr["party"]) == (str(ELS), str(ELS))
        assert await world.at[DAN].spine.find(t.cdr) == []
        delivered = await world.els.spine.find(t.mark, {"kind": "cdr"})
        assert delivered == []
        assert await _strayed(world) == {}

    check()


@VERSIONS
def test_r68_a_token_is_authorized_by_its_emsp_behind_the_hub(version: str):
    @aio
    async def check() -> None:
        world = await _furnished(version)
        for party in (RET, None):
            verdict = await world.els.roaming.authorizer.authorize(ELS, _question(world, party))
            assert (verdict.allowed, verdict.party) == (Allowed.ALLOWED, RET), verdict.note

    check()


@VERSIONS
def test_r68_a_command_goes_through_the_hub_and_its_result_comes_back_once(version: str):
    @aio
    async def check() -> None:
        world = await _furnished(version)
        station = await StationDouble.connected(world)  # type: ignore[arg-type]
        hub = known(await world.ret.roaming.peers.get(RET, "hub"))
        ended = await asyncio.wait_for(
            world.ret.roaming.commander.start(hub, ELS, token(), "L1", location().evses[0], "1"), 10
        )
        assert ended.result is ResultType.ACCEPTED
        assert len(station.asked) == 1
        posted = world.to_party(RET, "POST")
        assert len(posted) == 1
        assert b"status_code" not in posted[0].body
        (relayed,) = [one for one in world.net.sent if "/relay/" in one.path]
        again = await world.hub.roaming.office.handle(_inner(relayed), "192.0.2.1")
        assert again.status == 404
        assert len(world.to_party(RET, "POST")) == 1
        assert await world.hub.spine.find(t.hub_address) == []
        station.release()

    check()


@aio
async def test_r70_our_emsp_pulls_all_from_the_hub_and_passes_over_what_is_its_own():
    world = await _furnished("2.2.1")
    hub = known(await world.els.roaming.peers.get(ELS, "hub"))
    pulled = await world.els.roaming.puller.pull(hub, "tokens")
    assert pulled.passed_over == 0
    listed = world.net.requests("GET", "emsp/tokens")
    assert listed[-1].headers["ocpi-to-party-id"] == "HUB"


@aio
async def test_r71_a_hub_speaks_neither_for_us_nor_for_whoever_is_connected_without_it():
    world = await _furnished("2.2.1")
    token_a = await world.ret.roaming.registrar.invite(RET, "nor")
    await world.at[NOR].roaming.registrar.register(NOR, "ret", world.ret.versions_url, token_a)
    answer = await world.ask(
        NOR,
        "PUT",
        "emsp/locations/NO/NOR/L1",
        but(LOCATION, country_code="NO", party_id="NOR", id="L1"),
        to=RET,
    )
    assert (answer.status, answer.code) == (200, 2001)
    assert "(R-09)" in answer.envelope["status_message"]


@aio
async def test_r71_a_peer_does_not_become_a_hub_by_renewing():
    world = await HubWorld().open()
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    await world.els.roaming.registrar.register(ELS, "ret", world.ret.versions_url, token_a)
    await world.els.party(ELS, Role.HUB)
    peer = known(await world.ret.roaming.peers.get(RET, "els"))
    with pytest.raises(NotRegistered, match="by registering anew"):
        await world.els.roaming.registrar.renew(ELS, "ret")
    assert known(await world.ret.roaming.peers.get(RET, "els")).hub is peer.hub is None


@aio
async def test_r71_a_hub_of_2_3_0_names_those_behind_it_and_one_of_2_2_1_itself_alone():
    for version, expected in (("2.2.1", {str(HUB)}), ("2.3.0", {str(ELS), str(NOR), str(RET)})):
        world = await HubWorld(version).open()
        peer = known(await world.at[DAN].roaming.peers.get(DAN, "hub"))
        assert {str(role.party) for role in peer.roles} == expected
        assert peer.hub == HUB


def _question(world: HubWorld, party: PartyId | None) -> AskParty:
    return AskParty(
        token_ref=world.els.means.keys.token_ref(token().uid),
        token_uid=token().uid,
        token_type="RFID",
        party=party,
        evse_id=1,
        station_id=STATION,
        fallback=Verdict(Allowed.NOT_ALLOWED, AuthMethod.AUTH_REQUEST, party, note="fallback"),
    )


def _inner(request: HttpRequest) -> HttpRequest:
    return HttpRequest(request.method, urlsplit(request.path).path, {}, request.headers, request.body)


async def _strayed(world: HubWorld) -> dict[tuple[str, str], int]:
    """What was found with anybody, but for what a version cannot say."""
    found: dict[tuple[str, str], int] = {}
    for node in world.at.values():
        found |= {
            key: count for key, count in (await node.found()).items() if not key[1].startswith("UNTOLD")
        }
    return found
