"""What holds for every response of the pages: who may ask, and what a browser may do with it."""

from __future__ import annotations

from collections.abc import Iterable

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Text that strayed into a page stays text: no inline script or style, nothing from elsewhere (T14)."""

SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_WRONG_HOST = b"This server answers under other names; add this one to its configuration.\n"


def guarded(app: ASGIApp, hosts: Iterable[str]) -> ASGIApp:
    """The application, answering only under these host names, its responses with security headers.

    Checking the name keeps a foreign page from reading a loopback server by rebinding its own name.
    """
    names = frozenset(host.lower() for host in hosts)

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *SECURITY_HEADERS]
            await send(message)

        answer = app if "*" in names or _host(scope) in names else _refuse
        await answer(scope, receive, send_guarded)

    return respond


def _host(scope: Scope) -> str:
    """The Host header without its port, lower case."""
    named = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    host, _, port = named.rpartition(":")
    return (host if port.isdigit() else named).lower()


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(_WRONG_HOST))]
    await send({"type": "http.response.start", "status": 421, "headers": headers})  # RFC 9110 §15.5.20.
    await send({"type": "http.response.body", "body": _WRONG_HOST, "more_body": False})
