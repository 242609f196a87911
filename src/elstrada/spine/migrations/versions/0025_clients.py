"""Hubs: how they are connected to their parties, when each peer was last heard, and what is held back for a party."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from elstrada.spine.columns import Moment

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "client",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("hub", sa.Text(), primary_key=True),
        sa.Column("party", sa.Text(), primary_key=True),
        sa.Column("role", sa.Text(), primary_key=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("last_updated", Moment(), nullable=False),
    )
    op.create_index("client_by_update", "client", ["owner", "hub", "last_updated"])
    op.create_index("client_by_status", "client", ["owner", "status", "hub", "party", "role"])
    op.create_table(
        "pulse",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("peer_id", sa.Text(), primary_key=True),
        sa.Column("heard_at", Moment()),
        sa.Column("asked_at", Moment()),
        sa.Column("problem", sa.Text()),
        sa.Column("due_at", Moment(), nullable=False),
    )
    op.create_index("pulse_due", "pulse", ["due_at"])
    op.add_column("mark", sa.Column("held_for", sa.Text()))
    held = sa.text("held_for IS NOT NULL")
    op.create_index(
        "mark_held", "mark", ["owner", "peer_id", "held_for"], sqlite_where=held, postgresql_where=held
    )
