"""Reservations: of our stations, to whom their end is told, and those we made at partners' stations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from elstrada.spine.columns import Moment

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reservation",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("station_id", sa.Text(), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("state", sa.Text()),
        sa.Column("evse_id", sa.Integer()),
        sa.Column("token_ref", sa.Text()),
        sa.Column("token_party", sa.Text()),
        sa.Column("made_for", sa.Text()),
        sa.Column("partner_ref", sa.Text()),
        sa.Column("command_id", sa.Text()),
        sa.Column("session_id", sa.Text()),
        sa.Column("reserved_at", Moment()),
        sa.Column("expires_at", Moment()),
        sa.Column("ended_at", Moment()),
        sa.Column("ended_by", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("changed_at", Moment()),
        sa.Column("document", sa.Text()),
    )
    for name, columns in (
        ("reservation_by_expiry", "owner expires_at station_id number"),
        ("reservation_by_station", "owner station_id expires_at number"),
        ("reservation_by_session", "owner session_id"),
        ("reservation_by_command", "owner command_id"),
        ("reservation_by_change", "owner changed_at"),
        ("reservation_by_issuer", "owner token_party reserved_at station_id number"),
    ):
        op.create_index(name, "reservation", columns.split())
    lives = sa.text("ended_at IS NULL")
    for name, columns in (
        ("reservation_living", "owner expires_at station_id number"),
        ("reservation_living_at", "owner station_id expires_at number"),
        ("reservation_by_partner", "owner made_for partner_ref"),
    ):
        op.create_index(name, "reservation", columns.split(), sqlite_where=lives, postgresql_where=lives)
    op.create_table(
        "roamed_reservation",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("reservation_id", sa.Text(), primary_key=True),
        sa.Column("peer_id", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("evse_uid", sa.Text()),
        sa.Column("token_ref", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
    )
    for name, columns in (
        ("roamed_reservation_by_expiry", "owner expires_at reservation_id"),
        ("roamed_reservation_by_state", "owner state expires_at reservation_id"),
        ("roamed_reservation_by_peer", "owner peer_id expires_at reservation_id"),
        ("roamed_reservation_by_peer_and_state", "owner peer_id state expires_at reservation_id"),
    ):
        op.create_index(name, "roamed_reservation", columns.split())
    op.create_table(
        "reserver",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("command_id", sa.Text(), primary_key=True),
        sa.Column("peer_id", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
    )
