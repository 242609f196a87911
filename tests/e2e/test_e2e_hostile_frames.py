"""Hostile frames over a real socket: each gets the protocol's own error or a close, and is counted.

T9, T12, T13, F15; OCPP-J 1.6 §4.2, OCPP 2.0.1 part 4 §4.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hostile_frames import FRAMES, IGNORED, Hostile, call
from installation import Installation, Nursery, bad_input_listed, bad_input_shown, serving, wait_for
from raw_socket import CLOSE, TEXT, RawSocket, Refused

WARM, ROUNDS = 6, 20
"""The first fill caches and the wire log's queue; those after them are measured."""
GROWTH_KIB = 5 * 1024
"""Of memory in these rounds: room for allocator and caches, but less than what is sent in them."""


@dataclass(frozen=True)
class Besieged:
    home: Installation
    passwords: dict[str, str]

    async def dial(self, hostile: Hostile) -> RawSocket:
        """Each hostile frame comes from a station of its own."""
        name = station_of(hostile)
        while True:
            try:
                return await RawSocket.dial(
                    self.home.stations_url, name, self.passwords[name], hostile.protocol
                )
            except Refused as refused:
                # A station that was just added is let in within a second or two.
                if refused.status != 404:
                    raise
            await asyncio.sleep(0.2)


@pytest.fixture(scope="module")
def besieged(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Besieged]:
    with serving(Installation(tmp_path_factory.mktemp("frames"), nursery)) as home:
        names = map(station_of, FRAMES)
        yield Besieged(home, {name: home.done("station add", station=name)["password"] for name in names})


def test_there_are_forty_of_them_and_no_two_alike() -> None:
    assert len({hostile.name for hostile in FRAMES}) == len(FRAMES) >= 40


@pytest.mark.parametrize("hostile", FRAMES, ids=lambda hostile: hostile.name)
async def test_a_hostile_frame_gets_the_protocols_own_answer(besieged: Besieged, hostile: Hostile) -> None:
    assert await asyncio.wait_for(answer_to(besieged, hostile), 30) == hostile.answer


@pytest.mark.rule(21)
async def test_after_all_of_them_the_server_serves_leaks_nothing_and_has_counted(besieged: Besieged) -> None:
    home = besieged.home
    await attack(besieged, WARM)
    before = home.memory_kib()
    await attack(besieged, ROUNDS)
    assert (
        home.memory_kib() - before
        < GROWTH_KIB
        < ROUNDS * sum(len(hostile.content) * hostile.times for hostile in FRAMES) / 1024
    )
    (calm, *_) = FRAMES
    socket = await besieged.dial(calm)
    assert await beats(socket, "still")
    socket.close()

    most = (WARM + ROUNDS) * len(FRAMES)
    await asyncio.to_thread(
        wait_for, lambda: bad_input_listed(home) == bad_input_shown(home) >= most, "every count on the page"
    )
    sources = {line["source"] for line in home.told("finding", "list", "--limit", "1000")}
    assert sources >= {f"station:SE*ELS/{station_of(hostile)}" for hostile in FRAMES}

    log, (status, page) = home.log.read_text(), home.http("GET", "/")
    assert status == 200
    assert "Traceback" not in log
    assert "ERROR" not in log
    for secret in (*besieged.passwords.values(), "F" * 20):
        assert secret not in log
        assert secret not in page.decode()


# --- the siege ------------------------------------------------------------------------------------


def station_of(hostile: Hostile) -> str:
    return f"HOSTILE-{FRAMES.index(hostile)}"


async def attack(besieged: Besieged, rounds: int) -> None:
    for _ in range(rounds):
        for hostile in FRAMES:
            assert await asyncio.wait_for(answer_to(besieged, hostile), 30) == hostile.answer


async def answer_to(besieged: Besieged, hostile: Hostile) -> int | str:
    """The error code, the close code, or IGNORED; an answer that is no close leaves the line usable."""
    socket = await besieged.dial(hostile)
    try:
        assert await beats(socket, "before")
        for number in range(hostile.times):
            content = hostile.content.replace(b'"h"', b'"h%d"' % number)
            if hostile.raw:
                socket.send_bytes(content)
            else:
                socket.send(content, hostile.opcode, head=hostile.head)
        socket.send(call("Heartbeat", {}, "after"))
        return await first_answer(socket)
    finally:
        socket.close()


async def first_answer(socket: RawSocket) -> int | str:
    answer: str = IGNORED
    while True:
        opcode, payload = await socket.receive()
        assert len(payload) < 500, "an answer repeats nothing of size"
        if opcode == CLOSE:
            return int.from_bytes(payload[:2])
        if opcode != TEXT:
            continue
        kind, message_id, *rest = json.loads(payload)
        if message_id == "after":
            assert kind == 3
            return answer
        if kind == 4:
            answer = rest[0]


async def beats(socket: RawSocket, message_id: str) -> bool:
    """Is a Heartbeat answered?"""
    socket.send(call("Heartbeat", {}, message_id))
    _, payload = await socket.receive()
    kind, answered, *_ = json.loads(payload)
    return (kind, answered) == (3, message_id)
