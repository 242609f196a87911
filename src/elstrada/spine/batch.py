"""Everything that one SQLite transaction adds, gathered before the first hot statement runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from elstrada.spine.columns import moment_text
from elstrada.spine.face import Append, Recorded, StreamMoved, Work
from elstrada.spine.merging import Merged
from elstrada.spine.statements import INSERT_FACT, PUT_CURSOR, PUT_SNAPSHOT, Bound, filled
from elstrada.spine.upcast import encode
from elstrada.spine.views import project


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

    def __init__(self, position: int, at: datetime, versions: dict[str, int]) -> None:
        """Begin behind ``position``; ``versions`` of all streams that works will name."""
        self.position = position
        """Of the last fact taken in, or of the log's end."""
        self.versions = versions
        """Of those streams, after what was taken in."""
        self._at, self._at_text = at, moment_text(at)
        self._facts: list[Sequence[Bound]] = []
        self._snapshots: dict[str, Sequence[Bound]] = {}
        self._cursors: dict[tuple[str, int], Sequence[Bound]] = {}
        self._views = Merged()

    def check(self, appends: Sequence[Append]) -> None:
        """See that every stream is where its writer believes it to be.

        Raises:
            StreamMoved: one is not.
        """
        after: dict[str, int] = {}
        for append in appends:
            actual = after.get(append.stream, self.versions[append.stream])
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
            row = advance.follower, advance.shard, advance.position
            self._cursors[advance.follower, advance.shard] = row
        return self.position

    def statements(self) -> Iterator[tuple[str, list[Bound]]]:
        """The hot statements, each with its parameters."""
        yield from filled(INSERT_FACT, self._facts)
        yield from filled(PUT_SNAPSHOT, list(self._snapshots.values()))
        yield from filled(PUT_CURSOR, list(self._cursors.values()))
        yield from self._views.statements()

    def _append(self, append: Append, texts: Iterator[tuple[str, str]]) -> None:
        stream, version = append.stream, append.expected
        for fact in append.facts:
            version += 1
            self.position += 1
            kind, body = next(texts)
            self._facts.append((self.position, stream, version, self._at_text, kind, body))
            for change in project(Recorded(self.position, stream, version, self._at, fact)):
                self._views.add(change)
        self.versions[stream] = version
        if append.snapshot is not None:
            self._snapshots[stream] = stream, version, append.snapshot
