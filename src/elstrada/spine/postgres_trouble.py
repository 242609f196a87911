"""What an error of PostgreSQL means. Nothing is lasting: a server that cannot trust its disk stops itself (F7)."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import errors

from elstrada.spine.face import RowMoved
from elstrada.spine.months import Month
from elstrada.spine.postgres_line import Overdue, StoreAway
from elstrada.spine.trouble import Trouble

_OF_THE_WORK = ("22", "23", "54", "42804", "42883")
"""SQLSTATEs: a value that does not fit its column, a broken constraint, a value beyond a limit."""
_OF_THE_LINE = ("08", "57P", "25P03")
"""SQLSTATEs: a connection that is lost, a server that goes, a session that was ended for its silence."""


class MonthMissing(Exception):
    """No partition was made for these facts yet; nothing was done."""

    def __init__(self, months: Sequence[Month]) -> None:
        super().__init__(f"the log has no partition {', '.join(month.name for month in months)}")
        self.months = months


class CommitUnknown(Exception):
    """COMMIT was sent, and its answer did not come (F5)."""


def trouble_of(error: Exception) -> Trouble:
    """Judge what a transaction raised."""
    if isinstance(error, (Overdue, StoreAway, CommitUnknown, MonthMissing)):
        return Trouble.PASSING
    if not isinstance(error, psycopg.Error):
        return Trouble.WORK
    if error.sqlstate is None:
        # Without a code it is the driver's own: a value it cannot send, or a connection that is lost.
        return Trouble.WORK if isinstance(error, psycopg.DataError) else Trouble.PASSING
    return Trouble.WORK if error.sqlstate.startswith(_OF_THE_WORK) else Trouble.PASSING


def is_lost(error: Exception) -> bool:
    """Did the connection end, so that a COMMIT under way may or may not have been done?"""
    if not isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(_OF_THE_LINE)


def passes_at_once(error: Exception) -> bool:
    """Did others come in between, so that the same may be tried again without waiting?"""
    return isinstance(error, (errors.DeadlockDetected, errors.SerializationFailure))


def lacks_month(error: Exception) -> bool:
    """Was there no partition for a fact?"""
    # The same code as a broken CHECK, which would name its constraint.
    return isinstance(error, errors.CheckViolation) and error.diag.constraint_name is None


def for_caller(error: Exception) -> Exception:
    """A work's own error as ``Spine.commit`` raises it."""
    if isinstance(error, errors.UniqueViolation):
        return RowMoved(str(error.diag.table_name), {"unique": error.diag.constraint_name})
    if isinstance(error, (errors.NotNullViolation, psycopg.DataError)):
        return ValueError(str(error))
    return error
