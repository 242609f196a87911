"""Quarter-hours: what sessions did from one quarter of an hour to the next, and registers between them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from elstrada.spine.columns import Moment

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "session_quarter",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("session_id", sa.Text(), primary_key=True),
        sa.Column("quarter", Moment(), primary_key=True),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("energy_wh", sa.BigInteger(), nullable=False),
        sa.Column("connected_s", sa.Integer(), nullable=False),
        sa.Column("charging_s", sa.Integer(), nullable=False),
        sa.Column("least_w", sa.BigInteger()),
        sa.Column("peak_w", sa.BigInteger()),
        sa.Column("imbalance_ma", sa.BigInteger()),
        sa.Column("inlet_wh", sa.BigInteger()),
        sa.Column("outlet_wh", sa.BigInteger()),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("begun", sa.Boolean(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("begun_wh", sa.BigInteger()),
        sa.Column("ended_wh", sa.BigInteger()),
        sa.Column("total_wh", sa.BigInteger()),
        sa.Column("total_s", sa.Integer()),
    )
    op.create_table(
        "register_quarter",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("station_id", sa.Text(), primary_key=True),
        sa.Column("quarter", Moment(), primary_key=True),
        sa.Column("evse_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("first_at", Moment(), nullable=False),
        sa.Column("first_wh", sa.BigInteger(), nullable=False),
        sa.Column("last_at", Moment(), nullable=False),
        sa.Column("last_wh", sa.BigInteger(), nullable=False),
    )
    for table, name, columns in (
        ("session_quarter", "session_quarter_by_station", "owner station_id quarter session_id"),
        ("session_quarter", "session_quarter_by_time", "quarter owner session_id"),
        ("register_quarter", "register_quarter_by_time", "quarter owner station_id evse_id"),
    ):
        op.create_index(name, table, columns.split())
