"""The bell between nodes: heard, or soon rung again, and never in anybody's way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from elstrada.spine.bell import Bell
from elstrada.spine.nats_bell import NatsBell
from nats_server import nats_line, nats_server, until


class Listener:
    def __init__(self, bell: NatsBell) -> None:
        self.bell, self.heard = bell, list[int]()
        bell.on_ring(self.heard.append)


@asynccontextmanager
async def listener(url: str, node_id: str) -> AsyncIterator[Listener]:
    async with nats_line(url, node_id) as line:
        bell = NatsBell(line, node_id)
        await bell.start()
        try:
            yield Listener(bell)
        finally:
            await bell.close()


async def well(*listeners: Listener) -> None:
    await until(lambda: all(one.bell.healthy for one in listeners))


async def test_a_ring_is_heard_by_every_other_node_and_not_by_ones_own(tmp_path: Path) -> None:
    with nats_server(tmp_path) as server:
        await server.start()
        async with (
            listener(server.url, "n1") as one,
            listener(server.url, "n2") as two,
            listener(server.url, "n3") as three,
        ):
            await well(one, two, three)
            bell: Bell = one.bell
            bell.ring(0)
            bell.ring(7)
            await until(lambda: sorted(two.heard) == sorted(three.heard) == [0, 7])
            assert one.heard == []
            assert one.bell.counts.rung == 2


async def test_a_thousand_rings_of_one_shard_are_few_on_the_wire_and_the_last_is_not_lost(
    tmp_path: Path,
) -> None:
    with nats_server(tmp_path) as server:
        await server.start()
        async with listener(server.url, "n1") as one, listener(server.url, "n2") as two:
            await well(one, two)
            for _ in range(1_000):
                one.bell.ring(3)
            await until(lambda: bool(two.heard) and not one.bell._ringing)
            assert one.bell.counts.rung <= 2
            assert one.bell.counts.spared >= 998
            count = len(two.heard)
            await asyncio.sleep(0.05)
            one.bell.ring(3)
            await until(lambda: len(two.heard) == count + 1)


async def test_who_was_away_hears_on_its_return_what_was_rung_meanwhile(tmp_path: Path) -> None:
    with nats_server(tmp_path) as server:
        await server.start()
        async with listener(server.url, "n1") as one:
            await well(one)
            for shard in (2, 5):
                for _ in range(3):
                    one.bell.ring(shard)
                    await asyncio.sleep(0.05)
            async with listener(server.url, "n2") as two:
                await well(two)
                assert sorted(two.heard) == [2, 5], "the newest of each shard, once"


async def test_rings_go_on_after_nats_was_killed_and_its_data_deleted_f8(tmp_path: Path) -> None:
    with nats_server(tmp_path) as server:
        await server.start()
        async with listener(server.url, "n1") as one, listener(server.url, "n2") as two:
            await well(one, two)
            for round_ in range(3):
                server.kill()
                server.forget()
                await until(lambda: not one.bell.healthy)
                assert "not connected to NATS" in one.bell.trouble
                begun = time.monotonic()
                for _ in range(100):
                    one.bell.ring(round_)
                assert time.monotonic() - begun < 0.1, "it never waits"
                await server.start()
                await until(lambda shard=round_: shard in two.heard)  # type: ignore[misc]
                await well(one, two)


async def test_a_stream_that_was_deleted_is_made_again_f8(tmp_path: Path) -> None:
    with nats_server(tmp_path) as server:
        await server.start()
        async with listener(server.url, "n1") as one, nats_line(server.url) as line:
            await well(one)
            stream = (await line.client()).jetstream()
            assert await stream.delete_stream("elstrada-bell")
            one.bell.ring(4)
            await until(lambda: one.bell.counts.rung == 1)
            kept = await stream.stream_info("elstrada-bell", subjects_filter="elstrada.bell.*")
            assert kept.state.subjects == {"elstrada.bell.4": 1}
            assert kept.config.max_msgs_per_subject == 1


async def test_a_bell_without_jetstream_says_so_and_is_still_heard_f9(tmp_path: Path) -> None:
    with nats_server(tmp_path, jetstream=False) as server:
        await server.start()
        async with listener(server.url, "n1") as one, listener(server.url, "n2") as two:
            await until(lambda: "what was rung while away" in two.bell.trouble)
            one.bell.ring(1)
            await until(lambda: one.bell.counts.lost == 1)
            assert "JetStream does not keep rings" in one.bell.trouble
            assert not one.bell.healthy
            assert two.heard, "who listens hears it all the same"


async def test_a_bell_hangs_nobody_up_while_nats_stands_still(tmp_path: Path) -> None:
    with nats_server(tmp_path) as server:
        await server.start()
        async with listener(server.url, "n1") as one, listener(server.url, "n2") as two:
            await well(one, two)
            server.pause()
            for shard in range(100):
                one.bell.ring(shard)
            await until(lambda: one.bell.counts.lost >= 100)
            assert len(one.bell._ringing) <= 100
            server.go_on()
            one.bell.ring(0)
            await well(one, two)
            await until(lambda: 0 in two.heard)


async def test_a_foreign_message_on_the_bells_subject_is_no_ring(tmp_path: Path) -> None:
    with nats_server(tmp_path) as server:
        await server.start()
        async with listener(server.url, "n1") as one, nats_line(server.url) as line:
            await well(one)
            client = await line.client()
            for word in ("x", "-1", "4096", "٣", "1e3", "00000000000000000000"):
                await client.publish(f"elstrada.bell.{word}", b"n2")
            await client.publish("elstrada.bell.9", b"n2")
            await until(lambda: 9 in one.heard)
            assert set(one.heard) == {9}


@pytest.mark.parametrize("shard", [-1, 4_096])
async def test_there_is_no_such_shard(shard: int) -> None:
    async with nats_line("nats://127.0.0.1:1") as line:
        with pytest.raises(AssertionError, match="there is no shard"):
            NatsBell(line, "n1").ring(shard)
