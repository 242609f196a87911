"""The one client for everything outbound. It trusts no URL, no DNS answer and no response (T16, T24)."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from typing import cast

import httpcore2
import httpx2

from elstrada.model.http import HttpRequest, HttpResponse, Late, Unreachable
from elstrada.net.egress import EgressRules, check_addresses, check_url
from elstrada.net.entrance import joined_headers

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to addresses; raises OSError."""

BODY_BYTES = 8 * 1024 * 1024
_ADDRESSES_TRIED = 2
_SENT_BY_US = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})


@cache
def system_trust() -> ssl.SSLContext:
    """Trusts whom this machine trusts. Reading their certificates takes longer than the rest of a node's start."""
    return ssl.create_default_context()


class GuardedClient:
    """Sends requests to other parties, and to nobody else.

    Only the transport of httpx2 is used: what its client adds (redirects, cookies, proxies and
    passwords from the environment) is what must not happen.
    """

    def __init__(
        self,
        rules: EgressRules | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
        body_bytes: int = BODY_BYTES,
    ) -> None:
        self._rules = rules or EgressRules()
        self._body_bytes = body_bytes
        backend = _PinnedBackend(self._rules, resolve or _resolve)
        self._transport = _PinnedTransport(tls or system_trust(), backend)

    async def send(self, request: HttpRequest, *, timeout_s: float) -> HttpResponse:
        """Send one request; ``path`` is the whole URL, ``query`` is added to it.

        Raises:
            Unreachable: no response, one that is too big or too slow, or the address is not allowed.
        """
        check_url(request.path, self._rules)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exchange(request)
        except TimeoutError as problem:
            raise Late(f"no whole response within {timeout_s:g} s") from problem
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, ssl.SSLError, OSError) as problem:
            raise Unreachable(f"no response: {type(problem).__name__} {problem}"[:200]) from problem

    async def close(self) -> None:
        """Close idle connections."""
        await self._transport.aclose()

    async def _exchange(self, request: HttpRequest) -> HttpResponse:
        outgoing = httpx2.Request(
            request.method,
            httpx2.URL(request.path).copy_merge_params(dict(request.query)),
            headers={
                **{name: value for name, value in request.headers.items() if name not in _SENT_BY_US},
                # A compressed body could grow a thousandfold; nobody must send one unasked.
                "accept-encoding": "identity",
            },
            content=request.body,
        )
        response = await self._transport.handle_async_request(outgoing)
        try:
            return await self._read(response)
        finally:
            await response.aclose()

    async def _read(self, response: httpx2.Response) -> HttpResponse:
        headers = joined_headers(response.headers.multi_items())
        if headers.get("content-encoding", "identity") != "identity":
            raise Unreachable("the response is compressed, though identity was asked for")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self._body_bytes:
                raise Unreachable(f"the response is larger than {self._body_bytes} bytes")
        return HttpResponse(response.status_code, headers, bytes(body))


class _PinnedTransport(httpx2.AsyncHTTPTransport):
    """httpx2's transport on a pool that connects through a backend of ours."""

    def __init__(self, tls: ssl.SSLContext, backend: httpcore2.AsyncNetworkBackend) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=backend,
        )


class _PinnedBackend(httpcore2.AsyncNetworkBackend):
    """Resolves once, checks every address, and connects to what it has checked (DNS rebinding).

    Connections stay keyed by the host's name, so TLS verifies the name and two hosts at one address
    never share a connection.
    """

    def __init__(self, rules: EgressRules, resolve: Resolve) -> None:
        self._rules, self._resolve = rules, resolve
        self._sockets = cast(httpcore2.AsyncNetworkBackend, httpcore2.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  The backend's interface.
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self._resolve(host, port)
        check_addresses(host, addresses, self._rules)
        problem: Exception | None = None
        for address in addresses[:_ADDRESSES_TRIED]:
            try:
                return await self._sockets.connect_tcp(
                    address, port, timeout, local_address, socket_options or ()
                )
            except httpcore2.ConnectError as failed:
                problem = failed
        assert problem is not None
        raise problem


async def _resolve(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
