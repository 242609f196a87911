"""What a hub keeps: copies of what was pushed to all, addresses it stands for, routes it has seen, its log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from elstrada.spine.columns import Moment

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hub_copy",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("module", sa.Text(), primary_key=True),
        sa.Column("party", sa.Text(), primary_key=True),
        sa.Column("object_id", sa.Text(), primary_key=True),
        sa.Column("peer_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("last_updated", Moment(), nullable=False),
        sa.Column("recorded_at", Moment(), nullable=False),
        sa.Column("contract_id", sa.Text()),
    )
    op.create_table(
        "hub_address",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("address_id", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("user_peer", sa.Text(), nullable=False),
        sa.Column("user_party", sa.Text(), nullable=False),
        sa.Column("peer_id", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("module", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
    )
    op.create_table(
        "hub_route",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("object_id", sa.Text(), primary_key=True),
        sa.Column("cpo", sa.Text(), primary_key=True),
        sa.Column("emsp", sa.Text(), nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
    )
    op.create_table(
        "hub_exchange",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("exchange_id", sa.Text(), primary_key=True),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("module", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("ms", sa.Integer(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
    )
    for table, name, columns in (
        ("hub_copy", "hub_copy_by_update", "owner module last_updated party object_id"),
        ("hub_copy", "hub_copy_by_contract", "owner contract_id party object_id"),
        ("hub_copy", "hub_copy_by_object", "owner module object_id"),
        ("hub_address", "hub_address_by_expiry", "owner expires_at"),
        ("hub_route", "hub_route_by_time", "owner seen_at"),
        ("hub_exchange", "hub_exchange_by_time", "owner at exchange_id"),
        ("hub_exchange", "hub_exchange_by_receiver", "owner receiver at exchange_id"),
        ("hub_exchange", "hub_exchange_by_sender", "owner sender at exchange_id"),
    ):
        op.create_index(name, table, columns.split())
