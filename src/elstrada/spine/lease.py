"""Leases: who does what only one node may do at a time. Records like any others, on every engine.

Time is the clock of each node. A holder stops a margin before its lease ends, and another takes it a
margin after, so that clocks may differ by twice the margin. One that nobody renews is free as well once it was
watched for as long as it lasts, whatever date it bears: its holder's clock may have been ahead. Where that is
not enough, the epoch is: it rises with every holder, and a work that carries ``fence()`` commits only while its
holder is the last.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import cast

import msgspec

from elstrada.spine import tables as t
from elstrada.spine.clock import Clock
from elstrada.spine.face import Put, Row, RowMoved, Spine, SpineDown, Work
from elstrada.spine.patience import within

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How long leases last, in seconds."""

    lasts_s: float = 15.0
    renew_s: float = 5.0
    """Between two renewals of a holder."""
    look_s: float = 1.0
    """Between two looks of who would like to hold it."""
    margin_s: float = 2.5
    """By which clocks may be wrong."""


class Lease:
    """One name, as one node sees it. A node's own former life gives way at once."""

    def __init__(
        self, spine: Spine, clock: Clock, name: str, holder: str, terms: Terms | None = None
    ) -> None:
        """Hold nothing yet.

        Args:
            holder: id of this node; no two living nodes may share one.
        """
        self.name, self.holder, self.terms = name, holder, terms or Terms()
        self.epoch = 0
        """Of our last tenure; 0 before the first."""
        self._spine, self._clock = spine, clock
        self._until = _LONG_AGO
        self._watched: Row = {}
        """As it stood in another's hands when it was last seen to change."""
        self._watched_since = 0.0
        """By this process's loop."""

    @property
    def left_s(self) -> float:
        """Seconds for which it is surely ours still; 0 when it is not."""
        left = (self._until - self._clock.now()).total_seconds() - self.terms.margin_s
        return max(left, 0.0)

    @property
    def held(self) -> bool:
        return self.left_s > 0

    async def keep(self) -> bool:
        """Renew it if it is ours, else take it if it is free; returns whether we hold it afterwards.

        A store that is down changes nothing: what is held runs out by itself.
        """
        try:
            if self.held:
                await self._renew()
            else:
                await self._take()
        except SpineDown:
            pass
        return self.held

    async def release(self) -> None:
        """Let the next one have it at once."""
        if self._until == _LONG_AGO:
            return
        self._until = _LONG_AGO
        try:
            await self._put(_LONG_AGO, self._mine())
        except (RowMoved, SpineDown):
            return  # It has another holder already, or runs out by itself.

    def fence(self) -> Put:
        """A write that changes nothing, and fails (RowMoved) once another has held the lease."""
        return Put(t.lease, {"name": self.name, "holder": self.holder}, self._mine())

    async def _renew(self) -> None:
        until = self._end()
        try:
            await self._put(until, self._mine(), within_s=self.left_s)
        except RowMoved:
            self._until = _LONG_AGO
        else:
            self._until = until

    async def _take(self) -> None:
        self._until = _LONG_AGO
        known = await self._spine.get(t.lease, name=self.name)
        if known is not None and not self._free(known):
            return
        seen: Row = {} if known is None else {key: known[key] for key in ("holder", "epoch", "expires_at")}
        self.epoch = 1 + (cast(int, known["epoch"]) if known else 0)
        until = self._end()
        try:
            await self._put(until, seen)
        except RowMoved:
            return  # Another was first.
        self._until = until

    def _free(self, row: Row) -> bool:
        ended = cast(datetime, row["expires_at"]) + timedelta(seconds=self.terms.margin_s)
        now = asyncio.get_running_loop().time()
        if self._watched != row:
            self._watched, self._watched_since = row, now
        left = now - self._watched_since >= self.terms.lasts_s + self.terms.margin_s
        return row["holder"] == self.holder or ended <= self._clock.now() or left

    def _end(self) -> datetime:
        """Reckoned from before the commit, which may take long."""
        return self._clock.now() + timedelta(seconds=self.terms.lasts_s)

    def _mine(self) -> Row:
        return {"holder": self.holder, "epoch": self.epoch}

    async def _put(self, until: datetime, expected: Row, within_s: float | None = None) -> None:
        """Write it, and wait no longer than it lasts."""
        row: Row = {"name": self.name, "holder": self.holder, "epoch": self.epoch, "expires_at": until}
        commit = self._spine.commit(Work(writes=(Put(t.lease, row, expected),)))
        patience_s = self.terms.lasts_s if within_s is None else within_s
        await within(commit, patience_s, f"lease {self.name}")
