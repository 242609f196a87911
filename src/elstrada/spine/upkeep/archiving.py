"""Sealed months of the log become Parquet files, one for each shard and month (decision 0011).

Each month by itself: the file is written, put in its place, read back and compared; only then, in one
transaction, the database remembers the file and forgets the partition. Whoever is killed anywhere leaves a
month that is all in the database or all in the archive, and at most a file that nobody needs.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psycopg
from psycopg import sql

from elstrada.spine.archived.month import COLUMNS, ArchiveAway, ArchivedMonth, Content, Digest
from elstrada.spine.archived.parquet import (
    MonthFile,
    MonthWriter,
    check_library,
    footer_sha256,
    sha256_of,
)
from elstrada.spine.months import Month, base_of, month_at
from elstrada.spine.upkeep.archive import sync_folder
from elstrada.spine.upkeep.database import (
    Broken,
    CannotOpen,
    Database,
    Plain,
    PostgresAt,
    Refused,
    cause,
    connected,
    named,
)
from elstrada.spine.upkeep.migration import revisions_in
from elstrada.spine.upkeep.month_rows import exchange, parts_of
from elstrada.spine.upkeep.sealed import Open, log_of, sorted_out
from elstrada.spine.upkeep.sqlite_files import check_owner

_LOCK = "archive.lock"
_PARTIAL = ".partial"
_OTHERS = (
    "SELECT id, version FROM node WHERE version <> %s AND seen_at > now() - interval '2 minutes' LIMIT 1"
)
_PLACES = ", ".join(["%s"] * len(ArchivedMonth.__struct_fields__))


class Archiving(msgspec.Struct, frozen=True):
    """What was archived, or would be."""

    database: str
    folder: str
    sealed: tuple[Month, ...]
    """Oldest first."""
    archived: tuple[ArchivedMonth, ...]
    """Of these; empty after a dry run."""
    still: tuple[Open, ...]
    """Months asked for that must stay, and why."""


class _Copied(msgspec.Struct, frozen=True):
    """A partition that was written to a file."""

    oid: int
    content: Content
    month: ArchivedMonth


def archive(
    database: Database, folder: Path, before: int, *, version: str, now: datetime, dry_run: bool = False
) -> Archiving:
    """Take the sealed months before ``before`` (since January 2000) out of a database.

    Args:
        folder: for the files; it must exist, so that one that is not mounted is not filled.
        version: of this Elstrada; a node of another one may not know of archives.
    Raises:
        CannotOpen: the database or the folder cannot be reached.
        Refused: it is no PostgreSQL, not up to date, or others are at it.
        Broken: a file was not read back as it was written; the month stays in the database.
    """
    with on_postgres(database) as place, only_one(folder):
        with transaction(place, for_reading=True) as plain:
            _check_nodes(plain, version)
            this_month = month_at(base_of(now), 0).number
            sealed, still = sorted_out(log_of(plain), min(before, this_month))
        done = () if dry_run else tuple(_archived(place, folder, month, now) for month in sealed)
    return Archiving(named(database), str(folder), tuple(sealed), done, tuple(still))


@contextmanager
def on_postgres(database: Database) -> Generator[PostgresAt]:
    """See that a database can have archived months; what goes wrong with it in here is said in its terms.

    Raises:
        CannotOpen, Refused, Broken: as above.
    """
    if isinstance(database, Path):
        raise Refused(f"{database} is SQLite, whose log is one table: archives are for PostgreSQL")
    try:
        check_library()
    except ArchiveAway as away:
        raise Refused(str(away)) from None
    try:
        missing = revisions_in(database).missing
        if missing:
            raise Refused(
                f"{named(database)} lacks the revisions {', '.join(missing)}: run `elstrada db migrate` first"
            )
        yield database
    except ArchiveAway as away:
        raise Broken(str(away)) from None
    except psycopg.Error as problem:
        raise CannotOpen(f"{named(database)} broke off: {cause(problem)}") from None


@contextmanager
def only_one(folder: Path) -> Generator[None]:
    """Work in an archive's folder alone, and clear away what a killed run left half written.

    Raises:
        CannotOpen: the folder is not there or cannot be written.
        Refused: another process is at it, or its files would be root's.
    """
    if not folder.is_dir():
        raise CannotOpen(f"there is no folder {folder}: make it, or mount it")
    check_owner(folder)
    try:
        with (folder / _LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in folder.glob(f".log_*{_PARTIAL}"):
                left.unlink()
            yield
    except BlockingIOError:
        raise Refused(f"another process archives in {folder}") from None
    except OSError as problem:
        raise CannotOpen(f"{folder} cannot be written: {problem.strerror or problem}") from None


def _archived(place: PostgresAt, folder: Path, month: Month, now: datetime) -> ArchivedMonth:
    copied = written(place, folder, month, now)
    checked(folder, copied)
    recorded(place, copied)
    return copied.month


def written(place: PostgresAt, folder: Path, month: Month, now: datetime) -> _Copied:
    """Write a month's file and put it in its place, on disk. Its name tells its content."""
    partial = folder / f".{month.name}{_PARTIAL}"
    digest = Digest()
    with transaction(place, for_reading=True) as plain, partial.open("wb") as file:
        partial.chmod(0o600)
        oid = _oid(plain, month)
        writer = MonthWriter(file)
        for part in parts_of(plain, month.name):
            digest.take(part)
            writer.add(part)
        writer.finish()
        file.flush()
        os.fsync(file.fileno())
    copied = _Copied(oid, digest.content(), _measured(partial, month, digest.content(), now))
    partial.replace(folder / copied.month.file)
    sync_folder(folder)
    return copied


