"""The two programs of docs/guide/ocpi-library.md, run as they stand there, over real sockets."""

from __future__ import annotations

import base64
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from ocpi_fixtures import LOCATION

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.ocpi.body import shape
from elstrada.ocpi.v221.locations import Location

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "ocpi-library.md"
TOKEN = "a-token-of-the-guide"


def program(number: int) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)[number], names)
    return names


@contextmanager
def serving(locations: list[Location]) -> Iterator[str]:
    """The guide's server behind the standard library's; yields the URL of its locations."""
    names = program(0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            target = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = HttpRequest(self.command, target.path, dict(parse_qsl(target.query)), headers)
            given = names["answer"](asked, TOKEN, locations)
            self.send_response(given.status)
            for name, value in given.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(given.body)))
            self.end_headers()
            self.wfile.write(given.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        base = f"http://127.0.0.1:{server.server_port}"
        names["PUBLIC_URL"] = f"{base}/ocpi/2.2.1"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"{base}/ocpi/2.2.1/cpo/locations"
        finally:
            server.shutdown()
            thread.join()


def send(request: HttpRequest) -> HttpResponse:
    asked = urllib.request.Request(request.path, headers=dict(request.headers), method=request.method)
    try:
        with urllib.request.urlopen(asked, timeout=10) as given:
            headers = {name.lower(): value for name, value in given.headers.items()}
            return HttpResponse(given.status, headers, given.read())
    except urllib.error.HTTPError as refused:
        return HttpResponse(refused.code, {}, refused.read())


def many(count: int) -> list[Location]:
    one = shape(LOCATION, Location)
    return [msgspec.structs.replace(one, id=f"L{number:03}") for number in range(count)]


def test_what_one_program_lists_the_other_fetches_page_by_page() -> None:
    places = many(120)
    with serving(places) as url:
        assert list(program(1)["fetch"](send, url, TOKEN)) == places


def test_a_wrong_token_is_refused_in_words() -> None:
    with serving(many(1)) as url, pytest.raises(RuntimeError, match="HTTP 401, OCPI 2000: no valid"):
        list(program(1)["fetch"](send, url, "another"))


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("?limit=none", 200, 2001),
        ("?date_from=2099-01-01T00:00:00Z", 200, 1000),
        ("/L000", 404, 2000),
        ("/../../sessions", 404, 2000),
    ],
)
def test_whatever_is_asked_gets_the_protocols_own_answer(path: str, status: int, code: int) -> None:
    shown = {"authorization": "Token " + base64.b64encode(TOKEN.encode()).decode()}
    with serving(many(1)) as url:
        given = send(HttpRequest("GET", url + path, headers=shown))
    assert (given.status, msgspec.json.decode(given.body)["status_code"]) == (status, code)


def test_both_programs_need_nothing_but_the_language_and_the_model() -> None:
    imported = re.findall(r"^from (elstrada[\w.]*) import", GUIDE.read_text(), re.MULTILINE)
    assert imported
    assert all(name.startswith(("elstrada.ocpi", "elstrada.model")) for name in imported)
