"""Backups: one moment of a database in one file, taken while nodes run on it (F24)."""

from __future__ import annotations

import re
import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from elstrada.spine.archived.shelf import Shelf
from elstrada.spine.logbook import LAST_POSITION
from elstrada.spine.upkeep.archive import (
    FORMAT,
    SQLITE_MEMBER,
    Content,
    Manifest,
    Packing,
    new_archive,
)
from elstrada.spine.upkeep.counts import counts_in
from elstrada.spine.upkeep.database import Database, Refused
from elstrada.spine.upkeep.postgres_copy import pack_postgres
from elstrada.spine.upkeep.revisions import revisions_from
from elstrada.spine.upkeep.sqlite_files import check_file, copy_live

SUFFIX = ".backup"
_NAMED = re.compile(rf"elstrada-\d{{8}}T\d{{6}}Z{re.escape(SUFFIX)}")


def backup(
    database: Database, file: Path, *, archive: Path | None = None, with_archive: bool = True
) -> Manifest:
    """Write a backup; returns its manifest. Readable by its owner alone (mode 0600).

    Neither the keys nor the configuration are in it: facts and records are useless without the keys.

    Args:
        archive: folder with the archived months.
        with_archive: their content is in the backup too; else they are only named.
    Raises:
        CannotOpen: the database or the file's folder cannot be reached.
        Refused: the file exists, or there is nothing of ours in the database.
        Broken: the database or its archive is damaged; no file is left, and the last good backup is the one to keep.
    """
    with new_archive(file) as packing:
        manifest = (
            _pack_sqlite(database, packing, file.parent)
            if isinstance(database, Path)
            else pack_postgres(database, packing, Shelf(archive), with_archive=with_archive)
        )
        packing.finish(manifest)
    return manifest


def in_folder(path: Path) -> Path:
    """The path; if it is a folder, a name in it that tells the time, so that names sort by age."""
    return path / f"elstrada-{datetime.now(UTC):%Y%m%dT%H%M%SZ}{SUFFIX}" if path.is_dir() else path


def keep_newest(folder: Path, count: int) -> None:
    """Remove all backups that ``in_folder`` named, but the newest; other files are left alone."""
    made = sorted(path for path in folder.iterdir() if _NAMED.fullmatch(path.name))
    for path in made[:-count]:
        path.unlink()


def _pack_sqlite(path: Path, packing: Packing, folder: Path) -> Manifest:
    with tempfile.TemporaryDirectory(prefix=".elstrada-backup-", dir=folder) as made:
        copy = Path(made) / SQLITE_MEMBER
        copy_live(path, copy)
        check_file(copy)
        with closing(sqlite3.connect(copy)) as connection:
            told = _told_of(connection, path)
        packing.put_file(SQLITE_MEMBER, copy)
    revision, log_ends, tables = told
    return Manifest(
        format=FORMAT,
        version=version("elstrada"),
        engine="sqlite",
        engine_version=sqlite3.sqlite_version,
        revision=revision,
        made_at=datetime.now(UTC),
        log_ends=log_ends,
        tables=tables,
        members=packing.members,
    )


def _told_of(connection: sqlite3.Connection, path: Path) -> tuple[str, dict[str, int], dict[str, Content]]:
    """Revision, ends of the log, and rows per table."""
    try:
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.OperationalError, TypeError):
        raise Refused(f"{path} has no tables of Elstrada's: there is nothing to back up") from None
    if not revisions_from(revision).known:
        raise Refused(f"{path} is at revision {revision}, which this version does not know: use a newer one")
    (end,) = connection.execute(LAST_POSITION).fetchone()
    contents = {table: Content(rows) for table, rows in counts_in(connection).items()}
    return revision, {"0": int(end)}, contents