def checked(folder: Path, copied: _Copied) -> None:
    """Read a file back and compare it, as a whole and fact by fact, with what came from the database.

    Raises:
        Broken: it is not the same.
    """
    path = folder / copied.month.file
    found = content_in(path, copied.month)
    if found != copied.content:
        raise Broken(
            f"{path} was written and reads otherwise: {found}, not {copied.content}; nothing was taken away"
        )


def content_in(path: Path, month: ArchivedMonth) -> Content:
    """What a file holds.

    Raises:
        ArchiveAway: it is not there, or not as the database remembers it.
    """
    if sha256_of(path) != month.sha256:
        raise ArchiveAway(f"the archived month {path} is not what was written: its hash differs")
    digest = Digest()
    with closing(MonthFile(path, month)) as file:
        for part in file.parts():
            digest.take(part)
    return digest.content()


def recorded(place: PostgresAt, copied: _Copied) -> None:
    """Remember the file and forget the partition, in one transaction that holds nobody up.

    Raises:
        Refused: others read the month all the time, or it is not the partition that was copied.
    """
    month = copied.month.of
    with transaction(place, for_reading=False) as plain:
        exchange(plain, month, lambda: _swap(plain, copied))


def _swap(plain: Plain, copied: _Copied) -> None:
    month = copied.month.of
    if _oid(plain, month) != copied.oid:
        raise Refused(f"{month.name} was made anew meanwhile: do this again")
    values = msgspec.structs.astuple(copied.month)
    plain.execute(f"INSERT INTO archived_month ({COLUMNS}) VALUES ({_PLACES})".encode(), values)  # noqa: S608
    parent, table = sql.Identifier(f"log_{month.shard}"), sql.Identifier(month.name)
    plain.execute(sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(parent, table))
    plain.execute(sql.SQL("DROP TABLE {}").format(table))


def _measured(path: Path, month: Month, content: Content, now: datetime) -> ArchivedMonth:
    digest = sha256_of(path)
    with path.open("rb") as file:
        footer = footer_sha256(file)
    return ArchivedMonth(
        shard=month.shard,
        month=month.number,
        file=f"{month.name}.{digest[:16]}.parquet",
        bytes=path.stat().st_size,
        sha256=digest,
        footer_sha256=footer,
        facts=content.facts,
        first_position=content.first_position,
        last_position=content.last_position,
        archived_at=now.astimezone(UTC),
    )


def _oid(plain: Plain, month: Month) -> int:
    row = plain.execute("SELECT to_regclass(%s)::oid", (month.name,)).fetchone()
    assert row is not None
    if row[0] is None:
        raise Refused(f"{month.name} is not in the database any more: do this again")
    return int(row[0])


def _check_nodes(plain: Plain, version: str) -> None:
    """A node that does not know of archives would take what is left of a history for all of it."""
    other = plain.execute(_OTHERS, (version,)).fetchone()
    if other is not None:
        raise Refused(f"node {other[0]} is of version {other[1]}, not {version}: finish the upgrade first")


@contextmanager
def transaction(place: PostgresAt, *, for_reading: bool) -> Generator[Plain]:
    """A connection within a transaction, which lasts if all goes well."""
    plain = connected(place, for_reading=for_reading)
    with closing(plain), plain.transaction():
        yield plain
