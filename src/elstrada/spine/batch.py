"""Everything that one SQLite transaction adds, gathered before the first hot statement runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from elstrada.spine.columns import moment_text
from elstrada.spine.face import Advance, Append, CursorMoved, Recorded, StreamMoved, Work
from elstrada.spine.merging import Merged
from elstrada.spine.statements import (
    INSERT_FACT,
    INSERT_MILESTONE,
    PUT_CURSOR,
    PUT_SNAPSHOT,
    PUT_STREAM,
    Bound,
    filled,
)
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


class Batch:
    """Facts, snapshots, cursors and view changes of one transaction, and the versions they lead to."""

    def __init__(
        self, position: int, at: datetime, heads: dict[str, Head], cursors: dict[CursorKey, int]
    ) -> None:
        """Begin behind ``position``; heads of all streams and places of all cursors that works will name."""
        self.position = position
        """Of the last fact taken in, or of the log's end."""
        self.heads, self.cursors = heads, cursors
        """Those of before, after what was taken in."""
        self._at, self._at_text = at, moment_text(at)
        self._facts: list[Sequence[Bound]] = []
        self._milestones: list[Sequence[Bound]] = []
        self._appended: dict[str, None] = {}
        self._snapshots: dict[str, Sequence[Bound]] = {}
        self._advanced: dict[CursorKey, None] = {}
        self._views = Merged()

    def check(self, work: Work) -> None:
        """See that every stream and the cursor are where the writer believes them to be.

        Raises:
            StreamMoved, CursorMoved: one is not.
        """
        self._check_cursor(work.advance)
        after: dict[str, int] = {}
        for append in work.appends:
            actual = after.get(append.stream, self.heads[append.stream].version)
            if actual != append.expected:
                raise StreamMoved(append.stream, append.expected, actual)
            after[append.stream] = actual + len(append.facts)

    def add(self, written: Written) -> int:
        """Take in a work that was checked; returns the position after it."""
        texts = iter(written.texts)
        for append in written.work.appends:
            self._append(append, texts)
        advance = written.work.advance
        if advance is not None:
            self.cursors[advance.follower, advance.shard] = advance.position
            self._advanced[advance.follower, advance.shard] = None
        return self.position

    def statements(self) -> Iterator[tuple[str, list[Bound]]]:
        """The hot statements, each with its parameters."""
        yield from filled(INSERT_FACT, self._facts)
        yield from filled(PUT_STREAM, [(stream, *self.heads[stream]) for stream in self._appended])
        yield from filled(INSERT_MILESTONE, self._milestones)
        yield from filled(PUT_SNAPSHOT, list(self._snapshots.values()))
        yield from filled(PUT_CURSOR, [(*key, self.cursors[key]) for key in self._advanced])
        yield from self._views.statements()

    def _append(self, append: Append, texts: Iterator[tuple[str, str]]) -> None:
        stream, (version, previous) = append.stream, self.heads[append.stream]
        for fact in append.facts:
            version += 1
            self.position += 1
            kind, body = next(texts)
            self._facts.append((self.position, stream, version, self._at_text, kind, body, previous))
            if version % MILESTONE_EVERY == 0:
                self._milestones.append((stream, version, self.position))
            for change in project(Recorded(self.position, stream, version, self._at, fact)):
                self._views.add(change)
            previous = self.position
        if append.facts:
            self.heads[stream] = Head(version, previous)
            self._appended[stream] = None
        if append.snapshot is not None:
            self._snapshots[stream] = stream, version, append.snapshot

    def _check_cursor(self, advance: Advance | None) -> None:
        if advance is None or advance.expected is None:
            return
        actual = self.cursors[advance.follower, advance.shard]
        if actual != advance.expected:
            raise CursorMoved(advance.follower, advance.shard, advance.expected, actual)
