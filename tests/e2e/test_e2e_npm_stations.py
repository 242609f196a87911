"""Clients of the npm world against a serving process: a second opinion on framing, schemas and transport."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import websockets
from installation import Installation, Json, Nursery, serving, wait_for
from market import CARD, LOST_CARD, STATION_16, STATION_201, Market, open_market
from npm_parts import FOLDER, RpcStation, node
from ocpp_stations import wire


@pytest.fixture(scope="module")
def market(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    node()
    with serving(Installation(tmp_path_factory.mktemp("npm"), nursery)) as home:
        market = open_market(home, home)
        for name in ("CP16", "CP201"):
            market.passwords[name] = home.told("station", "add", name)["password"]
        wait_for(
            lambda: knows(home, market.passwords["CP201"]), "a gateway that knows the station added last"
        )
        yield market


class Scene:
    """A station of ``ocpp-rpc`` at the market; what it holds to be a breach fails the test."""

    def __init__(self, market: Market, name: str, protocol: str) -> None:
        self.home = market.cpo
        self.name = name
        url = self.home.stations_url.rstrip("/")
        self.station = RpcStation(url, name, market.passwords[name], protocol)
        self.call = self.station.call

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.station.kill()
            return
        self.station.leave()
        assert self.station.strayed == []

    def told(self, action: str, payload: Any) -> Json:
        """The outcome of a call to the station with an action of its version."""
        return self.home.told("station", "call", self.name, action, json.dumps(payload))

    def sessions(self) -> list[Json]:
        return self.home.rows("SELECT * FROM session WHERE station_id = ?", self.name)


def test_a_1_6_station_of_ocpp_rpc_charges_and_finds_every_message_of_ours_right(market: Market) -> None:
    now = datetime.now(UTC)
    with Scene(market, STATION_16, "ocpp1.6") as scene:
        model = {"chargePointVendor": "npm", "chargePointModel": "ocpp-rpc"}
        assert scene.call("BootNotification", model)["status"] == "Accepted"
        free = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        assert scene.call("StatusNotification", free) == {}
        assert scene.call("Authorize", {"idTag": LOST_CARD})["idTagInfo"]["status"] == "Blocked"
        assert scene.call("Authorize", {"idTag": CARD})["idTagInfo"]["status"] == "Accepted"
        begun = {"connectorId": 1, "idTag": CARD, "meterStart": 1_000, "timestamp": wire(now)}
        number = scene.call("StartTransaction", begun)["transactionId"]
        sample = {"timestamp": wire(now), "sampledValue": [{"value": "2500", "unit": "Wh"}]}
        metered = {"connectorId": 1, "transactionId": number, "meterValue": [sample]}
        assert scene.call("MeterValues", metered) == {}
        for action, payload in COMMANDS_16.items():
            assert scene.told(action, payload)["result"] == "ACCEPTED", action
        ended = {"transactionId": number, "meterStop": 3_000, "timestamp": wire(now + timedelta(seconds=1))}
        assert scene.call("StopTransaction", ended) is not None
        assert "currentTime" in scene.call("Heartbeat", {})
        assert [action for action, _ in scene.station.commands] == list(COMMANDS_16)
        (session,) = scene.sessions()
        assert session["ended_at"] is not None


COMMANDS_16 = {
    "GetConfiguration": {"key": ["HeartbeatInterval"]},
    "ChangeConfiguration": {"key": "HeartbeatInterval", "value": "300"},
    "TriggerMessage": {"requestedMessage": "Heartbeat"},
    "UnlockConnector": {"connectorId": 1},
    "Reset": {"type": "Soft"},
}


def test_a_2_0_1_station_of_ocpp_rpc_charges_and_finds_every_message_of_ours_right(market: Market) -> None:
    now = datetime.now(UTC)
    card = {"idToken": CARD, "type": "ISO14443"}
    with Scene(market, STATION_201, "ocpp2.0.1") as scene:
        model = {"vendorName": "npm", "model": "ocpp-rpc"}
        booted = scene.call("BootNotification", {"reason": "PowerUp", "chargingStation": model})
        assert booted["status"] == "Accepted"
        free = {"timestamp": wire(now), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
        assert scene.call("StatusNotification", free) == {}
        assert scene.call("Authorize", {"idToken": card})["idTokenInfo"]["status"] == "Accepted"
        for number, (kind, why, wh) in enumerate(EVENTS):
            event = {
                "eventType": kind,
                "timestamp": wire(now + timedelta(seconds=number)),
                "triggerReason": why,
                "seqNo": number,
                "transactionInfo": {"transactionId": "rpc-201", "chargingState": "Charging"},
                "evse": {"id": 1, "connectorId": 1},
                "meterValue": [{"timestamp": wire(now), "sampledValue": [{"value": wh}]}],
            } | ({"idToken": card} if kind == "Started" else {})
            answer = scene.call("TransactionEvent", event)
            assert answer.get("idTokenInfo", {}).get("status") == ("Accepted" if kind == "Started" else None)
        for action, payload in COMMANDS_201.items():
            assert scene.told(action, payload)["result"] == "ACCEPTED", action
        assert "currentTime" in scene.call("Heartbeat", {})
        assert [action for action, _ in scene.station.commands] == list(COMMANDS_201)
        (session,) = scene.sessions()
        assert session["ended_at"] is not None


EVENTS = [
    ("Started", "Authorized", 1_000),
    ("Updated", "MeterValuePeriodic", 2_500),
    ("Ended", "EVDeparted", 3_000),
]
HEARTBEAT = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
COMMANDS_201 = {
    "GetVariables": {"getVariableData": [HEARTBEAT]},
    "TriggerMessage": {"requestedMessage": "Heartbeat"},
    "UnlockConnector": {"evseId": 1, "connectorId": 1},
    "Reset": {"type": "OnIdle"},
}


NOT_AS_WE = {
    "Server requires subprotocol": "Server accepted connection with no OCPP subprotocol",
    "Server enforces MessageId is a string": 'got: [4,"-1",',
    "Server rejects missing payload in CALL": "a CALL has 4 elements, not 3",
}
"""Where ``ocpp-ws-cli`` holds for wrong what OCPP 2.1 part 4 demands, and what it says of it:

