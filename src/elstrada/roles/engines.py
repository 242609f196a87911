"""Which engines are beneath a node: the one place that knows their constructors."""

from __future__ import annotations

from typing import Protocol

from elstrada.config import Config
from elstrada.spine.clock import Clock
from elstrada.spine.face import Spine
from elstrada.spine.post import LocalPost, Post
from elstrada.spine.sqlite import SqliteSpine
from elstrada.spine.tally import WriterTally


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


class Engines:
    """A node's memory and its way to other nodes, made by what is configured; ``start`` opens them."""

    def __init__(self, config: Config, clock: Clock, node: str) -> None:
        self.post: Post = LocalPost()
        self.spine: Engine = SqliteSpine(config.sqlite_file, clock)

    async def start(self) -> None:
        """Open the memory, and begin to look for the other nodes, who need not be there.

        Raises:
            DatabaseInUse: another process has the SQLite file.
            SpineDown: the database cannot be opened.
        """
        await self.spine.start()

    def amiss(self) -> str:
        """What has been wrong with the way to other nodes for long; empty: nothing."""
        return ""

    def tallies(self) -> tuple[WriterTally, ...]:
        """What the spine's writers have done."""
        return self.spine.tallies

    async def close(self) -> None:
        """Finish what was handed in, then close."""
        await self.spine.close()
