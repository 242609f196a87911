"""Which notice belongs to which transfer: by number, or to what the station was told last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from elstrada.model.notices import Notice, NoticeKind
from elstrada.roles.files.progress import Heard, latest

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def row(minute: int, request_id: int | None = None, purpose: str = "FIRMWARE") -> dict[str, Any]:
    return {"purpose": purpose, "request_id": request_id, "created_at": NOON + timedelta(minutes=minute)}


def heard(*told: tuple[int, str, int | None], kind: NoticeKind = NoticeKind.FIRMWARE) -> tuple[Heard, ...]:
    """The newest first, as they are read."""
    made = [
        Heard(
            version, Notice(kind=kind, at=NOON + timedelta(minutes=minute), status=status, request_id=number)
        )
        for version, (minute, status, number) in enumerate(told)
    ]
    return tuple(reversed(made))


def status(notice: Notice | None) -> str | None:
    return notice and notice.status


def test_a_number_says_it_whatever_came_between_as_l01_fr_10_has_it() -> None:
    one, two = row(0, 7), row(5, 8)
    told = heard((1, "Downloading", 7), (6, "Downloading", 8), (7, "DownloadFailed", 7), (9, "Idle", None))
    assert status(latest(one, (one, two), told)) == "DownloadFailed"
    assert status(latest(two, (one, two), told)) == "Downloading"
    assert latest(row(0, 9), (), told) is None


def test_without_a_number_it_is_about_what_the_station_was_told_last() -> None:
    one, two, numbered = row(0), row(10), row(5, 7)
    told = heard(
        (1, "Downloading", None), (9, "Installed", None), (11, "Downloading", None), (12, "Installed", 7)
    )
    assert status(latest(one, (one, two, numbered), told)) == "Installed"
    assert status(latest(two, (one, two, numbered), told)) == "Downloading"
    assert status(latest(numbered, (one, two, numbered), told)) == "Installed"
    assert latest(two, (one, two), told[2:]) is None


def test_updates_and_logs_are_not_mixed_up() -> None:
    update, log = row(0), row(1, purpose="LOG")
    told = heard((2, "Uploaded", None), kind=NoticeKind.LOG)
    assert latest(update, (update, log), told) is None
    assert status(latest(log, (update, log), told)) == "Uploaded"
