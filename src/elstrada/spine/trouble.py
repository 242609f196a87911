"""What an error of an engine means, and of SQLite in particular: whose fault it is, and whether the store can be trusted any longer."""

from __future__ import annotations

import sqlite3
from enum import Enum, auto

from elstrada.spine.face import RowMoved


class Trouble(Enum):
    """Kinds of failure of a transaction, all of which undid it."""

    WORK = auto()
    """One work cannot be done; the others of its batch can."""
    PASSING = auto()
    """The store cannot commit now, and may later: the disk is full, memory is short (F6)."""
    LASTING = auto()
    """The disk failed. What a failed sync left behind nobody knows, so nothing may be tried again (F7)."""


_PASSING = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_CANTOPEN,
    # The file of the shared index could not grow, which happens on a full disk; it holds nothing durable.
    sqlite3.SQLITE_IOERR_SHMSIZE,
}
_WORK = {
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_RANGE,
}


def trouble_of(error: Exception) -> Trouble:
    """Judge what a transaction raised."""
    if not isinstance(error, sqlite3.Error):
        return Trouble.WORK
    # Errors of the driver itself (a value it cannot bind) carry no code of the library's.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code in _PASSING or code & 0xFF in _PASSING:
        return Trouble.PASSING
    return Trouble.WORK if code & 0xFF in _WORK else Trouble.LASTING


def for_caller(error: Exception) -> Exception:
    """A work's own error as ``Spine.commit`` raises it."""
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_CONSTRAINT_UNIQUE:
        # "UNIQUE constraint failed: peer.token_in_hash": another row has what must be unique.
        columns = str(error).rpartition(": ")[2]
        return RowMoved(columns.partition(".")[0], {"unique": columns})
    if code == sqlite3.SQLITE_CONSTRAINT_NOTNULL:
        return ValueError(str(error))
    return error
