"""An installation's database, whichever engine it is, for those who tend it and run no node."""

from __future__ import annotations

from elstrada.config import Config
from elstrada.spine.upkeep.database import Database, PostgresAt


def database_of(config: Config) -> Database:
    """Where the configuration says the database is."""
    if config.database.url is None:
        return config.sqlite_file
    return PostgresAt(config.database.url.get_secret_value())
