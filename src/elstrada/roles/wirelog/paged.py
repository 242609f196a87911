"""The wire logs of this machine as the pages show them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from elstrada.roles.wirelog.reading import Logged, Wanted, WireUnreadable, files_in, latest
from elstrada.web.operator.stations import WireLine, WireLog

_log = logging.getLogger(__name__)


def paged(folder: Path) -> WireLog:
    """What reads a station's latest entries."""

    async def read(owner: str, station_id: str, limit: int) -> Sequence[WireLine]:
        return await asyncio.to_thread(_lines, folder, owner, station_id, limit)

    return read


def _lines(folder: Path, owner: str, station_id: str, limit: int) -> list[WireLine]:
    try:
        entries = latest(files_in(folder), Wanted(owner=owner, station_id=station_id), limit)
    except WireUnreadable as problem:
        _log.warning("the wire log cannot be shown: %s", problem)
        return []
    return [_line(entry) for entry in reversed(entries)]


def _line(entry: Logged) -> WireLine:
    answer = entry.answer
    return WireLine(
        at=entry.at,
        from_station=entry.direction == "from station",
        what=entry.action or entry.kind,
        outcome=(answer.outcome or answer.kind) if answer else entry.outcome or "",
        text=entry.text + (f"\n{answer.text}" if answer else ""),
    )
