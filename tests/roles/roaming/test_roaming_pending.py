"""A session that a partner has ordered is PENDING until it begins, and INVALID when it never does (R-56)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from roaming_world import ELS, RET, START, World, aio, at_station, furnished, known, started, token
from wire_documents import SESSION, but

from elstrada.model import facts as f
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.session import Session, SessionStatus
from elstrada.ocpi.versions import TABLES
from elstrada.roles.roaming.reaper import PENDING_AT_MOST
from elstrada.spine import tables as t


def requested(world: World, **changes: Any) -> f.CommandRequested:
    """A remote start, as our CPO takes it for the eMSP."""
    made = f.CommandRequested(
        command_id="cmd-1",
        name=CommandName.START,
        asked_by=RET,
        evse_id=1,
        connector_id=1,
        session_id="S1",
        token_ref=world.els.means.keys.token_ref(token().uid),
        token_party=RET,
        authorization_reference="ref-1",
    )
    return msgspec.structs.replace(made, **changes)


ACCEPTED = f.CommandAnswered("cmd-1", CommandResult.ACCEPTED, "")


async def at_emsp(world: World, session_id: str = "S1") -> Session | None:
    row = await world.ret.spine.get(t.roamed_session, owner=str(RET), party=str(ELS), session_id=session_id)
    return None if row is None else msgspec.json.decode(str(row["document"]), type=Session)


async def ordered(version: str = "2.3.0") -> World:
    """The station has accepted a remote start, and the eMSP knows."""
    world = await furnished(World(versions=(version,)))
    ref = world.els.means.keys.token_ref(token().uid)
    assert await world.els.spine.find(t.token, {"owner": str(ELS), "ref": ref}), "the token was pushed"
    await at_station(world, requested(world))
    await world.settle()
    assert await at_emsp(world) is None, "nothing was created at the station yet"
    world.clock.pass_by(seconds=2)
    await at_station(world, ACCEPTED)
    await world.settle()
    return world


@pytest.mark.parametrize("version", list(TABLES))
def test_r56_a_remote_start_that_the_station_accepts_is_a_pending_session(version: str) -> None:
    @aio
    async def scene() -> None:
        world = await ordered(version)
        session = known(await at_emsp(world))
        assert session.status is SessionStatus.PENDING
        assert (session.start_date_time, session.kwh) == (START + timedelta(seconds=2), 0)
        assert (session.location_id, session.evse_uid, session.connector_id) == ("L1", "E1", "1")
        world.clock.pass_by(seconds=30)
        await at_station(world, started(world, at=world.clock.now(), command_id="cmd-1"))
        await world.settle()
        session = known(await at_emsp(world))
        assert (session.status, session.start_date_time) == (SessionStatus.ACTIVE, world.clock.now())

    scene()


@pytest.mark.rule(33)
@pytest.mark.parametrize("version", list(TABLES))
def test_r56_one_that_never_begins_is_invalid_at_the_emsp_too(version: str) -> None:
    @aio
    async def scene() -> None:
        world = await ordered(version)
        world.clock.pass_by(minutes=11)
        await at_station(world, f.RemoteStartLapsed("cmd-1", 660))
        await world.settle()
        assert known(await at_emsp(world)).status is SessionStatus.INVALID
        # A session that the driver begins later is another one.
        await at_station(world, started(world, "S2"))
        await world.settle()
        assert known(await at_emsp(world)).status is SessionStatus.INVALID
        assert known(await at_emsp(world, "S2")).status is SessionStatus.ACTIVE

    scene()


@pytest.mark.parametrize("result", [one for one in CommandResult if one is not CommandResult.ACCEPTED])
def test_r56_one_that_the_station_did_not_accept_was_never_a_session(result: CommandResult) -> None:
    @aio
    async def scene() -> None:
        world = await furnished()
        await at_station(world, requested(world), f.CommandAnswered("cmd-1", result, ""))
        await world.settle()
        assert await at_emsp(world) is None
        assert world.net.requests("PUT", "/sessions/") == []

    scene()


@aio
async def test_r56_one_that_begins_as_another_session_is_invalid_itself() -> None:
    world = await ordered()
    world.clock.pass_by(seconds=5)
    # The driver had a reservation, by whose id the session is known.
    await at_station(world, started(world, "RESERVED-1", command_id="cmd-1"))
    await world.settle()
    assert known(await at_emsp(world)).status is SessionStatus.INVALID
    assert known(await at_emsp(world, "RESERVED-1")).status is SessionStatus.ACTIVE


@aio
async def test_r56_an_outage_of_the_emsp_leaves_it_with_the_last_state_alone() -> None:
    world = await furnished()
    world.net.down.add("ret.example")
    await at_station(world, requested(world), ACCEPTED)
    await world.settle()
    world.clock.pass_by(minutes=11)
    await at_station(world, f.RemoteStartLapsed("cmd-1", 660))
    await world.settle()
    world.net.down.clear()
    world.clock.pass_by(minutes=10)
    await world.settle()
    assert known(await at_emsp(world)).status is SessionStatus.INVALID
    version = (await world.ret.spine.load(f"roamed-session/{RET}/{ELS}/S1")).version
    assert version == 1


@aio
async def test_r56_starts_of_our_own_are_told_to_nobody() -> None:
    world = await furnished()
    await at_station(world, requested(world, token_party=ELS), ACCEPTED)
    await at_station(world, requested(world, command_id="cmd-2", session_id=None))
    await at_station(world, f.CommandAnswered("cmd-2", CommandResult.ACCEPTED, ""))
    await world.settle()
    assert world.net.requests("PUT", "/sessions/") == []


@aio
async def test_r56_a_partners_session_that_stays_pending_is_invalid_with_us_and_counted() -> None:
    world = await furnished()
    await pushed(world, status="PENDING", last_updated="2026-02-03T12:00:00Z")
    callbacks = world.ret.roaming.callbacks
    world.clock.pass_by(seconds=PENDING_AT_MOST.total_seconds() - 1)
    await callbacks.settle()
    assert known(await at_emsp(world, "S9")).status is SessionStatus.PENDING
    world.clock.pass_by(seconds=2)
    await callbacks.settle()
    await callbacks.settle()
    assert known(await at_emsp(world, "S9")).status is SessionStatus.INVALID
    assert (await world.ret.found())["peer:SE*RET/els", "SESSION PENDING"] == 1
    shown = await world.as_els("GET", "2.3.0/emsp/sessions/SE/ELS/S9")
    assert shown.data["status"] == "INVALID"
    # What its CPO tells later counts, even with the date that it had.
    await pushed(world, status="ACTIVE", last_updated="2026-02-03T12:00:00Z")
    assert known(await at_emsp(world, "S9")).status is SessionStatus.ACTIVE


@pytest.mark.parametrize("dated", ["2020-01-01T00:00:00Z", "2039-01-01T00:00:00Z"])
def test_r56_how_long_it_is_pending_is_told_by_our_own_clock(dated: str) -> None:
    @aio
    async def scene() -> None:
        world = await furnished()
        await pushed(world, status="PENDING", last_updated=dated, start_date_time=dated)
        await world.ret.roaming.callbacks.settle()
        assert known(await at_emsp(world, "S9")).status is SessionStatus.PENDING
        world.clock.pass_by(hours=2)
        await world.ret.roaming.callbacks.settle()
        assert known(await at_emsp(world, "S9")).status is SessionStatus.INVALID

    scene()


async def pushed(world: World, **changes: Any) -> None:
    answer = await world.as_els("PUT", "2.3.0/emsp/sessions/SE/ELS/S9", but(SESSION, **changes))
    assert answer.code == 1000, answer
