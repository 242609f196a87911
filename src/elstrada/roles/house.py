"""A house: a node with its listeners, opened in one order and closed in the other."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from datetime import timedelta
from functools import partial
from typing import cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from elstrada import __version__
from elstrada.config import Config
from elstrada.model.answers import Noted
from elstrada.model.asks import DrainNode
from elstrada.model.node import NodeSeen, Part
from elstrada.model.party import Party
from elstrada.net.certificates import Certificates, TlsFiles
from elstrada.net.client import GuardedClient
from elstrada.net.doors import Tls
from elstrada.net.face import Clock
from elstrada.net.http import App, Mount, listen, nowhere, serve_http
from elstrada.net.station_server import StationServer
from elstrada.net.stations import serve_stations
from elstrada.ocpi import versions
from elstrada.pay.development import DevelopmentProvider
from elstrada.roles.contracts.configured import configured_contracts, responders_client
from elstrada.roles.desk import http as desk_http
from elstrada.roles.desk.face import Desk
from elstrada.roles.desk.nodes import node_address
from elstrada.roles.desk.server_file import ServerFile, announce, withdraw
from elstrada.roles.drain import drain
from elstrada.roles.files.addresses import Files
from elstrada.roles.files.door import LIMITS, FileDoor, without_addresses
from elstrada.roles.files.opening import files_of
from elstrada.roles.files.sweep import keep_swept
from elstrada.roles.gateway.reception import Onboarding
from elstrada.roles.ground import Ground
from elstrada.roles.health import Health
from elstrada.roles.knocks import station_limits
from elstrada.roles.lags import Lags
from elstrada.roles.leading import report
from elstrada.roles.message_keys import configured_signer
from elstrada.roles.metrics import parts
from elstrada.roles.metrics.collector import Metrics
from elstrada.roles.metrics.post import CountedPost
from elstrada.roles.node import Hands, Node
from elstrada.roles.outbound import outbound_rules
from elstrada.roles.payments.door import MOST_BODY, PayDoor
from elstrada.roles.payments.door import PREFIX as PAY_PREFIX
from elstrada.roles.payments.taps import Taps
from elstrada.roles.payments.till import Till
from elstrada.roles.presence import Presence
from elstrada.roles.quirks.table import load_quirks
from elstrada.roles.readiness import Readiness
from elstrada.roles.reconciling import report_of
from elstrada.roles.signing.configured import configured_signers
from elstrada.roles.template import load_template
from elstrada.roles.vat.configured import configured_vat
from elstrada.roles.watchdog import Watchdog
from elstrada.roles.wirelog.keeping import WireKeeper
from elstrada.roles.wirelog.paged import paged
from elstrada.roles.wirelog.store import Bounds
from elstrada.spine.ending import ended
from elstrada.spine.post import Letter
from elstrada.web import assets, languages
from elstrada.web.app import Pages, make_app
from elstrada.web.guard import LOOPBACK
from elstrada.web.render import Renderer

SERVER_CERTIFICATE = "certificate of the server"
"""Finding of a node: what is wrong with the time of the certificates that stations are shown, or trusted by."""


class House:
    """A node, its listeners, and the file that tells the command line where it is."""

    def __init__(self, config: Config, parties: tuple[Party, ...], ground: Ground) -> None:
        """
        Raises:
            TlsUnusable: the stations' certificates cannot serve.
        """
        self._config, self._parties, self._ground = config, parties, ground
        self._stack = contextlib.AsyncExitStack()
        self._post = CountedPost(ground.traces.post(ground.post))
        self._spine = ground.traces.spine(ground.spine)
        self._stations: StationServer | None = None
        self._certificates = _certificates(config, ground.wall)
        self._files: Files | None = None
        self._secret = config.desk.secret.get_secret_value() if config.desk.secret else ground.chance.secret()
        self.failure: str | None = None
        """Why this node must end; None: it need not."""
        takes = config.web_payments.provider != "none"
        self._provider = DevelopmentProvider() if takes else None
        """Who takes drivers' money."""
        self.told_to_leave = asyncio.Event()
        """Set when somebody asked for the end: the operator by post, or another process of the same name."""
        self.addresses: list[str] = []
        """What a person may want to open, in words."""
        self.http_url = ""
        self.stations_url = ""

    async def open(self) -> None:
        """Start everything; stops what was started if something fails."""
        async with contextlib.AsyncExitStack() as stack:
            await self._open(stack)
            self._stack = stack.pop_all()

    async def close(self) -> None:
        """Send the stations away, then stop in the opposite order: listeners first, then what they use."""
        await self._stack.aclose()

    async def _open(self, stack: contextlib.AsyncExitStack) -> None:
        config, ground = self._config, self._ground
        wire = self._wire = _wire_keeper(config, ground)
        if wire is not None:
            wire.writer.start()
            stack.push_async_callback(wire.stop)
        client = GuardedClient(outbound_rules(config))
        stack.push_async_callback(client.close)
        responders = responders_client(config)
        stack.push_async_callback(responders.close)
        serves_http = bool({Part.ROAMER, Part.PAGES} & config.parts)
        listening = listen(config.http.host, config.http.port) if serves_http else None
        if listening is not None:
            stack.callback(listening.close)
            self.http_url = f"http://{_shown(config.http.host)}:{listening.getsockname()[1]}"
        hands = Hands(
            spine=self._spine,
            keys=ground.keys,
            clock=ground.clock,
            chance=ground.chance,
            http=ground.traces.client(client),
            public_url=(config.public_url or self.http_url).rstrip("/"),
            wall=ground.wall,
            node=ground.node,
            waits=config.waits,
            ocpi_versions=config.ocpi.versions,
            traced=ground.traces.follower,
            wire_log=wire and wire.log,
            organization=config.stations.tls.organization,
            vendors=frozenset(config.stations.data_transfer),
            signers=configured_signers(config, client),
            certificates_end_soon=timedelta(days=config.stations.certificate_days),
            plug_and_charge=configured_contracts(
                config, ground.traces.client(responders), ground.traces.client(client), ground.clock
            ),
            vat=configured_vat(config, ground.traces.client(client)),
            onboarding=_onboarding(config),
            quirks=load_quirks(config.stations.quirks),
            end_rules=config.stations.unended.rules,
            signer=configured_signer(config.stations.message_signing),
            settle_rules=config.stations.settling.rules,
            quarters_kept=timedelta(days=config.metering.keep_days),
        )
        self.node = Node(hands, self._parties, parts=config.parts, post=self._post)
        await self._be_seen(stack)
        await self.node.start()
        stack.push_async_callback(self.node.stop)
        if wire is not None:
            watching = asyncio.get_running_loop().create_task(wire.watch(self.node.findings))
            watching.add_done_callback(report)
            stack.push_async_callback(ended, watching)
        if self._certificates is not None:
            self._certificates.tell(
                partial(self.node.findings.note, f"node:{ground.node}", SERVER_CERTIFICATE)
            )
            watch = asyncio.get_running_loop().create_task(self._certificates.watch())
            stack.push_async_callback(ended, watch)
        if config.has_file_door:
            await self._serve_files(stack)
        if listening is not None:
            await self._serve_http(stack, listening)
        if Part.GATEWAY in config.parts:
            await self._serve_stations(stack)
        stack.push_async_callback(drain, self.node, self._readiness, self._presence, self._config.limits)
        self._announce(stack)
        self.addresses.append(f"health    {self._health_url}/readyz")
        self._readiness.starting = False

    # --- being seen -------------------------------------------------------------------------------------

    async def _be_seen(self, stack: contextlib.AsyncExitStack) -> None:
        """Tell whoever supervises, and the other nodes, how this one is, before and while it works."""
        config, ground = self._config, self._ground
        listening = listen(config.health.host, config.health.port)
        stack.callback(listening.close)
        health_url = f"http://{_shown(config.health.host)}:{listening.getsockname()[1]}"
        now = ground.wall.now()
        self._presence = Presence(
            ground.spine,
            ground.wall,
            NodeSeen(
                id=ground.node,
                roles=tuple(sorted(config.parts)),
                started_at=now,
                seen_at=now,
                version=__version__,
                address=health_url,
            ),
            displaced=self._displaced,
        )
        self._lags, watchdog = Lags(self.node), Watchdog(config.limits.stuck_s)
        watchdog.start()
        stack.callback(watchdog.stop)
        self._readiness = Readiness(
            self.node, self._presence, self._lags, lambda: watchdog.lag_s, ground.transport
        )
        health = Health(self._readiness, self._metrics(watchdog).exposed, ground.node)
        server = await serve_http([Mount("/", health)], nowhere, listening)
        stack.push_async_callback(server.close)
        await self._presence.arrive()
        stack.push_async_callback(self._presence.depart)
        for work in (self._presence.run(), self._lags.run()):
            task = asyncio.get_running_loop().create_task(work)
            task.add_done_callback(self._must_not_fail)
            stack.push_async_callback(ended, task)
        stack.callback(self._post.serve(node_address(ground.node), self._asked))
        self._health_url = health_url

    def _metrics(self, watchdog: Watchdog) -> Metrics:
        return Metrics(
            [
                lambda: parts.of_node(self.node, self._readiness, watchdog.take_worst),
                lambda: parts.of_spine(self._ground.tallies),
                lambda: parts.of_followers(self._lags, self._ground.clock),
                lambda: parts.of_gateway(self.node, self._stations),
                lambda: parts.of_certificates(self._certificates),
                lambda: parts.of_stations_certificates(self.node),
                lambda: parts.of_roaming(self.node),
                self._post.gather,
                self._ground.metrics,
                *([self._wire.gather] if self._wire is not None else []),
            ]
        )

    def _must_not_fail(self, task: asyncio.Task[None]) -> None:
        """A node that nobody sees any more would be taken for dead by the others: it must end."""
        if not task.cancelled() and (problem := task.exception()) is not None:
            self.failure = f"this node can no longer say how it is: {type(problem).__name__}: {problem}"
            self.told_to_leave.set()

    def _displaced(self) -> None:
        self.failure = f"another process serves as node {self._ground.node}; give each a name of its own"
        self.told_to_leave.set()

    async def _asked(self, letter: Letter) -> Letter:
        """Somebody asks this node something by post."""
        if not isinstance(letter, DrainNode):
            raise TypeError(f"a node is asked to drain, not for {type(letter).__name__}")
        self.told_to_leave.set()
        return Noted()

    # --- listeners --------------------------------------------------------------------------------------

    async def _serve_http(self, stack: contextlib.AsyncExitStack, listening: socket.socket) -> None:
        """What peers, people and the command line call: each if this node has the role."""
        node, roles, mounts = self.node, self._config.parts, list[Mount]()
        pages: App = nowhere
        if Part.ROAMER in roles:
            mounts.append(Mount(versions.PREFIX, self._ground.traces.handler(node.roaming.office)))
            self.addresses.append(f"OCPI      {node.hands.public_url}{versions.PREFIX}/versions")
        if Part.PAGES in roles:
            desk = desk_http.DeskHandler(self._desk(), self._secret, node.findings.note_caller)
            mounts.append(Mount(desk_http.PREFIX, desk, desk_http.MAX_BODY))
            hosts, zone = _hosts(self._config, node.hands.public_url), ZoneInfo(self._config.http.zone)
            kept = Part.GATEWAY in roles and self._config.wire_log.on
            app = make_app(
                self._ground.spine,
                self._ground.clock,
                hosts=hosts,
                zone=zone,
                wall=self._ground.wall,
                wire=paged(self._config.wire_log_dir) if kept else None,
                quirks=node.hands.quirks,
                reckon=partial(report_of, self._ground.spine),
            )
            # Both are ASGI 3; each library writes its types in its own way.
            pages = cast(App, app)
            self.addresses.append(f"pages     {self.http_url}/")
            if self._provider is not None:
                self._look_after_terminals()
                mounts.append(self._pay_door(zone))
                self.addresses.append(f"payments  {self._pay_url}/  (development: no money is taken)")
        server = await serve_http(mounts, pages, listening, strayed=node.findings.note_caller)
        stack.push_async_callback(server.close)
        if Part.PAGES in roles:
            stack.callback(cast(Pages, pages).close)

    def _pay_door(self, zone: ZoneInfo) -> Mount:
        """Where drivers pay, and one node that looks after their payments."""
        desk, findings = self._desk(), self.node.findings
        assert self._provider is not None, "there is a provider"
        till = Till(desk, self._provider, findings)
        self.node.leader.lead("payments:till", till.run)
        files = assets.load()
        renderers = {code: Renderer(code, files, zone) for code in languages.LANGUAGES}
        door = PayDoor(till, renderers, self._config.web_payments.amount, findings.note_caller)
        return Mount(PAY_PREFIX, door, MOST_BODY)

    def _taps(self) -> Taps | None:
        """Payments at terminals of ours."""
        if self._provider is None:
            return None
        roaming = self.node.roaming
        return Taps(roaming.means, roaming.peers, roaming.commander, self._provider, self._pay_url)

    def _look_after_terminals(self) -> None:
        """One node of an installation does."""
        taps = self._taps()
        if taps is not None:
            self.node.leader.lead("payments:taps", taps.run)

    @property
    def _pay_url(self) -> str:
        """Where drivers pay; empty: nowhere."""
        if self._config.web_payments.provider == "none":
            return ""
        return self.node.hands.public_url + PAY_PREFIX

    async def _serve_stations(self, stack: contextlib.AsyncExitStack) -> None:
        config, certificates = self._config, self._certificates
        self._stations = await serve_stations(
            self.node.gateway,
            host=config.stations.host,
            port=config.stations.port if config.stations.plain else None,
            clock=self._ground.clock,
            limits=station_limits(config.stations),
            tls=Tls(
                port=config.stations.tls.port,
                certificates=certificates,
                in_front=config.stations.tls_in_front,
                strayed=self.node.findings.note_caller,
            ),
        )
        stack.push_async_callback(self._stations.close, per_second=config.limits.drain_per_second)
        for scheme, port in (("wss", self._stations.tls_port), ("ws", self._stations.port)):
            if port is not None:
                self.stations_url = f"{scheme}://{_shown(config.stations.host)}:{port}/ocpp/"
                self.addresses.append(f"stations  {self.stations_url}<station id>")

    async def _serve_files(self, stack: contextlib.AsyncExitStack) -> None:
        """Where stations fetch and leave files."""
        config, ground = self._config, self._ground
        assert config.files.port is not None, "there is a file door"
        listening = listen(config.files.host, config.files.port)
        stack.callback(listening.close)
        scheme = "https" if config.files.tls else "http"
        url = f"{scheme}://{_shown(config.files.host)}:{listening.getsockname()[1]}"
        self._files = files = files_of(config, ground.node, url)
        assert files is not None, "there is a file door"
        await asyncio.to_thread(files.folder.prepare)
        if not files.shared:
            await asyncio.to_thread(files.folder.clear)
        strayed = without_addresses(self.node.findings.note_caller)
        door = FileDoor(self._spine, ground.keys, ground.clock, files)
        server = await serve_http(
            [],
            door,
            listening,
            limits=LIMITS,
            strayed=strayed,
            certificates=self._certificates if config.files.tls else None,
        )
        stack.push_async_callback(server.close)
        sweeping = asyncio.get_running_loop().create_task(keep_swept(self._spine, ground.clock, files))
        sweeping.add_done_callback(report)
        stack.push_async_callback(ended, sweeping)
        self.addresses.append(f"files     {files.public_url}/")

    def _announce(self, stack: contextlib.AsyncExitStack) -> None:
        """Tell commands on this machine where the desk is, if it is here."""
        if Part.PAGES in self._config.parts:
            announce(self._config.data_dir, ServerFile(self.http_url, self._secret, os.getpid()))
            stack.callback(withdraw, self._config.data_dir, os.getpid())

    def _desk(self) -> Desk:
        ground, node = self._ground, self.node
        return Desk(
            spine=ground.spine,
            keys=ground.keys,
            clock=ground.clock,
            chance=ground.chance,
            post=node.post,
            registrar=node.roaming.registrar,
            commander=node.roaming.commander,
            steersman=node.roaming.steersman,
            terminals=node.roaming.terminals,
            taps=self._taps(),
            versions_url=f"{node.hands.public_url}{versions.PREFIX}/versions",
            waits=self._config.waits,
            wall=ground.wall,
            quirks=node.hands.quirks,
            wire_log_dir=self._config.wire_log_dir,
            files=self._files,
            pay_url=self._pay_url,
        )


