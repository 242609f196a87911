"""Payment terminals: at their provider and at the CPO, what was taken at them, and for which sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from elstrada.spine.columns import Moment

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_KEYED = ("owner", "party")


def _key(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), primary_key=True) for name in names]


def upgrade() -> None:
    op.create_table(
        "terminal",
        *_key(*_KEYED, "terminal_id"),
        sa.Column("cpo", sa.Text(), nullable=False),
        sa.Column("peer_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text()),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
    )
    op.create_table(
        "advice",
        *_key(*_KEYED, "advice_id"),
        sa.Column("cpo", sa.Text(), nullable=False),
        sa.Column("peer_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("content_hash", sa.Text()),
        sa.Column("document", sa.Text(), nullable=False),
    )
    op.create_table(
        "terminal_session",
        *_key(*_KEYED, "reference"),
        sa.Column("peer_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text()),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
    )
    op.create_table(
        "terminal_payment",
        *_key("owner", "payment_id"),
        sa.Column("terminal_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
    )
    for name, table, columns in (
        ("terminal_by_making", "terminal", "owner made_at party terminal_id"),
        ("terminal_by_state", "terminal", "owner state made_at party terminal_id"),
        ("terminal_by_peer", "terminal", "owner peer_id made_at party terminal_id"),
        ("terminal_by_peer_and_state", "terminal", "owner peer_id state made_at party terminal_id"),
        ("terminal_by_cpo", "terminal", "owner cpo made_at party terminal_id"),
        ("terminal_by_reference", "terminal", "owner reference"),
        ("advice_by_reference", "advice", "owner party reference"),
        ("advice_by_cpo", "advice", "owner cpo made_at party advice_id"),
        ("terminal_session_by_time", "terminal_session", "owner asked_at party reference"),
        ("terminal_session_by_state", "terminal_session", "owner state asked_at party reference"),
        ("terminal_session_by_peer", "terminal_session", "owner peer_id asked_at party reference"),
        (
            "terminal_session_by_peer_and_state",
            "terminal_session",
            "owner peer_id state asked_at party reference",
        ),
        ("terminal_payment_by_time", "terminal_payment", "owner created_at payment_id"),
        ("terminal_payment_by_state", "terminal_payment", "owner state created_at payment_id"),
        ("terminal_payment_by_terminal", "terminal_payment", "owner terminal_id created_at payment_id"),
        (
            "terminal_payment_by_terminal_and_state",
            "terminal_payment",
            "owner terminal_id state created_at payment_id",
        ),
    ):
        op.create_index(name, table, columns.split())
