"""Bookings: of our locations, what can be booked, and those we made at partners' locations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from elstrada.spine.columns import Moment

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "booking",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("booking_id", sa.Text(), primary_key=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("made_for", sa.Text(), nullable=False),
        sa.Column("booking_location_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("evse_uid", sa.Text()),
        sa.Column("starts_at", Moment(), nullable=False),
        sa.Column("ends_at", Moment(), nullable=False),
        sa.Column("opens_at", Moment(), nullable=False),
        sa.Column("token_ref", sa.Text()),
        sa.Column("session_id", sa.Text()),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("ended_at", Moment()),
        sa.Column("last_updated", Moment(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
    )
    for name, columns in (
        ("booking_by_evse", "owner location_id evse_uid opens_at"),
        ("booking_by_location", "owner location_id starts_at booking_id"),
        ("booking_by_location_and_state", "owner location_id state starts_at booking_id"),
        ("booking_by_partner", "owner made_for made_at booking_id"),
        ("booking_by_request", "owner made_for request_id"),
        ("booking_by_session", "owner session_id"),
        ("booking_by_start", "owner starts_at booking_id"),
        ("booking_by_state", "owner state starts_at booking_id"),
    ):
        op.create_index(name, "booking", columns.split())
    lives = sa.text("ended_at IS NULL")
    op.create_index(
        "booking_living",
        "booking",
        ["opens_at", "owner", "booking_id"],
        sqlite_where=lives,
        postgresql_where=lives,
    )
    op.create_table(
        "booking_location",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("party", sa.Text(), primary_key=True),
        sa.Column("booking_location_id", sa.Text(), primary_key=True),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("peer_id", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text()),
        sa.Column("last_updated", Moment(), nullable=False),
    )
    for name, columns in (
        ("booking_location_at", "owner location_id party booking_location_id"),
        ("booking_location_by_location", "owner party location_id booking_location_id"),
        ("booking_location_by_peer", "owner peer_id party booking_location_id"),
        ("booking_location_by_peer_and_location", "owner peer_id location_id party booking_location_id"),
        ("booking_location_by_update", "owner party last_updated"),
    ):
        op.create_index(name, "booking_location", columns.split())
    op.create_table(
        "booking_paper",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("made_for", sa.Text(), primary_key=True),
        sa.Column("request_id", sa.Text(), primary_key=True),
        sa.Column("booking_id", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("hold", sa.Text()),
        sa.Column("hold_next_at", Moment()),
        sa.Column("hold_until", Moment()),
        sa.Column("station_id", sa.Text()),
        sa.Column("command_id", sa.Text()),
        sa.Column("number", sa.Integer()),
        sa.Column("ended_at", Moment()),
    )
    for name, columns in (
        ("booking_paper_by_end", "ended_at"),
        ("booking_paper_by_hold", "hold hold_next_at"),
        ("booking_paper_by_id", "owner booking_id"),
    ):
        op.create_index(name, "booking_paper", columns.split())
    op.create_table(
        "roamed_booking",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("party", sa.Text(), primary_key=True),
        sa.Column("request_id", sa.Text(), primary_key=True),
        sa.Column("booking_id", sa.Text()),
        sa.Column("peer_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("booking_location_id", sa.Text(), nullable=False),
        sa.Column("token_ref", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("starts_at", Moment(), nullable=False),
        sa.Column("ends_at", Moment(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("document", sa.Text()),
        sa.Column("last_updated", Moment()),
        sa.Column("changed_at", Moment(), nullable=False),
    )
    for name, columns in (
        ("roamed_booking_by_age", "owner ends_at"),
        ("roamed_booking_by_id", "owner party booking_id"),
        ("roamed_booking_by_peer", "owner peer_id starts_at party request_id"),
        ("roamed_booking_by_peer_and_state", "owner peer_id state starts_at party request_id"),
        ("roamed_booking_by_start", "owner starts_at party request_id"),
        ("roamed_booking_by_state", "owner state starts_at party request_id"),
    ):
        op.create_index(name, "roamed_booking", columns.split())
