"""SQLite database files as wholes: copied while in use, examined, put in each other's place."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from elstrada.spine.upkeep.archive import sync_folder
from elstrada.spine.upkeep.database import Broken, CannotOpen, Refused

_MOST_TROUBLES = 100


def copy_live(source: Path, target: Path) -> None:
    """Copy one moment of a database that may be in use, as a file that stands alone.

    The whole copy is one step: in steps it would begin again at every commit of the writer, and under
    load never end. The writer goes on meanwhile; its write-ahead log grows until the copy is done.

    Raises:
        CannotOpen: there is no such database.
        Broken: it cannot be read as one.
    """
    if not source.is_file():
        raise CannotOpen(f"there is no database at {source}")
    try:
        with (
            closing(sqlite3.connect(f"file:{quote(str(source))}?mode=ro", uri=True)) as reading,
            closing(sqlite3.connect(target)) as writing,
        ):
            reading.execute("PRAGMA wal_autocheckpoint = 0")
            reading.execute("PRAGMA busy_timeout = 5000")
            reading.backup(writing, pages=-1)
            # A copy that needs no second file beside it.
            writing.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.DatabaseError as problem:
        raise Broken(f"{source} cannot be copied: {problem}") from None


def troubles_in(connection: sqlite3.Connection) -> Iterator[str]:
    """What the engine itself finds wrong with a file, one line each."""
    try:
        for (line,) in connection.execute(f"PRAGMA integrity_check({_MOST_TROUBLES})"):
            yield from (part for part in str(line).splitlines() if part != "ok")
    except sqlite3.DatabaseError as problem:
        yield str(problem)


def check_file(path: Path) -> None:
    """See that a database file is whole.

    Raises:
        Broken: the engine finds fault with it.
    """
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
        found = list(troubles_in(connection))
    if found:
        raise Broken(f"{path}: {found[0]}" + (f" (and {len(found) - 1} more)" if len(found) > 1 else ""))


def put_in_place(new: Path, path: Path) -> None:
    """Let a finished database file take the place of the one at ``path``, which nobody may have open."""
    with new.open("rb") as file:
        os.fsync(file.fileno())
    _empty_log_of(path)
    for suffix in ("-wal", "-shm"):
        # A write-ahead log that stayed would be played into the new file.
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    new.replace(path)
    sync_folder(path.parent)


def _empty_log_of(path: Path) -> None:
    """Bring what the write-ahead log holds into the file, so that a power cut before the exchange loses nothing."""
    if not path.is_file():
        return
    # Of a damaged file nothing can be brought anywhere; whoever replaces it has said so.
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def check_owner(folder: Path) -> None:
    """Files that root makes in somebody's folder could not be opened by the service later.

    Raises:
        Refused: this is root, and the folder is another's.
    """
    if os.geteuid() == 0 and folder.exists() and folder.stat().st_uid != 0:
        owner = folder.owner()
        raise Refused(f"{folder} belongs to {owner}: do this as {owner} (sudo -u {owner}), not as root")
