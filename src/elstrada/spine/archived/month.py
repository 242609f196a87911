"""A month of a shard that was archived: what the database remembers of it, and rows of the log as files hold them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import cast

import msgspec

from elstrada.spine.face import Recorded, SpineDown
from elstrada.spine.months import Month
from elstrada.spine.upcast import decode

LogRow = tuple[int, int, str, int, int, str, str, int]
"""Position, shard, stream, version, microseconds since 1970 of the time of record, kind, body, previous."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_encode = msgspec.json.Encoder().encode


class ArchiveAway(SpineDown):
    """Part of the log cannot be read now: its file is missing, changed or out of reach. The message names it.

    Nothing shorter is ever answered in its place. When the file is back, so is the history.
    """


class ArchivedMonth(msgspec.Struct, frozen=True):
    """A row of ``archived_month``."""

    shard: int
    month: int
    """Since January 2000."""
    file: str
    """Its name in the archive's folder."""
    bytes: int
    """Of the file."""
    sha256: str
    """Of the file."""
    footer_sha256: str
    """Of the file's end, which holds a digest of every other part: so a part can be read and trusted alone."""
    facts: int
    first_position: int
    last_position: int
    archived_at: datetime

    @property
    def of(self) -> Month:
        """Which month of which shard."""
        return Month(self.shard, self.month)


COLUMNS = ", ".join(ArchivedMonth.__struct_fields__)
"""Of ``archived_month``, in the order in which ``archived`` takes them."""


def archived(row: Iterable[object]) -> ArchivedMonth:
    """A row of ``archived_month``, whose columns are ``COLUMNS``; of either engine."""
    *cells, at = row
    moment = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
    return cast("Callable[..., ArchivedMonth]", ArchivedMonth)(*cells, moment)


def microseconds(at: datetime) -> int:
    """A moment as files hold it."""
    return (at - _EPOCH) // _MICROSECOND


def moment(at_us: int) -> datetime:
    """The way back."""
    return _EPOCH + at_us * _MICROSECOND


def fact_of(row: LogRow) -> Recorded:
    """A row with its fact lifted to today's model."""
    position, _, stream, version, at_us, kind, body, _ = row
    return Recorded(position, stream, version, moment(at_us), decode(kind, body))


class Content(msgspec.Struct, frozen=True):
    """What a month holds, in few words: two with the same content have the same facts in every cell."""

    facts: int
    first_position: int
    last_position: int
    sha256: str


class Digest:
    """Takes in rows, sorted by stream and version, and tells their content."""

    def __init__(self) -> None:
        self._hash, self._facts = hashlib.sha256(), 0
        self._first, self._last = 0, 0

    def take(self, rows: Iterable[LogRow]) -> None:
        """The next rows."""
        for row in rows:
            self._hash.update(_encode(row) + b"\n")
            self._first = min(self._first or row[0], row[0])
            self._last = max(self._last, row[0])
            self._facts += 1

    def content(self) -> Content:
        """Of everything taken in."""
        return Content(self._facts, self._first, self._last, self._hash.hexdigest())
