"""A platform at the other end of OCPI that is none of ours: it registers, and then asks for anything."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from installation import Installation

Json = Any
TOKEN_B = "b" * 40
"""What our server must show the peer."""


class ForeignPeer:
    """Serves its versions and empty lists, which is enough to be registered with."""

    def __init__(self, role: str, party: str = "NL*HAC") -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.token = ""
        """What we must show the server, once registered."""
        self._role, (self._country, self._party) = role, party.split("*")
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def register(self, home: Installation, own: str) -> ForeignPeer:
        """Be invited by one of the installation's parties, and shake hands."""
        invited = home.told("partner", "add", f"hostile-{self._role.lower()}", "--party", own)
        role = {
            "role": self._role,
            "country_code": self._country,
            "party_id": self._party,
            "business_details": {"name": "Hostile"},
        }
        credentials = {"token": TOKEN_B, "url": f"{self.url}/versions", "roles": [role]}
        status, body = home.http(
            "POST", "/ocpi/2.2.1/credentials", shows(invited["token"]), json.dumps(credentials).encode()
        )
        answer = json.loads(body)
        assert (status, answer["status_code"]) == (200, 1000), answer
        self.token = answer["data"]["token"]
        return self

    def served(self, path: str) -> Json:
        """The data behind an address of ours: versions, and empty lists of everything."""
        endpoints = [
            {"identifier": module, "role": side, "url": f"{self.url}/{module}"}
            for module in ("credentials", "locations", "tariffs", "tokens", "sessions", "cdrs", "commands")
            for side in ("SENDER", "RECEIVER")
        ]
        return {
            "/versions": [{"version": "2.2.1", "url": f"{self.url}/2.2.1"}],
            "/2.2.1": {"version": "2.2.1", "endpoints": endpoints},
        }.get(path, [])

    def __enter__(self) -> ForeignPeer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def shows(token: str) -> dict[str, str]:
    """The header that shows a credentials token (R-01)."""
    return {"Authorization": f"Token {base64.b64encode(token.encode()).decode()}"}


def _handler(peer: ForeignPeer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
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
