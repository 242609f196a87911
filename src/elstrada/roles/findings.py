"""What strayed: bad input from anyone, counted by source and kind, for the operator to see.

Counting costs no write on the way of a message; the counts reach the store every second. They are
for people, not for money: a crash may lose the last second of them.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import msgspec

from elstrada.net.face import Clock
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Spine, SpineDown, Work

MOST_KINDS = 10_000
"""Sources times codes remembered; beyond it new ones are counted together."""
SAMPLE_LENGTH = 300
OVERFLOW = ("others", "more-kinds-than-are-kept")


class _Count(msgspec.Struct):
    count: int
    sample: str
    first_at: datetime
    last_at: datetime
    unsaved: bool = True


class Findings:
    """Counts what strayed."""

    def __init__(self, spine: Spine, clock: Clock) -> None:
        self._spine, self._clock = spine, clock
        self._counts: dict[tuple[str, str], _Count] = {}

    def note(self, source: str, code: str, sample: str) -> None:
        """Count one thing that strayed.

        Args:
            source: ``station:<owner>/<id>``, ``peer:<owner>/<id>``,
                ``party:<owner>`` (ourselves) or ``address:<ip>``.
            code: what is wrong, in few words of the protocol or a rule's number.
            sample: what it looked like; no secret, no whole token. Shortened and made printable.
        """
        key = (source, code)
        if key not in self._counts and len(self._counts) >= MOST_KINDS:
            key = OVERFLOW
        now = self._clock.now()
        known = self._counts.get(key)
        if known is None:
            self._counts[key] = _Count(1, _printable(sample), now, now)
        else:
            known.count, known.sample, known.last_at, known.unsaved = (
                known.count + 1,
                _printable(sample),
                now,
                True,
            )

    def note_caller(self, remote: str, code: str, sample: str) -> None:
        """Count a bad request of somebody known by address alone (``net.face.Strayed``)."""
        self.note(f"address:{remote}", code, sample)

    async def load(self) -> None:
        """Go on from the counts of the last run."""
        for row in await self._spine.find(t.finding, order=("-last_at",), limit=MOST_KINDS):
            known = msgspec.convert(dict(row), _Count)
            known.unsaved = False
            self._counts[(str(row["source"]), str(row["code"]))] = known

    async def flush(self) -> None:
        """Write the counts that have changed."""
        changed = [(key, count) for key, count in self._counts.items() if count.unsaved]
        writes = tuple(
            Put(
                t.finding,
                {
                    "source": source,
                    "code": code,
                    "count": count.count,
                    "sample": count.sample,
                    "first_at": count.first_at,
                    "last_at": count.last_at,
                },
            )
            for (source, code), count in changed
        )
        if not writes:
            return
        for _, count in changed:
            count.unsaved = False
        try:
            await self._spine.commit(Work(writes=writes))
        except SpineDown:
            for _, count in changed:
                count.unsaved = True

    async def run(self, every_s: float = 1.0) -> None:
        """Flush until cancelled, and once more then."""
        try:
            while True:
                await asyncio.sleep(every_s)
                await self.flush()
        finally:
            await self.flush()


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "·" for c in text[:SAMPLE_LENGTH])
