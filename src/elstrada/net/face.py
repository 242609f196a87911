"""What hands can do, so that roles run the same on real sockets and in the simulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.ids import Fresh
from elstrada.model.security import ClientCertificate, NewPassword, Secured, SecurityProfile


class Clock(Protocol):
    """The time. Sleeping and deadlines are the event loop's, which a simulator may also own."""

    def now(self) -> datetime:
        """The wall clock, aware UTC."""
        ...


class Chance(Protocol):
    """Everything that must not be guessed or repeated; seeded in the simulator."""

    def fresh(self) -> Fresh:
        """Identifiers for one decision."""
        ...

    def uuid(self) -> str:
        """A random UUID as text, for messages and requests."""
        ...

    def secret(self) -> str:
        """256 random bits as printable ASCII, for tokens and passwords."""
        ...

    def spread(self) -> float:
        """A number from 0 to 1, for jitter."""
        ...


class Knock(msgspec.Struct, frozen=True):
    """Somebody asks for a WebSocket: everything known before a byte of it is accepted."""

    path: str
    """As requested, percent-encoded, without the query."""
    headers: Mapping[str, str]
    """Lower-case names."""
    remote: str
    """Address of the caller, without the port."""
    at: datetime
    secured: Secured | None = None
    """None: plain."""


class Refused(msgspec.Struct, frozen=True):
    """The knock is answered with this HTTP status and nothing more is done."""

    status: int
    headers: Mapping[str, str] = {}


class Admitted(msgspec.Struct, frozen=True):
    """The knock is answered with 101."""

    owner: str
    station_id: str
    protocol: str | None
    """Subprotocol chosen; None completes the handshake without one and then closes (OCPP 2.1 part 4)."""
    assumed: bool = False
    """It did not offer that subprotocol, so the answer must not name it (RFC 6455 §4.1)."""
    ping_interval_s: float | None = None
    """Ping when silent for so long; 0 for a station that never answers pings (rule 3); None: as the server."""
    security_profile: SecurityProfile = SecurityProfile.BASIC
    """With which it came."""
    new_password: NewPassword | None = None
    """If that is what it showed (T5)."""
    certificate: ClientCertificate | None = None
    """The one it came with."""

    @property
    def named(self) -> str | None:
        """The subprotocol that the answer to the handshake names."""
        return None if self.assumed else self.protocol


class StationSocket(Protocol):
    """One station's open WebSocket."""

    remote: str

    def send(self, frame: bytes) -> None:
        """Send one text frame; never blocks. Does nothing on a closed socket.

        A station that does not read is closed once 1 MiB waits for it (F15).
        """
        ...

    def close(self, code: int, reason: str) -> None:
        """Say goodbye; ``Line.closed`` follows exactly once."""
        ...

    def leave_unpinged(self) -> None:
        """It is known now that this station never answers pings: send none but those of a probe (rule 3)."""
        ...

    def probe(self, answered: Callable[[bool], None], within_s: float) -> None:
        """Ping, and tell once whether anything at all was heard from the station afterwards (T2).

        ``answered`` is called later, never from within: with True at the first frame of any kind, with
        False after ``within_s`` seconds of silence, or once the socket is gone or has said goodbye.
        """
        ...


class Line(Protocol):
    """Who handles one open socket. Called on the event loop, never concurrently for one socket."""

    def received(self, frame: bytes) -> None:
        """A whole text frame, UTF-8 not yet checked. Binary frames are closed by ``net`` itself."""
        ...

    def closed(self, code: int, reason: str) -> None:
        """The socket is gone, whoever closed it."""
        ...


class Doorman(Protocol):
    """Who decides on knocks and handles open sockets: the gateway."""

    def admit(self, knock: Knock) -> Admitted | Refused:
        """Decide at once, without I/O (T1, T3)."""
        ...

    def opened(self, socket: StationSocket, admitted: Admitted) -> Line: ...


class HttpClient(Protocol):
    """Sends requests to other parties."""

    async def send(self, request: HttpRequest, *, timeout_s: float) -> HttpResponse:
        """Send one request; no redirects, body at most 8 MiB.

        Raises:
            Unreachable: no response, or the address is not allowed (T16).
        """
        ...


class HttpHandler(Protocol):
    """Serves requests of one kind, such as OCPI's."""

    async def handle(self, request: HttpRequest, remote: str) -> HttpResponse: ...


Strayed = Callable[[str, str, str], None]
"""Told of bad requests: the caller's address, what is wrong in few words, and what it looked like."""


def unheard(remote: str, code: str, sample: str) -> None:
    """A ``Strayed`` for where nobody counts."""
