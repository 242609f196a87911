"""The desk over HTTP, and the file that tells commands where it is."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from desk_book import StepClock
from hypothesis import given, settings
from hypothesis import strategies as st

from elstrada.cli.nouns import EXITS
from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.net.chance import SeededChance
from elstrada.roles.desk.face import Desk, Kind
from elstrada.roles.desk.http import STATUS, DeskHandler, path_of
from elstrada.roles.desk.nouns import NOUNS
from elstrada.roles.desk.server_file import FILE_NAME, ServerFile, announce, find_server, withdraw
from elstrada.roles.desk.table import verbs_of
from elstrada.roles.keys import derived_keys
from elstrada.spine.memory import MemorySpine

SECRET = "k" * 43
CPO = {"party": "SE*ELS", "roles": ["CPO"], "name": "Elstrada Nord"}


def call(desk: Desk, verb: str, body: object = None, **change: Any) -> HttpResponse:
    request: dict[str, Any] = {
        "method": "POST",
        "path": path_of(verb),
        "headers": {"authorization": f"Bearer {SECRET}"},
        "body": body if isinstance(body, bytes) else json.dumps(body or {}).encode(),
    }
    handler = DeskHandler(desk, SECRET)
    return asyncio.run(handler.handle(HttpRequest(**(request | change)), "127.0.0.1"))


def test_a_verb_is_done_with_its_parameters_as_json(desk: Desk) -> None:
    assert path_of("party put") == "/api/v1/desk/party-put"
    answer = call(desk, "party put", CPO)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert json.loads(answer.body)["party"] == "SE*ELS"
    assert [line["party"] for line in json.loads(call(desk, "party list").body)] == ["SE*ELS"]


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer wrong", f"Token {SECRET}", f"Bearer {SECRET}x", "Bearer é"]
)
def test_without_the_secret_nothing_is_done_and_nothing_told(desk: Desk, header: str) -> None:
    answer = call(desk, "party put", CPO, headers={"authorization": header})
    assert answer.status == 401
    assert SECRET not in answer.body.decode()
    assert json.loads(call(desk, "party list").body) == []


def test_whoever_lacks_the_secret_is_counted_without_what_he_showed(desk: Desk) -> None:
    told: list[tuple[str, str, str]] = []
    handler = DeskHandler(desk, SECRET, lambda *strayed: told.append(strayed))
    for shown in ("guess", SECRET):
        headers = {"authorization": f"Bearer {shown}"}
        asyncio.run(
            handler.handle(HttpRequest("POST", path_of("party list"), {}, headers, b"{}"), "10.0.0.9")
        )
    assert told == [("10.0.0.9", "refused at the desk", "POST /api/v1/desk/party-list")]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"method": "GET"}, 405),
        ({"path": "/api/v1/desk/party-burn"}, 404),
        ({"path": "/elsewhere"}, 404),
        ({"body": b"{"}, 400),
        ({"body": b"[]"}, 400),
        ({"body": b"\xff"}, 400),
        ({"body": b"[" * 5000}, 400),
        ({"body": b'{"party": 7}'}, 400),
    ],
)
def test_what_is_no_verb_or_no_json_gets_a_problem_document(
    desk: Desk, change: dict[str, Any], status: int
) -> None:
    answer = call(desk, "party put", **({"body": CPO} | change))
    problem = json.loads(answer.body)
    assert (answer.status, problem["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["detail"]


def test_a_refusal_travels_whole(desk: Desk) -> None:
    answer = call(desk, "station add", {"station": "a/b", "party": "SE*XXX"})
    problem = json.loads(answer.body)
    assert (answer.status, problem["kind"], problem["pointer"]) == (404, "missing", "/party")
    assert problem["hint"]
    assert set(STATUS) == set(Kind)


_plain = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
    | st.sampled_from(["SE*ELS", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-03", "1=L/E", "e30="])
)  # fmt: skip
_VERBS = [verb for noun in NOUNS for verb in verbs_of(noun)]


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_no_parameters_do_more_than_be_refused(data: st.DataObject) -> None:
    """Whatever comes over the wire, the answer is the verb's or a problem document, never a crash."""
    clock = StepClock()
    desk = Desk(spine=MemorySpine(clock), keys=derived_keys("x"), clock=clock, chance=SeededChance("x"))
    call(desk, "party put", CPO | {"roles": ["CPO", "EMSP"]})
    verb = data.draw(st.sampled_from(_VERBS))
    values = _plain | st.lists(_plain, max_size=2)
    names = st.sampled_from(verb.params.__struct_fields__ or ("x",))
    answer = call(desk, verb.name, data.draw(st.dictionaries(names, values, max_size=6)))
    assert answer.status in (200, 400, 404, 409, 422, 503)
    json.loads(answer.body)


def test_the_servers_file_is_for_its_owner_only_and_goes_with_its_server(tmp_path: Path) -> None:
    assert find_server(tmp_path) is None
    mine = ServerFile("http://127.0.0.1:8000", SECRET, os.getpid())
    announce(tmp_path, mine)
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    assert find_server(tmp_path) == mine
    assert SECRET not in repr(mine)
    withdraw(tmp_path, os.getpid() + 1)
    assert find_server(tmp_path) == mine
    withdraw(tmp_path, os.getpid())
    assert [path.name for path in tmp_path.iterdir()] == []


def test_a_file_whose_server_died_or_that_is_no_such_file_counts_as_none(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    announce(tmp_path, ServerFile("http://127.0.0.1:8000", SECRET, child))
    assert find_server(tmp_path) is None
    (tmp_path / FILE_NAME).write_text("{")
    assert find_server(tmp_path) is None


GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "api.md"


def test_the_guides_example_does_what_it_says(desk: Desk) -> None:
    handler = DeskHandler(desk, SECRET)

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = HttpRequest("POST", self.path, {}, headers, body)
            answer = asyncio.run(handler.handle(request, "127.0.0.1"))
            self.send_response(answer.status)
            self.end_headers()
            self.wfile.write(answer.body)

    (example,) = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    with HTTPServer(("127.0.0.1", 0), Door) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        told = {"ELSTRADA_URL": url, "ELSTRADA_DESK__SECRET": SECRET, "PATH": os.environ["PATH"]}
        ended = subprocess.run(["sh", "-ec", example], env=told, capture_output=True, text=True, timeout=30)
        server.shutdown()
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("SE*ELS") == 2


def test_the_guide_names_every_kind_with_its_status_and_exit_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \|", GUIDE.read_text(), re.MULTILINE)
    assert rows == [(kind.value, str(int(STATUS[kind])), str(int(EXITS[kind]))) for kind in Kind]
