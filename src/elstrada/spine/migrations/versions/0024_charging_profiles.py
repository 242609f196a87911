"""What drivers want of their sessions, and charging profiles between parties."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from elstrada.spine.columns import Moment

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "session_preference",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("session_id", sa.Text(), primary_key=True),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
    )
    for column in (
        sa.Column("kind", sa.Text()),
        sa.Column("station_id", sa.Text()),
        sa.Column("session_id", sa.Text()),
        sa.Column("since", sa.Integer()),
    ):
        op.add_column("callback", column)
    op.create_table(
        "steering",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("session_id", sa.Text(), primary_key=True),
        sa.Column("party", sa.Text(), primary_key=True),
        sa.Column("peer_id", sa.Text(), nullable=False),
        sa.Column("set_at", Moment()),
        sa.Column("window_at", Moment(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
    )
    op.create_index("steering_by_window", "steering", ["owner", "window_at"])
    op.create_table(
        "roamed_profile",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("party", sa.Text(), primary_key=True),
        sa.Column("session_id", sa.Text(), primary_key=True),
        sa.Column("peer_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("wanted", sa.Text()),
        sa.Column("active", sa.Text()),
        sa.Column("active_at", Moment()),
        sa.Column("changed_at", Moment(), nullable=False),
    )
    for name, columns in (
        ("roamed_profile_by_change", "owner changed_at party session_id"),
        ("roamed_profile_by_peer", "owner peer_id changed_at party session_id"),
    ):
        op.create_index(name, "roamed_profile", columns.split())
