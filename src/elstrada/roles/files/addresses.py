"""One-time addresses: made, found again by what is stored of them, and read out of a path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

import msgspec

from elstrada.model.transfer import Purpose, TransferState
from elstrada.roles.files.folder import Folder
from elstrada.roles.keys import Keys
from elstrada.spine import tables as t
from elstrada.spine.face import Cell, Put, Row, RowMoved, Spine, Work

PREFIX = "/files/"
"""``redaction`` knows it, so that an address stands in no log."""
MOST_NAME = 100
_MOST_TRIES = 5
# Stations put the name of their log after the address they were given, with a slash or without another.
_PATH = re.compile(r"/files/(?P<token>[A-Za-z0-9_-]{32,128})(?:/{1,2}(?P<name>[^/]{0,255}))?")


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """The file service, as those see it who let stations have files."""

    folder: Folder
    public_url: str
    """Scheme, host, port and perhaps a path, without a slash at the end."""
    node: str
    """This node."""
    shared: bool
    """The folder is the same for every node."""
    upload_bytes: int
    """Of one log."""
    hours: int
    """For so long an address is good."""
    days: int
    """For so long a log is kept."""

    def at_hand(self, row: Row) -> bool:
        """Is a file that this row tells of in our folder?"""
        return self.shared or row["node"] == self.node


def address(files: Files, token: str, name: str = "") -> str:
    """The URL that a station is given."""
    return f"{files.public_url}{PREFIX}{token}/{name}"


def read_path(path: str) -> tuple[str, str] | None:
    """The secret part of an address, and the name that was put after it; None: it is no address of ours."""
    found = _PATH.fullmatch(path)
    return None if found is None else (found["token"], found["name"] or "")


def shown_name(name: str | None) -> str:
    """A name that somebody gave a file, fit to be shown and to be a file's; never used as a path by us."""
    last = re.split(r"[/\\]", name or "")[-1]
    plain = re.sub(r"[^A-Za-z0-9._+-]", "_", last).lstrip(".")
    return plain[-MOST_NAME:].lstrip(".")


async def find(spine: Spine, keys: Keys, token: str, purpose: Purpose, now: datetime) -> Row | None:
    """What an address is good for; None, whatever the reason is that it is good for nothing.

    Raises:
        SpineDown: the store cannot be asked.
    """
    rows = await spine.find(t.transfer, {"token_hash": keys.file_hash(token)}, limit=1)
    return rows[0] if rows and _is_good(rows[0], purpose, now) else None


def _is_good(row: Row, purpose: Purpose, now: datetime) -> bool:
    expires = row["expires_at"]
    assert isinstance(expires, datetime)
    if row["purpose"] != purpose or row["state"] != TransferState.OPEN or expires <= now:
        return False
    return number(row, "moved") < number(row, "most") if purpose is Purpose.FIRMWARE else _tries(row) > 0


def _tries(row: Row) -> int:
    return number(row, "tries_left")


def number(row: Row, column: str) -> int:
    """A column that holds a number."""
    value = row[column]
    assert isinstance(value, int)
    return value


def key_of(row: Row) -> dict[str, Cell]:
    """The primary key of a transfer."""
    return {"owner": row["owner"], "transfer_id": row["transfer_id"]}


async def begin_upload(spine: Spine, row: Row) -> bool:
    """Count a try; False: meanwhile the address is good no more.

    Raises:
        SpineDown: it may or may not be counted.
    """
    for _ in range(_MOST_TRIES):
        left = _tries(row)
        if row["state"] != TransferState.OPEN or left <= 0:
            return False
        if await _put(spine, row, {"tries_left": left - 1}, {"state": row["state"], "tries_left": left}):
            return True
        row = await _again(spine, row)
    return False


async def end_upload(spine: Spine, row: Row, file: Mapping[str, Cell]) -> bool:
    """A log came whole and is on disk: the address is used. False: another upload was first, or it is closed."""
    change = {**file, "state": TransferState.DONE.value, "trouble": None}
    return await _put(spine, row, change, {"state": TransferState.OPEN.value})


async def count_sent(spine: Spine, row: Row, sent: int, now: datetime) -> None:
    """Bytes of an image went out."""
    for _ in range(_MOST_TRIES):
        moved = number(row, "moved")
        if await _put(spine, row, {"moved": moved + sent, "moved_at": now}, {"moved": moved}):
            return
        row = await _again(spine, row)


async def note_trouble(spine: Spine, row: Row, says: str, now: datetime) -> None:
    """Say for the operator what went wrong with an address that is still good."""
    await _put(spine, row, {"trouble": says, "moved_at": now}, {"state": TransferState.OPEN.value})


async def close(spine: Spine, row: Row, why: str) -> None:
    """The address is good no more."""
    change = {"state": TransferState.CLOSED.value, "trouble": why}
    await _put(spine, row, change, {"state": TransferState.OPEN.value})


async def _put(spine: Spine, row: Row, change: Mapping[str, Cell], expected: Row) -> bool:
    try:
        await spine.commit(Work(writes=(Put(t.transfer, {**key_of(row), **change}, expected),)))
    except RowMoved:
        return False
    return True


async def _again(spine: Spine, row: Row) -> Row:
    return await spine.get(t.transfer, **key_of(row)) or {**row, "state": TransferState.CLOSED}
