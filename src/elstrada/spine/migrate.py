"""Bringing a SQLite database up to date. Every revision is done whole or not at all (F23)."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

log = logging.getLogger(__name__)
SCRIPTS = Path(__file__).parent / "migrations"


def migrate(path: Path, revision: str = "head") -> None:
    """Run the revisions that a database lacks, making it if need be. Nobody else may have it open."""
    engine = _engine(path)
    with engine.begin() as connection:
        upgrade(connection, revision)
    engine.dispose()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the missing revisions on a connection of any dialect, within its transaction."""
    # Not before they are needed: most commands migrate nothing, and this is an eighth of their start.
    from alembic import command
    from alembic.config import Config
    from alembic.migration import MigrationContext

    before = MigrationContext.configure(connection).get_current_revision()
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    after = MigrationContext.configure(connection).get_current_revision()
    if after != before:
        log.info("the database is at revision %s now; before: %s", after, before or "none")


def _engine(path: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    # The driver would commit before a CREATE TABLE; so the transaction is opened by hand.
    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
