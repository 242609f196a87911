"""How far a database's tables are, and how far this version of Elstrada would bring them."""

from __future__ import annotations

from pathlib import Path

import msgspec
from sqlalchemy.engine import Connection

_SCRIPTS = Path(__file__).parent.parent / "migrations"


class Revisions(msgspec.Struct, frozen=True):
    """Where a database's tables are among the revisions that this version knows."""

    found: str | None
    """The database's; None when it has no tables of ours."""
    head: str
    """The newest."""
    missing: tuple[str, ...]
    """What a migration would run, oldest first."""
    known: bool
    """False: the database was migrated by a newer Elstrada."""


def revisions_of(connection: Connection) -> Revisions:
    """Look where the database behind a connection is."""
    from alembic.migration import MigrationContext  # Not before it is needed, as in ``migrate``.

    return revisions_from(MigrationContext.configure(connection).get_current_revision())


def revisions_from(found: str | None) -> Revisions:
    """What is missing after a revision."""
    known = all_revisions()
    at = known.index(found) + 1 if found in known else 0
    is_known = found is None or found in known
    return Revisions(found, known[-1], tuple(known[at:]) if is_known else (), is_known)


def all_revisions() -> list[str]:
    """Every revision this version knows, oldest first."""
    from alembic.script import ScriptDirectory

    return [script.revision for script in ScriptDirectory(str(_SCRIPTS)).walk_revisions()][::-1]
