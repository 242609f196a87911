"""Verbs on files that stations fetched and left: how it went, and what came."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.notices import Notice
from elstrada.model.party import Role
from elstrada.model.transfer import Purpose, TransferState
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.images import file_service, image_row
from elstrada.roles.desk.lookups import line_of, needed, own_party
from elstrada.roles.desk.paging import After, Page, page_of
from elstrada.roles.desk.shapes import Count
from elstrada.roles.files.addresses import Files
from elstrada.roles.files.progress import heard_since, latest
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Row

MOST_PIECE = 2 << 20
"""Bytes of a log that are handed out at once."""
MOST_OTHERS = 10_000
_OwnCpo = Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")]


class ListTransfers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    party: _OwnCpo = None
    limit: Annotated[Count, Meta(description="The newest so many.")] = 20
    after: After = None


class ListUpdates(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    firmware: Annotated[str, Meta(description="Which image, as `firmware list` says.")]
    party: _OwnCpo = None
    limit: Annotated[Count, Meta(description="The newest so many.")] = 1_000
    after: After = None


class TransferLine(msgspec.Struct, frozen=True, kw_only=True):
    transfer: str
    party: str
    station: str
    what: str
    """The image, or which log."""
    state: str
    """OPEN, DONE, CLOSED; or EXPIRED, if it was OPEN."""
    status: str | None
    """What the station said of it last, in OCPP's words."""
    status_at: datetime | None
    moved: int
    """Bytes sent or received, in all tries."""
    size: int | None
    """Of the image, or of the log that came."""
    file_name: str | None
    """What the file is called."""
    trouble: str | None
    """What went wrong last."""
    node: str
    """Where the file is, or would be."""
    request_id: int | None
    command_id: str
    created_at: datetime
    moved_at: datetime | None
    expires_at: datetime


async def list_transfers(desk: Desk, params: ListTransfers) -> Page[TransferLine]:
    """Files that a station was told to fetch or to leave, the newest first."""
    key = {
        "owner": str((await own_party(desk, params.party, Role.CPO)).id),
        "station_id": params.station,
    }
    what = f"station {params.station[:48]!r} of {key['owner']}"
    await needed(desk, t.station, what, "see `elstrada station list`", **key)
    rows = await page_of(desk, t.transfer, [key], ("-created_at",), limit=params.limit, after=params.after)
    return Page.of(await _lines(desk, rows), rows.next)


async def list_updates(desk: Desk, params: ListUpdates) -> Page[TransferLine]:
    """Stations that were told to fetch an image, the newest first."""
    owner = str((await own_party(desk, params.party, Role.CPO)).id)
    await image_row(desk, owner, params.firmware)
    where = {"owner": owner, "firmware_id": params.firmware}
    rows = await page_of(desk, t.transfer, [where], ("-created_at",), limit=params.limit, after=params.after)
    return Page.of(await _lines(desk, rows), rows.next)


async def _lines(desk: Desk, rows: Sequence[Row]) -> tuple[TransferLine, ...]:
    """Each with what its station told of it last."""
    lines: dict[str, TransferLine] = {}
    for station in dict.fromkeys((str(row["owner"]), str(row["station_id"])) for row in rows):
        mine = [row for row in rows if (row["owner"], row["station_id"]) == station]
        since = min(_at(row, "created_at") for row in mine)
        key = dict(zip(("owner", "station_id"), station, strict=True))
        where = {**key, "created_at": Between(since)}
        others = await desk.spine.find(t.transfer, where, order=("created_at",), limit=MOST_OTHERS)
        heard = await heard_since(desk.spine, *station, since)
        for row in mine:
            notice = latest(row, others, heard)
            lines[str(row["transfer_id"])] = _line(row, notice, desk.clock.now())
    return tuple(lines[str(row["transfer_id"])] for row in rows)