- §3.3: without a common subprotocol the handshake is completed and then closed at once; the tool counts the
  handshake (``test_without_a_common_subprotocol_the_handshake_completes_and_is_closed`` sees the close).
- §4.2.3: where the message id cannot be read the error bears ``-1``; the tool wants the number that it sent,
  which is no message id (§4.1.4: a string).
- §4.3: a FormatViolation is about the payload of an action. A CALL of three elements has none (§4.2.1), so it
  is no valid call: RpcFrameworkError. In 1.6 either is a FormationViolation, which the tool does not know.
"""


@pytest.mark.slow
def test_ocpp_ws_cli_finds_nothing_wrong_but_what_the_standard_demands(
    market: Market, tmp_path: Path
) -> None:
    """Slow, twenty seconds: the tool waits a second or more in most of its 21 checks."""
    program, home = node(), market.cpo
    with ThreadPoolExecutor() as both:
        checks = {"CP16": "ocpp1.6", "CP201": "ocpp2.0.1"}
        reports = {
            name: both.submit(checked, program, home, name, market.passwords[name], protocol, tmp_path / name)
            for name, protocol in checks.items()
        }
    for name, report in reports.items():
        results = report.result()["testResults"]
        assert len(results) == 21
        complaints = {check["name"]: check["issue"] for check in results if not check["passed"]}
        assert sorted(complaints) == sorted(NOT_AS_WE), (name, complaints)
        for check, issue in NOT_AS_WE.items():
            assert issue in complaints[check]
    assert asyncio.run(closed_with(home, market.passwords["CP16"])) == 1002


def checked(program: str, home: Installation, name: str, password: str, protocol: str, folder: Path) -> Json:
    """What the tool reports of all its checks."""
    tool = str(FOLDER / "node_modules" / "ocpp-ws-cli" / "dist" / "index.js")
    url = home.stations_url.rstrip("/").replace("ws://", f"ws://{name}:{quote(password)}@")
    whom = ["-e", url, "-i", name, "-p", protocol]
    subprocess.run(
        [program, tool, "test", *whom, "--suite", "all", "--report", "json", "--report-dir", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=100,
    )
    (report,) = folder.iterdir()
    return json.loads(report.read_text())


def knows(home: Installation, password: str) -> bool:
    try:
        return asyncio.run(closed_with(home, password, name="CP201")) == 1002
    except websockets.InvalidStatus:
        return False


async def closed_with(home: Installation, password: str, name: str = "CP16") -> int | None:
    """The code of the close that follows a handshake without a subprotocol."""
    basic = base64.b64encode(f"{name}:{password}".encode()).decode()
    url = f"{home.stations_url}{name}"
    async with websockets.connect(url, additional_headers={"Authorization": f"Basic {basic}"}) as socket:
        assert socket.subprotocol is None
        await socket.wait_closed()
        return socket.close_code
