"""The whole walk of a roaming driver, on the store that serves for real."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from roaming_world import (
    ELS,
    RET,
    START,
    STATION,
    Clock,
    StationDouble,
    World,
    aio,
    at_station,
    furnished,
    issue,
    location,
    started,
    status,
    token,
)

from elstrada.model import facts as f
from elstrada.model.answers import AskParty
from elstrada.model.device import ConnectorStatus
from elstrada.model.token import Allowed, AuthMethod, Verdict
from elstrada.ocpi.v221.commands import ResultType
from elstrada.ocpi.versions import TABLES
from elstrada.spine import tables as t
from elstrada.spine.sqlite import SqliteSpine


@pytest.mark.parametrize("version", TABLES)
def test_a_driver_roams_over_two_nodes_on_sqlite(tmp_path: Path, version: str):
    def spine_of(name: str, clock: Clock) -> SqliteSpine:
        return SqliteSpine(tmp_path / f"{name}.db", clock)

    @aio
    async def walk() -> None:
        world = World(spine_of, versions=(version,))
        await world.els.spine.start()
        await world.ret.spine.start()
        try:
            await _roam(await furnished(world))
        finally:
            await world.els.spine.close()
            await world.ret.spine.close()

    walk()


async def _roam(world: World) -> None:
    refused = Verdict(Allowed.NOT_ALLOWED, AuthMethod.AUTH_REQUEST)
    ref = world.els.means.keys.token_ref(token().uid)
    question = AskParty(
        token_ref=ref,
        token_uid=token().uid,
        token_type="RFID",
        party=RET,
        evse_id=1,
        station_id=STATION,
        fallback=refused,
    )
    verdict = await world.els.roaming.authorizer.authorize(ELS, question)
    assert verdict.allowed is Allowed.ALLOWED

    await StationDouble.connected(world)
    evse = location().evses[0]
    peer = await world.els_at_ret()
    ended = await world.ret.roaming.commander.start(peer, ELS, token(), "L1", evse, "1")
    assert ended.result is ResultType.ACCEPTED

    reference = verdict.authorization_reference
    begun = started(world, authorization_reference=reference)
    await at_station(world, status(ConnectorStatus.CHARGING), begun)
    await world.settle()
    [session] = await world.ret.spine.find(t.roamed_session)
    assert session["status"] == "ACTIVE"

    world.clock.pass_by(hours=1)
    done = f.SessionEnded("S1", START + timedelta(hours=1), energy_wh=25_000)
    await at_station(world, done, status(ConnectorStatus.AVAILABLE, START + timedelta(hours=1)))
    await issue(world)
    await world.settle()
    [session] = await world.ret.spine.find(t.roamed_session)
    [cdr] = await world.ret.spine.find(t.cdr)
    assert (session["status"], cdr["state"]) == ("COMPLETED", "RECEIVED")
    [sent] = await world.els.spine.find(t.cdr)
    assert sent["state"] == "DELIVERED"
    assert await world.els.marks() == await world.ret.marks() == []
    # Renewed and parted, on the same store.
    await world.els.roaming.registrar.renew(ELS, "ret")
    assert (await world.as_els("GET", "versions")).status == 200
    await world.ret.roaming.registrar.unregister(RET, "els")
    assert await world.els.roaming.peers.of(ELS) == []
