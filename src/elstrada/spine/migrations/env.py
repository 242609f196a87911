"""Alembic's entry: runs revisions on the connection that ``spine.migrate`` hands over."""

from __future__ import annotations

from alembic import context

from elstrada.spine.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
