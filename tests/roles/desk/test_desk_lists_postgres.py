"""The same lists on PostgreSQL, which is free to choose: its plans as they were carried out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event, text
from test_desk_lists import PAGED, all_ways

from asked import MANY, SMALL, Later
from crowd import fill
from elstrada.spine import queries
from elstrada.spine.postgres import PostgresSpine
from elstrada.spine.queries import Query
from postgres_server import migrated_database

MOST_PASSED_OVER = 50
"""Rows that a question reads and does not want."""
_Node = dict[str, Any]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A database with many rows, of which it knows how they are distributed."""
    with migrated_database(shards=1) as url:
        engine = create_engine(_address(url))
        with engine.begin() as connection:
            fill(connection, MANY)
            connection.execute(text("ANALYZE"))
        engine.dispose()
        yield url


@pytest.mark.rule(36)
@pytest.mark.parametrize("name", PAGED)
def test_an_index_fits_every_filter_and_order_of_a_list(
    name: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = create_engine(_address(url))
    # Nothing waits to be brought here: of an empty table PostgreSQL looks at all.
    small = [f"FROM {table} " for table in (*SMALL, "mark")]
    asked = [
        query
        for query in _asked(url, name, monkeypatch)
        if not any(table in str(query.select) for table in small)
    ]
    assert asked
    with engine.connect() as connection:
        for query in asked:
            for node in _nodes(_carried_out(connection, query)):
                _assert_served(node, query)
    engine.dispose()


def _assert_served(node: _Node, query: Query) -> None:
    kind = node["Node Type"]
    assert kind not in ("Sort", "Incremental Sort", "Materialize"), (kind, str(query.select))
    assert kind not in ("Seq Scan", "Bitmap Heap Scan"), (kind, str(query.select))
    assert node.get("Rows Removed by Filter", 0) <= MOST_PASSED_OVER, (node, str(query.select))


def _asked(url: str, name: str, monkeypatch: pytest.MonkeyPatch) -> list[Query]:
    """The questions that a list asks, as the spine writes them."""
    asked: list[Query] = []

    def remembering(write: Callable[..., Query]) -> Callable[..., Query]:
        def written(*arguments: object) -> Query:
            asked.append(write(*arguments))
            return asked[-1]

        return written

    for write in (queries.rows_where, queries.counts_where):
        monkeypatch.setattr(queries, write.__name__, remembering(write))

    async def play() -> None:
        spine = PostgresSpine(url, Later())
        await spine.start()
        try:
            await all_ways(spine, name)
        finally:
            await spine.close()

    asyncio.run(play())
    return asked


def _carried_out(connection: Connection, query: Query) -> _Node:
    def explained(
        _: object, __: object, statement: str, parameters: object, ___: object, ____: object
    ) -> Any:
        return f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters

    event.listen(connection, "before_cursor_execute", explained, retval=True)
    told = connection.execute(query.select, query.values).scalar()
    event.remove(connection, "before_cursor_execute", explained)
    return told[0]["Plan"]


def _nodes(plan: _Node) -> Iterator[_Node]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _address(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)
