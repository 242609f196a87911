"""Laws over random works: engines agree, views follow from the log, batches change nothing."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spine_engines import ENGINES, ONE_SHARD, Engine, StillClock, whole_log
from spine_works import Draft, drafts

from elstrada.spine import tables
from elstrada.spine.face import Recorded, Row, RowMoved, Spine, StreamMoved, Work
from elstrada.spine.memory import MemorySpine
from elstrada.spine.shards import shard_of, shards_of

_FEW = settings(max_examples=25, deadline=None)
_Result = TypeVar("_Result")
_KEPT = (*tables.VIEWS, *tables.RECORDS)


def _name(result: int | BaseException) -> str:
    return "done" if isinstance(result, int) else type(result).__name__


async def _outcome(spine: Spine, draft: Draft, versions: dict[str, int]) -> str:
    work = draft.work(versions)
    try:
        position = await spine.commit(work)
    except (StreamMoved, RowMoved, ValueError) as refusal:
        return _name(refusal)
    for append in work.appends:
        versions[append.stream] = append.expected + len(append.facts)
    assert await _is_end(spine, work, position)
    return "done"


async def _is_end(spine: Spine, work: Work, position: int) -> bool:
    """Is this the place of the last fact appended, or where the work's lowest shard ends?"""
    appended = [append for append in work.appends if append.facts]
    if not appended:
        facts = await spine.read(0, 10_000, shards_of(work, spine.shards)[0])
        return position == (facts[-1].position if facts else 0)
    last = appended[-1]
    fact = (await spine.facts(last.stream, last.expected + len(last.facts) - 1))[0]
    return position == fact.position


async def _play(spine: Spine, works: list[Draft]) -> list[str]:
    versions: dict[str, int] = {}
    return [await _outcome(spine, draft, versions) for draft in works]


async def _everything(spine: Spine) -> dict[str, object]:
    """All that can be read of a spine, except what positions its engine gives."""
    log = await whole_log(spine)
    streams = sorted({fact.stream for fact in log})
    loaded = [await spine.load(stream) for stream in streams]
    for stream, found in zip(streams, loaded, strict=True):
        first = found.version - len(found.facts)
        assert list(found.facts) == await spine.facts(stream, first)
        assert found.version == (await spine.facts(stream))[-1].version
    return {
        "facts": sorted(map(_placeless, log), key=lambda fact: (fact.stream, fact.version)),
        "order": [_named(fact) for fact in log] if spine.shards == 1 else None,
        "loaded": [(found.snapshot, [_placeless(fact) for fact in found.facts]) for found in loaded],
        **await _tables(spine),
    }


def _placeless(fact: Recorded) -> Recorded:
    return msgspec.structs.replace(fact, position=0)


def _named(fact: Recorded) -> tuple[str, int]:
    return fact.stream, fact.version


def _in_shards(log: list[Recorded], shards: int) -> list[tuple[str, int]]:
    """A log of one shard as another engine divides it."""
    return [_named(fact) for fact in sorted(log, key=lambda fact: shard_of(fact.stream, shards))]


async def _tables(spine: Spine) -> dict[str, list[Row]]:
    return {table.name: await spine.find(table, limit=10_000) for table in _KEPT}


def _in_folder(play: Callable[[Path], Coroutine[None, None, _Result]]) -> _Result:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(play(Path(folder)))


_every_engine = pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
_few_works = given(works=st.lists(drafts, max_size=8))


@_every_engine
@_FEW
@_few_works
def test_every_engine_has_the_outcomes_and_tables_of_the_memory_twin(
    engine: Engine, works: list[Draft]
) -> None:
    async def play(folder: Path) -> None:
        twin = MemorySpine(StillClock())
        async with engine(folder) as spine:
            assert await _play(spine, works) == await _play(twin, works)
            assert await _everything(spine) | {"order": None} == await _everything(twin) | {"order": None}
            assert [_named(fact) for fact in await whole_log(spine)] == _in_shards(
                await whole_log(twin), spine.shards
            )

    _in_folder(play)


@_every_engine
@_FEW
@_few_works
def test_a_rebuild_gives_identical_tables(engine: Engine, works: list[Draft]) -> None:
    async def play(folder: Path) -> None:
        async with engine(folder) as spine:
            await _play(spine, works)
            before = await _everything(spine)
            await spine.rebuild()
            assert await _everything(spine) == before

    _in_folder(play)


@pytest.mark.parametrize("engine", ONE_SHARD.values(), ids=ONE_SHARD)
@_FEW
@_few_works
def test_works_committed_together_end_as_works_committed_one_by_one(
    engine: Engine, works: list[Draft]
) -> None:
    async def play(folder: Path) -> None:
        alone, versions = MemorySpine(StillClock()), dict[str, int]()
        planned: list[Work] = []
        outcomes: list[str] = []
        for draft in works:
            planned.append(draft.work(versions))
            outcomes.append(await _outcome(alone, draft, versions))
        async with engine(folder) as spine:
            results = await asyncio.gather(*map(spine.commit, planned), return_exceptions=True)
            assert [_name(result) for result in results] == outcomes
            assert await _everything(spine) == await _everything(alone)

    _in_folder(play)
