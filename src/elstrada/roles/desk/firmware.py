"""Verbs on firmware: images that stations may be told to fetch."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.party import Role
from elstrada.model.transfer import TransferState
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.images import file_service, image_row
from elstrada.roles.desk.lookups import all_rows, line_of, own_party, plain_id
from elstrada.roles.desk.paging import After, Page, owners, page_of
from elstrada.roles.desk.shapes import Count, Text50
from elstrada.roles.desk.transferred import UPDATES
from elstrada.roles.files.addresses import Files, key_of, shown_name
from elstrada.roles.files.folder import Folder, NoRoom
from elstrada.roles.files.signing import NotSigned, check
from elstrada.spine import tables as t
from elstrada.spine.face import Delete, Put, Row, Work

MOST_LISTED = 10_000
MOST_PIECE = 4 << 20
"""Bytes of a piece; a file is handed in as many as it needs."""
_OwnCpo = Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")]


class AddFirmware(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    file: Annotated[bytes, Meta(description="The image, or a piece of it.")]
    vendor: Annotated[Text50, Meta(description="As the station says in its BootNotification.")]
    model: Annotated[Text50, Meta(description="Likewise.")]
    version: Annotated[Text50, Meta(description="As the station shall say once it runs this.")]
    party: _OwnCpo = None
    id: Annotated[str | None, Meta(description="What to call it; by default vendor-model-version.")] = None
    file_name: Annotated[str, Meta(max_length=255, description="What the file is called.")] = "firmware.bin"
    signature: Annotated[str | None, Meta(description="Of the image, in Base64.")] = None
    certificate: Annotated[str | None, Meta(description="Of whoever signed it, in PEM.")] = None
    upload: Annotated[str | None, Meta(description="Where the pieces before this one went.")] = None
    offset: Annotated[int, Meta(ge=0, description="Where this piece begins.")] = 0
    more: Annotated[bool, Meta(description="More pieces follow.")] = False


class ListFirmware(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    party: _OwnCpo = None
    limit: Annotated[Count, Meta(description="Most lines.")] = MOST_LISTED
    after: After = None


class RemoveFirmware(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    firmware: Annotated[str, Meta(description="Which, as `firmware list` says.")]
    party: _OwnCpo = None


class FirmwareLine(msgspec.Struct, frozen=True, kw_only=True):
    firmware: str
    party: str
    vendor: str
    model: str
    version: str
    size: int
    """Bytes."""
    sha256: str
    signed: bool
    file_name: str
    node: str
    """Where the file is."""
    added_at: datetime


class Added(msgspec.Struct, frozen=True):
    """An image that is there, or how to go on with one that is not whole yet."""

    upload: str
    firmware: FirmwareLine | None = None


async def add_firmware(desk: Desk, params: AddFirmware) -> Added:
    """Take in an image, piece by piece; a signature is checked before the image is kept (A00.FR.707)."""
    owner, files = str((await own_party(desk, params.party, Role.CPO)).id), file_service(desk)
    if len(params.file) > MOST_PIECE:
        raise Refused(Kind.USAGE, f"a piece has at most {MOST_PIECE} bytes", pointer="/file")
    if (params.signature is None) != (params.certificate is None):
        says = "a signature and the certificate of whoever made it go together"
        raise Refused(Kind.USAGE, says, "say both --signature and --certificate", "/signature")
    firmware_id = _id_of(params)
    if await desk.spine.get(t.firmware_image, owner=owner, firmware_id=firmware_id) is not None:
        says = f"there is firmware {firmware_id} already"
        raise Refused(Kind.CONFLICT, says, "an image never changes: give the other one another --id", "/id")
    upload = params.upload or desk.chance.uuid()
    await asyncio.to_thread(_add_piece, files.folder, upload, params)
    if params.more:
        return Added(upload)
    return Added(upload, await _keep(desk, files, owner, firmware_id, upload, params))


async def _keep(
    desk: Desk, files: Files, owner: str, firmware_id: str, upload: str, params: AddFirmware
) -> FirmwareLine:
    path = files.folder.piece(upload)
    size = path.stat().st_size
    if size == 0:
        path.unlink()
        raise Refused(Kind.INVALID, "the file is empty", pointer="/file")
    sha256 = await asyncio.to_thread(files.folder.keep_image, upload)
    if params.signature is not None and params.certificate is not None:
        try:
            check(sha256, params.signature, params.certificate, desk.clock.now())
        except NotSigned as problem:
            await _drop_unused(desk, files, sha256)
            raise Refused(Kind.INVALID, str(problem), "nothing was added", "/signature") from None
    row: Row = {
        "owner": owner,
        "firmware_id": firmware_id,
        "vendor": params.vendor,
        "model": params.model,
        "version": params.version,
        "file_name": shown_name(params.file_name) or "firmware.bin",
        "sha256": sha256,
        "size": size,
        "signature": params.signature,
        "certificate": params.certificate,
        "node": files.node,
        "added_at": desk.clock.now(),
    }
    await desk.spine.commit(Work(writes=(Put(t.firmware_image, row, expected={}),)))
    return _line(row)


async def list_firmware(desk: Desk, params: ListFirmware) -> Page[FirmwareLine]:
    """Our images."""
    wheres = [{"owner": owner} for owner in await owners(desk, params.party)]
    order = ("owner", "vendor", "model", "added_at")
    rows = await page_of(desk, t.firmware_image, wheres, order, limit=params.limit, after=params.after)
    return rows.lines(_line)


async def remove_firmware(desk: Desk, params: RemoveFirmware) -> FirmwareLine:
    """Forget an image and its file; no station can fetch it any more."""
    owner = str((await own_party(desk, params.party, Role.CPO)).id)
    row, files = await image_row(desk, owner, params.firmware), file_service(desk)
    if not files.at_hand(row):
        says = f"the file of {params.firmware} is at node {row['node']}"
        raise Refused(Kind.CONFLICT, says, "ask that node's desk, or set files.shared", "/firmware")
    writes: list[Put | Delete] = [Delete(t.firmware_image, {"owner": owner, "firmware_id": params.firmware})]
    where = {"owner": owner, "firmware_id": params.firmware, "state": TransferState.OPEN.value}
    closed = {"state": TransferState.CLOSED.value, "trouble": "the image was removed"}
    writes += [
        Put(t.transfer, {**key_of(one), **closed}, {"state": TransferState.OPEN.value})
        async for one in all_rows(desk, t.transfer, where, "transfer_id", limit=MOST_LISTED)
    ]
    await desk.spine.commit(Work(writes=tuple(writes)))
    await _drop_unused(desk, files, str(row["sha256"]))
    return _line(row)


# --- parts --------------------------------------------------------------------------------------------


def _add_piece(folder: Folder, upload: str, params: AddFirmware) -> None:
    try:
        folder.prepare()
        folder.add_piece(upload, params.offset, params.file)
    except NoRoom:
        says = f"{folder.root} has no room for it"
        raise Refused(Kind.CONFLICT, says, "remove some, or raise files.quota_megabytes") from None
    except ValueError as problem:
        raise Refused(Kind.USAGE, str(problem), "begin again", "/offset") from None
    except OSError as problem:
        raise Refused(Kind.CONFLICT, f"{folder.root} cannot be written to: {problem.strerror}") from None


async def _drop_unused(desk: Desk, files: Files, sha256: str) -> None:
    """Remove an image's file, unless another image has the same content."""
    if not await desk.spine.find(t.firmware_image, {"sha256": sha256}, limit=1):
        await asyncio.to_thread(files.folder.image(sha256).unlink, missing_ok=True)


def _id_of(params: AddFirmware) -> str:
    if params.id is not None:
        return plain_id(params.id, what="a name for firmware", pointer="/id", most=100)
    told = "-".join((params.vendor, params.model, params.version))
    made = re.sub(r"[^A-Za-z0-9._-]+", "-", told).strip("-._")[:100]
    return plain_id(made, what="a name for firmware", pointer="/id", most=100)


def _line(row: Row) -> FirmwareLine:
    return line_of(
        FirmwareLine,
        row,
        firmware=row["firmware_id"],
        party=row["owner"],
        signed=row["signature"] is not None,
    )


VERBS = (
    Verb("firmware add", "Take in an image.", AddFirmware, Added, add_firmware),
    Verb("firmware list", "List images.", ListFirmware, tuple[FirmwareLine, ...], list_firmware, reads=True),
    Verb("firmware remove", "Forget an image and its file.", RemoveFirmware, FirmwareLine, remove_firmware),
    UPDATES,
)
