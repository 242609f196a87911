"""Hostile HTTP requests over real sockets: each gets the protocol's own error, and is counted.

Callers hold what an attacker may hold: nothing, a token A, the tokens of a registered eMSP and of a
registered CPO. R-01 to R-24, T13, T16 to T18.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest
from foreign_peer import TOKEN_B, ForeignPeer, shows
from hostile_requests import REQUESTS, Hostile, Shown
from installation import (
    PATIENCE_S,
    Installation,
    Nursery,
    bad_input_listed,
    bad_input_shown,
    serving,
    wait_for,
)

ROUNDS = 20
GROWTH_KIB = 5 * 1024
"""Of memory in these rounds: room for allocator and caches, but less than what is sent in them."""


@dataclass(frozen=True)
class Besieged:
    home: Installation
    headers: dict[Shown, dict[str, str]]

    def answer_to(self, hostile: Hostile) -> tuple[int, int | None]:
        """HTTP status and OCPI status code."""
        status, body = self.raw(hostile.raw) if hostile.raw else self.request(hostile)
        for headers in self.headers.values():
            assert not any(value.encode() in body for value in headers.values())
        if not hostile.path.startswith("/ocpi") or not body.startswith(b"{"):
            return status, None
        return status, json.loads(body)["status_code"]

    def request(self, hostile: Hostile) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE_S)
        headers = {**self.headers[hostile.shown], **hostile.headers, "Content-Length": str(len(hostile.body))}
        with closing(connection):
            connection.putrequest(hostile.method, hostile.path, skip_host="Host" in headers)
            for name, value in headers.items():
                connection.putheader(name, value.encode("latin-1"))
            connection.endheaders(hostile.body)
            response = connection.getresponse()
            return response.status, response.read()

    def raw(self, content: bytes) -> tuple[int, bytes]:
        """Status 0 where the line was closed without a word."""
        host, port = self.address.split(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as line:
            line.sendall(content.replace(b"HOST", self.address.encode()))
            answer = b""
            try:
                while received := line.recv(65_536):
                    answer += received
            except ConnectionResetError:
                pass  # It was closed with some of our bytes unread.
        return (int(answer.split()[1]) if answer else 0), answer.partition(b"\r\n\r\n")[2]

    @property
    def address(self) -> str:
        return self.home.http_url.removeprefix("http://")


@pytest.fixture(scope="module")
def besieged(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Besieged]:
    folder = tmp_path_factory.mktemp("requests")
    with (
        ForeignPeer("EMSP") as emsp,
        ForeignPeer("CPO") as cpo,
        serving(Installation(folder, nursery)) as home,
    ):
        invited = home.told("partner", "add", "not-yet", "--party", "SE*ELS")["token"]
        secret = json.loads((home.data / "server.json").read_bytes())["secret"]
        yield Besieged(
            home,
            {
                Shown.NONE: {},
                Shown.INVITED: shows(invited),
                Shown.EMSP: shows(emsp.register(home, "SE*ELS").token),
                Shown.CPO: shows(cpo.register(home, "SE*RET").token),
                Shown.DESK: {"Authorization": f"Bearer {secret}"},
            },
        )


def test_there_are_forty_of_them_and_no_two_alike() -> None:
    assert len({hostile.name for hostile in REQUESTS}) == len(REQUESTS)
    assert sum(hostile.shown is not Shown.DESK for hostile in REQUESTS) >= 40


@pytest.mark.parametrize("hostile", REQUESTS, ids=lambda hostile: hostile.name)
def test_a_hostile_request_gets_the_protocols_own_answer(besieged: Besieged, hostile: Hostile) -> None:
    assert besieged.answer_to(hostile) == hostile.answer


def test_after_all_of_them_the_server_serves_leaks_nothing_and_has_counted(besieged: Besieged) -> None:
    home = besieged.home
    for _ in range(3 * ROUNDS):  # Until the caches are full.
        assert [besieged.answer_to(hostile) for hostile in REQUESTS] == [
            hostile.answer for hostile in REQUESTS
        ]
    before, counted = home.memory_kib(), bad_input_listed(home)
    for _ in range(ROUNDS):
        assert [besieged.answer_to(hostile) for hostile in REQUESTS] == [
            hostile.answer for hostile in REQUESTS
        ]
    assert (
        home.memory_kib() - before
        < GROWTH_KIB
        < ROUNDS * sum(len(hostile.body + hostile.raw) for hostile in REQUESTS) / 1024
    )

    # The holder of the desk's secret is the operator: what he mistypes is told to him, and not counted.
    bad = sum(hostile.shown is not Shown.DESK for hostile in REQUESTS)
    wait_for(
        lambda: bad_input_listed(home) == bad_input_shown(home) >= counted + ROUNDS * bad,
        "every count on the page",
    )
    locations = Hostile("", (200, 1000), path="/ocpi/2.2.1/cpo/locations")
    assert besieged.answer_to(locations) == locations.answer
    assert home.health("/readyz") == (200, b"ready\n")

    log = home.log.read_text()
    assert "Traceback" not in log
    assert "ERROR" not in log
    page = home.http("GET", "/")[1].decode()
    for secret in (TOKEN_B, *(value for shown in besieged.headers.values() for value in shown.values())):
        assert secret not in log
        assert secret not in page
