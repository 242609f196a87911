"""The log stream by stream: no fact missing, each pointing at the one before, ends and milestones right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import msgspec
from sqlalchemy.engine import Connection

from elstrada.spine.batch import MILESTONE_EVERY
from elstrada.spine.shards import shard_of
from elstrada.spine.upkeep.verify.companions import ends_of
from elstrada.spine.upkeep.verify.report import Findings
from elstrada.spine.upkeep.verify.rows import InStep, RawRow, raw_rows

ORDER, HEADS, MILESTONES = "log order", "stream heads", "milestones"
_KEPT = ("stream", "version", "position")


class _Fact(msgspec.Struct, frozen=True):
    """Where a fact stands."""

    shard: int

    stream: str
    version: int
    position: int
    previous: int

    def place(self) -> RawRow:
        """As heads and milestones say it."""
        return self.stream, self.version, self.position


def check_chains(connection: Connection, log: Iterable[RawRow], findings: Findings) -> None:
    """Walk through every stream once, and beside it through what is kept of it.

    Args:
        log: stream, version, position, previous and shard of every fact, by stream and version.
    """
    heads = InStep(
        raw_rows(connection, "stream", _KEPT, order=("stream",)), 1, partial(_check_head, findings)
    )
    milestones = InStep(
        raw_rows(connection, "milestone", _KEPT, order=("stream", "version")),
        2,
        partial(_check_milestone, findings),
    )
    before: _Fact | None = None
    shards = len(ends_of(connection))
    for fact in _facts(log, findings):
        if before is not None and before.stream != fact.stream:
            heads.feed(before.place())
            before = None
        for says in (*_astray(fact, shards), *_odd(fact, before)):
            findings.add(ORDER, f"log {fact.position} of {fact.stream} version {fact.version}", says)
        if fact.version % MILESTONE_EVERY == 0:
            milestones.feed(fact.place())
        before = fact
    if before is not None:
        heads.feed(before.place())
    heads.finish()
    milestones.finish()


def _astray(fact: _Fact, shards: int) -> Iterator[str]:
    belongs = shard_of(fact.stream, shards)
    if fact.shard != belongs:
        yield f"it is in shard {fact.shard}, and its stream belongs to {belongs}"


def _odd(fact: _Fact, before: _Fact | None) -> Iterator[str]:
    if before is None:
        if fact.version == 1 and fact.previous != 0:
            yield f"it is the stream's first, and says that position {fact.previous} is before it"
        if fact.version != 1:
            yield "the stream's first facts are missing"
        return
    if fact.version != before.version + 1:
        yield f"version {before.version + 1} was expected after position {before.position}"
    elif fact.previous != before.position:
        yield f"it says that position {fact.previous} is before it; that is position {before.position}"
    if fact.position <= before.position:
        yield f"it stands before version {before.version}, at position {before.position}"


def _check_head(findings: Findings, end: RawRow | None, head: RawRow | None) -> None:
    """Every stream's row says where its last fact is."""
    findings.checked[HEADS] += 1
    if end is None:
        assert head is not None
        says = f"it ends at position {head[2]}, and the log has none of it"
        findings.add(HEADS, f"stream {head[0]}", says)
    elif head is None:
        findings.add(HEADS, f"stream {end[0]}", f"it is missing; the log has {end[1]} facts of it")
    elif head != end:
        says = f"version {head[1]} at position {head[2]}; the log says {end[1]} at {end[2]}"
        findings.add(HEADS, f"stream {end[0]}", says)


def _check_milestone(findings: Findings, fact: RawRow | None, milestone: RawRow | None) -> None:
    """Every 64th fact is one, and no other."""
    findings.checked[MILESTONES] += 1
    if fact is None:
        assert milestone is not None
        says = f"it points at position {milestone[2]}, and the log has no such fact"
        findings.add(MILESTONES, _milestone(milestone), says)
    elif milestone is None:
        findings.add(MILESTONES, _milestone(fact), "it is missing")
    elif milestone != fact:
        says = f"it points at position {milestone[2]}; the fact is at {fact[2]}"
        findings.add(MILESTONES, _milestone(fact), says)


def _milestone(row: RawRow) -> str:
    return f"milestone {row[0]} version {row[1]}"


def _facts(log: Iterable[RawRow], findings: Findings) -> Iterator[_Fact]:
    """Where every fact stands, stream by stream; rows that are no such thing are told."""
    for row in log:
        match row:
            case (str(stream), int(version), int(position), int(previous), int(shard)):
                yield _Fact(shard, stream, version, position, previous)
            case _:
                says = f"stream, version or previous is no such thing: {row}"
                findings.add(ORDER, f"log {row[2]}", says)
        findings.checked[ORDER] += 1
