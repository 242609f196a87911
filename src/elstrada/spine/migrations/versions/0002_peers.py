"""Token rotation with an overlap (R-07), and the command results owed to peers (P5)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from elstrada.spine.columns import Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("peer", sa.Column("token_in_old_hash", sa.LargeBinary(), nullable=True))
    op.create_index("peer_by_old_token", "peer", ["token_in_old_hash"], unique=True)
    op.create_table(
        "callback",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("peer_id", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "command_id"),
    )
