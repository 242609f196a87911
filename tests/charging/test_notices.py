"""What stations tell of themselves is recorded once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from elstrada.charging.state import KEPT_NOTICES, StationState, evolve
from elstrada.charging.station import decide
from elstrada.model import asks
from elstrada.model.answers import Noted
from elstrada.model.facts import StationNoticed
from elstrada.model.ids import Fresh, PartyId
from elstrada.model.notices import ALARMING, Notice, NoticeKind, severity_of_event, severity_of_progress

NOW = datetime(2026, 3, 1, 17, tzinfo=UTC)
FRESH = Fresh("s1", 7)
TAMPERED = Notice(kind=NoticeKind.SECURITY_EVENT, at=NOW, timed=True, status="TamperDetectionActivated")


def told(status: str, at: datetime = NOW, request_id: int | None = None) -> Notice:
    return Notice(kind=NoticeKind.FIRMWARE, at=at, status=status, request_id=request_id)


class Station:
    """A station's state over what it tells."""

    def __init__(self) -> None:
        self.state = StationState(owner=PartyId("SE", "ELS"), station_id="S1")

    def tells(self, notice: Notice) -> int:
        """How many facts come of it."""
        decision = decide(self.state, asks.GiveNotice(notice), NOW, FRESH)
        assert decision.answer == Noted()
        for fact in decision.facts:
            self.state = evolve(self.state, fact, NOW)
        assert all(fact == StationNoticed(notice) for fact in decision.facts)
        return len(decision.facts)


def test_an_event_told_again_is_no_second_fact_whatever_came_between() -> None:
    station = Station()
    later = msgspec.structs.replace(TAMPERED, at=NOW + timedelta(seconds=1))

    assert [station.tells(one) for one in (TAMPERED, later, TAMPERED, later)] == [1, 1, 0, 0]


def test_progress_is_news_unless_it_is_where_it_was() -> None:
    station = Station()
    course = ["Downloading", "Downloading", "Downloaded", "Downloading"]

    assert [station.tells(told(status)) for status in course] == [1, 0, 1, 1]


def test_each_request_goes_on_by_itself() -> None:
    station = Station()

    assert station.tells(told("Downloading", request_id=1)) == 1
    assert station.tells(told("Downloading", request_id=2)) == 1
    assert station.tells(told("Downloading", request_id=1)) == 0


def test_what_is_remembered_of_notices_is_bounded() -> None:
    station = Station()
    for second in range(KEPT_NOTICES * 2):
        station.tells(msgspec.structs.replace(TAMPERED, at=NOW + timedelta(seconds=second)))

    assert len(station.state.heard) == KEPT_NOTICES


def test_somebody_should_look_at_what_went_wrong_and_at_what_nobody_knows_but_not_at_every_boot() -> None:
    alarming = ["TamperDetectionActivated", "InvalidFirmwareSignature", "AcmeDoorOpened", "InvalidMessages"]

    assert all(severity_of_event(event) <= ALARMING for event in alarming)
    assert all(severity_of_event(event) > ALARMING for event in ("StartupOfTheDevice", "SettingSystemTime"))
    failed = ["DownloadFailed", "InstallationFailed", "InvalidSignature", "UploadFailure", "BadMessage"]
    assert all(severity_of_progress(status) <= ALARMING for status in (*failed, "PermissionDenied"))
    assert all(severity_of_progress(status) > ALARMING for status in ("Installed", "Uploaded", "Idle"))
