"""One writing process per database: a lock file beside it, held as long as the process lives."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import BinaryIO


class DatabaseInUse(Exception):
    """Another process (or another spine of this one) writes to this database."""

    def __init__(self, database: Path, lock: Path) -> None:
        super().__init__(
            f"{database} is in use: {lock} is held by another process; SQLite serves one: stop it, name another"
            " data_dir, or set database.url to a PostgreSQL, which several nodes can share"
        )
        self.database = database


def lock_beside(database: Path) -> BinaryIO:
    """Take the lock, which closing the returned file releases. The file itself stays.

    Raises:
        DatabaseInUse: it is taken.
    """
    path = database.with_name(database.name + ".lock")
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise DatabaseInUse(database, path) from None
    return file
