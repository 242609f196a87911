"""Who speaks for a station: one socket, on one node, and a newcomer only once the one before is silent (T2, F11)."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
import websockets
from gateways import STREAM, place

from elstrada.model import asks
from elstrada.model import facts as f
from elstrada.model.answers import CommandDone
from elstrada.model.device import CommandResult
from elstrada.roles.gateway import custody
from elstrada.spine.face import Append, SpineDown, Work
from elstrada.spine.post import NobodyThere, NoReply
from nats_server import until

ACCEPTED = CommandDone(CommandResult.ACCEPTED, "Accepted")
DUPLICATE = "duplicate identity"


# One node.


@pytest.mark.rule(1)
async def test_a_newcomer_is_refused_while_the_station_answers_on_its_socket_t2a() -> None:
    async with place() as here:
        node = here.nodes["n1"]
        async with node.dial() as old:
            await old.served()
            for attempt in range(1, 4):
                async with node.dial() as thief:
                    await thief.send("x")
                    begun = time.monotonic()
                    code, reason = await thief.gone()
                    assert time.monotonic() - begun < 1
                    assert (code, reason.partition(":")[0]) == (1008, DUPLICATE)
                    assert not thief.answered, "what it said was not served"
                assert node.count(DUPLICATE) == attempt
            assert await node.command("k1") == ACCEPTED
            assert old.asked == ["Reset"]
            await old.served("2")
            assert here.owners == ["n1"]


async def test_who_does_not_prove_its_identity_disturbs_nobody_t1_t2() -> None:
    async with place() as here:
        node = here.nodes["n1"]
        async with node.dial() as old:
            await old.served()
            for password in ("wrong", ""):
                with pytest.raises(websockets.InvalidStatus):
                    async with node.dial(password=password):
                        pass
            await old.served("2")
            assert node.count(DUPLICATE) == 0
            assert here.owners == ["n1"]


@pytest.mark.slow
@pytest.mark.rule(1)
async def test_a_silent_socket_is_replaced_within_ten_seconds_t2b() -> None:
    """Slow: the station has five seconds to give a sign of life."""
    async with place() as here:
        node = here.nodes["n1"]
        async with node.dial() as old:
            await old.served()
            old.go_silent()
            begun = time.monotonic()
            async with node.dial() as new:
                await new.served(timeout_s=10)
                assert 4.5 < time.monotonic() - begun < 10
                assert await node.command("k1") == ACCEPTED
                assert new.asked == ["Reset"]
                assert here.owners == ["n1", "n1"]
                assert (node.count(DUPLICATE), node.count("silent connection")) == (0, 1)
                await asyncio.sleep(0.1)
                assert here.row()["connection_id"] is not None, (
                    "the late close of the old one changes nothing"
                )


@pytest.mark.rule(1)
async def test_a_station_that_closed_its_socket_comes_back_without_delay() -> None:
    async with place() as here:
        node = here.nodes["n1"]
        for number in range(1, 6):
            async with node.dial() as socket:
                begun = time.monotonic()
                await socket.served()
                assert time.monotonic() - begun < 0.5
                assert here.owners == ["n1"] * number


async def test_a_socket_that_was_reset_holds_up_nobody() -> None:
    async with place() as here:
        node = here.nodes["n1"]
        async with node.dial() as old:
            await old.served()
            old.socket.transport.abort()
            begun = time.monotonic()
            async with node.dial() as new:
                await new.served()
                assert time.monotonic() - begun < 1


@pytest.mark.slow
async def test_a_station_with_little_patience_gets_in_as_soon_as_a_patient_one() -> None:
    """A half-open socket, and a station that dials anew every 1.5 s. Slow: see above."""
    async with place() as here:
        node = here.nodes["n1"]
        async with node.dial() as old:
            await old.served()
            old.go_silent()
            begun = time.monotonic()
            for _ in range(6):
                async with node.dial() as new:
                    await new.send("1")
                    try:
                        await until(lambda new=new: "1" in new.answered, 1.5)  # type: ignore[misc]
                    except TimeoutError:
                        continue
                    break
            assert time.monotonic() - begun < 10
            assert len(here.owners) == 2


@pytest.mark.slow
async def test_newcomers_have_their_turns_and_the_first_that_answers_gets_in_t2() -> None:
    """The one that waits is an old socket too, for the next. Slow: see above."""
    async with place() as here:
        node = here.nodes["n1"]
        async with node.dial() as old:
            await old.served()
            old.go_silent()
            async with node.dial() as first, node.dial() as second, node.dial() as third:
                assert await second.gone() == (1012, "a newer connection of this station waits in its place")
                await first.served(timeout_s=10)
                assert (await third.gone())[0] == 1008
                await first.served("2")
                assert node.count(DUPLICATE) == 1
                assert len(here.owners) == 2


async def test_who_comes_while_a_station_is_let_in_does_not_push_it_out_t2() -> None:
    async with place() as here:
        node = here.nodes["n1"]
        held = asyncio.Event()

        async def wait(_: Work) -> None:
            await held.wait()

        node.spine._before = wait
        async with node.dial() as station:
            await until(lambda: bool(node.gateway._arriving))
            async with node.dial() as thief:
                await asyncio.sleep(0.1)
                held.set()
                await station.served()
                assert (await thief.gone())[0] == 1008
                await station.served("2")


async def test_many_newcomers_do_not_make_the_station_pong_to_its_limit_t13() -> None:
    async with place() as here:
        node = here.nodes["n1"]
        async with node.dial() as old:
            await old.served()
            for _ in range(60):
                async with node.dial() as thief:
                    await thief.gone()
            await old.served("2")
            assert old.closed is None
            assert node.count(DUPLICATE) == 60


async def test_a_newcomer_holds_few_frames_while_it_waits_t9() -> None:
    async with place() as here:
        node = here.nodes["n1"]
        async with node.dial() as old:
            await old.served()
            old.go_silent()
            async with node.dial() as new:
                for number in range(9):
                    await new.send(str(number))
                assert (await new.gone())[0] == 1008


async def test_a_newcomer_while_the_store_is_down_is_sent_away_p8() -> None:
    async with place() as here:
        node = here.nodes["n1"]
        node.spine._down = "for a while"
        async with node.dial() as first:
            assert (await first.gone())[0] == 1013
        assert here.owners == []


async def test_a_goodbye_that_the_store_could_not_take_is_said_later_p8() -> None:
    async with place() as here:
        node = here.nodes["n1"]
        async with node.dial() as socket:
            await socket.served()
            node.spine._down = "for a while"
        await until(lambda: node.gateway._custody.unsaid)
        with pytest.raises(SpineDown):
            await node.gateway._custody.say_what_was_not_said()
        assert node.gateway._custody.unsaid
        node.spine._down = None
        await node.gateway._custody.say_what_was_not_said()
        assert here.row()["connection_id"] is None


async def test_a_connection_that_was_recorded_though_the_store_did_not_say_so_is_cleared_away_f5() -> None:
    async with place() as here:
        node = here.nodes["n1"]
        node.spine._after = _break_off
        async with node.dial() as socket:
            assert (await socket.gone())[0] == 1013
        node.spine._after = None
        assert here.row()["connection_id"] is not None, "the commit was done"
        with pytest.raises(NobodyThere):
            await node.command("k1")
        await node.gateway._custody.say_what_was_not_said()
        assert here.row()["connection_id"] is None


async def _break_off(_: Work) -> None:
    raise SpineDown("the connection broke after COMMIT")


# Two nodes.


async def test_a_newcomer_at_another_node_is_refused_and_commands_reach_the_old_t2a(tmp_path: Path) -> None:
    async with place(tmp_path, "n1", "n2") as here:
        one, two = here.nodes.values()
        async with one.dial() as old:
            await old.served()
            async with two.dial() as thief:
                await thief.send("x")
                code, reason = await thief.gone()
                assert (code, reason.partition(":")[0]) == (1008, DUPLICATE)
                assert not thief.answered
            assert (one.count(DUPLICATE), two.count(DUPLICATE)) == (0, 1)
            for node in (one, two):
                assert await node.command(f"k-{node.node_id}") == ACCEPTED
            assert old.asked == ["Reset", "Reset"]
            assert here.owners == ["n1"]


@pytest.mark.slow
async def test_a_silent_socket_at_another_node_is_replaced_and_exactly_one_epoch_writes_t2c(
    tmp_path: Path,
) -> None:
    """Slow: the station has five seconds to give a sign of life."""
    async with place(tmp_path, "n1", "n2") as here:
        one, two = here.nodes.values()
        async with one.dial() as old:
            await old.served()
            old.go_silent()
            begun = time.monotonic()
            async with two.dial() as new:
                await new.served(timeout_s=10)
                assert time.monotonic() - begun < 10
                assert here.owners == ["n1", "n2"]
                await until(lambda: not one.gateway._links)
                for node in (one, two):
                    assert await node.command(f"k-{node.node_id}") == ACCEPTED
                assert (new.asked, old.asked) == (["Reset", "Reset"], [])
                assert here.row()["node"] == "n2"


async def test_a_station_that_left_one_node_is_at_the_other_without_delay(tmp_path: Path) -> None:
    async with place(tmp_path, "n1", "n2") as here:
        for number in range(6):
            node = here.nodes["n1" if number % 2 else "n2"]
            async with node.dial() as socket:
                begun = time.monotonic()
                await socket.served()
                assert time.monotonic() - begun < 0.5


@pytest.mark.rule(1)
async def test_sockets_at_two_nodes_at_once_end_with_one_that_speaks_t2c(tmp_path: Path) -> None:
    async with place(tmp_path, "n1", "n2") as here:
        one, two = here.nodes.values()
        for round_ in range(5):
            async with one.dial() as first, two.dial() as second:
                callers = {"n1": first, "n2": second}
                for caller in callers.values():
                    await caller.send("1")
                await until(lambda callers=callers: any(c.closed for c in callers.values()))  # type: ignore[misc]
                (winner,) = [name for name, caller in callers.items() if caller.closed is None]
                await callers[winner].served("2")
                assert here.owners[-1] == winner
                assert here.row()["node"] == winner
                assert await one.command(f"k{round_}") == ACCEPTED
                assert callers[winner].asked == ["Reset"]
            await until(lambda: here.row()["connection_id"] is None)


async def test_a_node_that_died_with_its_sockets_holds_up_nobody_f1(tmp_path: Path) -> None:
    async with place(tmp_path, "n1", "n2") as here:
        one, two = here.nodes.values()
        async with one.dial() as old:
            await old.served()
            one.spine.crash()
            await one.stop()
            await one.post.close()  # type: ignore[attr-defined]
            assert here.row()["connection_id"] is not None, "it could say nothing"
            begun = time.monotonic()
            async with two.dial() as new:
                await new.served()
                assert time.monotonic() - begun < 1
                assert here.owners == ["n1", "n2"]


@pytest.mark.slow
async def test_without_nats_a_newcomer_gets_in_after_the_wait_and_the_old_one_can_write_no_more_f8(
    tmp_path: Path,
) -> None:
    """Nobody can be asked then; a station must not stay outside for it. Slow: it waits for the answer."""
    async with place(tmp_path, "n1", "n2") as here:
        one, two = here.nodes.values()
        assert here.nats is not None
        async with one.dial() as old:
            await old.served()
            here.nats.kill()
            begun = time.monotonic()
            async with two.dial() as new:
                await new.served(timeout_s=10)
                assert 5 < time.monotonic() - begun < 10
                assert two.count("node of a connection is silent") == 1
                before = len(here.store.streams[STREAM])
                await old.status("2", "Charging")
                assert await old.gone() == (1012, "served elsewhere")
                assert not {"2"} & set(old.answered), "no answer for what is not in the log (P1)"
                assert len(here.store.streams[STREAM]) == before
                with pytest.raises(NoReply, match="not connected to NATS"):
                    await one.command("k1", deadline_s=1)
                assert await two.command("k2") == ACCEPTED


async def test_a_socket_that_lost_its_station_is_closed_though_it_says_nothing_f11(tmp_path: Path) -> None:
    async with place() as here:
        node = here.nodes["n1"]
        async with node.dial() as old, node.dial("CP2") as other:
            await old.served()
            await other.served()
            version = len(here.store.streams[STREAM])
            elsewhere = f.StationConnected("ocpp1.6", "c-elsewhere", "n2")
            await node.spine.commit(Work((Append(STREAM, version, (elsewhere,)),)))
            await old.served("2")  # A heartbeat needs no fact.
            for _ in range(custody._LOOKS_PER_ROUND):
                await node.gateway._custody.look()
            assert await old.gone() == (1012, "served elsewhere")
            assert node.count("stream moved") == 1
            await other.served("2")
            assert here.row()["connection_id"] == "c-elsewhere"


async def test_after_a_pause_all_sockets_are_looked_at_at_once_f11() -> None:
    async with place(stations=tuple(f"CP{n}" for n in range(1, 41))) as here:
        node = here.nodes["n1"]
        async with node.dial("CP40") as last, node.dial("CP1") as old:
            await old.served()
            await last.served()
            version = len(here.store.streams[STREAM])
            elsewhere = f.StationConnected("ocpp1.6", "c-elsewhere", "n2")
            await node.spine.commit(Work((Append(STREAM, version, (elsewhere,)),)))
            node.gateway._custody._looked_at -= 2 * custody._PAUSED
            await node.gateway._custody.look()
            assert await old.gone() == (1012, "served elsewhere")
            await last.served("2")


async def test_a_command_is_never_done_by_who_lost_the_station_t2c(tmp_path: Path) -> None:
    """The loser has not noticed: its socket is open and it serves its address."""
    async with place(tmp_path, "n1", "n2") as here:
        one, two = here.nodes.values()
        async with one.dial() as old:
            await old.served()
            stale = one.gateway._links[STREAM]
            version = len(here.store.streams[STREAM])
            moved = f.StationConnected("ocpp1.6", "c-moved", "n2")
            await two.spine.commit(Work((Append(STREAM, version, (moved,)),)))
            with pytest.raises(NobodyThere):
                await two.command("k1")
            reset = asks.Command(command_id="k2", name=asks.CommandName.RESET, asked_by=stale.seat.owner)
            address = f"@n1/{STREAM}/{stale.connection_id}"
            with pytest.raises(NobodyThere, match="served elsewhere"):
                await two.post.ask(address, reset, timeout_s=5)
            assert await old.gone() == (1012, "served elsewhere")
            assert old.asked == []
            assert here.log(f.CommandRequested) == []
            with pytest.raises(NobodyThere):
                await two.post.ask(address, reset, timeout_s=5)


async def test_a_node_clears_away_after_its_own_former_life_only_f1(tmp_path: Path) -> None:
    async with place(tmp_path, "n1", "n2") as here:
        one, two = here.nodes.values()
        former = f.StationConnected("ocpp1.6", "c-former", "n1")
        oldest = f.StationConnected("ocpp1.6", "c-oldest")
        for name, fact in (("CP2", former), ("CP3", oldest)):
            await one.spine.commit(Work((Append(STREAM.replace("CP1", name), 0, (fact,)),)))
        async with two.dial() as living:
            await living.served()
            await one.stop()
            await one.start()
            assert here.row("CP2")["connection_id"] is None
            assert here.row("CP2")["disconnect_reason"] == "the node ended"
            assert here.row("CP3")["connection_id"] is None, "from when there was only one node"
            await living.status("2", "Charging")
            await until(lambda: "2" in living.answered)


async def test_stations_of_a_node_that_does_not_come_back_are_said_to_be_gone_f1(tmp_path: Path) -> None:
    async with place(tmp_path, "n1", "n2") as here:
        one, two = here.nodes.values()
        async with one.dial() as first, two.dial("CP2") as second:
            await first.served()
            await second.served()
            lost = f.StationConnected("ocpp1.6", "c-lost", "n3")
            await one.spine.commit(Work((Append(STREAM.replace("CP1", "CP3"), 0, (lost,)),)))
            assert await one.gateway.say_gone_of("n3") == 1
            assert await one.gateway.say_gone_of("n3") == 0
            assert here.row("CP3")["connection_id"] is None
            assert here.row("CP1")["connection_id"] is not None
            assert here.row("CP2")["connection_id"] is not None
            assert await two.gateway.say_gone_of("n2") == 0, "not of what it holds itself"
            assert await two.gateway.say_gone_of("n1") == 1, "wrongly: the node lives"
            await first.status("2", "Charging")
            assert await first.gone() == (1012, "served elsewhere")
            assert "2" not in first.answered


async def test_time_passes_for_a_station_only_where_its_socket_is(tmp_path: Path) -> None:
    """The sweep for stations that are away would take the stream from under the living."""
    async with place(tmp_path, "n1", "n2") as here:
        one, two = here.nodes.values()
        async with one.dial() as socket:
            await socket.served()
            asking = asyncio.create_task(one.command("k1", deadline_s=60))
            await until(lambda: bool(here.log(f.CommandRequested)))
            assert await asking == ACCEPTED
            row = {**here.row(), "station_id": "CP1"}
            assert row["connection_id"] is not None
            begun = f.SessionStarted("S1", "7", "k", 1, 1, here.store.log[0].at, meter_wh=0)
            ended = f.SessionEnded("S1", here.store.log[0].at, energy_wh=10)
            version = len(here.store.streams[STREAM])
            await one.spine.commit(Work((Append(STREAM, version, (begun, ended)),)))
            before = len(here.store.streams[STREAM])
            await two.gateway._sweep()
            assert len(here.store.streams[STREAM]) == before


async def test_a_node_that_leaves_does_not_wait_for_newcomers() -> None:
    async with place() as here:
        node = here.nodes["n1"]
        async with node.dial() as old:
            await old.served()
            old.go_silent()
            async with node.dial() as new:
                await until(lambda: bool(node.gateway._arriving))
                begun = time.monotonic()
                await node.gateway.stop()
                assert time.monotonic() - begun < 4
                assert (await new.gone())[0] == 1012
                assert here.owners == ["n1"]
