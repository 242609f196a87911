"""Removes what was kept long enough: logs of stations, their rows, and files that nothing refers to."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

from elstrada.model.transfer import Purpose
from elstrada.net.face import Clock
from elstrada.roles.files.addresses import Files, key_of
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Between, Delete, Row, Spine, SpineDown, Work

EVERY_S = 3600.0
_PAGE = 500
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

log = logging.getLogger(__name__)


async def keep_swept(spine: Spine, clock: Clock, files: Files, every_s: float = EVERY_S) -> None:
    """Sweep now and then, until cancelled."""
    while True:
        try:
            await sweep(spine, clock, files)
        except (SpineDown, OSError) as problem:
            log.warning("files could not be swept, it is tried again: %s", problem)
        await asyncio.sleep(every_s)


async def sweep(spine: Spine, clock: Clock, files: Files) -> int:
    """Remove what is older than ``files.days``; returns how many transfers that were.

    Files at another node are left to that node, and so are their rows.

    Raises:
        SpineDown, OSError: not all was removed.
    """
    now = clock.now()
    old = {"created_at": Between(_EPOCH, now - timedelta(days=files.days))}
    rows = await spine.find(t.transfer, old, order=("created_at",), limit=_PAGE)
    gone = [row for row in rows if _is_over(row, now) and (row["file"] is None or files.at_hand(row))]
    for row in gone:
        if row["purpose"] == Purpose.LOG and row["file"] is not None:
            await asyncio.to_thread(files.folder.log(str(row["file"])).unlink, missing_ok=True)
        await spine.commit(Work(writes=(Delete(t.transfer, key_of(row)),)))
    await _remove_strays(spine, files)
    return len(gone)


def _is_over(row: Row, now: datetime) -> bool:
    expires = row["expires_at"]
    assert isinstance(expires, datetime)
    return expires <= now


async def _remove_strays(spine: Spine, files: Files) -> None:
    """Files that a crash left between the disk and the store."""
    found = await asyncio.to_thread(files.folder.logs)
    for at in range(0, len(found), _PAGE):
        page = found[at : at + _PAGE]
        known = AnyOf(tuple(path.name for path in page))
        rows = await spine.find(t.transfer, {"file": known}, limit=_PAGE)
        kept = {row["file"] for row in rows}
        await asyncio.to_thread(_remove, [path for path in page if path.name not in kept])
    await asyncio.to_thread(lambda: _remove(files.folder.leftovers()))


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
