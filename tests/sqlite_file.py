"""New SQLite databases for tests of something else than making them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from elstrada.spine.migrate import migrate


def migrated_file(path: Path) -> Path:
    """The path, with our tables in a database there: if it is new, a copy, which is far faster than migrating."""
    if not path.exists():
        path.write_bytes(_template())
    return path


@cache
def _template() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "migrated.db")
        migrate(path)
        return path.read_bytes()
