"""What the stations' local authorization lists hold, as far as we know."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from elstrada.spine.columns import Moment

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "local_list",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("station_id", sa.Text(), primary_key=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("their_version", sa.Integer(), nullable=True),
        sa.Column("entries", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.Column("looked_at", Moment(), nullable=True),
        sa.Column("synced_at", Moment(), nullable=True),
        sa.Column("asked", sa.Text(), nullable=True),
    )
    op.create_index("local_list_asked", "local_list", ["owner", "asked"])