def _line(row: Row, notice: Notice | None, now: datetime) -> TransferLine:
    over = row["state"] == TransferState.OPEN and _at(row, "expires_at") <= now
    return line_of(
        TransferLine,
        row,
        transfer=row["transfer_id"],
        party=row["owner"],
        station=row["station_id"],
        what=row["firmware_id"] or row["kind"],
        state="EXPIRED" if over else row["state"],
        status=notice and notice.status,
        status_at=notice and notice.at,
    )


def _at(row: Row, column: str) -> datetime:
    at = row[column]
    assert isinstance(at, datetime)
    return at


class ReadFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    transfer: Annotated[str, Meta(description="Which, as `station transfers` says.")]
    party: _OwnCpo = None
    offset: Annotated[Annotated[int, Meta(ge=0)], Meta(description="Where the piece begins.")] = 0


class Piece(msgspec.Struct, frozen=True):
    """A part of a log that came."""

    file_name: str
    size: int
    """Of the whole."""
    sha256: str
    offset: int
    content: bytes
    """In JSON: Base64."""


async def read_file(desk: Desk, params: ReadFile) -> Piece:
    """Give a piece of a log that a station left."""
    owner = str((await own_party(desk, params.party, Role.CPO)).id)
    hint = "see `elstrada station transfers`"
    what = f"transfer {params.transfer[:36]!r} of {owner}"
    row = await needed(desk, t.transfer, what, hint, owner=owner, transfer_id=params.transfer)
    if row["purpose"] != Purpose.LOG or row["state"] != TransferState.DONE:
        raise Refused(Kind.CONFLICT, "no log came by it", hint, "/transfer")
    files = file_service(desk)
    if not files.at_hand(row):
        raise Refused(Kind.CONFLICT, f"the file is at node {row['node']}", "ask there, or set files.shared")
    content = await asyncio.to_thread(_piece, files, str(row["file"]), params.offset)
    size = row["size"]
    assert isinstance(size, int)
    return Piece(
        str(row["file_name"] or row["transfer_id"]), size, str(row["sha256"]), params.offset, content
    )


def _piece(files: Files, name: str, offset: int) -> bytes:
    try:
        with files.folder.log(name).open("rb") as file:
            file.seek(offset)
            return file.read(MOST_PIECE)
    except OSError as problem:
        raise Refused(Kind.MISSING, f"the file cannot be read: {problem.strerror}") from None


# --- for people ---------------------------------------------------------------------------------------


def _shown(lines: tuple[TransferLine, ...]) -> str:
    return "\n".join(text for line in lines for text in _told(line)) or "There are none."


def _told(line: TransferLine) -> Iterator[str]:
    """What, how far by its own word, how far by ours; the ids last, for they are only copied."""
    said = f"{line.status} at {_time(line.status_at)}" if line.status else "nothing said yet"
    yield f"{_time(line.created_at)}  {line.station}  {line.what}: {said}"
    of = "" if line.size is None else f" of {line.size}"
    until = f", good until {_time(line.expires_at)}" if line.state == TransferState.OPEN else ""
    yield f"{'':22}{line.state}{until}; {line.moved}{of} bytes{f' of {line.file_name}' if line.file_name else ''}"
    if line.trouble:
        yield f"{'':22}{line.trouble}"
    yield f"{'':22}transfer {line.transfer}, command {line.command_id}"


def _time(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ") if at is not None else ""


UPDATES = Verb(
    "firmware updates",
    "List stations that were told to fetch an image, and how far they are.",
    ListUpdates,
    tuple[TransferLine, ...],
    list_updates,
    show=_shown,
    reads=True,
)
TRANSFERS = Verb(
    "station transfers",
    "List files that a station fetches and leaves, and how far they are.",
    ListTransfers,
    tuple[TransferLine, ...],
    list_transfers,
    show=_shown,
    reads=True,
)
FETCH = Verb("station fetch", "Copy out a log that a station left.", ReadFile, Piece, read_file, reads=True)
