"""A server that is killed while it changes a station's password locks no station out (T5)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import websockets
from installation import CPO, Installation, Nursery, serving, wait_for

HEARD_S = 1.5
"""A gateway hears of a changed record within a second."""


@pytest.fixture
def home(nursery: Nursery, tmp_path: Path) -> Iterator[Installation]:
    with serving(Installation(tmp_path, nursery, (CPO,))) as installation:
        yield installation


def dialled(home: Installation, password: str) -> websockets.connect:
    basic = base64.b64encode(f"CP1:{password}".encode()).decode()
    return websockets.connect(
        f"{home.stations_url}CP1",
        subprotocols=[websockets.Subprotocol("ocpp2.0.1")],
        additional_headers={"Authorization": f"Basic {basic}"},
    )


async def status(home: Installation, password: str) -> int:
    try:
        async with dialled(home, password) as socket:
            await socket.send('[2,"1","Heartbeat",{}]')
            await asyncio.wait_for(socket.recv(), 5)
            await asyncio.sleep(0.2)
            return 101
    except websockets.InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize("came_with", ["old", "new"])
async def test_the_server_is_killed_between_question_and_answer_t5(
    home: Installation, came_with: str, tmp_path: Path
) -> None:
    old: str = home.done("station add", station="CP1")["password"]
    await asyncio.sleep(HEARD_S)
    async with dialled(home, old) as socket:
        await socket.send('[2,"1","Heartbeat",{}]')
        await socket.recv()
        asked = asyncio.create_task(asyncio.to_thread(home.run, "station", "password", "CP1"))
        _, _, action, payload = json.loads(await asyncio.wait_for(socket.recv(), 20))
        assert action == "SetVariables"
        new = payload["setVariableData"][0]["attributeValue"]
        home.kill()
        assert (await asked).code != 0
    home.start()
    if came_with == "old":
        assert await status(home, old) == 101
        assert await status(home, old) == 101
    assert await status(home, new) == 101
    await asyncio.sleep(HEARD_S)
    assert await status(home, old) == 401
    assert await status(home, new) == 101
    steps = [row["body"] for row in home.rows("SELECT body FROM log WHERE kind = 'StationPasswordChanged'")]
    assert [json.loads(step)["step"] for step in steps] == ["OFFERED", "USED"]
    findings = await asyncio.to_thread(wait_for, lambda: home.told("finding", "list"), "the findings")
    assert came_with == "new" or "came with the old password" in {one["code"] for one in findings}
    last = await changed(home, new)
    words = ("station", "log", "CP1", "--json")
    seen = lambda: "BasicAuthPassword" in home.run(*words).stdout  # noqa: E731
    await asyncio.to_thread(wait_for, seen, "the exchange in the wire log")
    assert home.stop() == 0
    for password in (new, last):
        assert [name for name, content in _files(tmp_path) if password.encode() in content] == []
        assert [name for name, content in _files(tmp_path) if bytes.fromhex(password) in content] == []


async def changed(home: Installation, password: str) -> str:
    """Have the station take another one, and let the answer arrive."""
    async with dialled(home, password) as socket:
        await socket.send('[2,"1","Heartbeat",{}]')
        await socket.recv()
        asked = asyncio.create_task(asyncio.to_thread(home.run, "station", "password", "CP1"))
        _, message_id, _, payload = json.loads(await asyncio.wait_for(socket.recv(), 20))
        (one,) = payload["setVariableData"]
        new = one.pop("attributeValue")
        result = {"setVariableResult": [{**one, "attributeStatus": "Accepted"}]}
        await socket.send(json.dumps([3, message_id, result]))
        assert (await asked).code == 0
    return new


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    return ((path.name, path.read_bytes()) for path in folder.rglob("*") if path.is_file())
