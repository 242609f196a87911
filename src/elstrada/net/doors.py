"""The doors that stations come through: a plain one, and one with TLS, whatever library is behind them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import cast

import msgspec

from elstrada.model.security import ClientCertificate, Secured
from elstrada.net.certificates import Certificates
from elstrada.net.entrance import Entrance, Opener
from elstrada.net.face import Strayed, unheard
from elstrada.net.station_server import StationServer
from elstrada.net.throttle import Buckets, prefix_of

BACKLOG = 1024
AGAIN_S = 0.5
"""How long to wait before the next is accepted, when none can be: no file is left for it."""
_MOST_ADDRESSES = 50_000

Make = Callable[["Opener | None"], asyncio.BaseProtocol]
"""Makes the protocol of one connection, which enters the waiting room instead of the opener it is given."""


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """What a station server does with TLS."""

    port: int = 0
    """Of the door with TLS: 0 for any that is free."""
    certificates: Certificates | None = None
    """Those that are shown there; None: there is no such door."""
    in_front: bool = False
    """Whoever comes by the plain door came by TLS to a proxy of ours."""
    strayed: Strayed = unheard
    """Told of those who did not get through a TLS handshake."""


async def open_doors(
    host: str, port: int | None, tls: Tls, server: StationServer, entrance: Entrance, make: Make
) -> None:
    """Begin to listen, and tell the server where and how it ends.

    Args:
        port: of the plain door: 0 for any that is free; None: there is none.
    Raises:
        OSError: a port cannot be had; nothing listens then.
    """
    if port is not None:
        plain = _Doorway(host, port, _Plain(make).admit)
        server.port = plain.port
        server.stops_by(plain.close)
    if tls.certificates is not None:
        try:
            greeter = _Greeter(tls, tls.certificates, server, entrance, make)
            secure = _Doorway(host, tls.port, greeter.admit)
        except OSError:
            server.stop()
            raise
        server.tls_port = secure.port
        server.stops_by(secure.close)
    server.stops_by(entrance.waiting.empty)


def secured_by(transport: asyncio.BaseTransport) -> Secured | None:
    """What TLS tells of the caller; None for a plain connection."""
    line = cast("ssl.SSLObject | None", transport.get_extra_info("ssl_object"))
    if line is None:
        return None
    told, whole = line.getpeercert(), line.getpeercert(binary_form=True)
    return Secured(_certificate(told, whole) if told and whole else None)


def _certificate(
    told: ssl._PeerCertRetDictType,  # pyright: ignore[reportPrivateUsage]
    whole: bytes,
) -> ClientCertificate:
    names = [
        pair for part in cast("tuple[tuple[tuple[str, str], ...], ...]", told["subject"]) for pair in part
    ]
    common_names, organizations = (
        [text for name, text in names if name == wanted] for wanted in ("commonName", "organizationName")
    )
    return ClientCertificate(
        common_names[0] if len(common_names) == 1 else "",
        organizations[0] if len(organizations) == 1 else "",
        _time(told["notAfter"]),
        _time(told["notBefore"]),
        str(told["serialNumber"]).lower().lstrip("0"),
        _issuer(told),
        hashlib.sha256(whole).hexdigest(),
    )


def _issuer(told: ssl._PeerCertRetDictType) -> str:  # pyright: ignore[reportPrivateUsage]
    """As people read a name: its parts, the last first."""
    parts = cast("tuple[tuple[tuple[str, str], ...], ...]", told["issuer"])
    short = {"commonName": "CN", "organizationName": "O", "countryName": "C", "organizationalUnitName": "OU"}
    named = [f"{short.get(name, name)}={text}" for part in reversed(parts) for name, text in part]
    return ",".join(named)[:200]


def _time(told: object) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(told)), UTC)


class _Doorway:
    """Listens, and lets in all who wait at each turn of the loop.

    uvloop's own servers let one in at a turn. When turns are long, those who wait give up before it is
    theirs and come again behind the others who gave up; in the end nobody gets in any more.
    """

    def __init__(self, host: str, port: int, admit: Callable[[socket.socket, str], object]) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
        self._listening.setblocking(False)
        self.port = cast(int, self._listening.getsockname()[1])
        self._admit = admit
        self._loop = asyncio.get_running_loop()
        self._again: asyncio.TimerHandle | None = None
        self._open()

    def close(self) -> None:
        """Let nobody in any more."""
        if self._again is not None:
            self._again.cancel()
        self._loop.remove_reader(self._listening)
        self._listening.close()

    def _open(self) -> None:
        self._again = None
        self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        for _ in range(BACKLOG):
            try:
                line, address = self._listening.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError:
                self._loop.remove_reader(self._listening)
                self._again = self._loop.call_later(AGAIN_S, self._open)
                return
            line.setblocking(False)
            with contextlib.suppress(OSError):  # As some systems say of a line that is gone already.
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._admit(line, str(address[0]))


class _Plain:
    """Whoever comes by the plain door is a connection at once."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._coming: set[asyncio.Task[object]] = set()

    def admit(self, line: socket.socket, _: str) -> None:
        """Begin to hear what it says."""
        task = self._loop.create_task(self._connect(line))
        self._coming.add(task)
        task.add_done_callback(self._coming.discard)

    async def _connect(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError):  # It is gone already.
            await self._loop.connect_accepted_socket(lambda: self._make(None), line)


