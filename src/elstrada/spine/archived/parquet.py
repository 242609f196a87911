"""One month of a shard as a Parquet file: sorted by stream and version, in parts that can be read and trusted alone.

A part (a row group) has the least and the greatest stream in the file's end, so that few parts are read for
a stream. The end also has a SHA-256 of each part, and the database has one of the end. So no byte is
believed that is not as it was written, and yet nobody reads a whole file for a few facts (F26).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from elstrada.spine.archived.month import ArchiveAway, ArchivedMonth, LogRow

PART_ROWS = 16_384
PART_BYTES = 1 << 24
"""A part ends with the first of these; bytes are those of bodies."""

_FORMAT, _PARTS = b"elstrada.log", b"elstrada.parts"
_FORMAT_NUMBER = b"1"
_MAGIC = 4
_TAIL = 8
"""Length of what follows the end proper: its length, and the magic."""
_MOST_FOOTER = 1 << 28
_CHUNK = 1 << 20


class _Part(msgspec.Struct, frozen=True, array_like=True):
    end: int
    """Offset of the first byte behind it."""
    sha256: str


class _Arrow:
    """The library, and how the columns are."""

    def __init__(self) -> None:
        pa: Any = import_module("pyarrow")
        self.pa = pa
        self.parquet: Any = import_module("pyarrow.parquet")
        self.troubles: tuple[type[Exception], ...] = (OSError, ValueError, pa.ArrowException, MemoryError)
        kinds = {
            "position": pa.int64(),
            "shard": pa.int16(),
            "stream": pa.string(),
            "version": pa.int32(),
            "at": pa.timestamp("us", tz="UTC"),
            "kind": pa.string(),
            "body": pa.string(),
            "previous": pa.int64(),
        }
        self.schema: Any = pa.schema([pa.field(name, kind, nullable=False) for name, kind in kinds.items()])


@cache
def _arrow() -> _Arrow:
    try:
        return _Arrow()
    except ImportError:
        raise ArchiveAway(
            "archived months are Parquet files, and pyarrow is not installed: pip install 'elstrada[archive]'"
        ) from None


def check_library() -> None:
    """See that Parquet can be read and written here.

    Raises:
        ArchiveAway: it cannot.
    """
    _arrow()


class MonthWriter:
    """Writes one file, part by part. The same rows make the same bytes, with one version of the library."""

    def __init__(self, file: BinaryIO) -> None:
        arrow = _arrow()
        self._sink = _Hashing(file)
        self._parts: list[_Part] = []
        self._writer = arrow.parquet.ParquetWriter(
            arrow.pa.PythonFile(self._sink, mode="w"),
            arrow.schema,
            compression="zstd",
            use_dictionary=["stream", "kind"],
            write_statistics=["stream", "version"],
            column_encoding=dict.fromkeys(("position", "version", "previous"), "DELTA_BINARY_PACKED"),
        )

    def add(self, rows: list[LogRow]) -> None:
        """The next part."""
        arrow = _arrow()
        columns = zip(*rows, strict=True)
        arrays = [
            arrow.pa.array(cells, field.type) for cells, field in zip(columns, arrow.schema, strict=True)
        ]
        self._writer.write_table(
            arrow.pa.Table.from_arrays(arrays, schema=arrow.schema), row_group_size=len(rows)
        )
        self._parts.append(_Part(self._sink.written, self._sink.digest()))

    def finish(self) -> None:
        """Write the end."""
        self._writer.add_key_value_metadata(
            {_FORMAT: _FORMAT_NUMBER, _PARTS: msgspec.json.encode(self._parts)}
        )
        self._writer.close()


class _Hashing:
    """A file for the library to write to; knows the digest of what came since it was last asked."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash, self.written = file, hashlib.sha256(), 0

    def write(self, chunk: bytes) -> int:
        self._file.write(chunk)
        self._hash.update(chunk)
        self.written += len(chunk)
        return len(chunk)

    def digest(self) -> str:
        digest, self._hash = self._hash.hexdigest(), hashlib.sha256()
        return digest

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """The file belongs to whoever opened it."""


