"""Transaction messages per second over real sockets, against what others would build on.

``durable``: the whole walk against a CSMS on the ``ocpp`` package. Both check the station's password,
decode, validate, decide (a new transaction id, resends known by content), commit with
``synchronous=FULL``, and only then answer.

``words``: the same without a store, against npm ``ws`` with ``ajv`` and a fixed answer per action.

The server is pinned to one core, the load (200 stations, each waiting for its answer before its next
message) to the other. Runs A B A B and prints each rate, and the ratio of the sums.

    .venv/bin/python tests/bench/bench_walk.py [durable|words|all] [--seconds 8] [--stations 200]
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hmac
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import uvloop

PASSWORD = "a-machine-made-password"
TOKEN = "04A1B2C3"
METERS = 4
"""MeterValues per session, beside its start and stop."""


# --- the two servers ------------------------------------------------------------------------------------


async def serve_elstrada(folder: Path, stations: int) -> None:
    import msgspec

    from elstrada.model.answers import AskParty
    from elstrada.model.device import Station
    from elstrada.model.ids import PartyId
    from elstrada.model.token import Token, Verdict, Whitelist
    from elstrada.net.chance import SystemChance
    from elstrada.net.clock import SystemClock
    from elstrada.net.stations import serve_stations
    from elstrada.roles.findings import Findings
    from elstrada.roles.gateway.gateway import Gateway
    from elstrada.roles.keys import derived_keys
    from elstrada.roles.serve import settle
    from elstrada.spine import tables as t
    from elstrada.spine.face import Put, Work
    from elstrada.spine.post import LocalPost
    from elstrada.spine.sqlite import SqliteSpine

    class NoPeers:
        async def authorize(self, owner: PartyId, question: AskParty) -> Verdict:
            return question.fallback

    keys, owner, emsp, now = (
        derived_keys("bench"),
        PartyId("SE", "ELS"),
        PartyId("SE", "RET"),
        datetime.now(UTC),
    )
    clock = SystemClock()
    spine = SqliteSpine(folder / "elstrada.db", clock)
    await spine.start()
    puts = [
        Put(
            t.station,
            {
                "owner": str(owner),
                "station_id": name,
                "password_hash": keys.station_hash(name, PASSWORD.encode()),
                "document": msgspec.json.encode(Station(owner=owner, id=name)).decode(),
                "changed_at": now,
            },
        )
        for name in names(stations)
    ]
    token = Token(
        party=emsp,
        uid=TOKEN,
        contract_id="C",
        issuer="I",
        valid=True,
        whitelist=Whitelist.ALLOWED,
        last_updated=now,
    )
    row = {
        "owner": str(owner),
        "party": str(emsp),
        "uid": TOKEN,
        "type": "RFID",
        "ref": keys.token_ref(TOKEN),
        "contract_id": "C",
        "document": msgspec.json.encode(token).decode(),
        "last_updated": now,
    }
    await spine.commit(Work(writes=(*puts, Put(t.token, row))))
    gateway = Gateway(
        spine, keys, clock, SystemChance(), NoPeers(), Findings(spine, clock), LocalPost(), (owner,)
    )
    await gateway.start()
    settle()
    server = await serve_stations(gateway, host="127.0.0.1", port=0, clock=clock)
    print(server.port, flush=True)
    await asyncio.Event().wait()


async def serve_ocpp(folder: Path, stations: int) -> None:
    import ocpp.v16
    import websockets
    from ocpp.routing import on
    from ocpp.v16 import call_result

    pepper = b"pepper"
    known = {name: hmac.digest(pepper, f"{name}:{PASSWORD}".encode(), "sha256") for name in names(stations)}
    store = sqlite3.connect(folder / "ocpp.db", isolation_level=None)
    store.execute("PRAGMA journal_mode=WAL")
    store.execute("PRAGMA synchronous=FULL")
    store.execute("CREATE TABLE tx (id INTEGER PRIMARY KEY, station TEXT, key TEXT, UNIQUE (station, key))")
    store.execute(
        "CREATE TABLE message (id INTEGER PRIMARY KEY, station TEXT, action TEXT, tx INTEGER, body TEXT)"
    )

    def keep(station: str, action: str, tx: int, body: object) -> None:
        store.execute(
            "INSERT INTO message (station, action, tx, body) VALUES (?, ?, ?, ?)",
            (station, action, tx, json.dumps(body)),
        )

    class Csms(ocpp.v16.ChargePoint):
        @on("StartTransaction")
        def on_start(
            self, connector_id: int, id_tag: str, meter_start: int, timestamp: str, **_: object
        ) -> call_result.StartTransaction:
            key = f"{connector_id}|{id_tag}|{timestamp}|{meter_start}"
            store.execute("BEGIN IMMEDIATE")
            row = store.execute("SELECT id FROM tx WHERE station = ? AND key = ?", (self.id, key)).fetchone()
            if row is None:
                added = store.execute("INSERT INTO tx (station, key) VALUES (?, ?)", (self.id, key))
                row = (added.lastrowid,)
            keep(self.id, "StartTransaction", row[0], key)
            store.execute("COMMIT")
            return call_result.StartTransaction(transaction_id=row[0], id_tag_info={"status": "Accepted"})

        @on("MeterValues")
        def on_meter(self, transaction_id: int, meter_value: object, **_: object) -> call_result.MeterValues:
            keep(self.id, "MeterValues", transaction_id, meter_value)
            return call_result.MeterValues()

        @on("StopTransaction")
        def on_stop(
            self, transaction_id: int, meter_stop: int, timestamp: str, **_: object
        ) -> call_result.StopTransaction:
            keep(self.id, "StopTransaction", transaction_id, [meter_stop, timestamp])
            return call_result.StopTransaction()

    def check(
        connection: websockets.ServerConnection, request: websockets.Request
    ) -> websockets.Response | None:
        basic = base64.b64decode(request.headers.get("Authorization", "")[6:])
        name = request.path.rsplit("/", 1)[-1]
        given = hmac.digest(pepper, basic, "sha256")
        if not hmac.compare_digest(given, known.get(name, b"")):
            return connection.respond(401, "")
        return None

    async def handle(connection: websockets.ServerConnection) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            await Csms(connection.request.path.rsplit("/", 1)[-1], connection).start()

    import logging

    logging.getLogger("ocpp").setLevel(logging.ERROR)
    async with websockets.serve(
        handle, "127.0.0.1", 0, subprotocols=["ocpp1.6"], process_request=check
    ) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()


async def serve_words(folder: Path, stations: int) -> None:

    import msgspec

    from elstrada.charging.state import StationState, evolve
    from elstrada.charging.station import decide
    from elstrada.charging.trust import Credential, claimed, may_enter
    from elstrada.model import asks
    from elstrada.model.ids import PartyId
    from elstrada.model.token import Token, Whitelist
    from elstrada.net.chance import SystemChance
    from elstrada.net.clock import SystemClock
    from elstrada.net.face import Admitted, Knock, Refused, StationSocket
    from elstrada.net.stations import serve_stations
    from elstrada.ocpp.connection import CallReceived, Connection
    from elstrada.ocpp.versions import OCPP16
    from elstrada.roles.keys import derived_keys
    from elstrada.roles.serve import settle

    keys, clock, chance = derived_keys("bench"), SystemClock(), SystemChance()
    owner, emsp = PartyId("SE", "ELS"), PartyId("SE", "RET")
    hashes = {name: keys.station_hash(name, PASSWORD.encode()) for name in names(stations)}
    token = Token(
        party=emsp,
        uid=TOKEN,
        contract_id="C",
        issuer="I",
        valid=True,
        whitelist=Whitelist.ALLOWED,
        last_updated=clock.now(),
    )

    class Line:
        def __init__(self, socket: StationSocket, name: str) -> None:
            self.socket, self.connection = socket, Connection(OCPP16.dialect)
            self.state = StationState(owner=owner, station_id=name)

        def received(self, frame: bytes) -> None:
            now = clock.now()
            (call,) = self.connection.receive(frame, now)
            assert isinstance(call, CallReceived)
            ask = OCPP16.read_call(call.action, call.payload, now).ask
            if getattr(ask, "token", None) is not None:
                known = asks.PresentedToken(uid=ask.token.uid, ref=keys.token_ref(ask.token.uid), known=token)
                ask = msgspec.structs.replace(ask, token=known)
            decision = decide(self.state, ask, now, chance.fresh())
            for fact in decision.facts:
                self.state = evolve(self.state, fact, now)
            self.connection.answer(call.id, OCPP16.write_answer(call.action, decision.answer))
            for answer in self.connection.frames_to_send():
                self.socket.send(answer)

        def closed(self, code: int, reason: str) -> None: ...

    class Porter:
        def admit(self, knock: Knock) -> Admitted | Refused:
            entry = claimed(knock.path, knock.headers.get("authorization"))
            assert not isinstance(entry, str)
            credential = Credential(str(owner), entry.station_id, hashes.get(entry.station_id))
            if may_enter(entry, [credential], keys.station_hash) is None:
                return Refused(401)
            return Admitted(str(owner), entry.station_id, "ocpp1.6")

        def opened(self, socket: StationSocket, admitted: Admitted) -> Line:
            return Line(socket, admitted.station_id)

    server = await serve_stations(Porter(), host="127.0.0.1", port=0, clock=clock)
    settle()
    print(server.port, flush=True)
    await asyncio.Event().wait()


def own_command(which: str, folder: str, stations: int) -> list[str]:
    return [sys.executable, __file__, "--serve", which, "--folder", folder, "--stations", str(stations)]


def node_command() -> list[str]:
    """The ws + ajv peer; installs its packages on first use."""
    import ocpp

    folder = Path(__file__).parent / "ws_ajv"
    if not (folder / "node_modules").exists():
        subprocess.run(["npm", "ci", "--silent"], cwd=folder, check=True)
    schemas = Path(ocpp.__file__).parent
    return [
        "node",
        str(folder / "peer.mjs"),
        "serve",
        str(schemas / "v16/schemas"),
        str(schemas / "v201/schemas"),
    ]


# --- the load -------------------------------------------------------------------------------------------


def names(stations: int) -> list[str]:
    return [f"ST{number:05}" for number in range(stations)]


class Load:
    """Stations that charge without end, each sending its next message when it has its answer."""

    def __init__(self) -> None:
        self.answered = 0
        self.refused = 0


async def drive(port: int, stations: int, seconds: float) -> tuple[int, float, int]:
    """Load a server; returns answers within the time measured, that time, and all answers."""
    from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

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
    for name in names(stations):
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


# --- the run --------------------------------------------------------------------------------------------


def cpu_s(process: int) -> float:
    """Processor time a process has used, where the system tells; else not a number."""
    stat = Path(f"/proc/{process}/stat")
    if not stat.exists():
        return float("nan")
    fields = stat.read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(which: str, stations: int, seconds: float) -> tuple[float, float]:
    """Messages per second, and the server's processor time per message in microseconds."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        command = node_command() if which == "ws+ajv" else own_command(which, folder, stations)
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        pin(server.pid, 0)
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            used = cpu_s(server.pid)
            done, took, sent = uvloop.run(drive(port, stations, seconds))
            used = cpu_s(server.pid) - used
        finally:
            server.send_signal(signal.SIGKILL)
            server.wait()
        rows = stored(Path(folder)) if which in ("elstrada", "ocpp") else done
        assert rows >= done, f"{done} messages were answered, {rows} are stored"
        return done / took, used / sent * 1e6


