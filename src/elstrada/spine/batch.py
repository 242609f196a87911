"""Everything that one transaction adds, gathered before the first hot statement runs. Of no engine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import msgspec

from elstrada.spine.face import Advance, Append, CursorMoved, Recorded, StreamMoved, Work
from elstrada.spine.merging import Merged
from elstrada.spine.shards import shard_of, shards_of
from elstrada.spine.upcast import encode
from elstrada.spine.views import project

MILESTONE_EVERY = 64
"""Facts of a stream between places from which it can be read backwards."""

CursorKey = tuple[str, int]
"""Follower and shard."""


class Head(NamedTuple):
    """Where a stream ends."""

    version: int
    position: int
    """Of its last fact; 0 when there is none."""


EMPTY = Head(0, 0)


class Written(msgspec.Struct, frozen=True):
    """A unit of work with its facts as text, in the order of its appends."""

    work: Work
    texts: tuple[tuple[str, str], ...]
    """Kind and body of each fact."""


def written(work: Work) -> Written:
    """Turn the facts of a work into text, so that what cannot be text fails its own caller."""
    return Written(work, tuple(encode(fact) for append in work.appends for fact in append.facts))


class Ends(NamedTuple):
    """What a transaction finds, and keeps up to date: where everything ends that its works name."""

    shards: dict[int, int]
    """Position of the last fact; 0 when there is none."""
    streams: dict[str, Head]
    cursors: dict[CursorKey, int]


Cells = tuple[object, ...]


class Batch:
    """Facts, snapshots, cursors and view changes of one transaction, and the ends they lead to."""

    def __init__(
        self, ends: Ends, at: datetime, at_cell: str | datetime, *, shards: int = 1, base: int = 0
    ) -> None:
        """Begin behind ``ends``.

        Args:
            at: time of record of all facts.
            at_cell: the same as the engine keeps it.
            shards: how many there are.
            base: positions given from now on are higher than this.
        """
        self.ends = ends
        """Those of before, after what was taken in."""
        self.facts: list[Cells] = []
        """Rows of ``log``: position, shard, stream, version, at, kind, body, previous."""
        self.milestones: list[Cells] = []
        """Rows of ``milestone``: stream, version, position."""
        self.views = Merged()
        self._at, self._at_cell, self._shards, self._base = at, at_cell, shards, base
        self._appended: dict[str, None] = {}
        self._snapshots: dict[str, Cells] = {}
        self._advanced: dict[CursorKey, None] = {}

    @property
    def streams(self) -> list[Cells]:
        """Rows of ``stream``: stream, version, position."""
        return [(stream, *self.ends.streams[stream]) for stream in self._appended]

    @property
    def snapshots(self) -> list[Cells]:
        """Rows of ``snapshot``: stream, version, state."""
        return list(self._snapshots.values())

    @property
    def cursors(self) -> list[Cells]:
        """Rows of ``cursor``: follower, shard, position."""
        return [(*key, self.ends.cursors[key]) for key in self._advanced]

    def check(self, work: Work) -> None:
        """See that every stream and the cursor are where the writer believes them to be.

        Raises:
            StreamMoved, CursorMoved: one is not.
        """
        self._check_cursor(work.advance)
        after: dict[str, int] = {}
        for append in work.appends:
            actual = after.get(append.stream, self.ends.streams[append.stream].version)
            if actual != append.expected:
                raise StreamMoved(append.stream, append.expected, actual)
            after[append.stream] = actual + len(append.facts)

    def add(self, written: Written) -> int:
        """Take in a work that was checked; returns what ``Spine.commit`` does."""
        texts = iter(written.texts)
        end = self.ends.shards[shards_of(written.work, self._shards)[0]]
        for append in written.work.appends:
            end = self._append(append, texts) or end
        advance = written.work.advance
        if advance is not None:
            self.ends.cursors[advance.follower, advance.shard] = advance.position
            self._advanced[advance.follower, advance.shard] = None
        return end

    def _append(self, append: Append, texts: Iterator[tuple[str, str]]) -> int:
        """Take in the facts of a stream; returns the position of the last, 0 if there are none."""
        stream, (version, previous) = append.stream, self.ends.streams[append.stream]
        shard = shard_of(stream, self._shards)
        position = max(self.ends.shards[shard], self._base)
        for fact in append.facts:
            version += 1
            position += 1
            kind, body = next(texts)
            self.facts.append((position, shard, stream, version, self._at_cell, kind, body, previous))
            if version % MILESTONE_EVERY == 0:
                self.milestones.append((stream, version, position))
            for change in project(Recorded(position, stream, version, self._at, fact)):
                self.views.add(change)
            previous = position
        if append.facts:
            self.ends.shards[shard] = position
            self.ends.streams[stream] = Head(version, position)
            self._appended[stream] = None
        if append.snapshot is not None:
            self._snapshots[stream] = stream, version, append.snapshot
        return position if append.facts else 0

    def _check_cursor(self, advance: Advance | None) -> None:
        if advance is None or advance.expected is None:
            return
        actual = self.ends.cursors[advance.follower, advance.shard]
        if actual != advance.expected:
            raise CursorMoved(advance.follower, advance.shard, advance.expected, actual)