def _wire_keeper(config: Config, ground: Ground) -> WireKeeper | None:
    """What keeps the stations' frames, if this node has stations and they are wanted."""
    kept = config.wire_log
    if not kept.on or Part.GATEWAY not in config.parts:
        return None
    bounds = Bounds(kept.days, kept.megabytes << 20)
    return WireKeeper(config.wire_log_dir, ground.node, bounds, ground.clock)


def _certificates(config: Config, clock: Clock) -> Certificates | None:
    """What stations are met with, if this node has a door with TLS."""
    tls = config.stations.tls
    wanted = Part.GATEWAY in config.parts or (config.has_file_door and config.files.tls)
    if not tls.certificate or not wanted:
        return None
    files = TlsFiles(
        certificates=tls.certificate,
        keys=tls.key,
        authorities=tls.client_ca,
        without_secrecy=tls.without_secrecy,
    )
    return Certificates(files, clock, timedelta(days=config.stations.certificate_days))


def _onboarding(config: Config) -> Onboarding:
    """What becomes of stations whose make is new.

    Raises:
        ValueError, OSError: the template cannot be used.
    """
    stations = config.stations
    template = {} if stations.template is None else load_template(stations.template)
    return Onboarding(hold=stations.onboarding == "hold", template=template)


def _hosts(config: Config, public_url: str) -> list[str]:
    """The names under which the pages may be called."""
    named = urlsplit(public_url).hostname or ""
    named = f"[{named}]" if ":" in named else named
    return sorted({*LOOPBACK, _shown(config.http.host), named} - {""})


def _shown(host: str) -> str:
    """The host as this machine can open it."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104