def stored(folder: Path) -> int:
    if (folder / "ocpp.db").exists():
        return sqlite3.connect(folder / "ocpp.db").execute("SELECT count(*) FROM message").fetchone()[0]
    kinds = "('SessionStarted', 'MeterSampled', 'SessionEnded')"
    return (
        sqlite3.connect(folder / "elstrada.db")
        .execute(f"SELECT count(*) FROM log WHERE kind IN {kinds}")
        .fetchone()[0]
    )


def pin(process: int, core: int) -> None:
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(process, {core})


def main() -> None:
    words = argparse.ArgumentParser(description="Transaction messages per second over real sockets.")
    words.add_argument("what", nargs="?", choices=("durable", "words", "all"), default="all")
    words.add_argument("--stations", type=int, default=200)
    words.add_argument("--seconds", type=float, default=8.0)
    words.add_argument("--rounds", type=int, default=2)
    words.add_argument("--serve", choices=tuple(SERVERS))
    words.add_argument("--folder", type=Path)
    given = words.parse_args()
    if given.serve:
        # Each on the loop it would be run with: uvloop for all.
        uvloop.run(SERVERS[given.serve](given.folder, given.stations))
        return
    pin(0, 1)
    for what, (ours, theirs, wanted) in PAIRS.items():
        if given.what in (what, "all"):
            print(f"{what}: {ours} against {theirs}")
            ratio = compare(ours, theirs, given.stations, given.seconds, given.rounds)
            print(f"{'ratio':14} {ratio:9.2f}  (wanted: at least {wanted})")


def compare(ours: str, theirs: str, stations: int, seconds: float, rounds: int) -> float:
    """Measure both, in turn; ours to theirs."""
    rates: dict[str, float] = {ours: 0.0, theirs: 0.0}
    for _ in range(rounds):
        for which in rates:
            rate, cpu_us = measure(which, stations, seconds)
            rates[which] += rate
            print(f"{which:14} {rate:9.0f} messages/s, {cpu_us:6.0f} us of processor time each", flush=True)
    return rates[ours] / rates[theirs]


SERVERS = {"elstrada": serve_elstrada, "ocpp": serve_ocpp, "elstrada-words": serve_words}
PAIRS = {"durable": ("elstrada", "ocpp", 10), "words": ("elstrada-words", "ws+ajv", 1.5)}


if __name__ == "__main__":
    main()
