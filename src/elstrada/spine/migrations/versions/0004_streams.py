"""Where each stream ends, and from each fact the way back: in place of an index over the whole log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from elstrada.spine.columns import Moment

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _partitioned()
    else:
        _copied()
    _streams()


def _partitioned() -> None:
    """PostgreSQL: by shard, then by month; nothing was ever installed there before this revision."""
    op.drop_table("log")
    op.execute(
        "CREATE TABLE log (position bigint NOT NULL, shard smallint NOT NULL, stream text NOT NULL,"
        " version integer NOT NULL, at timestamptz NOT NULL, kind text NOT NULL, body text NOT NULL,"
        " previous bigint NOT NULL, PRIMARY KEY (shard, position)) PARTITION BY LIST (shard)"
    )
    # Its few rows change at every commit: room for new versions of them beside the old.
    op.execute(
        "CREATE TABLE shard (shard smallint PRIMARY KEY, position bigint NOT NULL) WITH (fillfactor = 10)"
    )


def _copied() -> None:
    op.rename_table("log", "log_before")
    op.create_table(
        "log",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("shard", sa.SmallInteger(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("previous", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
        sqlite_autoincrement=True,
    )
    op.execute(
        "INSERT INTO log (position, shard, stream, version, at, kind, body, previous)"
        " SELECT position, shard, stream, version, at, kind, body,"
        " lag(position, 1, 0) OVER (PARTITION BY stream ORDER BY version) FROM log_before ORDER BY position"
    )
    op.drop_table("log_before")


def _streams() -> None:
    op.create_table(
        "stream",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO stream (stream, version, position)"
        " SELECT stream, max(version), max(position) FROM log GROUP BY stream"
    )
    op.create_table(
        "milestone",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "version"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO milestone (stream, version, position)"
        " SELECT stream, version, position FROM log WHERE version % 64 = 0"
    )
