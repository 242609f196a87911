"""PostgreSQL killed, paused, cut off at COMMIT: nothing acknowledged is lost, nothing is done twice, all heals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from killed_writer import STREAMS, killed_after

from cutting_proxy import Cut, CuttingProxy
from elstrada.model.facts import StationConnected
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, RowMoved, SpineDown, StreamMoved, Work
from elstrada.spine.postgres import PostgresSpine
from postgres_server import PostgresServer, migrated_database, shared_server

_CP1 = "station/SE*ELS/CP1"


class _WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """One of its own, as it is set up in earnest: it will be harmed."""
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


def _hello(stream: str, expected: int, name: str = "c") -> Work:
    return Work(appends=(Append(stream, expected, (StationConnected("ocpp1.6", name),)),))


class _Station:
    """Appends for ever, one fact after the other, and finds out what became of those it got no answer for."""

    def __init__(self, spine: PostgresSpine, number: int) -> None:
        self._spine, self.stream = spine, f"station/SE*ELS/CP{number}"
        self.acknowledged: list[int] = []
        """Versions."""
        self.sent = 0
        self.unknown = 0
        self.overtaken: list[tuple[bool, int]] = []
        """StreamMoved: was the outcome of the commit before it unknown, and by how many facts was it."""

    async def run(self) -> None:
        version, unsure = 0, False
        while True:
            self.sent += 1
            try:
                await self._spine.commit(_hello(self.stream, version, str(self.sent)))
            except SpineDown:
                self.unknown += 1
                unsure, version = True, await self._found(version)
            except StreamMoved as moved:
                self.overtaken.append((unsure, moved.actual - version))
                unsure, version = False, moved.actual
            else:
                version += 1
                unsure = False
                self.acknowledged.append(version)

    async def _found(self, version: int) -> int:
        """Where the stream is, as soon as PostgreSQL says so: behind ``version`` by one at most."""
        while True:
            try:
                found = (await self._spine.load(self.stream)).version
            except SpineDown:
                await asyncio.sleep(0.05)
            else:
                assert found in (version, version + 1)
                return found


async def _heals(spine: PostgresSpine, within_s: float) -> None:
    """P6: the same spine commits again, without help."""
    async with asyncio.timeout(within_s):
        while True:
            try:
                await spine.commit(Work(writes=(Put(t.setting, {"name": "healed", "value": "1"}),)))
            except SpineDown:
                await asyncio.sleep(0.05)
            else:
                return


async def _check(stations: list[_Station], spine: PostgresSpine) -> None:
    """P1, P2: everything acknowledged is there, once, and what is there was sent, in order."""
    for station in stations:
        facts = await spine.facts(station.stream, limit=100_000)
        versions = [fact.version for fact in facts]
        # A commit without an answer may be under way still when we look, and then comes first.
        assert set(station.overtaken) <= {(True, 1)}
        assert versions == list(range(1, len(facts) + 1))
        assert set(station.acknowledged) <= set(versions)
        names = [int(fact.fact.connection_id) for fact in facts if isinstance(fact.fact, StationConnected)]
        assert names == sorted(set(names))
        assert len(names) <= station.sent


def test_nothing_acknowledged_is_lost_when_postgresql_is_killed_under_writers_f3(
    server: PostgresServer,
) -> None:
    async def play(url: str) -> None:
        spine = PostgresSpine(url, _WallClock())
        await spine.start()
        stations = [_Station(spine, number) for number in range(8)]
        tasks = [asyncio.create_task(station.run()) for station in stations]
        for kill in range(4):
            await asyncio.sleep(0.3 + 0.1 * kill)
            before = sum(len(station.acknowledged) for station in stations)
            await asyncio.to_thread(server.kill9)
            await asyncio.to_thread(server.start)
            await _heals(spine, 5)
            async with asyncio.timeout(5):
                while sum(len(station.acknowledged) for station in stations) < before + 8:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert spine.failure is None
        assert sum(station.unknown for station in stations) >= 4
        await _check(stations, spine)
        await spine.close()

    with migrated_database(server) as url:
        asyncio.run(play(url))


def test_every_acknowledged_fact_of_a_killed_node_is_there_and_the_next_node_goes_on_f1() -> None:
    """P1. What the killed node had begun holds nobody up: PostgreSQL sees its connections end."""
    with migrated_database() as url:
        for kill in range(3):
            acknowledged = killed_after(0.2 + 0.1 * kill, url)
            with psycopg.connect(url) as connection:
                rows = connection.execute("SELECT stream, count(*), max(version) FROM log GROUP BY stream")
                stored = {str(stream).rpartition("CP")[2]: (count, last) for stream, count, last in rows}
            assert len(acknowledged) == STREAMS
            for number, version in acknowledged.items():
                count, last = stored[str(number)]
                assert count == last >= version


async def _fails_within(seconds: float, *works: asyncio.Future[int]) -> None:
    begin = time.monotonic()
    outcomes = await asyncio.gather(*works, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {SpineDown}
    assert time.monotonic() - begin < seconds


def test_a_paused_postgresql_is_down_within_five_seconds_and_up_again_when_it_goes_on_f4(
    server: PostgresServer,
) -> None:
    """P8. Takes its time because the pause must outlast the patience. What was sent into the pause is unknown."""

    async def play(url: str) -> None:
        spine = PostgresSpine(url, _WallClock())
        await spine.start()
        streams = [f"station/SE*ELS/CP{number}" for number in range(50)]
        await asyncio.gather(*(spine.commit(_hello(stream, 0)) for stream in streams))
        await asyncio.to_thread(server.pause)
        # With works of all shards among them, for which writers wait for each other.
        all_at_once = Work(tuple(append for stream in streams for append in _hello(stream, 1).appends))
        works = [all_at_once, *(_hello(stream, 1) for stream in streams), all_at_once]
        await _fails_within(5.5, *map(spine.commit, works))
        # Known to be away, it fails fast: within the time of one attempt to connect.
        for _ in range(4):
            await _fails_within(3.0, *(spine.commit(_hello(stream, 1)) for stream in streams))
        begin = time.monotonic()
        with pytest.raises(SpineDown):
            await spine.load(_CP1)
        assert time.monotonic() - begin < 5.5
        await asyncio.to_thread(server.resume)
        await _heals(spine, 5)
        for stream in streams:
            version = (await spine.load(stream)).version
            assert version in (1, 2)
            await spine.commit(_hello(stream, version))
        assert spine.failure is None
        await spine.close()

    with migrated_database(server) as url:
        asyncio.run(play(url))


def test_questions_to_a_paused_postgresql_are_refused_in_time_and_answered_when_it_goes_on_f4(
    server: PostgresServer,
) -> None:
    """More of them than there are threads. Takes its time because the pause must outlast the patience."""

    async def play(url: str) -> None:
        spine = PostgresSpine(url, _WallClock())
        await spine.start()
        await spine.commit(_hello(_CP1, 0))
        await asyncio.gather(*(spine.find(t.station_state) for _ in range(20)))
        await asyncio.to_thread(server.pause)
        begin = time.monotonic()
        questions = [
            question
            for _ in range(20)
            for question in (spine.find(t.station_state), spine.load(_CP1), spine.read(0))
        ]
        outcomes = await asyncio.gather(*questions, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {SpineDown}
        assert time.monotonic() - begin < 8
        await asyncio.to_thread(server.resume)
        await _heals(spine, 5)
        rows = await asyncio.gather(*(spine.find(t.station_state) for _ in range(20)))
        assert {len(found) for found in rows} == {1}
        assert (await spine.load(_CP1)).version == 1
        await spine.close()

    with migrated_database(server) as url:
        asyncio.run(play(url))


@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER])
def test_a_commit_whose_outcome_is_unknown_is_never_acknowledged_and_is_found_out_f5(cut: Cut) -> None:
    async def play(url: str) -> None:
        async with CuttingProxy(shared_server().port).running() as proxy:
            spine = PostgresSpine(url.replace(f":{shared_server().port}/", f":{proxy.port}/"), _WallClock())
            await spine.start()
            await spine.commit(_hello(_CP1, 0))
            cuts = iter([cut])
            proxy.choose = lambda: next(cuts, Cut.NEVER)
            note = Put(t.setting, {"name": "effect", "value": "1"}, {})
            work = Work(_hello(_CP1, 1).appends, (note,))
            with pytest.raises(SpineDown):
                await spine.commit(work)
            await _heals(spine, 5)
            # The same again, by whoever got no answer: done once, whichever way it had gone.
            if cut is Cut.AFTER:
                with pytest.raises(StreamMoved):
                    await spine.commit(work)
                with pytest.raises(RowMoved):
                    await spine.commit(Work(writes=(note,)))
            else:
                await spine.commit(work)
            assert (await spine.load(_CP1)).version == 2
            assert proxy.cuts[cut] == 1
            await spine.close()

    with migrated_database(shards=1) as url:
        asyncio.run(play(url))


def test_many_commits_of_unknown_outcome_have_no_double_and_no_lost_effect_f5() -> None:
    """A fifth of all COMMITs are cut, half of them before and half after PostgreSQL saw them."""

    async def play(url: str) -> None:
        async with CuttingProxy(shared_server().port).running() as proxy:
            spine = PostgresSpine(url.replace(f":{shared_server().port}/", f":{proxy.port}/"), _WallClock())
            await spine.start()
            proxy.cut_often(0.2, seed=7)
            stations = [_Station(spine, number) for number in range(8)]
            tasks = [asyncio.create_task(station.run()) for station in stations]
            async with asyncio.timeout(30):
                while min(proxy.cuts[Cut.BEFORE], proxy.cuts[Cut.AFTER]) < 15:
                    assert not any(task.done() for task in tasks)
                    await asyncio.sleep(0.05)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            proxy.choose = lambda: Cut.NEVER
            await _check(stations, spine)
            await spine.close()

    with migrated_database() as url:
        asyncio.run(play(url))
