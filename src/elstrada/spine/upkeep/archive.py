"""A backup as one file: a zip of the database's content, with a manifest that names every byte of it.

A SQLite database is in it as the database file it is (``elstrada.db``), so that ``unzip`` alone
brings it back. A PostgreSQL database is one text per table, as COPY writes it (``<table>.copy``).
The file appears under its name when it is complete and on disk, or not at all.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Literal

import msgspec

from elstrada.spine.upkeep.database import Broken, CannotOpen, Refused

FORMAT = 1
MANIFEST = "manifest.json"
SQLITE_MEMBER = "elstrada.db"
CHUNK = 1 << 20
_MOST_MANIFEST = 1 << 22
_LEVEL = 4
"""Of compression: a third of the time of the default, for a few percent more bytes."""
# What the zip and its compression raise when bytes of theirs are not as they were written.
_DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError)


class Member(msgspec.Struct, frozen=True):
    """One content of the archive."""

    bytes: int
    """Unpacked."""
    sha256: str


class CopyColumn(msgspec.Struct, frozen=True):
    """A column of a COPY text."""

    name: str
    type: str
    """PostgreSQL's name of it: text, bytea, bigint ..."""


class Content(msgspec.Struct, frozen=True):
    """What the archive has of one table."""

    rows: int
    columns: tuple[CopyColumn, ...] = ()
    """In the order of its COPY text; empty for SQLite, whose file knows."""


class ArchivedFile(msgspec.Struct, frozen=True):
    """A month of the log that is a file of the archive, and without which the log is not whole."""

    name: str
    sha256: str

    @property
    def member(self) -> str:
        """Its name in the backup, if it is in it."""
        return f"archive/{self.name}"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the archive is, and everything needed to see that it is whole."""

    format: int
    product: Literal["elstrada"] = "elstrada"
    version: str
    """Of the Elstrada that made it."""
    engine: Literal["sqlite", "postgresql"]
    engine_version: str
    revision: str
    made_at: datetime
    log_ends: dict[str, int]
    """Position of the last fact, by shard."""
    tables: dict[str, Content]
    members: dict[str, Member]
    months: tuple[tuple[int, int], ...] = ()
    """Shard and month (since January 2000) of every part of the log that holds facts; PostgreSQL only."""
    archived: tuple[ArchivedFile, ...] = ()
    """All that the log needs; their content is among ``members``, unless it was left out."""


class Packing:
    """An archive that is being written."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self.members: dict[str, Member] = {}

    @contextmanager
    def member(self, name: str, *, compress: bool = True) -> Generator[Counted, None, None]:
        """Write one content."""
        info = zipfile.ZipInfo(name)
        info.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
        info.external_attr = 0o600 << 16
        with self._file.open(info, "w", force_zip64=True) as raw:
            counted = Counted(raw)
            yield counted
        self.members[name] = Member(counted.bytes, counted.hash.hexdigest())

    def put_file(self, name: str, path: Path, *, compress: bool = True) -> None:
        """Write a file's content."""
        with path.open("rb") as source, self.member(name, compress=compress) as target:
            while chunk := source.read(CHUNK):
                target.write(chunk)

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest, which must name every member."""
        assert manifest.members == self.members
        self._file.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))


class Counted:
    """Writes, counts and hashes."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw, self.hash, self.bytes = raw, hashlib.sha256(), 0

    def write(self, chunk: bytes | memoryview) -> None:
        self._raw.write(chunk)
        self.hash.update(chunk)
        self.bytes += len(chunk)


@contextmanager
def new_archive(path: Path) -> Generator[Packing, None, None]:
    """Make an archive, readable by its owner alone.

    Raises:
        Refused: there is such a file already.
        CannotOpen: it cannot be written.
    """
    if path.exists():
        raise Refused(f"{path} exists: name a new file; a backup is never written over")
    try:
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    except OSError as problem:
        raise CannotOpen(f"{path} cannot be written: {problem.strerror}") from None
    partial = Path(name)
    try:
        with os.fdopen(number, "w+b") as file:
            with zipfile.ZipFile(file, "w", compresslevel=_LEVEL) as packed:
                yield Packing(packed)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
        sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


class Archive:
    """A whole archive, open for reading."""

    def __init__(self, file: zipfile.ZipFile, manifest: Manifest) -> None:
        self._file, self.manifest = file, manifest

    def check(self) -> None:
        """Read everything and compare it with the manifest.

        Raises:
            Broken: it is not what was once written.
        """
        names = {info.filename for info in self._file.infolist()} - {MANIFEST}
        if names != self.manifest.members.keys():
            odd = ", ".join(sorted(names ^ self.manifest.members.keys()))
            raise Broken(f"{self._file.filename}: the manifest and the content differ in {odd}")
        for name in self.manifest.members:
            for _ in self.chunks(name):
                pass

    def chunks(self, name: str) -> Iterator[bytes]:
        """A member's content, piece by piece; the last one only when all of it was as it must be.

        Raises:
            Broken: it is not what the manifest says.
        """
        member, digest, count = self.manifest.members[name], hashlib.sha256(), 0
        held = b""
        try:
            with self._file.open(name) as source:
                while chunk := source.read(CHUNK):
                    digest.update(chunk)
                    count += len(chunk)
                    if count > member.bytes:
                        break
                    if held:
                        yield held
                    held = chunk
        except _DAMAGE as problem:
            raise Broken(f"{self._file.filename}: {name} cannot be read: {problem}") from None
        if (count, digest.hexdigest()) != (member.bytes, member.sha256):
            raise Broken(f"{self._file.filename}: {name} is not what was written: its hash differs")
        if held:
            yield held

    def unpack(self, name: str, path: Path) -> None:
        """Write a member's content to a file."""
        with path.open("wb") as target:
            for chunk in self.chunks(name):
                target.write(chunk)


@contextmanager
def opened_archive(path: Path) -> Generator[Archive, None, None]:
    """Open a backup and read its manifest.

    Raises:
        CannotOpen: the file is not there or cannot be read.
        Broken: it is no backup of Elstrada's, or a damaged one.
    """
    try:
        file = zipfile.ZipFile(path)
    except OSError as problem:
        raise CannotOpen(f"{path} cannot be read: {problem.strerror}") from None
    except _DAMAGE as problem:
        raise Broken(f"{path} is no backup, or a damaged one: {problem}") from None
    with file:
        yield Archive(file, _manifest(file, path))


def _manifest(file: zipfile.ZipFile, path: Path) -> Manifest:
    try:
        with file.open(MANIFEST) as source:
            manifest = msgspec.json.decode(source.read(_MOST_MANIFEST), type=Manifest)
    except (KeyError, *_DAMAGE) as problem:
        raise Broken(f"{path} has no {MANIFEST} that can be read: {problem}") from None
    if manifest.format != FORMAT:
        raise Broken(f"{path} has format {manifest.format}; this version reads format {FORMAT}")
    return manifest


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder last through a power cut."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
