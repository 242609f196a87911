"""The time that a message tells of itself, as its station's clock had it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

TIMED = frozenset(
    {"StatusNotification", "MeterValues", "TransactionEvent", "NotifyEvent", "SecurityEventNotification"}
)
"""Calls that a station sends when what they tell happens."""
LIVE = frozenset({"StatusNotification", "NotifyEvent"})
"""Those of them that it does not keep while it is away."""
_TIME = re.compile(r'"(?:timestamp|generatedAt)"\s*:\s*"([^"]{10,40})"')
_OFFLINE = re.compile(r'"offline"\s*:\s*true')
_MOST_MS = 10**12
"""Thirty years."""


def ahead_ms(action: str, text: str, at: datetime) -> int | None:
    """By how much the station's clock is ahead, by the time in its message; None if that tells nothing.

    Args:
        text: of the message, or of its frame.
        at: when it came.
    """
    if action not in TIMED:
        return None
    found = _TIME.search(text)
    if found is None or _OFFLINE.search(text):
        return None
    try:
        named = datetime.fromisoformat(found[1])
        if named.tzinfo is None:
            return None
        ahead = round((named.astimezone(UTC) - at).total_seconds() * 1000)
    except (ValueError, OverflowError):
        return None
    return max(-_MOST_MS, min(_MOST_MS, ahead))
