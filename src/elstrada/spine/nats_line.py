"""A node's connection to NATS, kept for as long as the node lives.

NATS only carries what can be made again, so its absence stops nobody: a node starts without it, works on
while it is away, and is connected again within seconds of its return.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from nats.aio.client import Client
from nats.aio.client import Server as KnownServer
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error
from nats.js import JetStreamContext

from elstrada.spine.clock import Clock
from elstrada.spine.ending import ended
from elstrada.spine.nats_credentials import read_credentials

log = logging.getLogger(__name__)

PREFIX = "elstrada"
"""Of all subjects and streams; installations that share a NATS have different ones."""
SCHEMES = frozenset({"nats", "tls"})
_OPENING_S = 5.0
"""How long a try of all servers may take."""
_CONNECT_S = 2
_PING_S = 5
"""A server that answers nothing for three times as long is given up."""
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_MOST_DOUBLINGS = 6
_BUFFER_BYTES = 2 * 1024 * 1024
"""Of replies and rings that wait for the connection to come back."""


class LineState(msgspec.Struct, frozen=True):
    """How the connection is, for readiness and metrics."""

    connected: bool
    since: datetime
    """Of the present state, UTC."""
    connects: int
    """How often a connection was made; all but the first are reconnects."""
    server: str = ""
    """Host and port of the server connected to, or last connected to."""
    last_error: str = ""
    """What went wrong last, though it may be well again."""


class NatsLine:
    """The one connection that post and bell of a node share."""

    def __init__(
        self,
        servers: Sequence[str],
        *,
        name: str,
        clock: Clock,
        spread: Callable[[], float],
        credentials: Path | None = None,
    ) -> None:
        """
        Args:
            servers: URLs, ``nats://host:port`` or ``tls://host:port`` (certificates are checked), with
                ``user:password@`` or ``token@``, percent-encoded, before the host where the server wants
                them. The first so named are shown to all, and to servers that these tell of.
            name: by which the server's operator knows this node.
            spread: gives a number from 0 to 1, for jitter.
            credentials: a file with a user's JWT and seed, as ``nsc`` writes it.
        Raises:
            ValueError: a URL or the file is not as expected. No text shows a secret of either.
            OSError: the file cannot be read.
        """
        for server in servers:
            _check(server)
        if not servers:
            raise ValueError("a connection to NATS needs the URL of a server, like nats://127.0.0.1:4222")
        self._servers, self._name, self._clock, self._spread = list(servers), name, clock, spread
        self._credentials = credentials
        if credentials is not None:
            read_credentials(credentials)
        self._client: Client | None = None
        self._up = asyncio.Event()
        self._over = asyncio.Event()
        self._told: list[Callable[[], None]] = []
        self._tries = self._untried = 0
        self._state = LineState(False, clock.now(), 0)
        self._keeper: asyncio.Task[None] | None = None

    @property
    def state(self) -> LineState:
        return self._state

    async def start(self) -> None:
        """Begin to connect. Waits for nothing: a node starts without NATS."""
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        """Let the connection go; what waits to be sent is sent first, for two seconds at most."""
        self._down()
        if self._keeper is not None:
            await ended(self._keeper)

    def on_connect(self, told: Callable[[], None]) -> None:
        """Call ``told`` on the event loop whenever a connection has been made, at first and again."""
        self._told.append(told)
        if self._up.is_set():
            told()

    async def client(self) -> Client:
        """Wait for the connection."""
        while True:
            await self._up.wait()
            if self._client is not None and self._client.is_connected:
                return self._client
            await asyncio.sleep(_SHORTEST_PAUSE_S)  # The library has noticed, and is about to tell us.

    async def _keep(self) -> None:
        """Connect; should the library ever give a connection up, begin anew."""
        while True:
            client = _Client()
            try:
                if await self._opened(client):
                    self._client = client
                    await self._connected()
                    await self._over.wait()
            finally:
                self._client = None
                await self._lost()
                await _closed(client)
            await asyncio.sleep(self._pause())

    async def _opened(self, client: Client) -> bool:
        """Try every server once."""
        self._over.clear()
        self._untried = len(self._servers)
        try:
            async with asyncio.timeout(_OPENING_S):
                await client.connect(self._servers, **self._options())
        except _NoneLeft:
            return False
        except (TimeoutError, OSError, ValueError, Error) as error:
            self._note(error)
            return False
        finally:
            self._untried = 0
        return True

    def _options(self) -> dict[str, Any]:  # What ``Client.connect`` takes: a library's call.
        return {
            "name": self._name,
            "error_cb": self._erred,
            "disconnected_cb": self._lost,
            "reconnected_cb": self._connected,
            "closed_cb": self._given_up,
            "connect_timeout": _CONNECT_S,
            "reconnect_to_server_handler": self._next,
            "max_reconnect_attempts": -1,
            "ping_interval": _PING_S,
            "max_outstanding_pings": 2,
            "pending_size": _BUFFER_BYTES,
            **_login(self._servers),
            **(_proofs(self._credentials) if self._credentials is not None else {}),
        }

    def _next(self, servers: list[KnownServer], _: dict[str, Any]) -> tuple[KnownServer | None, float]:
        """Which server to try next, and after how long."""
        return servers[self._tries % len(servers)], self._pause()

    def _pause(self) -> float:
        """Twice as long each time, up to a limit, and never the same for two nodes."""
        longest = min(_LONGEST_PAUSE_S, _SHORTEST_PAUSE_S * 2 ** min(self._tries, _MOST_DOUBLINGS))
        self._tries += 1
        return longest * (0.5 + self._spread() / 2)

    # --- what the library tells ---------------------------------------------------------------------------

    async def _connected(self) -> None:
        client = self._client
        if client is None:
            return
        url = client.connected_url
        server = f"{url.hostname}:{url.port}" if url is not None else ""
        self._tries = 0
        before = self._state
        self._state = LineState(True, self._clock.now(), before.connects + 1, server, before.last_error)
        self._up.set()
        log.info("connected to NATS at %s", server)
        for told in self._told:
            told()

    async def _lost(self) -> None:
        if self._up.is_set():
            self._down()
            log.warning("the connection to NATS broke; it is made again")

    def _down(self) -> None:
        self._up.clear()
        self._state = msgspec.structs.replace(self._state, connected=False, since=self._clock.now())

    async def _given_up(self) -> None:
        self._over.set()

    async def _erred(self, error: Exception) -> None:
        self._note(error)
        if self._untried:
            # The library would go on for ever, and always after the same pause.
            self._untried -= 1
            if not self._untried:
                raise _NoneLeft

    def _note(self, error: Exception) -> None:
        self._state = msgspec.structs.replace(self._state, last_error=_words(error))


async def subscribed(
    client: Client, subject: str, heard: Callable[[Msg], Awaitable[None]], *, most: int
) -> Subscription:
    """Hear a subject.

    Args:
        heard: awaited for one message after the other, so it must not wait for anything itself.
        most: messages that may wait for it; NATS drops more, and the line's state says so.
    """
    return await client.subscribe(  # pyright: ignore[reportUnknownMemberType]  The library types it in part.
        subject, cb=heard, pending_msgs_limit=most
    )


async def flushed(client: Client) -> None:
    """Wait until the server knows all that was subscribed so far.

    Twice, because the library sends its ping ahead of what still waits: only the second comes after it.
    """
    await client.flush(timeout=_CONNECT_S)
    await client.flush(timeout=_CONNECT_S)


def jetstream(client: Client, timeout_s: float) -> JetStreamContext:
    """JetStream by a connection; each call of it waits so long at most."""
    return client.jetstream(timeout=timeout_s)  # pyright: ignore[reportUnknownMemberType]


class _NoneLeft(Exception):
    """No server could be reached."""


class _Client(Client):
    """The library's client, which also keeps to ``tls://`` where the server does not ask for it."""

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        # Called before anything is sent. Without this a password would go out in the clear.
        server = self._current_server
        if server is not None and server.uri.scheme == "tls" and not info.get("tls_required", False):
            raise Error(f"{server.uri.hostname} offers no TLS, and its URL demands it")
        await super()._process_info(info, initial_connection)


def _login(servers: Sequence[str]) -> dict[str, str]:
    """What stands before the host of the first URL that has something there."""
    for parts in map(urlsplit, servers):
        if parts.username and parts.password is None:
            return {"token": unquote(parts.username)}
        if parts.username:
            return {"user": unquote(parts.username), "password": unquote(parts.password or "")}
    return {}


def _proofs(credentials: Path) -> dict[str, Any]:
    """How the library gets at who we are, for each connection anew."""
    return {
        "user_jwt_cb": lambda: bytearray(read_credentials(credentials).jwt.encode()),
        "signature_cb": lambda nonce: read_credentials(credentials).signed(nonce),  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    }


async def _closed(client: Client) -> None:
    """Close whatever there is of a connection."""
    with contextlib.suppress(TimeoutError, OSError, Error):
        async with asyncio.timeout(2):
            await client.close()


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def _check(server: str) -> None:
    parts = urlsplit(server)
    try:
        known = parts.scheme in SCHEMES and parts.hostname and (parts.port or True)
    except ValueError:
        known = False
    if not known:
        shown = f"{parts.scheme}://…" if "@" in server else repr(server)
        raise ValueError(f"{shown} is no URL of a NATS server; expected like nats://127.0.0.1:4222")
