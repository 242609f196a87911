"""docs/guide/running.md, walked: one node, its backup, the same installation as several nodes."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from built import PARTIES, asked, free_port, installed, plain_environment, running
from websockets.asyncio.client import connect

from nats_server import nats_server
from postgres_server import fresh_database, shared_server


def _elstrada(environment: Mapping[str, str], *words: str, status: int = 0) -> Any:
    """What a command answers, as JSON."""
    done = subprocess.run(
        [installed() / "bin" / "elstrada", *words, "--json"],
        env=dict(environment),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout or "null")


def _node(folder: Path, **settings: str) -> tuple[dict[str, str], int]:
    """A node's environment and the port of its health."""
    health = free_port()
    return plain_environment(
        ELSTRADA_DATA_DIR=str(folder),
        ELSTRADA_PUBLIC_URL="https://charging.example.org",
        ELSTRADA_HEALTH__PORT=str(health),
        ELSTRADA_HTTP__PORT="0",
        ELSTRADA_STATIONS__PORT="0",
        **settings,
    ), health


async def _comes_in(port: int, station: str, password: str) -> bool:
    """A station opens its socket, and is sent nothing that ends it."""
    secret = base64.b64encode(f"{station}:{password}".encode()).decode()
    async with connect(
        f"ws://127.0.0.1:{port}/ocpp/{station}",
        subprotocols=["ocpp1.6"],  # type: ignore[list-item]
        additional_headers={"Authorization": f"Basic {secret}"},
    ) as socket:
        boot = {"chargePointVendor": "V", "chargePointModel": "M"}
        await socket.send(json.dumps([2, "1", "BootNotification", boot]))
        return json.loads(await asyncio.wait_for(socket.recv(), 60))[2]["status"] == "Accepted"


@pytest.mark.alone
def test_an_installation_moves_from_one_node_to_many_with_all_it_had(tmp_path: Path) -> None:
    """Steps 1 to 4 of the guide, with the servers they need."""
    # 1. One node.
    single, health = _node(tmp_path / "single", ELSTRADA_PARTIES=PARTIES)
    assert _elstrada(single, "db", "migrate")["ran"]
    with running([installed() / "bin" / "elstrada", "serve"], single, health):
        added = _elstrada(single, "station", "add", "ALPHA-16")
        backup = tmp_path / "moving.backup"
        _elstrada(single, "db", "backup", str(backup))
        assert _elstrada(single, "db", "verify")["problems"] == []

    (tmp_path / "nats").mkdir()
    with ExitStack() as stack:
        server = shared_server()
        url = server.url(stack.enter_context(fresh_database(server)))
        nats = stack.enter_context(nats_server(tmp_path / "nats"))
        asyncio.run(nats.start())

        # 2. Its content into PostgreSQL.
        shared = {
            "ELSTRADA_DATABASE__URL": url,
            "ELSTRADA_NATS__URL": nats.url,
            "ELSTRADA_LIMITS__LAME_DUCK_S": "0.2",
        }
        keys = ["--set", f"keys_file={tmp_path / 'single' / 'keys.json'}"]
        rest, rest_health = _node(tmp_path / "rest", **shared, ELSTRADA_NODE="rest")
        stations = free_port()
        gateway, gateway_health = _node(tmp_path / "gateway", **shared, ELSTRADA_NODE="gateway-1")
        gateway["ELSTRADA_STATIONS__PORT"] = str(stations)
        assert _elstrada(rest, "db", "migrate")["ran"]
        assert _elstrada(rest, "db", "migrate", "--check")["missing"] == []
        assert _elstrada(rest, "db", "restore", str(backup))["manifest"]["engine"] == "sqlite"
        assert _elstrada(rest, "db", "verify")["problems"] == []

        # 3. The same installation as two nodes.
        command = [installed() / "bin" / "elstrada", *keys, "serve", "--roles"]
        others = stack.enter_context(running([*command, "roamer,rater,biller,pages"], rest, rest_health))
        sockets = stack.enter_context(running([*command, "gateway"], gateway, gateway_health))
        assert asyncio.run(_comes_in(stations, "ALPHA-16", added["password"]))
        # The single node is on record too: whoever cleans up after nodes that are gone will want to know.
        assert {"rest", "gateway-1"} < {node["node"] for node in _elstrada(rest, *keys, "node", "list")}
        found = _elstrada(rest, *keys, "doctor", status=2)
        # The tests' server does not sync, which is the one thing the doctor must not like.
        problems = {one["says"].partition(" ")[0] for one in found if one["level"] == "problem"}
        assert problems == {"fsync", "full_page_writes"}
        assert {"nats", "nodes", "database"} <= {one["area"] for one in found}

        # 4. A backup of the many, while they run.
        made = _elstrada(rest, "db", "backup", str(tmp_path / "many.backup"))
        assert made["manifest"]["engine"] == "postgresql"
        assert made["manifest"]["tables"]["station"]["rows"] == 1
        assert _elstrada(rest, "db", "verify", "--seals", str(tmp_path / "seals"))["problems"] == []
        assert asked(gateway_health, "/readyz")[0] == 200
    assert (others.returncode, sockets.returncode) == (0, 0)