class MonthFile:
    """A month's file, open for reading; used by one thread at a time."""

    def __init__(self, path: Path, month: ArchivedMonth) -> None:
        """Open it, and see that its end is the one that was written.

        Raises:
            ArchiveAway: it is not there, or not as it was written.
        """
        self._path, arrow = path, _arrow()
        with _told(path):
            self._file = path.open("rb")
            try:
                _check_end(self._file, month)
                # Not mapped into memory: a disk that fails then kills the process instead of raising.
                self._parquet = arrow.parquet.ParquetFile(self._file, memory_map=False)
                self._parts = self._checked_parts(month)
                self._streams = [*self._bounds()]
            except BaseException:
                self._file.close()
                raise

    def close(self) -> None:
        self._file.close()

    def stat(self) -> os.stat_result:
        """Which file is open."""
        return os.fstat(self._file.fileno())

    def of_stream(self, stream: str, first: int, last: int) -> list[LogRow]:
        """A stream's rows, ``first`` to ``last`` by version, in order."""
        parts = [part for part, (low, high) in enumerate(self._streams) if low <= stream <= high]
        found = [row for part in parts for row in self.part(part, stream) if first <= row[3] <= last]
        return sorted(found, key=lambda row: row[3])

    def parts(self) -> Iterator[list[LogRow]]:
        """All rows, sorted by stream and version, a part at a time."""
        for part in range(len(self._parts)):
            yield self.part(part)

    def part(self, part: int, stream: str | None = None) -> list[LogRow]:
        """The rows of a part, of a stream or all; its bytes are compared with its digest first."""
        arrow = _arrow()
        with _told(self._path):
            self._check_part(part)
            table = self._parquet.read_row_group(part, use_threads=False)
            if stream is not None:
                table = table.filter(import_module("pyarrow.compute").equal(table["stream"], stream))
            at = table.schema.get_field_index("at")
            table = table.set_column(at, "at", table["at"].cast(arrow.pa.int64()))
            return cast(
                "list[LogRow]", list(zip(*(column.to_pylist() for column in table.columns), strict=True))
            )

    def _checked_parts(self, month: ArchivedMonth) -> list[_Part]:
        told: dict[bytes, bytes] = self._parquet.metadata.metadata or {}
        if told.get(_FORMAT) != _FORMAT_NUMBER or not self._parquet.schema_arrow.equals(_arrow().schema):
            raise ValueError("it is no month of a log that this version reads")
        parts = msgspec.json.decode(told.get(_PARTS, b""), type=list[_Part])
        if (len(parts), month.facts) != (
            self._parquet.metadata.num_row_groups,
            self._parquet.metadata.num_rows,
        ):
            raise ValueError(
                f"it has {self._parquet.metadata.num_rows} facts, and {month.facts} were archived"
            )
        return parts

    def _bounds(self) -> Iterator[tuple[str, str]]:
        at = _arrow().schema.get_field_index("stream")
        for part in range(len(self._parts)):
            statistics = self._parquet.metadata.row_group(part).column(at).statistics
            if statistics is None or not statistics.has_min_max:
                yield "", "\U0010ffff"  # A stream too long for statistics: it may be anywhere.
            else:
                yield statistics.min, statistics.max

    def _check_part(self, part: int) -> None:
        begin = self._parts[part - 1].end if part else 0
        digest = hashlib.sha256()
        # The library moves the place in the file as well.
        self._file.seek(begin)
        left = self._parts[part].end - begin
        while left and (chunk := self._file.read(min(left, _CHUNK))):
            digest.update(chunk)
            left -= len(chunk)
        if digest.hexdigest() != self._parts[part].sha256:
            raise ValueError(
                f"part {part + 1} of {len(self._parts)} is not what was written: its hash differs"
            )


def _check_end(file: BinaryIO, month: ArchivedMonth) -> None:
    size = os.fstat(file.fileno()).st_size
    if size != month.bytes:
        raise ValueError(f"it has {size} bytes, and {month.bytes} were written")
    if footer_sha256(file) != month.footer_sha256:
        raise ValueError("its end is not what was written: its hash differs")


def footer_sha256(file: BinaryIO) -> str:
    """The digest of a file's end, length and magic included.

    Raises:
        ValueError: it has no such end.
    """
    size = file.seek(0, os.SEEK_END)
    if size < _MAGIC + _TAIL:
        raise ValueError("it is no Parquet file")
    file.seek(size - _TAIL)
    length = int.from_bytes(file.read(4), "little") + _TAIL
    if length > min(size - _MAGIC, _MOST_FOOTER):
        raise ValueError("its end says that it is longer than the file")
    file.seek(size - length)
    return hashlib.sha256(file.read(length)).hexdigest()


def sha256_of(path: Path) -> str:
    """The digest of a whole file, as ``sha256sum`` says it.

    Raises:
        ArchiveAway: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise _not_there(path) from None
    except OSError as problem:
        raise ArchiveAway(f"the archived month {path} cannot be read: {problem.strerror}") from None


@contextmanager
def _told(path: Path) -> Generator[None]:
    """What goes wrong in here is said of the file."""
    try:
        yield
    except FileNotFoundError:
        raise _not_there(path) from None
    except (*_arrow().troubles, msgspec.MsgspecError) as problem:
        raise ArchiveAway(
            f"the archived month {path} cannot be read: {problem}; bring the file back from a backup"
        ) from problem


def _not_there(path: Path) -> ArchiveAway:
    return ArchiveAway(
        f"the archived month {path} is not there: bring the file back, or mount the archive's folder"
    )
