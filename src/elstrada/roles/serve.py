"""``elstrada serve``: a node with real hands, from start to goodbye."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from typing import cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import uvloop

from elstrada.config import Config
from elstrada.model.party import Party
from elstrada.net.chance import SystemChance
from elstrada.net.client import GuardedClient
from elstrada.net.clock import SystemClock
from elstrada.net.egress import EgressRules
from elstrada.net.face import Chance, Clock
from elstrada.net.http import App, Mount, listen, serve_http
from elstrada.net.stations import serve_stations
from elstrada.ocpi import versions
from elstrada.roles.desk import http as desk_http
from elstrada.roles.desk.face import Desk
from elstrada.roles.desk.lookups import own_parties
from elstrada.roles.desk.parties import settle_parties
from elstrada.roles.desk.server_file import ServerFile, announce, withdraw
from elstrada.roles.keys import Keys, load_keys
from elstrada.roles.node import Hands, Node
from elstrada.spine.lock import DatabaseInUse
from elstrada.spine.sqlite import SqliteSpine
from elstrada.web.app import make_app
from elstrada.web.guard import LOOPBACK

log = logging.getLogger(__name__)

EXIT_OK, EXIT_ERROR, EXIT_CONFIG = 0, 1, 3
_STATIONS_PER_SECOND = 500.0
"""How fast stations are told to leave, so that they do not all return at once."""


def serve(config: Config) -> int:
    """Run until told to stop; returns the exit code."""
    logging.basicConfig(
        level=config.log.level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        return uvloop.run(_serve(config))
    except (DatabaseInUse, ValueError, OSError) as problem:
        print(f"elstrada: {problem}", file=sys.stderr)  # noqa: T201  To the person who started it.
        return EXIT_ERROR


async def _serve(config: Config) -> int:
    data_dir = config.data_dir
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys, clock, chance = load_keys(data_dir / "keys.json"), SystemClock(), SystemChance()
    spine = SqliteSpine(data_dir / "elstrada.db", clock)
    await spine.start()
    try:
        await settle_parties(spine, [section.party() for section in config.parties])
        parties = await own_parties(spine)
        if not parties:
            text = (
                "there is no party to act for: add [[parties]] to elstrada.toml, or use `elstrada party put`"
            )
            print(f"elstrada: {text}", file=sys.stderr)  # noqa: T201  To the person who started it.
            return EXIT_CONFIG
        house = House(config, parties, spine, keys, clock, chance)
        await house.open()
        for address in house.addresses:
            print(address, flush=True)  # noqa: T201
        try:
            await _until_stopped(spine)
        finally:
            failure = spine.failure
            await house.close()
    finally:
        await spine.close()
    if failure is not None:
        log.error("%s", failure)
    return EXIT_OK if failure is None else EXIT_ERROR


class House:
    """A node, its listeners, and the file that tells the command line where it is."""

    def __init__(
        self,
        config: Config,
        parties: tuple[Party, ...],
        spine: SqliteSpine,
        keys: Keys,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._config, self._parties = config, parties
        self._spine, self._keys, self._clock, self._chance = spine, keys, clock, chance
        self._stack = contextlib.AsyncExitStack()
        self.addresses: list[str] = []
        """What a person may want to open, in words."""
        self.http_url = ""
        self.stations_url = ""

    async def open(self) -> None:
        """Start everything; stops what was started if something fails."""
        async with contextlib.AsyncExitStack() as stack:
            await self._open(stack)
            self._stack = stack.pop_all()
        settle()

    async def close(self) -> None:
        """Stop in the opposite order: listeners first, then what they use."""
        await self._stack.aclose()

    async def _open(self, stack: contextlib.AsyncExitStack) -> None:
        config = self._config
        networks = tuple(str(network) for network in config.outbound.networks)
        client = GuardedClient(EgressRules(plain_http=config.outbound.http, networks=networks))
        stack.push_async_callback(client.close)
        listening = listen(config.http.host, config.http.port)
        stack.callback(listening.close)
        self.http_url = f"http://{_shown(config.http.host)}:{listening.getsockname()[1]}"
        public_url = (config.public_url or self.http_url).rstrip("/")
        node = Node(
            Hands(
                spine=self._spine,
                keys=self._keys,
                clock=self._clock,
                chance=self._chance,
                http=client,
                public_url=public_url,
            ),
            self._parties,
        )
        await node.start()
        stack.push_async_callback(node.stop)
        secret = config.desk.secret.get_secret_value() if config.desk.secret else self._chance.secret()
        desk = desk_http.DeskHandler(self._desk(node), secret, node.findings.note_caller)
        mounts = [
            Mount(versions.PREFIX, node.roaming.office),
            Mount(desk_http.PREFIX, desk, desk_http.MAX_BODY),
        ]
        hosts = _hosts(config, public_url)
        zone = ZoneInfo(config.http.zone)
        pages = make_app(self._spine, self._clock, ready=node.unready, hosts=hosts, zone=zone)
        # Both are ASGI 3; each library writes its types in its own way.
        server = await serve_http(mounts, cast(App, pages), listening, strayed=node.findings.note_caller)
        stack.push_async_callback(server.close)
        stack.callback(pages.close)
        stations = await serve_stations(
            node.gateway, host=config.stations.host, port=config.stations.port, clock=self._clock
        )
        stack.push_async_callback(stations.close, per_second=_STATIONS_PER_SECOND)
        self.stations_url = f"ws://{_shown(config.stations.host)}:{stations.port}/ocpp/"
        announce(config.data_dir, ServerFile(self.http_url, secret, os.getpid()))
        stack.callback(withdraw, config.data_dir, os.getpid())
        self.node = node
        self.addresses = [
            f"pages     {self.http_url}/",
            f"OCPI      {public_url}{versions.PREFIX}/versions",
            f"stations  {self.stations_url}<station id>",
        ]

    def _desk(self, node: Node) -> Desk:
        return Desk(
            spine=self._spine,
            keys=self._keys,
            clock=self._clock,
            chance=self._chance,
            post=node.post,
            registrar=node.roaming.registrar,
            versions_url=f"{node.hands.public_url}{versions.PREFIX}/versions",
        )


def _hosts(config: Config, public_url: str) -> list[str]:
    """The names under which the pages may be called."""
    named = urlsplit(public_url).hostname or ""
    named = f"[{named}]" if ":" in named else named
    return sorted({*LOOPBACK, _shown(config.http.host), named} - {""})


def _shown(host: str) -> str:
    """The host as this machine can open it."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104


def settle() -> None:
    """What lives as long as the process is left out of garbage collection, and the rest is looked at less often.

    Every message makes a few dozen short-lived objects; the default would walk all stations' states
    each 700 of them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    # The writer's thread gets its turn after 0.5 ms of a busy event loop instead of 5.
    sys.setswitchinterval(0.0005)


def told_to_stop() -> asyncio.Event:
    """Is set by Ctrl-C, a supervisor's SIGTERM, or the terminal being closed."""
    stop = asyncio.Event()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # Under nohup, the terminal may go.
        numbers.append(signal.SIGHUP)
    for number in numbers:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _until_stopped(spine: SqliteSpine) -> None:
    """Wait for a signal, or for a store that has failed for good (F7)."""
    stop = told_to_stop()
    while not stop.is_set() and spine.failure is None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), timeout=1.0)
