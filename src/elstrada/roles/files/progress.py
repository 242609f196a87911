"""What a station tells of its transfers, beside what we see of them ourselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from elstrada.model.notices import Notice, NoticeKind
from elstrada.model.transfer import Purpose
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Between, Row, Spine

MOST_NOTICES = 1_000
"""Of one station that are looked at, the newest."""
_KINDS = {Purpose.FIRMWARE: NoticeKind.FIRMWARE, Purpose.LOG: NoticeKind.LOG}


class Heard(msgspec.Struct, frozen=True):
    """A notice with its place among the station's facts."""

    version: int
    notice: Notice


async def heard_since(spine: Spine, owner: str, station_id: str, since: datetime) -> tuple[Heard, ...]:
    """What a station told of updates and uploads, the newest first."""
    where = {
        "owner": owner,
        "station_id": station_id,
        "kind": AnyOf(tuple(kind.value for kind in _KINDS.values())),
        "at": Between(since),
    }
    rows = await spine.find(t.station_notice, where, order=("-at",), limit=MOST_NOTICES)
    return tuple(sorted(map(_heard, rows), key=lambda heard: heard.version, reverse=True))


def latest(row: Row, others: Sequence[Row], heard: Iterable[Heard]) -> Notice | None:
    """The newest notice that belongs to a transfer.

    Args:
        row: the transfer.
        others: transfers of the same station, the row itself perhaps among them.
        heard: as ``heard_since`` gives it.
    """
    kind = _KINDS[Purpose(str(row["purpose"]))]
    told = (one.notice for one in heard if one.notice.kind is kind)
    if row["request_id"] is not None:  # L01.FR.10, N01.FR.07.
        return next((one for one in told if one.request_id == row["request_id"]), None)
    # OCPP 1.6 §4.4, §4.5: no number; it is about whatever the station was told last.
    begins, ends = _moment(row), _next_begin(row, others)
    return next(
        (
            one
            for one in told
            if one.request_id is None and begins <= one.at and (ends is None or one.at < ends)
        ),
        None,
    )


def _next_begin(row: Row, others: Sequence[Row]) -> datetime | None:
    begins = [
        _moment(other)
        for other in others
        if other["purpose"] == row["purpose"]
        and other["request_id"] is None
        and _moment(other) > _moment(row)
    ]
    return min(begins, default=None)


def _moment(row: Row) -> datetime:
    at = row["created_at"]
    assert isinstance(at, datetime)
    return at


def _heard(row: Row) -> Heard:
    version = row["version"]
    assert isinstance(version, int)
    return Heard(version, msgspec.json.decode(str(row["document"]), type=Notice))
