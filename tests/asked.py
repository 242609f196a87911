"""Databases with many rows and with fewer, the questions that are asked of them, and what these take."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Table, create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.pool import NullPool

from crowd import NOON, fill
from elstrada.spine import queries
from elstrada.spine.face import Cell, Row, Where
from elstrada.spine.queries import Query
from elstrada.spine.sqlite import SqliteSpine

MANY, FEWER = 4_000, 400
SMALL = {"party", "node"}
"""Tables that have as many rows as an installation has parties and machines: they may be read whole."""
STATIONS = {"station", "station_state", "connector_state"}
"""Those that have as many as there are stations and connectors."""


class Later:
    """A clock that stands a day after all that is in the crowd."""

    def now(self) -> datetime:
        return NOON + timedelta(days=1)


class Asked(SqliteSpine):
    """Remembers the questions."""

    queries: list[Query]

    async def find(
        self,
        table: Table,
        where: Where | None = None,
        *,
        order: Sequence[str] = (),
        limit: int = 1000,
        offset: int = 0,
        after: Sequence[Cell] | None = None,
    ) -> list[Row]:
        self.queries.append(queries.rows_where(table, where or {}, order, limit, offset, after))
        return await super().find(table, where, order=order, limit=limit, offset=offset, after=after)

    async def count(
        self,
        table: Table,
        where: Where | None = None,
        *,
        by: Sequence[str] = (),
        most: int | None = None,
    ) -> list[Row]:
        self.queries.append(queries.counts_where(table, where or {}, by, most))
        return await super().count(table, where, by=by, most=most)


def crowds(folder: Path) -> Path:
    """Databases with many rows, and with fewer."""
    for count in (FEWER, MANY):
        with_rows(folder / f"{count}.db", count)
    return folder


def with_rows(path: Path, count: int) -> None:
    on(path, lambda _: asyncio.sleep(0))  # Makes the tables.
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.begin() as connection:
        fill(connection, count)
    engine.dispose()


def on(path: Path, scene: Callable[[Asked], Awaitable[object]]) -> list[Query]:
    """Play a scene; the questions it asked."""

    async def play() -> list[Query]:
        spine = Asked(path, Later())
        spine.queries = []
        await spine.start()
        try:
            await scene(spine)
        finally:
            await spine.close()
        return spine.queries

    return asyncio.run(play())


def plan(connection: sqlite3.Connection, query: Query) -> list[str]:
    """How SQLite would find it."""
    sql, values = written(query)
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


def steps(connection: sqlite3.Connection, query: Query) -> int:
    """How many steps of its machine SQLite takes to find it: the same at every run."""
    taken = 0

    def one() -> int:
        nonlocal taken
        taken += 1
        return 0

    connection.set_progress_handler(one, 1)
    sql, values = written(query)
    connection.execute(sql, values).fetchall()
    connection.set_progress_handler(None, 1)
    return taken


_DIALECT = sqlite.dialect(paramstyle="named")  # type: ignore[no-untyped-call]


def written(query: Query) -> tuple[str, dict[str, object]]:
    """A question as the driver takes it."""
    state = query.select.compile(dialect=_DIALECT).construct_expanded_state(query.values)
    values = {
        name: process(value) if (process := state.processors.get(name)) else value
        for name, value in state.parameters.items()
    }
    return state.statement, values


def assert_same_work(folder: Path, scene: Callable[[Asked], Awaitable[object]]) -> None:
    """See that an index fits each question of a scene, and that all take as long of many rows as of fewer."""
    fewer, many = (_work(folder / f"{count}.db", scene) for count in (FEWER, MANY))
    assert fewer > 0
    # An index is as deep as its number of rows has digits; nothing else may grow.
    assert many < 1.3 * fewer, (fewer, many)


def _work(path: Path, scene: Callable[[Asked], Awaitable[object]]) -> int:
    asked = on(path, scene)
    connection = sqlite3.connect(path)
    taken = 0
    for query in asked:
        if str(query.select.get_final_froms()[0]) in STATIONS and "count(" in str(query.select):
            continue  # They are counted whole: there are as many as stations.
        found = plan(connection, query)
        assert not [step for step in found if _grows(step)], (found, written(query))
        taken += steps(connection, query)
    connection.close()
    return taken


def _grows(step: str) -> bool:
    whole = step.startswith("SCAN") and "USING" not in step
    return "TEMP B-TREE" in step or (
        whole and step.split()[1] not in {*SMALL, "anon_1", "CONSTANT", "(subquery-1)"}
    )
