"""The log stream by stream: no fact missing, each pointing at the one before, ends and milestones right."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from sqlalchemy.engine import Connection

from elstrada.spine.batch import MILESTONE_EVERY
from elstrada.spine.shards import shard_of
from elstrada.spine.upkeep.verify.companions import ends_of
from elstrada.spine.upkeep.verify.report import Findings
from elstrada.spine.upkeep.verify.rows import RawRow, in_step, keyed, raw_rows

ORDER, HEADS, MILESTONES = "log order", "stream heads", "milestones"


class _Fact(msgspec.Struct, frozen=True):
    """Where a fact stands."""

    shard: int

    stream: str
    version: int
    position: int
    previous: int


def check_chains(connection: Connection, findings: Findings) -> None:
    """Walk through every stream, and through what is kept of each beside it."""
    _check_order(connection, findings)
    _check_heads(connection, findings)
    _check_milestones(connection, findings)


def _check_order(connection: Connection, findings: Findings) -> None:
    shards = len(ends_of(connection))
    before: _Fact | None = None
    for fact in _facts(connection, findings):
        if fact.shard != shard_of(fact.stream, shards):
            says = f"it is in shard {fact.shard}, and its stream belongs to {shard_of(fact.stream, shards)}"
            findings.add(ORDER, f"log {fact.position} of {fact.stream} version {fact.version}", says)
        if before is not None and before.stream != fact.stream:
            before = None
        for says in _odd(fact, before):
            findings.add(ORDER, f"log {fact.position} of {fact.stream} version {fact.version}", says)
        before = fact


def _odd(fact: _Fact, before: _Fact | None) -> Iterator[str]:
    if before is None:
        # A stream whose older facts were archived begins later, behind one it still names.
        if fact.version == 1 and fact.previous != 0:
            yield f"it is the stream's first, and says that position {fact.previous} is before it"
        if fact.version != 1 and not 0 < fact.previous < fact.position:
            yield "the stream's first facts are missing"
        return
    if fact.version != before.version + 1:
        yield f"version {before.version + 1} was expected after position {before.position}"
    elif fact.previous != before.position:
        yield f"it says that position {fact.previous} is before it; that is position {before.position}"
    if fact.position <= before.position:
        yield f"it stands before version {before.version}, at position {before.position}"


def _check_heads(connection: Connection, findings: Findings) -> None:
    """Every stream's row says where its last fact is."""
    ends = ((last.stream, last.version, last.position) for last in _lasts(_facts(connection)))
    kept = raw_rows(connection, "stream", ("stream", "version", "position"), order=("stream",))
    for end, head in in_step(keyed(ends, 1), keyed(kept, 1)):
        findings.checked[HEADS] += 1
        if end is None:
            assert head is not None
            findings.add(
                HEADS, f"stream {head[0]}", f"it ends at position {head[2]}, and the log has none of it"
            )
        elif head is None:
            findings.add(HEADS, f"stream {end[0]}", f"it is missing; the log has {end[1]} facts of it")
        elif head != end:
            says = f"version {head[1]} at position {head[2]}; the log says {end[1]} at {end[2]}"
            findings.add(HEADS, f"stream {end[0]}", says)


def _check_milestones(connection: Connection, findings: Findings) -> None:
    """Every 64th fact is one, and no other."""
    stand = (
        (fact.stream, fact.version, fact.position)
        for fact in _facts(connection)
        if fact.version % MILESTONE_EVERY == 0
    )
    columns = ("stream", "version", "position")
    kept = raw_rows(connection, "milestone", columns, order=("stream", "version"))
    for fact, milestone in in_step(keyed(stand, 2), keyed(kept, 2)):
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


def _facts(connection: Connection, findings: Findings | None = None) -> Iterator[_Fact]:
    """Where every fact stands, stream by stream; with ``findings``, rows that are no such thing are told."""
    columns = ("stream", "version", "position", "previous", "shard")
    for row in raw_rows(connection, "log", columns, order=("stream", "version")):
        match row:
            case (str(stream), int(version), int(position), int(previous), int(shard)):
                yield _Fact(shard, stream, version, position, previous)
            case _:
                if findings is not None:
                    findings.add(
                        ORDER, f"log {row[2]}", f"stream, version or previous is no such thing: {row}"
                    )
        if findings is not None:
            findings.checked[ORDER] += 1


def _lasts(facts: Iterator[_Fact]) -> Iterator[_Fact]:
    """The last fact of each stream."""
    last: _Fact | None = None
    for fact in facts:
        if last is not None and last.stream != fact.stream:
            yield last
        last = fact
    if last is not None:
        yield last
