"""Bringing a backup back: into an empty database, whole or not at all (F24).

A backup of either engine can be restored into either. A SQLite log becomes one of as many shards as
the PostgreSQL database has, positions unchanged; a PostgreSQL log of several shards has positions that
mean different facts in each, and cannot become the one log of SQLite.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from elstrada.spine.upkeep.archive import Archive, Manifest, opened_archive
from elstrada.spine.upkeep.archived_files import unpack_archived
from elstrada.spine.upkeep.database import Database, Refused
from elstrada.spine.upkeep.into_postgres import restore_into_postgres
from elstrada.spine.upkeep.into_sqlite import restore_into_sqlite
from elstrada.spine.upkeep.revisions import revisions_from


class Restored(msgspec.Struct, frozen=True):
    """What was brought back."""

    manifest: Manifest
    revision: str
    """Of the database now: the newest this version knows."""


def restore(
    file: Path, database: Database, *, replace: bool = False, archive: Path | None = None
) -> Restored:
    """Bring a backup back and its tables up to date.

    Args:
        replace: what is in the database may be destroyed.
        archive: folder for the months of the log that were archived; what is there as it must be, stays.
    Raises:
        CannotOpen: the file or the database cannot be reached.
        Broken: the file is no backup, or not as it was written; nothing was changed.
        Refused: the database is not empty or in use, or cannot take this backup; nothing was changed.
    """
    with opened_archive(file) as opened:
        revisions = revisions_from(opened.manifest.revision)
        if not revisions.known:
            raise Refused(
                f"{file} was made at revision {revisions.found} by Elstrada {opened.manifest.version}; this"
                f" version knows revisions up to {revisions.head}: restore it with a newer one"
            )
        opened.check()
        _restore(opened, database, archive, replace=replace)
        return Restored(opened.manifest, revisions.head)


def _restore(archive: Archive, database: Database, folder: Path | None, *, replace: bool) -> None:
    if isinstance(database, Path):
        restore_into_sqlite(archive, database, replace=replace)
    else:
        # First, for without them the log is not whole; files that nobody names do no harm.
        unpack_archived(archive, folder)
        restore_into_postgres(archive, database, replace=replace)
