"""Digests of the log, block by block: what was once read and sealed must read the same for ever.

A changed letter in a fact that no view shows would otherwise be a fact like any other. Seals are kept
in a file of their own, best on another machine; the log itself has none, so that its hot path stays
as it is. A block is 4096 positions of one shard, and sealed when nothing can be added to it any more.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from elstrada.spine.upkeep.archive import sync_folder
from elstrada.spine.upkeep.database import Broken, CannotOpen
from elstrada.spine.upkeep.verify.report import Findings
from elstrada.spine.upkeep.verify.rows import RawRow

SEALS = "seals"
BLOCK = 4096
"""Positions."""
LATE = timedelta(minutes=10)
"""How much older than the newest fact a block must be: on PostgreSQL a transaction may commit late."""
_MOST_BYTES = 1 << 28


class Seal(msgspec.Struct, frozen=True, array_like=True):
    """One block."""

    shard: int
    block: int
    """Positions from ``block * BLOCK`` on."""
    rows: int
    sha256: str


class _Seals(msgspec.Struct, frozen=True):
    format: int
    seals: tuple[Seal, ...]


def read_seals(path: Path) -> dict[tuple[int, int], Seal]:
    """The seals of a file; none when there is no such file yet.

    Raises:
        CannotOpen: it cannot be read.
        Broken: it holds no seals.
    """
    try:
        if not path.exists():
            return {}
        with path.open("rb") as file:
            kept = msgspec.json.decode(file.read(_MOST_BYTES), type=_Seals)
    except OSError as problem:
        raise CannotOpen(f"{path} cannot be read: {problem.strerror}") from None
    except msgspec.DecodeError as problem:
        raise Broken(f"{path} holds no seals: {problem}") from None
    return {(seal.shard, seal.block): seal for seal in kept.seals}


def write_seals(path: Path, seals: dict[tuple[int, int], Seal]) -> None:
    """Write the file anew, whole or not at all."""
    try:
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(number, "wb") as file:
            file.write(msgspec.json.encode(_Seals(1, tuple(seals[key] for key in sorted(seals)))))
            file.flush()
            os.fsync(file.fileno())
        Path(name).rename(path)
        sync_folder(path.parent)
    except OSError as problem:
        raise CannotOpen(f"{path} cannot be written: {problem.strerror}") from None


class Sealing:
    """Digests the log as it is read, in the order of shards and positions."""

    def __init__(self) -> None:
        self._key: tuple[int, int] | None = None
        self._hash, self._rows, self._last = hashlib.sha256(), 0, ""
        self._made: list[tuple[Seal, str]] = []
        """With the time of record of the block's last fact."""
        self._newest: dict[int, str] = {}

    def take(self, row: RawRow) -> None:
        """A row: position, stream, version, at, kind, body, previous, shard."""
        position, at, shard = row[0], row[3], row[7]
        if not isinstance(position, int) or not isinstance(shard, int):
            return  # Told as no such thing where the log's order is looked at.
        key = (shard, position // BLOCK)
        if key != self._key:
            self._close()
            self._key = key
        self._hash.update(repr(row).encode(errors="surrogateescape") + b"\n")
        self._rows += 1
        self._last = str(at)
        self._newest[shard] = max(self._newest.get(shard, ""), self._last)

    def compare(self, kept: dict[tuple[int, int], Seal], findings: Findings) -> dict[tuple[int, int], Seal]:
        """See that what was sealed is the same; returns the old seals and the new.

        The last block of each shard is open, and one that is not settled stays so.
        """
        self._close()
        made = {(seal.shard, seal.block): (seal, last) for seal, last in self._made}
        for key, seal in kept.items():
            findings.checked[SEALS] += 1
            _compare(seal, made.get(key), findings)
        return dict(self._settled(made)) | kept

    def _close(self) -> None:
        if self._key is not None:
            self._made.append((Seal(*self._key, self._rows, self._hash.hexdigest()), self._last))
        self._key, self._hash, self._rows = None, hashlib.sha256(), 0

    def _settled(
        self, made: dict[tuple[int, int], tuple[Seal, str]]
    ) -> Iterator[tuple[tuple[int, int], Seal]]:
        ends = dict(sorted(made))
        for key, (seal, last) in made.items():
            if seal.block < ends[seal.shard] and _long_before(last, self._newest[seal.shard]):
                yield key, seal


def _compare(seal: Seal, made: tuple[Seal, str] | None, findings: Findings) -> None:
    row = f"log of shard {seal.shard}, positions {seal.block * BLOCK} to {(seal.block + 1) * BLOCK - 1}"
    if made is None:
        findings.add(SEALS, row, f"its {seal.rows} facts are gone")
    elif made[0] != seal:
        findings.add(SEALS, row, f"its {made[0].rows} facts are not the {seal.rows} that were sealed")


def _long_before(last: str, newest: str) -> bool:
    try:
        return datetime.fromisoformat(newest) - datetime.fromisoformat(last) > LATE
    except (ValueError, TypeError):
        return False  # Told as no time where facts are read.
