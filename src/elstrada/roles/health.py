"""The health listener: how a node is, for whoever supervises, balances and measures. It asks for no login,
so it listens on loopback unless configured otherwise, and says nothing that is not for the operator's network.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from elstrada import __version__
from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.roles.readiness import Readiness

Exposed = Callable[[], bytes]
"""The metrics as text."""

_TEXT = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"}
_METRICS = {"content-type": "text/plain; version=0.0.4; charset=utf-8", "cache-control": "no-store"}
_JSON = {"content-type": "application/json", "cache-control": "no-store"}


class Health:
    """Serves ``/livez``, ``/readyz``, ``/metrics`` and ``/version`` (``net.face.HttpHandler``)."""

    def __init__(self, readiness: Readiness, exposed: Exposed, node: str) -> None:
        self._readiness, self._exposed, self._node = readiness, exposed, node

    async def handle(self, request: HttpRequest, remote: str) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(405, {**_TEXT, "allow": "GET, HEAD"}, b"only GET and HEAD\n")
        answer = self._answer(request.path)
        if request.method == "HEAD":
            return HttpResponse(answer.status, answer.headers)
        return answer

    def _answer(self, path: str) -> HttpResponse:
        match path:
            case "/livez":
                # That the loop came to answer is the answer: the watchdog ends a process whose loop does not.
                return HttpResponse(200, _TEXT, b"alive\n")
            case "/readyz":
                return self._readyz()
            case "/metrics":
                return HttpResponse(200, _METRICS, self._exposed())
            case "/version":
                told = {"name": "elstrada", "version": __version__, "node": self._node}
                return HttpResponse(200, _JSON, json.dumps(told).encode())
            case _:
                return HttpResponse(404, _TEXT, b"there are /livez, /readyz, /metrics and /version\n")

    def _readyz(self) -> HttpResponse:
        reasons = self._readiness.reasons()
        lines = [*(reasons or ["ready"]), *self._readiness.notes()]
        return HttpResponse(503 if reasons else 200, _TEXT, "".join(f"{line}\n" for line in lines).encode())
