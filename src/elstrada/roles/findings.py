"""What strayed: bad input from anyone, counted by source and kind, for the operator to see.

Counting costs no write on the way of a message; the counts reach the store every second. They are
for people, not for money: a crash may lose the last second of them. Several nodes count side by side,
so each adds what it has seen since it last wrote.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import cast

import msgspec

from elstrada.net.face import Clock
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Put, Row, RowMoved, Spine, SpineDown, Work

MOST_KINDS = 10_000
"""Sources times codes remembered; beyond it new ones are counted together."""
MOST_CODES = 200
"""Codes that metrics tell apart."""
SAMPLE_LENGTH = 300
OVERFLOW = ("others", "more-kinds-than-are-kept")
_AT_ONCE = 100

Key = tuple[str, str]
"""Source and code."""


class _Count(msgspec.Struct):
    """What was seen here and is not in the store yet."""

    count: int
    sample: str
    first_at: datetime
    last_at: datetime


class Findings:
    """Counts what strayed."""

    def __init__(self, spine: Spine, clock: Clock) -> None:
        self._spine, self._clock = spine, clock
        self._known: set[Key] = set()
        self._unsaved: dict[Key, _Count] = {}
        self.noted: dict[Key, int] = {}
        """Since the process began, by kind of source (station, peer, address ...) and code."""

    def note(self, source: str, code: str, sample: str) -> None:
        """Count one thing that strayed.

        Args:
            source: ``station:<owner>/<id>``, ``peer:<owner>/<id>``, ``node:<id>``,
                ``party:<owner>`` (ourselves) or ``address:<ip>``.
            code: what is wrong, in few words of the protocol or a rule's number.
            sample: what it looked like; no secret, no whole token. Shortened and made printable.
        """
        key = (source, code)
        if key not in self._known and len(self._known) >= MOST_KINDS:
            key = OVERFLOW
        self._known.add(key)
        self._tally(source, code)
        now, sample = self._clock.now(), _printable(sample)
        unsaved = self._unsaved.get(key)
        if unsaved is None:
            self._unsaved[key] = _Count(1, sample, now, now)
        else:
            unsaved.count, unsaved.sample, unsaved.last_at = unsaved.count + 1, sample, now

    def note_caller(self, remote: str, code: str, sample: str) -> None:
        """Count a bad request of somebody known by address alone (``net.face.Strayed``)."""
        self.note(f"address:{remote}", code, sample)

    def unsaved(self, source: str, code: str) -> int:
        """How often something strayed since the counts were last written."""
        count = self._unsaved.get((source, code))
        return 0 if count is None else count.count

    async def load(self) -> None:
        """Learn which kinds there are already, so that their number stays bounded over all lives."""
        for row in await self._spine.find(t.finding, order=("-last_at",), limit=MOST_KINDS):
            self._known.add((str(row["source"]), str(row["code"])))

    async def flush(self) -> None:
        """Add what was counted since the last time to what the store has."""
        keys = list(self._unsaved)
        for first in range(0, len(keys), _AT_ONCE):
            batch = {key: self._unsaved.pop(key) for key in keys[first : first + _AT_ONCE]}
            if not await self._add(batch):
                return

    async def _add(self, batch: dict[Key, _Count]) -> bool:
        """Write one batch; what could not be written waits for the next flush."""
        try:
            writes = await self._writes(batch)
        except (SpineDown, asyncio.CancelledError) as ended:
            self._put_back(batch)
            if isinstance(ended, SpineDown):
                return False
            raise
        try:
            await self._spine.commit(Work(writes=writes))
        except (RowMoved, SpineDown):  # Another node wrote one of them meanwhile, or nobody can.
            self._put_back(batch)
            return False
        return True

    async def _writes(self, batch: dict[Key, _Count]) -> tuple[Put, ...]:
        sources, codes = ({key[part] for key in batch} for part in (0, 1))
        where = {"source": AnyOf(tuple(sources)), "code": AnyOf(tuple(codes))}
        rows = await self._spine.find(t.finding, where, limit=len(sources) * len(codes))
        known = {(str(row["source"]), str(row["code"])): row for row in rows}
        return tuple(_added(key, count, known.get(key)) for key, count in batch.items())

    def _put_back(self, batch: dict[Key, _Count]) -> None:
        for key, count in batch.items():
            newer = self._unsaved.setdefault(key, count)
            if newer is not count:
                newer.count, newer.first_at = newer.count + count.count, count.first_at

    async def run(self, every_s: float) -> None:
        """Flush until cancelled, and once more then."""
        try:
            while True:
                await asyncio.sleep(every_s)
                await self.flush()
        finally:
            await self.flush()

    def _tally(self, source: str, code: str) -> None:
        key = (source.partition(":")[0], code)
        if key not in self.noted and len(self.noted) >= MOST_CODES:
            key = OVERFLOW
        self.noted[key] = self.noted.get(key, 0) + 1


def _added(key: Key, count: _Count, known: Row | None) -> Put:
    """The record with what was counted added to it, if it is still as it was read."""
    source, code = key
    row: Row = {
        "source": source,
        "code": code,
        "count": count.count + (cast(int, known["count"]) if known else 0),
        "sample": count.sample,
        "first_at": known["first_at"] if known else count.first_at,
        "last_at": count.last_at,
    }
    return Put(t.finding, row, {"count": known["count"]} if known else {})


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "·" for c in text[:SAMPLE_LENGTH])
