"""Codes on stations' displays, and payments on the web that they begin."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from elstrada.spine.columns import Moment

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "web_secret",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("station_id", sa.Text(), primary_key=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("former", sa.LargeBinary()),
        sa.Column("valid_s", sa.Integer(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
    )
    op.create_table(
        "web_payment",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("payment_id", sa.Text(), primary_key=True),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
    )
    for name, columns in (
        ("web_payment_by_id", "payment_id owner"),
        ("web_payment_by_change", "owner changed_at payment_id"),
        ("web_payment_by_state", "owner state changed_at payment_id"),
        ("web_payment_by_station", "owner station_id changed_at payment_id"),
        ("web_payment_by_station_and_state", "owner station_id state changed_at payment_id"),
    ):
        op.create_index(name, "web_payment", columns.split())
    referred = sa.text("authorization_reference IS NOT NULL")
    op.create_index(
        "session_by_reference",
        "session",
        ["owner", "authorization_reference", "session_id"],
        sqlite_where=referred,
        postgresql_where=referred,
    )
