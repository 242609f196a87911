"""The entrance: who may open a WebSocket, decided before anything else, and how many may be waiting."""

from __future__ import annotations

import base64
import binascii
import logging
import math
from collections.abc import Iterable, Mapping
from typing import Protocol

from elstrada.model.security import Secured
from elstrada.net.face import Admitted, Clock, Doorman, Knock, Refused
from elstrada.net.station_server import StationLimits
from elstrada.net.throttle import KnockThrottle, prefix_of

_PATH_CHARACTERS = 2_000

_LOG = logging.getLogger("elstrada.net.stations")


class Opener(Protocol):
    """A connection that has not been let in yet."""

    def abort(self) -> object: ...


class Entrance:
    """Puts each knock to the doorman, unless its form is wrong or its address guesses too fast (T1, T3)."""

    def __init__(self, doorman: Doorman, clock: Clock, limits: StationLimits) -> None:
        self._doorman, self._clock = doorman, clock
        self._throttle = KnockThrottle(address=limits.address_failures, identity=limits.identity_failures)
        self.waiting = WaitingRoom(limits.opening_sockets, limits.opening_per_address)
        self.refused: dict[int, int] = {}
        """Knocks that were refused, by HTTP status."""

    def decide(
        self,
        target: str,
        headers: Mapping[str, str],
        remote: str,
        now: float,
        secured: Secured | None = None,
    ) -> Admitted | Refused:
        """Decide on one knock.

        Args:
            target: the request target, with its query if there is one.
            headers: as ``joined_headers`` makes them.
            remote: address of the caller, without the port.
            now: seconds of a clock that only moves on.
            secured: what TLS tells of the caller.
        """
        verdict = self._decided(target, headers, remote, now, secured)
        if isinstance(verdict, Refused):
            self.refused[verdict.status] = self.refused.get(verdict.status, 0) + 1
        return verdict

    def knows(self, remote: str) -> bool:
        """Was a station let in from this address?"""
        return self._throttle.knows(remote)

    def _decided(
        self, target: str, headers: Mapping[str, str], remote: str, now: float, secured: Secured | None
    ) -> Admitted | Refused:
        fault = fault_of(target, headers)
        if fault is not None:
            return fault
        path = target.partition("?")[0]
        wait_s = self._throttle.wait_s(remote, path, now)
        if wait_s > 0:
            return Refused(429, {"retry-after": str(math.ceil(wait_s))})
        try:
            verdict = self._doorman.admit(Knock(path, headers, remote, self._clock.now(), secured))
        except Exception:  # noqa: BLE001  The libraries would show its text to the caller.
            _LOG.exception("a knock could not be decided")
            return Refused(500)
        if isinstance(verdict, Admitted):
            self._throttle.succeeded(remote, path)
        elif verdict.status < 500:
            # 5xx is our own trouble; counting it would hold the stations off when we are back.
            self._throttle.failed(remote, path, now)
        return verdict


class WaitingRoom:
    """Connections that have not been let in yet, bounded in all and per address (T13).

    When it is full the one that has waited longest is aborted, not the newcomer: an honest handshake
    takes a round trip, so whoever stays long is slow on purpose or gone.
    """

    def __init__(self, most: int, most_per_address: int) -> None:
        self._most, self._most_per_address = most, most_per_address
        self._waiting: dict[Opener, str] = {}
        self._by_address: dict[str, dict[Opener, None]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, opener: Opener, remote: str, *, instead_of: Opener | None = None) -> None:
        """A connection was accepted, or has come through its TLS handshake and takes its own place again."""
        if instead_of is not None:
            self.leave(instead_of)
        address = prefix_of(remote)
        neighbours = self._by_address.setdefault(address, {})
        crowd = neighbours if len(neighbours) >= self._most_per_address else self._waiting
        if crowd is neighbours or len(self._waiting) >= self._most:
            oldest = next(iter(crowd))
            self.leave(oldest)
            oldest.abort()
        self._waiting[opener] = address
        self._by_address.setdefault(address, {})[opener] = None

    def leave(self, opener: Opener) -> None:
        """A connection was let in, refused or lost. Harmless when repeated."""
        address = self._waiting.pop(opener, None)
        if address is None:
            return
        del self._by_address[address][opener]
        if not self._by_address[address]:
            del self._by_address[address]

    def empty(self) -> None:
        """Abort everyone."""
        for opener in list(self._waiting):
            self.leave(opener)
            opener.abort()


def joined_headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by lower-case name; repeated ones are joined, as RFC 9110 §5.3 allows.

    Two ``Authorization`` lines thus become one that cannot be read, instead of one that was chosen.
    """
    headers: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def fault_of(target: str, headers: Mapping[str, str]) -> Refused | None:
    """Say what is wrong with the form of a WebSocket handshake. Source: RFC 6455 §4.2.1, §4.4."""
    if not target.startswith("/") or not target.isascii() or len(target) > _PATH_CHARACTERS:
        return Refused(400)
    if not all(value.isascii() for value in headers.values()):
        return Refused(400)
    if headers.get("upgrade", "").lower() != "websocket" or "upgrade" not in _tokens(headers, "connection"):
        return Refused(426, {"upgrade": "websocket"})
    if headers.get("sec-websocket-version") != "13":
        return Refused(426, {"upgrade": "websocket", "sec-websocket-version": "13"})
    if not _is_key(headers.get("sec-websocket-key", "")):
        return Refused(400)
    return None


def _tokens(headers: Mapping[str, str], name: str) -> set[str]:
    return {token.strip().lower() for token in headers.get(name, "").split(",")}


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
