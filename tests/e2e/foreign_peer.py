"""A platform at the other end of OCPI that is none of ours: it registers, and then asks for anything."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from installation import Installation

Json = Any
TOKEN_B = "b" * 40
"""What our server must show the peer."""


@dataclass(frozen=True)
class Heard:
    """A request that came from us."""

    method: str
    path: str
    headers: dict[str, str]
    body: Json


class ForeignPeer:
    """Serves its versions and lists, which is enough to be registered with, and keeps what it is told."""

    def __init__(self, role: str, party: str = "NL*HAC", version: str = "2.2.1") -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.token = ""
        """What we must show the server, once registered."""
        self.heard: list[Heard] = []
        self.objects: dict[str, list[Json]] = {}
        """What it has of each module."""
        self.is_old = version == "2.1.1"
        self._role, (self._country, self._party), self._version = role, party.split("*"), version
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def register(self, home: Installation, own: str) -> ForeignPeer:
        """Be invited by one of the installation's parties, and shake hands."""
        invited = home.told("partner", "add", f"hostile-{self._role.lower()}", "--party", own)
        identity = {
            "country_code": self._country,
            "party_id": self._party,
            "business_details": {"name": "Hostile"},
        }
        credentials: Json = {"token": TOKEN_B, "url": f"{self.url}/versions"}
        credentials |= identity if self.is_old else {"roles": [{"role": self._role, **identity}]}
        status, body = home.http(
            "POST",
            self.at("credentials"),
            shows(invited["token"], plain=self.is_old),
            json.dumps(credentials).encode(),
        )
        answer = json.loads(body)
        assert (status, answer["status_code"]) == (200, 1000), answer
        self.token = answer["data"]["token"]
        return self

    def at(self, path: str) -> str:
        """An address of ours: in 2.1.1 one of the side of the market that faces it."""
        if self.is_old:
            return f"/ocpi/{'emsp' if self._role == 'CPO' else 'cpo'}/2.1.1/{path}"
        return f"/ocpi/{self._version}/{path}"

    def asks(self, home: Installation, method: str, path: str, body: Json = None) -> tuple[int, Json]:
        """Ask the server something, once registered; returns the HTTP status and the envelope."""
        content = b"" if body is None else json.dumps(body).encode()
        status, answer = home.http(method, self.at(path), shows(self.token, plain=self.is_old), content)
        return status, json.loads(answer)

    def told(self, method: str, path: str) -> list[Heard]:
        """What it heard at an address, the newest last."""
        return [one for one in list(self.heard) if one.method == method and one.path.startswith(path)]

    def served(self, path: str) -> Json:
        """The data behind an address of the peer: versions, and lists of everything."""
        modules = ("credentials", "locations", "tariffs", "tokens", "sessions", "cdrs", "commands")
        endpoints = [
            {"identifier": module, "url": f"{self.url}/{module}"} | role
            for module in modules
            for role in ([{}] if self.is_old else [{"role": "SENDER"}, {"role": "RECEIVER"}])
        ]
        version = self._version
        return {
            "/versions": [{"version": version, "url": f"{self.url}/{version}"}],
            f"/{version}": {"version": version, "endpoints": endpoints},
        }.get(path, self.objects.get(path.partition("?")[0].removeprefix("/"), []))

    def __enter__(self) -> ForeignPeer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def shows(token: str, *, plain: bool = False) -> dict[str, str]:
    """The header that shows a credentials token (R-01), in 2.1.1 as it is (R-02)."""
    return {"Authorization": f"Token {token if plain else base64.b64encode(token.encode()).decode()}"}


def _handler(peer: ForeignPeer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            heard = Heard(self.command, self.path, headers, json.loads(content) if content else None)
            peer.heard.append(heard)
            data = peer.served(self.path)
            document = {"status_code": 1000, "data": data, "timestamp": "2026-01-01T00:00:00Z"}
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_PUT = do_POST = do_PATCH = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the test looks at the other side."""

    return Handler
