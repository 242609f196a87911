"""The load: stations that charge without end."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import cycle

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from shared import METERS, PASSWORD, TOKEN, names


class Load:
    """Stations that charge without end, each sending its next message when it has its answer."""

    def __init__(self) -> None:
        self.answered = 0
        self.refused = 0


async def drive(ports: Sequence[int], stations: int, seconds: float) -> tuple[int, float, int]:
    """Load the servers behind these ports, in turn; returns answers within the time measured, that time, and all answers."""
    load = Load()

    class Station(WSListener):
        def __init__(self, name: str) -> None:
            self.name, self.number, self.step, self.tx = name, 0, 0, 0

        def on_ws_connected(self, transport: WSTransport) -> None:
            self.transport = transport
            self.send()

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if frame.msg_type != WSMsgType.TEXT:
                return
            answer = frame.get_payload_as_bytes()
            if answer.startswith(b"[3,"):
                load.answered += 1
                if self.step == 0:
                    self.tx = json.loads(answer)[2]["transactionId"]
            else:
                load.refused += 1
            self.step = (self.step + 1) % (METERS + 2)
            self.send()

        def send(self) -> None:
            self.number += 1
            # The time that it is: a session reported late would stay open, waiting for news (P3).
            at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            id_ = f"{self.name}-{self.number}"
            if self.step == 0:
                text = f'[2,"{id_}","StartTransaction",{{"connectorId":1,"idTag":"{TOKEN}","meterStart":{self.number},"timestamp":"{at}"}}]'
            elif self.step <= METERS:
                text = (
                    f'[2,"{id_}","MeterValues",{{"connectorId":1,"transactionId":{self.tx},"meterValue":[{{"timestamp":"{at}",'
                    f'"sampledValue":[{{"value":"{self.number}","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","unit":"Wh"}},'
                    f'{{"value":"7200","measurand":"Power.Active.Import","unit":"W"}}]}}]}}]'
                )
            else:
                text = f'[2,"{id_}","StopTransaction",{{"transactionId":{self.tx},"meterStop":{self.number},"timestamp":"{at}","idTag":"{TOKEN}"}}]'
            self.transport.send(WSMsgType.TEXT, text.encode())

    transports = []
    for name, port in zip(names(stations), cycle(ports), strict=False):
        basic = base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Sec-WebSocket-Protocol": "ocpp1.6"}
        url = f"ws://127.0.0.1:{port}/ocpp/{name}"
        transport, _ = await ws_connect(lambda name=name: Station(name), url, extra_headers=headers)
        transports.append(transport)
    await asyncio.sleep(1.0)
    before, begun = load.answered, time.perf_counter()
    await asyncio.sleep(seconds)
    done, took = load.answered - before, time.perf_counter() - begun
    for transport in transports:
        transport.disconnect()
    assert load.refused == 0, f"{load.refused} messages were refused"
    return done, took, load.answered
