"""Post: one role asks another something now, wherever it runs, and waits for the answer.

Nothing here is durable: what must not be lost is a fact. An address names who is asked: a role, or one
socket of a station (``model.ids.station_address``). One that begins with ``@<node>/`` is at that node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from elstrada.model import answers, asks

Letter = (
    asks.StationAsk
    | asks.AreYouThere
    | asks.EndCommand
    | asks.DrainNode
    | answers.StationAnswer
    | answers.Presence
)
"""An ask or an answer that can leave the process: these kinds and no others."""
Handler = Callable[[Letter], Awaitable[Letter]]
"""Answers an ask. Raises NobodyThere when it did nothing, because the ask is for somebody else."""
Release = Callable[[], None]

MOST_AT_ONCE = 100
"""Asks of one address: a station that hangs must not hold up another's (P7)."""


class NobodyThere(Exception):
    """No one serves this address; the ask was not handled."""


class NoReply(Exception):
    """The address is served, but gave no answer: it may or may not have done what was asked."""


class Post(Protocol):
    """Carries asks and answers. All methods run on the node's event loop."""

    def serve(self, address: str, handler: Handler) -> Release:
        """Answer what is asked at an address, in place of whoever did before.

        Returns:
            What ends it; does nothing once another serves the address.
        """
        ...

    async def ask(self, address: str, ask: Letter, *, timeout_s: float) -> Letter:
        """Ask, and wait for the answer.

        Raises:
            NobodyThere, NoReply: there is none.
        """
        ...


class LocalPost:
    """Post within one process."""

    def __init__(self) -> None:
        self._served: dict[str, _Desk] = {}

    def serve(self, address: str, handler: Handler) -> Release:
        desk = self._served[address] = _Desk(handler)

        def release() -> None:
            if self._served.get(address) is desk:
                del self._served[address]

        return release

    def serves(self, address: str) -> bool:
        """Does anybody answer at an address?"""
        return address in self._served

    def addresses(self) -> list[str]:
        """Where somebody answers."""
        return list(self._served)

    async def ask(self, address: str, ask: Letter, *, timeout_s: float) -> Letter:
        desk = self._served.get(address)
        if desk is None:
            raise NobodyThere(f"nobody serves {address}")
        if len(desk.under_way) >= MOST_AT_ONCE:
            raise NoReply(f"{address} has {MOST_AT_ONCE} asks under way already")
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(desk.take(ask))
        except NobodyThere:
            raise
        except TimeoutError:
            raise NoReply(f"{address} gave no answer to {type(ask).__name__} in {timeout_s} s") from None
        except Exception as error:
            raise NoReply(f"{address} failed on {type(ask).__name__}: {type(error).__name__}") from error


class _Desk:
    """Whoever serves one address, and what is being done there."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.under_way: set[asyncio.Future[Letter]] = set()

    def take(self, ask: Letter) -> asyncio.Future[Letter]:
        """Have it handled in a task of its own: whoever stops waiting does not stop what was asked for."""
        answer = asyncio.ensure_future(self._handler(ask))
        self.under_way.add(answer)
        answer.add_done_callback(self.under_way.discard)
        return answer
