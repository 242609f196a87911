"""One socket of a station, as the wire log knows it: who is at the other end, and what was measured there."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from elstrada.model.security import SecurityProfile

SECURITY = {
    SecurityProfile.BASIC: "plain",  # As far as this server sees; a proxy before it may have ended TLS.
    SecurityProfile.BASIC_TLS: "TLS",
    SecurityProfile.CERTIFICATE: "TLS with a certificate",
}
"""What is told of a connection's security."""
MOST_OPEN_CALLS = 64
"""Calls of one direction that wait for their answer; more than a connection ever has."""
_REMEMBERED = 31
"""Latencies and clock readings of which the middle one is told."""


class Asked(NamedTuple):
    """A call that waits for its answer."""

    entry: int
    """Its id in the log."""
    action: str
    moment_s: float


class Line(msgspec.Struct, kw_only=True):
    """Made by the gateway with what it knows; everything from ``row`` on is the writer's."""

    owner: str
    station_id: str
    connection_id: str = ""
    """Empty: of a handshake that was refused."""
    protocol: str = ""
    remote: str = ""
    """The address it comes from."""
    security: str = ""
    """One of ``SECURITY``."""
    closed_by_us: bool = False

    row: int | None = None
    """Its number in the store, once it is there."""
    file: int = 0
    """In which file that is: one that was broken has a successor."""
    opened_at: datetime | None = None
    heard_at: datetime | None = None
    heartbeat_at: datetime | None = None
    received: int = 0
    sent: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0
    theirs: OrderedDict[str, Asked] | None = None
    """The station's calls that we have not answered, by message id."""
    ours: OrderedDict[str, Asked] | None = None
    """Our calls that the station has not answered."""
    answer_us: deque[int] | None = None
    """How long the station waited for us."""
    reply_us: deque[int] | None = None
    """How long we waited for the station."""
    ahead_ms: deque[int] | None = None
    """By how much the times in the station's messages were ahead of their receipt."""


def remember(values: deque[int] | None, value: int) -> deque[int]:
    """The values with one more, the oldest gone if there are many."""
    if values is None:
        values = deque(maxlen=_REMEMBERED)
    values.append(value)
    return values


def middle(values: Sequence[int] | None) -> int | None:
    """The median, of the upper two where there are two."""
    return sorted(values)[len(values) // 2] if values else None


def asked(calls: OrderedDict[str, Asked] | None, message_id: str, call: Asked) -> OrderedDict[str, Asked]:
    """The open calls with one more. A call that is sent again waits anew."""
    if calls is None:
        calls = OrderedDict()
    calls.pop(message_id, None)
    calls[message_id] = call
    if len(calls) > MOST_OPEN_CALLS:
        calls.popitem(last=False)
    return calls
