"""Pages that begin behind a place, on every engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from spine_engines import ENGINES, Engine, on

from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Between, Cell, Put, Row, Spine, Where, Work
from elstrada.spine.paging import place_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROWS = [
    (owner, f"C{number:02d}", NOON + timedelta(hours=number // 3)) for owner in "ABC" for number in range(12)
]
"""Of each time three, so that pages end among equals."""


@pytest.fixture(params=list(ENGINES.values()), ids=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    return request.param


def _callback(owner: str, command_id: str, due_at: datetime) -> Put:
    row: Row = {"owner": owner, "command_id": command_id, "peer_id": "p", "asked_by": "a", "url": "u"}
    return Put(t.callback, {**row, "due_at": due_at})


LATE = Between(NOON + timedelta(hours=1), NOON + timedelta(hours=3))


@pytest.mark.rule(36)
@pytest.mark.parametrize("order", [(), ("due_at",), ("-due_at",), ("-command_id",), ("due_at", "owner")])
@pytest.mark.parametrize(
    "where", [{}, {"owner": "B"}, {"due_at": LATE}, {"owner": AnyOf(("A", "C")), "due_at": LATE}]
)
def test_pages_together_are_the_whole_list(
    engine: Engine, tmp_path: Path, where: Where, order: tuple[str, ...]
) -> None:
    async def scene(spine: Spine) -> None:
        await spine.commit(Work(writes=tuple(_callback(*row) for row in reversed(ROWS))))
        whole = await spine.find(t.callback, where, order=order)
        for size in (1, 5):
            walked: list[Row] = []
            place: tuple[Cell, ...] | None = None
            while rows := await spine.find(t.callback, where, order=order, limit=size, after=place):
                walked += rows
                place = place_of(t.callback, order, rows[-1])
            assert walked == whole

    on(engine, tmp_path, scene)


@pytest.mark.rule(36)
def test_a_place_may_be_that_of_a_row_which_the_conditions_leave_out(engine: Engine, tmp_path: Path) -> None:
    """A list of several parties is merged from one of each, and each goes on behind the same place."""

    async def scene(spine: Spine) -> None:
        await spine.commit(Work(writes=tuple(_callback(*row) for row in ROWS)))
        for order in (("due_at",), ("-due_at",), ("owner", "due_at")):
            whole = await spine.find(t.callback, order=order)
            for row in whole[::5]:
                place = place_of(t.callback, order, row)
                behind = whole[whole.index(row) + 1 :]
                for owner in "ABC":
                    found = await spine.find(t.callback, {"owner": owner}, order=order, after=place)
                    assert found == [each for each in behind if each["owner"] == owner]
                    bounded: Where = {"owner": owner, "due_at": LATE}
                    found = await spine.find(t.callback, bounded, order=order, after=place)
                    assert found == [each for each in behind if each["owner"] == owner and _is_late(each)]

    on(engine, tmp_path, scene)


def _is_late(row: Row) -> bool:
    due_at = row["due_at"]
    assert isinstance(due_at, datetime)
    return NOON + timedelta(hours=1) <= due_at < NOON + timedelta(hours=3)


def test_what_is_no_place_is_refused(engine: Engine, tmp_path: Path) -> None:
    async def scene(spine: Spine) -> None:
        wrong: list[tuple[Sequence[str], tuple[Cell, ...]]] = [
            (("due_at",), (NOON, "A")),
            (("due_at",), (None, "A", "C01")),
            (("due_at", "-owner"), (NOON, "A", "C01")),
        ]
        for order, place in wrong:
            with pytest.raises(ValueError, match="callback"):
                await spine.find(t.callback, order=order, after=place)
        with pytest.raises(ValueError, match="may be empty"):
            await spine.find(t.cdr, order=("recorded_at",), after=(NOON, "A", "B", "C"))
        with pytest.raises(ValueError, match="callback"):
            await spine.count(t.callback, by=("owner",), most=3)

    on(engine, tmp_path, scene)


def test_counting_stops_where_it_shall(engine: Engine, tmp_path: Path) -> None:
    async def scene(spine: Spine) -> None:
        await spine.commit(Work(writes=tuple(_callback(*row) for row in ROWS)))
        assert await spine.count(t.callback, most=5) == [{"count": 5}]
        assert await spine.count(t.callback, {"owner": "A"}, most=50) == [{"count": 12}]
        assert await spine.count(t.callback, {"owner": "Z"}, most=50) == [{"count": 0}]

    on(engine, tmp_path, scene)
