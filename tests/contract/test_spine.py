"""What every spine promises, on every engine."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from spine_engines import ENGINES, ONE_SHARD, Engine, StillClock, on, whole_log
from spine_works import ELS, NOON

from elstrada.model.facts import StationConnected, StationDisconnected
from elstrada.model.ids import station_stream
from elstrada.spine import tables as t
from elstrada.spine.face import (
    Advance,
    AnyOf,
    Append,
    Between,
    CursorMoved,
    Delete,
    Put,
    RowMoved,
    Spine,
    SpineDown,
    StreamMoved,
    Waiting,
    Where,
    Work,
)
from elstrada.spine.shards import shard_of

CP1, CP2 = station_stream(ELS, "CP1"), station_stream(ELS, "CP2")
HELLO = StationConnected("ocpp1.6", "c1")
BYE = StationDisconnected("c1", "gone")


@pytest.fixture(params=ENGINES.values(), ids=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return request.param


def _append(stream: str, expected: int, *facts: StationConnected | StationDisconnected) -> Work:
    return Work(appends=(Append(stream, expected, facts),))


def _setting(name: str, value: str, expected: dict[str, str] | None = None) -> Put:
    return Put(t.setting, {"name": name, "value": value}, expected)


async def _settings(spine: Spine) -> dict[str, str]:
    return {str(row["name"]): str(row["value"]) for row in await spine.find(t.setting)}


def test_what_was_committed_is_read_in_order_with_its_place(engine: Engine, tmp_path: Path) -> None:
    async def scene(spine: Spine) -> None:
        first = await spine.commit(_append(CP1, 0, HELLO))
        await spine.commit(_append(CP2, 0, HELLO, BYE))
        last = await spine.commit(_append(CP1, 1, BYE))
        log = await whole_log(spine)
        one, two = ([fact for fact in log if fact.stream == stream] for stream in (CP1, CP2))
        assert [(fact.position, fact.version, fact.fact) for fact in one] == [
            (first, 1, HELLO),
            (last, 2, BYE),
        ]
        assert [(fact.version, fact.fact) for fact in two] == [(1, HELLO), (2, BYE)]
        shard = shard_of(CP1, spine.shards)
        behind = [fact for fact in await spine.read(0, shard=shard) if fact.position > first]
        assert await spine.read(first, shard=shard) == behind
        assert await spine.read(first, limit=1, shard=shard) == behind[:1]
        assert await spine.read(0, shard=spine.shards) == []
        assert await spine.facts(CP1, after_version=1) == one[1:]
        assert await spine.facts(CP2, limit=1) == two[:1]
        ends = [fact.position for fact in await spine.read(0)]
        assert await spine.commit(Work()) == max(ends, default=0)

    on(engine, tmp_path, scene)


@pytest.mark.parametrize("name", ["memory", "sqlite"])
def test_positions_of_a_single_log_are_counted_from_one(name: str, tmp_path: Path) -> None:
    async def scene(spine: Spine) -> None:
        assert await spine.commit(_append(CP1, 0, HELLO)) == 1
        assert await spine.commit(_append(CP2, 0, HELLO, BYE)) == 3
        assert await spine.commit(Work()) == 3

    on(ENGINES[name], tmp_path, scene)


def test_what_waits_behind_a_place_is_counted_and_dated(engine: Engine, tmp_path: Path) -> None:
    async def scene(spine: Spine) -> None:
        shard = shard_of(CP1, spine.shards)
        assert await spine.waiting(0, shard) == Waiting(0)
        first = await spine.commit(_append(CP1, 0, HELLO))
        last = await spine.commit(_append(CP1, 1, BYE, HELLO))
        assert await spine.waiting(0, shard) == Waiting(3, StillClock().now())
        assert await spine.waiting(first, shard) == Waiting(2, StillClock().now())
        assert await spine.waiting(last, shard) == Waiting(0)

    on(engine, tmp_path, scene)


def test_a_work_is_done_whole_or_not_at_all(engine: Engine, tmp_path: Path) -> None:
    async def scene(spine: Spine) -> None:
        await spine.commit(_append(CP1, 0, HELLO))
        spoilt = Work(
            appends=(Append(CP2, 0, (HELLO,)), Append(CP1, 0, (BYE,))),
            writes=(_setting("a", "1"),),
            advance=Advance("rater", 1),
        )
        with pytest.raises(StreamMoved) as moved:
            await spine.commit(spoilt)
        assert (moved.value.stream, moved.value.expected, moved.value.actual) == (CP1, 0, 1)
        refused = Work(
            appends=(Append(CP2, 0, (HELLO,)),),
            writes=(_setting("a", "1"), _setting("a", "2", {"value": "0"})),
            advance=Advance("rater", 1),
        )
        with pytest.raises(RowMoved):
            await spine.commit(refused)
        assert len(await whole_log(spine)) == 1
        assert await _settings(spine) == {}
        assert await spine.cursor("rater") == 0
        assert await spine.get(t.station_state, owner=str(ELS), station_id="CP2") is None

    on(engine, tmp_path, scene)


def test_an_edition_is_another_before_a_writer_knows_or_nobody_can_tell(
    engine: Engine, tmp_path: Path
) -> None:
    async def scene(spine: Spine) -> None:
        editions = [spine.edition((t.setting, t.party))]
        for value in ("1", "2"):
            await spine.commit(Work(writes=(_setting("a", value),)))
            editions.append(spine.edition((t.setting, t.party)))
        await spine.commit(_append(CP1, 0, HELLO))
        assert spine.edition((t.setting, t.party)) == editions[-1]
        assert len(set(editions)) == (1 if editions[0] is None else 3)

    on(engine, tmp_path, scene)


def test_of_many_writers_of_one_stream_one_wins_each_version(engine: Engine, tmp_path: Path) -> None:
    async def writer(spine: Spine) -> int:
        lost = 0
        for version in range(20):
            try:
                await spine.commit(_append(CP1, version, HELLO))
            except StreamMoved:
                lost += 1
        return lost

    async def scene(spine: Spine) -> None:
        lost = await asyncio.gather(*(writer(spine) for _ in range(8)))
        assert sum(lost) == 8 * 20 - 20
        assert [r.version for r in await spine.facts(CP1)] == list(range(1, 21))

    on(engine, tmp_path, scene)


def test_works_of_a_stream_are_done_in_the_order_they_were_handed_in(engine: Engine, tmp_path: Path) -> None:
    """Also when every third of them is of other streams as well, in whichever shards those are."""

    async def scene(spine: Spine) -> None:
        versions = dict.fromkeys((station_stream(ELS, f"CP{number}") for number in range(8)), 0)
        handed: list[asyncio.Future[int]] = []
        for turn in range(200):
            streams = list(versions)[turn % 8 :][: 1 + 2 * (turn % 3 == 0)]
            handed.append(spine.commit(Work(tuple(Append(s, versions[s], (HELLO,)) for s in streams))))
            for stream in streams:
                versions[stream] += 1
        ends = await asyncio.gather(*handed)
        log = await whole_log(spine)
        assert {s: max(f.version for f in log if f.stream == s) for s in versions} == versions
        assert set(ends) <= {fact.position for fact in log}

    on(engine, tmp_path, scene)


@pytest.mark.parametrize("name", ONE_SHARD)
def test_with_one_shard_all_works_are_done_in_the_order_they_were_handed_in(
    name: str, tmp_path: Path
) -> None:
    async def scene(spine: Spine) -> None:
        streams = [station_stream(ELS, f"CP{number}") for number in range(100)]
        ends = await asyncio.gather(*(spine.commit(_append(stream, 0, HELLO)) for stream in streams))
        assert ends == sorted(ends)
        assert [fact.stream for fact in await spine.read(0)] == streams

    on(ONE_SHARD[name], tmp_path, scene)


def test_a_snapshot_shortens_load_and_changes_nothing_else(engine: Engine, tmp_path: Path) -> None:
    async def scene(spine: Spine) -> None:
        assert (await spine.load(CP1)).version == 0
        await spine.commit(Work(appends=(Append(CP1, 0, (HELLO, BYE), b"away"),)))
        await spine.commit(_append(CP1, 2, HELLO))
        loaded = await spine.load(CP1)
        assert (loaded.version, loaded.snapshot) == (3, b"away")
        assert [r.version for r in loaded.facts] == [3]
        assert len(await spine.facts(CP1)) == 3
        await spine.commit(Work(appends=(Append(CP1, 3, (), b"here"),)))
        loaded = await spine.load(CP1)
        assert (loaded.version, loaded.snapshot, loaded.facts) == (3, b"here", ())
        assert (await spine.version(CP1), await spine.version(CP2)) == (3, 0)

    on(engine, tmp_path, scene)


def test_expectations_of_a_record(engine: Engine, tmp_path: Path) -> None:
    async def scene(spine: Spine) -> None:
        await spine.commit(Work(writes=(_setting("a", "1", {}),)))
        with pytest.raises(RowMoved):
            await spine.commit(Work(writes=(_setting("a", "2", {}),)))
        await spine.commit(Work(writes=(_setting("a", "2", {"value": "1"}),)))
        with pytest.raises(RowMoved):
            await spine.commit(Work(writes=(Delete(t.setting, {"name": "a"}, {"value": "1"}),)))
        with pytest.raises(RowMoved):
            await spine.commit(Work(writes=(_setting("b", "1", {"value": "1"}),)))
        assert await _settings(spine) == {"a": "2"}
        # A later write of a work sees an earlier one.
        later = (_setting("a", "3"), _setting("a", "4", {"value": "3"}))
        await spine.commit(Work(writes=later))
        await spine.commit(Work(writes=(Delete(t.setting, {"name": "a"}, {"value": "4"}),)))
        assert await _settings(spine) == {}

    on(engine, tmp_path, scene)


def test_columns_not_named_stay_as_they_are(engine: Engine, tmp_path: Path) -> None:
    async def scene(spine: Spine) -> None:
        key = {"owner": str(ELS), "station_id": "CP1"}
        whole = {**key, "password_hash": b"x", "document": "{}", "changed_at": NOON}
        with pytest.raises(RowMoved):
            await spine.commit(Work(writes=(Put(t.station, {**key, "password_hash": b"y"}),)))
        await spine.commit(Work(writes=(Put(t.station, whole),)))
        await spine.commit(Work(writes=(Put(t.station, {**key, "password_hash": None}),)))
        unsaid = dict.fromkeys(column.name for column in t.station.columns)
        assert await spine.get(t.station, **key) == {**unsaid, **whole, "password_hash": None}

    on(engine, tmp_path, scene)


def test_only_records_are_written_directly_and_only_by_their_whole_key(
    engine: Engine, tmp_path: Path
) -> None:
    wrong = (
        Put(t.session, {"owner": "SE*ELS", "session_id": "1"}),
        Put(t.cursor, {"follower": "f", "shard": 0, "position": 1}),
        Put(t.setting, {"value": "1"}),
        Put(t.setting, {"name": "a", "colour": "1"}),
        Put(t.setting, {"name": "a", "value": None}),
        Put(t.setting, {"name": "a", "value": "1"}, {"colour": "1"}),
        Delete(t.station, {"owner": "SE*ELS"}),
        Delete(t.setting, {"name": "a", "value": "1"}),
    )

    async def scene(spine: Spine) -> None:
        for write in wrong:
            with pytest.raises(ValueError, match=write.table.name):
                await spine.commit(Work(writes=(write,)))
        for shard in (-1, spine.shards):
            with pytest.raises(ValueError, match="no shard"):
                await spine.commit(Work(advance=Advance("rater", 1, shard)))
        assert await _settings(spine) == {}

    on(engine, tmp_path, scene)


_MARKS = [
    {"owner": "A", "peer_id": "p", "kind": "cdr", "object_id": "1", "attempts": 0, "error": None, "h": 3},
    {"owner": "A", "peer_id": "p", "kind": "cdr", "object_id": "2", "attempts": 2, "error": "late", "h": 1},
    {"owner": "A", "peer_id": "q", "kind": "evse", "object_id": "1", "attempts": 1, "error": "", "h": 2},
    {"owner": "B", "peer_id": "q", "kind": "cdr", "object_id": "1", "attempts": 2, "error": None, "h": 1},
]


def _mark(columns: dict[str, object]) -> Put:
    named = {name: value for name, value in columns.items() if name != "h"}
    due = NOON + timedelta(hours=int(str(columns["h"])))
    return Put(t.mark, {**named, "position": 1, "next_at": due})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("where", "order", "expected"),
    [
        ({}, (), "A/p/1 A/p/2 A/q/1 B/q/1"),
        ({"owner": "A"}, ("-object_id",), "A/p/2 A/q/1 A/p/1"),
        ({"error": None}, (), "A/p/1 B/q/1"),
        ({"error": "late"}, (), "A/p/2"),
        ({"error": AnyOf(("late", None))}, (), "A/p/1 A/p/2 B/q/1"),
        ({"error": AnyOf((None,))}, (), "A/p/1 B/q/1"),
        ({"kind": AnyOf(())}, (), ""),
        ({"next_at": Between(NOON + timedelta(hours=1), NOON + timedelta(hours=2))}, (), "A/p/2 B/q/1"),
        ({"next_at": Between(high=NOON + timedelta(hours=3))}, (), "A/p/2 A/q/1 B/q/1"),
        ({"attempts": Between(1)}, (), "A/p/2 A/q/1 B/q/1"),
        ({"error": Between("")}, (), "A/p/2 A/q/1"),
        ({"error": Between()}, (), "A/p/1 A/p/2 A/q/1 B/q/1"),
        ({}, ("error",), "A/p/1 B/q/1 A/q/1 A/p/2"),
        ({}, ("-error",), "A/p/2 A/q/1 B/q/1 A/p/1"),
        ({}, ("-attempts", "next_at"), "A/p/2 B/q/1 A/q/1 A/p/1"),
        ({"owner": "A", "kind": "cdr"}, ("-next_at",), "A/p/1 A/p/2"),
    ],
)
def test_find(engine: Engine, tmp_path: Path, where: Where, order: tuple[str, ...], expected: str) -> None:
    async def scene(spine: Spine) -> None:
        await spine.commit(Work(writes=tuple(_mark(mark) for mark in reversed(_MARKS))))
        rows = await spine.find(t.mark, where, order=order)
        names = [f"{row['owner']}/{row['peer_id']}/{row['object_id']}" for row in rows]
        assert names == expected.split()
        for size in (1, 2):
            pages = [
                await spine.find(t.mark, where, order=order, limit=size, offset=start)
                for start in range(0, len(_MARKS), size)
            ]
            assert [row for page in pages for row in page] == rows

    on(engine, tmp_path, scene)


def test_count(engine: Engine, tmp_path: Path) -> None:
    async def scene(spine: Spine) -> None:
        assert await spine.count(t.mark) == [{"count": 0}]
        await spine.commit(Work(writes=tuple(map(_mark, _MARKS))))
        assert await spine.count(t.mark, {"owner": "A"}) == [{"count": 3}]
        assert await spine.count(t.mark, by=("error",)) == [
            {"error": None, "count": 2},
            {"error": "", "count": 1},
            {"error": "late", "count": 1},
        ]
        assert await spine.count(t.mark, {"attempts": 2}, by=("owner", "kind")) == [
            {"owner": "A", "kind": "cdr", "count": 1},
            {"owner": "B", "kind": "cdr", "count": 1},
        ]

    on(engine, tmp_path, scene)


def test_a_key_with_whatever_characters_is_an_ordinary_key(engine: Engine, tmp_path: Path) -> None:
    """T10: what a station or a peer calls itself is asked for as it is."""
    names = ["", " ", "'", '"', "\\", "{a,b}", "NULL", "%s", "\n", "å", "\U0001f50c", "a\tb", "\\x41"]

    async def scene(spine: Spine) -> None:
        await spine.commit(Work(writes=tuple(_setting(name, name, {}) for name in names)))
        await spine.commit(
            Work(tuple(Append(station_stream(ELS, name), 0, (HELLO,), b"\0\xff") for name in names))
        )
        for name in names:
            assert await spine.get(t.setting, name=name) == {"name": name, "value": name}
            assert await spine.find(t.setting, {"value": AnyOf((name,))}) == [{"name": name, "value": name}]
            assert (await spine.load(station_stream(ELS, name))).snapshot == b"\0\xff"
            row = await spine.get(t.station_state, owner=str(ELS), station_id=name)
            assert row is not None
            assert row["connection_id"] == "c1"
        assert await spine.get(t.setting, name="a\0b") is None
        assert [row["name"] for row in await spine.find(t.setting)] == sorted(names)

    on(engine, tmp_path, scene)


def test_questions_that_mean_nothing_are_refused(engine: Engine, tmp_path: Path) -> None:
    async def scene(spine: Spine) -> None:
        for question in (
            spine.find(t.mark, {"colour": 1}),
            spine.find(t.mark, order=("-colour",)),
            spine.find(t.cdr, order=("total_energy",)),
            spine.find(t.cdr, {"total_energy": Between(1)}),
            spine.count(t.mark, by=("colour",)),
            spine.count(t.log),
            spine.get(t.mark, owner="A"),
            spine.get(t.cursor, follower="f", shard=0),
        ):
            with pytest.raises(ValueError, match=r"mark|cdr|log|cursor"):
                await question

    on(engine, tmp_path, scene)


def test_whoever_watches_is_woken_by_facts_and_by_nothing_else(engine: Engine, tmp_path: Path) -> None:
    async def scene(spine: Spine) -> None:
        one, two = spine.watch(), spine.watch()
        await spine.commit(_append(CP1, 0, HELLO))
        assert one.is_set()
        assert two.is_set()
        one.clear()
        assert two.is_set()
        await spine.commit(Work(writes=(_setting("a", "1"),), advance=Advance("rater", 1)))
        assert not one.is_set()

    on(engine, tmp_path, scene)


def test_a_late_reader_never_skips_what_others_commit_meanwhile(engine: Engine, tmp_path: Path) -> None:
    async def station(spine: Spine, number: int) -> None:
        for version in range(30):
            await spine.commit(_append(station_stream(ELS, f"CP{number}"), version, HELLO))

    async def follow(spine: Spine, shard: int, stations: asyncio.Future[list[None]]) -> list[int]:
        seen: list[int] = []
        while True:
            over = stations.done()
            facts = await spine.read(seen[-1] if seen else 0, limit=7, shard=shard)
            seen += [fact.position for fact in facts]
            if over and not facts:
                return seen
            await asyncio.sleep(0)

    async def scene(spine: Spine) -> None:
        stations = asyncio.gather(*(station(spine, number) for number in range(20)))
        seen = await asyncio.gather(*(follow(spine, shard, stations) for shard in range(spine.shards)))
        assert sum(map(len, seen)) == 600
        assert [at for shard in seen for at in shard] == [fact.position for fact in await whole_log(spine)]

    on(engine, tmp_path, scene)


def test_a_cancelled_caller_takes_nobody_with_it(engine: Engine, tmp_path: Path) -> None:
    async def scene(spine: Spine) -> None:
        gone = asyncio.ensure_future(spine.commit(_append(CP1, 0, HELLO)))
        stays = asyncio.ensure_future(spine.commit(_append(CP2, 0, HELLO)))
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays > 0
        # Its outcome is unknown to the caller, but it is one or the other.
        assert len(await spine.facts(CP1)) in (0, 1)

    on(engine, tmp_path, scene)


def test_a_fact_of_a_malformed_stream_fails_alone(engine: Engine, tmp_path: Path) -> None:
    nowhere = Append("nowhere", 0, (HELLO,))

    async def scene(spine: Spine) -> None:
        outcomes = await asyncio.gather(
            spine.commit(_append(CP1, 0, HELLO)),
            spine.commit(Work(appends=(nowhere,))),
            spine.commit(_append(CP2, 0, HELLO)),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [int, ValueError, int]
        assert len(await whole_log(spine)) == 2

    on(engine, tmp_path, scene)


def test_a_closed_spine_is_down(engine: Engine, tmp_path: Path) -> None:
    async def scene(spine: Spine) -> None:
        await spine.close()
        with pytest.raises(SpineDown):
            await spine.commit(_append(CP1, 0, HELLO))
        with pytest.raises(SpineDown):
            await spine.read(0)
        with pytest.raises(SpineDown):
            await spine.version(CP1)

    on(engine, tmp_path, scene)


def test_a_long_stream_is_read_from_any_place(engine: Engine, tmp_path: Path) -> None:
    """Two streams take turns, so that no fact stands beside the one before it in its stream."""

    async def scene(spine: Spine) -> None:
        for version in range(0, 300, 3):
            await spine.commit(_append(CP1, version, HELLO, BYE, HELLO))
            await spine.commit(_append(CP2, version, BYE, BYE, BYE))
        for after, limit in (
            (0, 1),
            (0, 300),
            (63, 1),
            (63, 2),
            (64, 64),
            (127, 10),
            (290, 50),
            (300, 5),
            (0, 0),
        ):
            read = await spine.facts(CP1, after_version=after, limit=limit)
            assert [r.version for r in read] == list(range(after + 1, min(after + limit, 300) + 1)), (
                after,
                limit,
            )
            assert {r.stream for r in read} <= {CP1}
        assert (await spine.load(CP1)).version == await spine.version(CP1) == 300
        assert len((await spine.load(CP2)).facts) == 300
        assert await spine.facts("station/SE*ELS/NONE") == []

    on(engine, tmp_path, scene)


def test_of_two_followers_of_one_name_one_has_the_effect(engine: Engine, tmp_path: Path) -> None:
    async def scene(spine: Spine) -> None:
        first, second = (
            Work(writes=(_setting("by", name),), advance=Advance("rater", 7, expected=0)) for name in "ab"
        )
        await spine.commit(first)
        with pytest.raises(CursorMoved):
            await spine.commit(second)
        assert await _settings(spine) == {"by": "a"}
        assert await spine.cursor("rater") == 7
        both = await asyncio.gather(
            *(
                spine.commit(Work(writes=(_setting("by", name),), advance=Advance("rater", 9, expected=7)))
                for name in "cd"
            ),
            return_exceptions=True,
        )
        assert [type(one) for one in both] == [int, CursorMoved]
        assert await _settings(spine) == {"by": "c"}

    on(engine, tmp_path, scene)
