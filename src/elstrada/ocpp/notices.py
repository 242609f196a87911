"""Notices as every version makes them."""

from __future__ import annotations

from elstrada.model import asks
from elstrada.model.mirror import Item, ItemKind, Learned
from elstrada.model.notices import Notice, NoticeKind, severity_of_event, severity_of_progress
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.wire import Wire, encode
from elstrada.redaction import redacted, redacted_json

MAX_TEXT = 1_000
_NAMES_SOMEBODY = frozenset({"MaintenanceLoginAccepted", "MaintenanceLoginFailed"})


def security_event(event: str, timestamp: str, tech_info: str | None, intake: Intake) -> asks.GiveNotice:
    """A security event, with what the station says of it unless that names a person."""
    at, suspect = intake.time(timestamp, "/timestamp")
    # OCPP 2.1 appendices: the techInfo of a maintenance login names the user, who does not belong into a fact.
    text = "" if event in _NAMES_SOMEBODY else redacted(tech_info or "")
    return asks.GiveNotice(
        Notice(
            kind=NoticeKind.SECURITY_EVENT,
            at=at,
            timed=not suspect,
            status=event[:MAX_TEXT],
            severity=severity_of_event(event),
            text=text[:MAX_TEXT],
        )
    )


def progress(
    kind: NoticeKind, status: str, request_id: int | None, intake: Intake, text: str = ""
) -> asks.GiveNotice:
    """How an update or an upload goes."""
    return asks.GiveNotice(
        Notice(
            kind=kind,
            at=intake.received_at,
            status=status[:MAX_TEXT],
            severity=severity_of_progress(status),
            request_id=request_id,
            text=redacted(text)[:MAX_TEXT],
        )
    )


def transfer(vendor: str, message_id: str | None, data: str, intake: Intake) -> asks.TransferData:
    """A vendor's words.

    Args:
        data: as JSON; empty: there are none.
    """
    notice = Notice(
        kind=NoticeKind.DATA_TRANSFER,
        at=intake.received_at,
        status=(message_id or "")[:MAX_TEXT],
        subject=vendor[:MAX_TEXT],
    )
    # What it says may be about a person, so it stands in no fact.
    key = f"{vendor}/{message_id or ''}"
    learned = Learned(items=(Item(ItemKind.VENDOR_DATA, key, redacted_json(data)),)) if data else None
    return asks.TransferData(vendor, asks.GiveNotice(notice, learned))


def said_of(message: Wire) -> str:
    """A whole message as JSON, without secrets and tokens."""
    return redacted_json(encode(message).decode())
