"""Time on the wire, both ways (rule 22, T10)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
"""No station is older; a clock without battery says 1970 or 2000."""
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)


def read_time(text: str, received_at: datetime) -> datetime | None:
    """The instant a station names, in UTC; None if it cannot be believed.

    Believed is what has a zone (``+02`` too) and lies between 2010 and a day from now. A time without
    zone is not: it may be anyone's local time.
    """
    try:
        named = datetime.fromisoformat(text)
        if named.tzinfo is None:
            return None
        at = named.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if _EARLIEST <= at <= received_at + _AHEAD else None


def read_plan_time(text: str | None) -> datetime | None:
    """The instant a plan names, in UTC; None if it names none that has a zone.

    A plan may reach far ahead: what lies beyond 2200 is then, and what lies before 2000 was then, so that
    there is room to count from it.
    """
    try:
        named = datetime.fromisoformat(text or "")
        if named.tzinfo is None:
            return None
        return min(max(named, _FIRST), _LAST).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def wire_time(at: datetime) -> str:
    """RFC 3339 in UTC with ``Z`` and whole milliseconds, which every version accepts."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
