"""What both station servers share: their limits, the running server, and the words of a close."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping

import msgspec

from elstrada.net.face import Admitted, StationSocket
from elstrada.net.throttle import Rate

GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED_DATA, NO_STATUS, ABNORMAL = 1001, 1002, 1003, 1005, 1006
INVALID_TEXT, POLICY_VIOLATION, TOO_BIG, INTERNAL_ERROR, SERVICE_RESTART = 1007, 1008, 1009, 1011, 1012
"""Close codes of RFC 6455 §7.4.1 and its registry. 1005 and 1006 never stand on the wire."""

NEVER_ON_THE_WIRE = frozenset({1004, NO_STATUS, ABNORMAL, 1015})


class StationLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much a station may use. The defaults suit a public address."""

    message_bytes: int = 64 * 1024
    """Largest message, whole or assembled; a larger one closes the socket with 1009."""
    waiting_bytes: int = 1024 * 1024
    """Unread by a station; beyond it the socket is closed (F15)."""
    opening_s: float = 5.0
    """From the first byte of TCP to the last of the handshake (T13); with TLS, for each of the two handshakes."""
    opening_sockets: int = 1_000
    """Sockets not let in yet, in all. The oldest gives way, which an honest one never is for long."""
    opening_per_address: int = 100
    closing_s: float = 2.0
    """How long to wait for the other side's goodbye."""
    ping_interval_s: float = 60.0
    """Ping a station that was silent for so long; 0 for never. ``Admitted`` may say otherwise."""
    ping_timeout_s: float = 30.0
    """A station silent for so long after a ping is gone; at most the interval (rule 3)."""
    compression: bool = True
    """Compress with stations that offer it (``deflate``)."""
    control: Rate = Rate(burst=20, per_s=2)
    """Pings and empty fragments from one station (T13)."""
    address_failures: Rate = Rate(burst=60, per_s=1)
    """Refused knocks from one address (T3), and likewise TLS handshakes that failed."""
    identity_failures: Rate = Rate(burst=10, per_s=0.1)
    """Refused knocks at one path from one address (T3)."""


class StationServer:
    """A running WebSocket server for stations."""

    def __init__(self, limits: StationLimits) -> None:
        self.limits = limits
        self.port: int | None = None
        """Of the plain listener, if there is one."""
        self.tls_port: int | None = None
        """Of the one with TLS, if there is one."""
        self.refused: Mapping[int, int] = {}
        """Knocks that were refused, by HTTP status."""
        self.unsecured: dict[str, int] = {}
        """TLS handshakes that failed, by why."""
        self.open: set[StationSocket] = set()
        """Sockets that are open, from the handshake until they are gone."""
        self._gone = asyncio.Event()
        self._stop: list[Callable[[], object]] = []

    def stops_by(self, *stop: Callable[[], object]) -> None:
        """Note what ends its listening."""
        self._stop += stop

    def stop(self) -> None:
        """Accept nobody more."""
        for stop in self._stop:
            stop()
        self._stop.clear()

    def leave(self, socket: StationSocket) -> None:
        """Forget a socket that is gone."""
        self.open.discard(socket)
        if not self.open:
            self._gone.set()

    async def close(self, *, per_second: float = 200.0) -> None:
        """Accept nobody more, then close every station with 1012, at a rate that spreads their return.

        Returns when all of them are gone, at the latest ``limits.closing_s`` after the last goodbye.
        """
        self.stop()
        for socket in list(self.open):
            socket.close(SERVICE_RESTART, "service restart")
            await asyncio.sleep(1 / per_second)
        self._gone.clear()
        if self.open:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), self.limits.closing_s + 1.0)


UNPINGED_S = 60.0
"""How often a station that is not pinged is looked at, lest one whose line was given up stay half-closed."""


def ping_interval_s(admitted: Admitted, limits: StationLimits) -> float:
    """The interval that holds for a station; 0 for never."""
    return limits.ping_interval_s if admitted.ping_interval_s is None else admitted.ping_interval_s


def clean_reason(text: str) -> str:
    """A close reason as it may be sent and shown: printable, at most 123 bytes of UTF-8.

    Source: RFC 6455 §5.5 (a control frame carries 125 bytes, two of them the code).
    """
    printable = "".join(character if character.isprintable() else " " for character in text[:123])
    return printable.encode("utf-8", "replace")[:123].decode("utf-8", "ignore").strip()
