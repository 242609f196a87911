"""The live views against those made again from the log: the same rows with the same cells."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from functools import partial

from sqlalchemy import Table
from sqlalchemy.engine import Connection

from elstrada.spine.columns import Amount
from elstrada.spine.rules import key_names
from elstrada.spine.tables import VIEWS, metadata
from elstrada.spine.upkeep.verify.report import Findings
from elstrada.spine.upkeep.verify.rows import InStep, RawRow, raw_rows, shown_key

CHECK = "views"
_SHOWN = 60


def check_views(connection: Connection, scratch: sqlite3.Connection, findings: Findings) -> None:
    """Compare every view."""
    for table in VIEWS:
        _check(table, connection, scratch, findings)


def _check(table: Table, connection: Connection, scratch: sqlite3.Connection, findings: Findings) -> None:
    key = key_names(table)
    columns = (*key, *(str(column.name) for column in table.columns if column.name not in key))
    amounts = {at for at, name in enumerate(columns) if isinstance(table.c[name].type, Amount)}
    live = raw_rows(connection, table.name, columns, order=key)
    made = _scratch_rows(scratch, table.name, columns, key)
    beside = InStep(made, len(key), partial(_compare, table.name, columns, amounts, findings))
    for row in live:
        beside.feed(row)
    beside.finish()


def _compare(
    table: str,
    columns: tuple[str, ...],
    amounts: set[int],
    findings: Findings,
    live: RawRow | None,
    made: RawRow | None,
) -> None:
    findings.checked[CHECK] += 1
    if live == made:
        return
    row = f"{table} {shown_key(key_names(metadata.tables[table]), live or made or ())}"
    if live is None:
        findings.add(CHECK, row, "the log says there is such a row, and there is none")
    elif made is None:
        findings.add(CHECK, row, "nothing in the log makes such a row")
    else:
        for says in _differences(columns, live, made, amounts):
            findings.add(CHECK, row, says)


def _scratch_rows(
    scratch: sqlite3.Connection, table: str, columns: tuple[str, ...], key: tuple[str, ...]
) -> Iterator[RawRow]:
    listed, sorting = (", ".join(f'"{name}"' for name in names) for names in (columns, key))
    return scratch.execute(f'SELECT {listed} FROM "{table}" ORDER BY {sorting}')  # noqa: S608  Names of ours.


def _differences(columns: tuple[str, ...], live: RawRow, made: RawRow, amounts: set[int]) -> Iterator[str]:
    for at, (name, one, other) in enumerate(zip(columns, live, made, strict=True)):
        if one != other and not (at in amounts and _same_amount(one, other)):
            yield f"{name} is {_shown(one)}; the log makes it {_shown(other)}"


def _same_amount(one: object, other: object) -> bool:
    """PostgreSQL keeps a number and its digits, and may write it another way."""
    try:
        return Decimal(str(one)) == Decimal(str(other))
    except InvalidOperation:
        return False


def _shown(cell: object) -> str:
    text = "empty" if cell is None else repr(cell)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}… ({len(text)} characters)"
