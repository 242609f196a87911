"""Archived months: is every file that the log needs where this node looks for it?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec

from sqlalchemy.engine import Connection

from elstrada.roles.doctor.case import Case, Finding, fine, problem
from elstrada.spine.archived.month import COLUMNS, ArchivedMonth, archived

AREA = "archive"
_NAMED = 5


def examine_archive(connection: Connection, case: Case) -> Iterator[Finding]:
    """Names and sizes; `elstrada db verify` reads every byte."""
    rows = connection.exec_driver_sql(f"SELECT {COLUMNS} FROM archived_month ORDER BY shard, month")  # noqa: S608
    months = [archived(tuple(row)) for row in rows]
    if not months:
        return
    if find_spec("pyarrow") is None:
        yield problem(
            AREA,
            f"{len(months)} months are Parquet files, and pyarrow is not installed",
            "install elstrada[archive]",
        )
    folder = case.config.archive.dir
    if folder is None:
        yield problem(
            AREA,
            f"{len(months)} months of the log are archived, and archive.dir is not set",
            "name the folder that they are in, for every node",
        )
        return
    amiss = [says for month in months if (says := _amiss(month, case))]
    yield from _told(amiss)
    if not amiss:
        yield fine(AREA, f"{len(months)} archived months are in {folder}")


def _told(amiss: Sequence[str]) -> Iterator[Finding]:
    for says in amiss[:_NAMED]:
        yield problem(AREA, says, "bring the file back from a backup, or mount the folder")
    if len(amiss) > _NAMED:
        yield problem(AREA, f"and {len(amiss) - _NAMED} more")


def _amiss(month: ArchivedMonth, case: Case) -> str:
    assert case.config.archive.dir is not None
    path = case.config.archive.dir / month.file
    try:
        with path.open("rb"):
            size = path.stat().st_size
    except OSError as trouble:
        return f"{path} cannot be read: {trouble.strerror}"
    return "" if size == month.bytes else f"{path} has {size} bytes, and {month.bytes} were written"
