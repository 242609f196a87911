"""When each list of a peer was last read, so that only what changed since then is asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from elstrada.spine.columns import Moment

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pull",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("peer_id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("began_at", Moment()),
        sa.Column("due_at", Moment(), nullable=False),
    )
    op.create_index("pull_due", "pull", ["due_at"])
