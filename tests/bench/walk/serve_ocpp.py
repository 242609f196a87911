"""The peer: a CSMS as one would build it on the ``ocpp`` package, one transaction per message.

On SQLite one connection writes, as in most such servers; on PostgreSQL a pool of connections does, so
that messages of different stations wait for the disk together.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hmac
import json
import logging
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import ocpp.v16
import psycopg
import uvloop
import websockets
from ocpp.routing import on
from ocpp.v16 import call_result
from shared import PASSWORD, names

PEPPER = b"pepper"
POOL = 16


class Store(Protocol):
    async def start(self, station: str, key: str) -> int:
        """Keep a start and return its transaction id, the same for a resend."""
        ...

    async def keep(self, station: str, action: str, tx: int, body: object) -> None: ...


class Sqlite:
    def __init__(self, path: Path) -> None:
        self._store = sqlite3.connect(path, isolation_level=None)
        for text in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "CREATE TABLE tx (id INTEGER PRIMARY KEY, station TEXT, key TEXT, UNIQUE (station, key))",
            "CREATE TABLE message (id INTEGER PRIMARY KEY, station TEXT, action TEXT, tx INTEGER, body TEXT)",
        ):
            self._store.execute(text)

    async def start(self, station: str, key: str) -> int:
        store = self._store
        store.execute("BEGIN IMMEDIATE")
        row = store.execute("SELECT id FROM tx WHERE station = ? AND key = ?", (station, key)).fetchone()
        if row is None:
            added = store.execute("INSERT INTO tx (station, key) VALUES (?, ?)", (station, key))
            row = (added.lastrowid,)
        self._insert(station, "StartTransaction", row[0], key)
        store.execute("COMMIT")
        return row[0]

    async def keep(self, station: str, action: str, tx: int, body: object) -> None:
        self._insert(station, action, tx, body)

    def _insert(self, station: str, action: str, tx: int, body: object) -> None:
        self._store.execute(
            "INSERT INTO message (station, action, tx, body) VALUES (?, ?, ?, ?)",
            (station, action, tx, json.dumps(body)),
        )


class Postgres:
    def __init__(self) -> None:
        self._free: asyncio.Queue[psycopg.AsyncConnection] = asyncio.Queue()

    async def open(self, url: str) -> Postgres:
        for _ in range(POOL):
            self._free.put_nowait(await psycopg.AsyncConnection.connect(url, autocommit=True))
        async with self._connection() as connection:
            await connection.execute(
                "CREATE TABLE tx (id SERIAL PRIMARY KEY, station TEXT, key TEXT, UNIQUE (station, key))"
            )
            await connection.execute(
                "CREATE TABLE message"
                " (id BIGSERIAL PRIMARY KEY, station TEXT, action TEXT, tx INTEGER, body TEXT)"
            )
        return self

    async def start(self, station: str, key: str) -> int:
        async with self._connection() as connection, connection.transaction():
            found = await connection.execute(
                "INSERT INTO tx (station, key) VALUES (%s, %s)"
                " ON CONFLICT (station, key) DO UPDATE SET key = excluded.key RETURNING id",
                (station, key),
            )
            row = await found.fetchone()
            assert row is not None
            await connection.execute(_INSERT, (station, "StartTransaction", row[0], json.dumps(key)))
            return row[0]

    async def keep(self, station: str, action: str, tx: int, body: object) -> None:
        async with self._connection() as connection:
            await connection.execute(_INSERT, (station, action, tx, json.dumps(body)))

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection]:
        connection = await self._free.get()
        try:
            yield connection
        finally:
            self._free.put_nowait(connection)


_INSERT = "INSERT INTO message (station, action, tx, body) VALUES (%s, %s, %s, %s)"


class Csms(ocpp.v16.ChargePoint):
    store: Store

    @on("StartTransaction")
    async def on_start(
        self, connector_id: int, id_tag: str, meter_start: int, timestamp: str, **_: object
    ) -> call_result.StartTransaction:
        tx = await self.store.start(self.id, f"{connector_id}|{id_tag}|{timestamp}|{meter_start}")
        return call_result.StartTransaction(transaction_id=tx, id_tag_info={"status": "Accepted"})

    @on("MeterValues")
    async def on_meter(
        self, transaction_id: int, meter_value: object, **_: object
    ) -> call_result.MeterValues:
        await self.store.keep(self.id, "MeterValues", transaction_id, meter_value)
        return call_result.MeterValues()

    @on("StopTransaction")
    async def on_stop(
        self, transaction_id: int, meter_stop: int, timestamp: str, **_: object
    ) -> call_result.StopTransaction:
        await self.store.keep(self.id, "StopTransaction", transaction_id, [meter_stop, timestamp])
        return call_result.StopTransaction()


async def serve(store: str, stations: int) -> None:
    known = {name: hmac.digest(PEPPER, f"{name}:{PASSWORD}".encode(), "sha256") for name in names(stations)}
    Csms.store = await Postgres().open(store) if store.startswith("postgres") else Sqlite(Path(store))

    def check(
        connection: websockets.ServerConnection, request: websockets.Request
    ) -> websockets.Response | None:
        basic = base64.b64decode(request.headers.get("Authorization", "")[6:])
        given = hmac.digest(PEPPER, basic, "sha256")
        if not hmac.compare_digest(given, known.get(request.path.rsplit("/", 1)[-1], b"")):
            return connection.respond(401, "")
        return None

    async def handle(connection: websockets.ServerConnection) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            await Csms(connection.request.path.rsplit("/", 1)[-1], connection).start()

    logging.getLogger("ocpp").setLevel(logging.ERROR)
    async with websockets.serve(
        handle, "127.0.0.1", 0, subprotocols=["ocpp1.6"], process_request=check
    ) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    words = argparse.ArgumentParser()
    words.add_argument("--store", required=True, help="a file, or postgresql://...")
    words.add_argument("--stations", type=int, required=True)
    given = words.parse_args()
    uvloop.run(serve(given.store, given.stations))
