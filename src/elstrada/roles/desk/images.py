"""Finding an image and the file service, for every verb that needs them."""

from __future__ import annotations

from elstrada.roles.desk.face import Desk, Kind, Refused
from elstrada.roles.desk.lookups import needed
from elstrada.roles.files.addresses import Files
from elstrada.spine import tables as t
from elstrada.spine.face import Row


def file_service(desk: Desk) -> Files:
    """The file service, or a refusal that says how to have one."""
    if desk.files is None:
        says = "there is no file service here"
        raise Refused(Kind.CONFLICT, says, "set files.port where the desk is; see docs/guide/firmware.md")
    return desk.files


async def image_row(desk: Desk, owner: str, firmware: str) -> Row:
    """An image, or a refusal that names it."""
    what = f"firmware {firmware[:100]!r} of {owner}"
    return await needed(
        desk, t.firmware_image, what, "see `elstrada firmware list`", owner=owner, firmware_id=firmware
    )
