"""A technician's hour: a station that nobody knows, taken in, and looked at while the node serves."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from installation import Installation, Nursery, serving, wait_for
from ocpp_stations import Station16, plugged_in
from raw_socket import RawSocket, Refused
from test_e2e_nodes import samples

UID = "04D1E2F3A4B5C6"


def test_a_stranger_is_adopted_in_one_step_and_its_line_is_read_while_it_talks(
    nursery: Nursery, tmp_path: Path
) -> None:
    home = Installation(tmp_path, nursery)
    with serving(home):
        for _ in range(3):
            with pytest.raises(Refused, match="404"):
                asyncio.run(RawSocket.dial(home.stations_url, "NEW-1", "x" * 20, "ocpp1.6"))
        (stranger,) = wait_for(lambda: home.told("station", "unknown"), "the stranger")
        assert (stranger["station"], stranger["protocols"]) == ("NEW-1", "ocpp1.6")
        wait_for(lambda: home.told("station", "unknown")[0]["count"] == 3, "all its knocks")

        password = home.told("station", "adopt", "NEW-1")["password"]
        assert home.told("station", "unknown") == []
        asyncio.run(talk(home, password))
        told = wait_for(lambda: logged(home), "all that was said")

        card = home.told("station", "show", "NEW-1")
        assert (card["vendor"], card["model"], card["connected"]) == ("Foreign", "Wallbox", False)
        assert card["connections"][0]["remote"] == "127.0.0.1"
        assert card["connections"][0]["received"] >= 2
        shown = home.run("station", "show", "NEW-1").stdout
        assert "connection from" in shown

        told = [
            json.loads(line) for line in home.run("station", "log", "NEW-1", "--json").stdout.splitlines()
        ]
        boot = next(line for line in told if line.get("action") == "BootNotification")
        assert boot["answer"]["outcome"] == "Accepted"
        counted = samples(home)
        assert counted["elstrada_wire_log_lines_total{outcome=written}"] >= len(told)
        assert counted["elstrada_wire_log_lines_total{outcome=lost}"] == 0
        assert counted["elstrada_wire_log_healthy{}"] == 1
    (file,) = (home.data / "wire").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    lying = file.read_bytes().lower()
    assert b"authorize" in lying
    assert UID.lower().encode() not in lying
    assert password.lower().encode() not in lying
    # Also of a node that does not run.
    assert home.run("station", "log", "NEW-1", "--action", "Authorize").stdout.count("> Authorize") == 1


async def talk(home: Installation, password: str) -> None:
    async with plugged_in(Station16, "NEW-1", home.stations_url, password) as station:
        await station.boot()
        await station.authorize(UID)


def logged(home: Installation) -> list[dict[str, Any]]:
    """The station's wire log, once the end of its line is in it."""
    told = [json.loads(line) for line in home.run("station", "log", "NEW-1", "--json").stdout.splitlines()]
    return told if told and told[-1]["kind"] == "closed" else []


def test_switched_off_nothing_is_kept_and_the_card_says_so(nursery: Nursery, tmp_path: Path) -> None:
    home = Installation(tmp_path, nursery, settings=("wire_log.on = false",))
    home.start()
    password: Any = home.told("station", "add", "NEW-1")["password"]
    asyncio.run(talk(home, password))
    assert "wire_log.on" in home.told("station", "show", "NEW-1")["wire_log"]
    assert home.run("station", "log", "NEW-1").code == 4
    assert not [name for name in samples(home) if "wire_log" in name]
    assert home.stop() == 0
    assert not (home.data / "wire").exists()
