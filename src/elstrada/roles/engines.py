"""Which engines are beneath a node: the one place that knows their constructors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Protocol

from prometheus_client.metrics_core import Metric

from elstrada.config import Config
from elstrada.net.face import Chance
from elstrada.roles.metrics.words import gauge, one, total
from elstrada.settings import NatsSection
from elstrada.spine.bell import Bell
from elstrada.spine.clock import Clock
from elstrada.spine.face import Spine
from elstrada.spine.nats_bell import NatsBell
from elstrada.spine.nats_line import NatsLine
from elstrada.spine.nats_post import NatsPost
from elstrada.spine.post import LocalPost, Post
from elstrada.spine.postgres import PostgresSpine
from elstrada.spine.sqlite import SqliteSpine
from elstrada.spine.tally import WriterTally

AWAY_LONG = timedelta(seconds=30)
"""NATS that is away for so long is worth telling; followers look by themselves meanwhile."""


class Engine(Spine, Protocol):
    """A spine on a real engine."""

    @property
    def failure(self) -> str | None:
        """Why it will never commit again (F7); None: all is well."""
        ...

    @property
    def tallies(self) -> tuple[WriterTally, ...]:
        """What its writers have done."""
        ...


def memory_of(config: Config, clock: Clock, bell: Bell | None = None) -> Engine:
    """The configured spine, not open yet.

    Args:
        bell: tells other nodes that the log has grown; only on PostgreSQL there are any.
    """
    url = config.database.url
    if url is None:
        return SqliteSpine(config.sqlite_file, clock)
    return PostgresSpine(url.get_secret_value(), clock, bell=bell, archive=config.archive.dir)


class Engines:
    """A node's memory and its way to other nodes, made by what is configured; ``start`` opens them."""

    def __init__(self, config: Config, clock: Clock, chance: Chance, node: str) -> None:
        self._nats = _Nats(config.nats, clock, chance, node) if config.nats.url is not None else None
        self.post: Post = self._nats.post if self._nats else LocalPost()
        self.spine = memory_of(config, clock, self._nats.bell if self._nats else None)

    async def start(self) -> None:
        """Open the memory, and begin to look for the other nodes, who need not be there.

        Raises:
            DatabaseInUse: another process has the SQLite file.
            DatabaseUnready: `elstrada db migrate` is to be run first.
            SpineDown: the database cannot be opened.
        """
        async with contextlib.AsyncExitStack() as stack:
            if self._nats is not None:
                stack.push_async_callback(self._nats.close)
                await self._nats.start()
            await self.spine.start()
            stack.pop_all()

    def amiss(self) -> str:
        """What has been wrong with the way to other nodes for long; empty: nothing."""
        return self._nats.amiss() if self._nats is not None else ""

    def tallies(self) -> tuple[WriterTally, ...]:
        """What the spine's writers have done."""
        return self.spine.tallies

    def gather(self) -> Iterable[Metric]:
        """Metrics of the way to other nodes."""
        return self._nats.gather() if self._nats is not None else ()

    async def close(self) -> None:
        """Finish what was handed in, then close."""
        await self.spine.close()
        if self._nats is not None:
            await self._nats.close()


class _Nats:
    """Post and bell on one connection."""

    def __init__(self, section: NatsSection, clock: Clock, chance: Chance, node: str) -> None:
        assert section.url is not None
        servers = [url.strip() for url in section.url.get_secret_value().split(",")]
        self._clock = clock
        self._line = NatsLine(
            servers, name=node, clock=clock, spread=chance.spread, credentials=section.credentials
        )
        self.post = NatsPost(self._line, node, prefix=section.prefix)
        self.bell = NatsBell(self._line, node, prefix=section.prefix)

    async def start(self) -> None:
        await self._line.start()
        await self.post.start()
        await self.bell.start()

    async def close(self) -> None:
        await self.bell.close()
        await self.post.close()
        await self._line.close()

    def amiss(self) -> str:
        state = self._line.state
        if state.connected:
            return self.bell.trouble
        away = self._clock.now() - state.since
        if away < AWAY_LONG:
            return ""
        return f"NATS has been away for {away.total_seconds():.0f} s: {state.last_error or 'no answer'}"

    def gather(self) -> Iterable[Metric]:
        state, counts = self._line.state, self.bell.counts
        yield gauge("nats_connected", "1 while there is a connection to NATS.", one(state.connected))
        yield total("nats_connects", "Connections made to NATS.", one(state.connects))
        yield gauge(
            "bell_healthy", "1 while other nodes hear at once that the log has grown.", one(self.bell.healthy)
        )
        rings = {
            ("rung",): counts.rung,
            ("spared",): counts.spared,
            ("lost",): counts.lost,
            ("heard",): counts.heard,
        }
        yield total(
            "bell_rings", "Rings to and from other nodes, by what became of them.", rings, ("outcome",)
        )
