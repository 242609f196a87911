"""The live views against those made again from the log: the same rows with the same cells."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from sqlalchemy import Table
from sqlalchemy.engine import Connection

from elstrada.spine.columns import Amount
from elstrada.spine.rules import key_names
from elstrada.spine.tables import VIEWS
from elstrada.spine.upkeep.verify.report import Findings
from elstrada.spine.upkeep.verify.rows import RawRow, in_step, keyed, raw_rows, shown_key

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
    for one, other in in_step(keyed(live, len(key)), keyed(made, len(key))):
        findings.checked[CHECK] += 1
        row = f"{table.name} {shown_key(key, one or other or ())}"
        if one is None:
            findings.add(CHECK, row, "the log says there is such a row, and there is none")
        elif other is None:
            findings.add(CHECK, row, "nothing in the log makes such a row")
        elif one != other:
            for says in _differences(columns, one, other, amounts):
                findings.add(CHECK, row, says)


def _scratch_rows(
    scratch: sqlite3.Connection, table: str, columns: tuple[str, ...], key: tuple[str, ...]
) -> Iterator[RawRow]:
    listed, sorting = (", ".join(f'"{name}"' for name in names) for names in (columns, key))
    yield from scratch.execute(f'SELECT {listed} FROM "{table}" ORDER BY {sorting}')  # noqa: S608  Names of ours.


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