class _Greeter:
    """Sees each newcomer through its TLS handshake before it counts as a connection.

    The event loop's own TLS servers tell of a newcomer only when its handshake is over, so a flood of
    half ones would be seen by nobody (T3, T13).
    """

    def __init__(
        self, tls: Tls, certificates: Certificates, server: StationServer, entrance: Entrance, make: Make
    ) -> None:
        self._certificates, self._server, self._entrance = certificates, server, entrance
        self._make, self._strayed = make, tls.strayed
        self._failures = Buckets(server.limits.address_failures, _MOST_ADDRESSES)
        self._loop = asyncio.get_running_loop()
        self._greeting: set[asyncio.Task[None]] = set()

    def admit(self, line: socket.socket, remote: str) -> None:
        """Begin its handshake in the waiting room, or turn it away."""
        limits = self._server.limits
        waits = self._failures.wait_s(prefix_of(remote), self._loop.time()) > 0
        if waits and not self._entrance.knows(remote):
            line.close()
            self._count(THROTTLED)
            return
        newcomer = _Newcomer()
        newcomer.task = self._loop.create_task(self._greet(line, remote, newcomer, limits.opening_s))
        self._greeting.add(newcomer.task)
        newcomer.task.add_done_callback(self._greeting.discard)
        self._entrance.waiting.enter(newcomer, remote)

    async def _greet(self, line: socket.socket, remote: str, newcomer: _Newcomer, within_s: float) -> None:
        began = self._loop.time()
        try:
            await self._loop.connect_accepted_socket(
                partial(self._make, newcomer),
                line,
                ssl=self._certificates.identity.context,
                ssl_handshake_timeout=within_s,
                ssl_shutdown_timeout=self._server.limits.closing_s,
            )
        except OSError as trouble:
            # Both kinds of loop tell only in words that it was for the time, and round it.
            late = self._loop.time() - began > 0.9 * within_s
            self._failed(remote, SLOW if late else reason_of(trouble), str(trouble))
        except asyncio.CancelledError:
            self._count(PUSHED_OUT)
            raise
        finally:
            self._entrance.waiting.leave(newcomer)

    def _failed(self, remote: str, reason: str, sample: str) -> None:
        self._count(reason)
        if reason == BROKEN_OFF:
            return  # A balancer that looks whether somebody listens does no more.
        self._failures.take(prefix_of(remote), self._loop.time())
        self._strayed(remote, f"TLS: {reason}", sample)

    def _count(self, reason: str) -> None:
        self._server.unsecured[reason] = self._server.unsecured.get(reason, 0) + 1


class _Newcomer:
    """A connection in its TLS handshake."""

    task: asyncio.Task[None]

    def abort(self) -> None:
        self.task.cancel()


# --- why a handshake failed ---------------------------------------------------------------------------

SLOW, BROKEN_OFF, THROTTLED, PUSHED_OUT = "slow", "broken off", "throttled", "pushed out"
NOT_TLS, OLD, NO_CIPHER = "not TLS", "old version", "no common cipher"
THEIR_CERTIFICATE, OUR_CERTIFICATE, OTHER = "client certificate", "our certificate refused", "other"

_REASONS = {
    "HTTP_REQUEST": NOT_TLS,
    "HTTPS_PROXY_REQUEST": NOT_TLS,
    "WRONG_VERSION_NUMBER": NOT_TLS,
    "UNKNOWN_PROTOCOL": NOT_TLS,
    "RECORD_LAYER_FAILURE": NOT_TLS,
    "UNEXPECTED_EOF_WHILE_READING": BROKEN_OFF,
    "UNSUPPORTED_PROTOCOL": OLD,
    "VERSION_TOO_LOW": OLD,
    "TLSV1_ALERT_PROTOCOL_VERSION": OLD,
    "NO_SHARED_CIPHER": NO_CIPHER,
    "NO_SUITABLE_SIGNATURE_ALGORITHM": NO_CIPHER,
    "CERTIFICATE_VERIFY_FAILED": THEIR_CERTIFICATE,
    "TLSV1_ALERT_UNKNOWN_CA": OUR_CERTIFICATE,
    "SSLV3_ALERT_BAD_CERTIFICATE": OUR_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": OUR_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": OUR_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_REVOKED": OUR_CERTIFICATE,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": OUR_CERTIFICATE,
}
"""By OpenSSL's name of what went wrong; an alert is what the other side says."""


def reason_of(trouble: OSError) -> str:
    """Why a TLS handshake failed, in one of few words."""
    if isinstance(trouble, ssl.SSLError):
        return _REASONS.get(trouble.reason or "", OTHER)
    return BROKEN_OFF if isinstance(trouble, ConnectionError) else OTHER
