"""The hot statements of the PostgreSQL writer as text: one per table, whatever the number of rows.

Rows travel as one array per column, so that a text is parsed and planned once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

from elstrada.spine import tables as t
from elstrada.spine.batch import Batch
from elstrada.spine.merging import Merged
from elstrada.spine.postgres_arrays import columnwise
from elstrada.spine.rules import key_names

Parameters = Sequence[object]
Statement = tuple[str, Parameters]

LOCK = "SELECT shard, position FROM shard WHERE shard = ANY(%s::smallint[]) ORDER BY shard FOR UPDATE"
"""The right to append to these shards, until the transaction ends; and where they end."""
END = "SELECT shard, position FROM shard WHERE shard = %s"
ENDS = "SELECT shard, position FROM shard"
HEADS = "SELECT stream, version, position FROM stream WHERE stream = ANY(%s::text[])"
CURSORS = (
    "SELECT follower, shard, position FROM cursor"
    " JOIN unnest(%s::text[], %s::smallint[]) AS asked (follower, shard) USING (follower, shard)"
)
_PUT_END = (
    "UPDATE shard SET position = told.position"
    " FROM unnest(%s::smallint[], %s::bigint[]) AS told (shard, position) WHERE shard.shard = told.shard"
)

_DIALECT = postgresql.dialect()  # pyright: ignore[reportNoUntypedCall]

_LOG = ("position", "shard", "stream", "version", "at", "kind", "body", "previous")


def statements(batch: Batch, before: dict[int, int]) -> Iterator[Statement]:
    """The hot statements of a batch; ``before`` are the ends of the shards as they were found."""
    for table, columns, rows in (
        (t.log, _LOG, batch.facts),
        (t.milestone, ("stream", "version", "position"), batch.milestones),
    ):
        if rows:
            yield _insert(table, columns), columnwise(rows)
    for table, columns, rows in (
        (t.stream, ("version", "position"), batch.streams),
        (t.snapshot, ("version", "state"), batch.snapshots),
        (t.cursor, ("position",), batch.cursors),
    ):
        if rows:
            yield _upsert(table, columns, ()), columnwise(rows)
    yield from put_rows(batch.views)
    moved = [(shard, end) for shard, end in batch.ends.shards.items() if end != before[shard]]
    if moved:
        yield _PUT_END, columnwise(moved)


def put_rows(views: Merged) -> Iterator[Statement]:
    """The statements that write changed rows of views."""
    for shape, rows in views.shaped():
        yield _upsert(shape.table, shape.columns, shape.first), columnwise(rows)


@cache
def _insert(table: Table, columns: tuple[str, ...]) -> str:
    arrays = ", ".join(f"%s::{_type(table, name)}[]" for name in columns)
    return f"INSERT INTO {quoted(table.name)} ({listed(columns)}) SELECT * FROM unnest({arrays})"  # noqa: S608


@cache
def _upsert(table: Table, columns: tuple[str, ...], first: tuple[str, ...]) -> str:
    key = key_names(table)
    return f"{_insert(table, (*key, *first, *columns))} {on_conflict(key, columns)}"


def on_conflict(key: tuple[str, ...], columns: tuple[str, ...]) -> str:
    """Of a row that exists, set ``columns``."""
    told = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in columns)
    return f"ON CONFLICT ({listed(key)}) DO {f'UPDATE SET {told}' if columns else 'NOTHING'}"


def _type(table: Table, column: str) -> str:
    return str(table.c[column].type.compile(dialect=_DIALECT))


def listed(names: Sequence[str]) -> str:
    """Names of columns, separated by commas."""
    return ", ".join(map(quoted, names))


def quoted(name: str) -> str:
    """A name of ours as SQL takes it."""
    return f'"{name}"'
