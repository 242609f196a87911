"""Which CDRs an invoice covers, which CDR another gives back, and sessions that have not begun yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from elstrada.spine.columns import Moment

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_CREDITS = {
    "sqlite": "json_extract(document, '$.credit_reference_id')",
    "postgresql": "CAST(document AS json) ->> 'credit_reference_id'",
}


def upgrade() -> None:
    op.add_column("cdr", sa.Column("credits", sa.Text(), nullable=True))
    credits_ = _CREDITS[op.get_bind().dialect.name]
    op.execute(f"UPDATE cdr SET credits = {credits_} WHERE document LIKE '%\"credit\"\\:true%'")  # noqa: S608
    _some("cdr_by_credited", "cdr", "owner credits party", "credits IS NOT NULL")
    op.create_table(
        "invoice_record",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("party", sa.Text(), primary_key=True),
        sa.Column("record_id", sa.Text(), primary_key=True),
        sa.Column("state", sa.Text()),
        sa.Column("invoice_id", sa.Text()),
        sa.Column("to_party", sa.Text()),
        sa.Column("peer_id", sa.Text()),
        sa.Column("cdrs", sa.Integer()),
        sa.Column("document", sa.Text()),
        sa.Column("content_hash", sa.Text()),
        sa.Column("recorded_at", Moment()),
        sa.Column("updated_at", Moment()),
        sa.Column("ended_at", Moment()),
    )
    for name, columns in (
        ("invoice_record_by_record", "owner recorded_at party record_id"),
        ("invoice_record_by_state", "owner state recorded_at party record_id"),
        ("invoice_record_by_invoice", "owner invoice_id recorded_at party record_id"),
    ):
        op.create_index(name, "invoice_record", columns.split())
    standing = "owner party to_party recorded_at record_id"
    _some("invoice_record_standing", "invoice_record", standing, "ended_at IS NULL")
    op.create_table(
        "invoiced_cdr",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("party", sa.Text(), primary_key=True),
        sa.Column("record_id", sa.Text(), primary_key=True),
        sa.Column("cdr_id", sa.Text(), primary_key=True),
        sa.Column("ended_at", Moment()),
    )
    _some("invoiced_cdr_standing", "invoiced_cdr", "owner cdr_id party record_id", "ended_at IS NULL")
    op.create_table(
        "invoicing",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("turn", sa.Integer(), nullable=False),
    )

    op.create_table(
        "surplus",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("party", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("object_id", sa.Text(), primary_key=True),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
    )
    for name, kind in (
        ("token_ref", sa.Text()),
        ("token_party", sa.Text()),
        ("evse_id", sa.Integer()),
        ("connector_id", sa.Integer()),
        ("authorization_reference", sa.Text()),
        ("led_to", sa.Text()),
        ("awaited_until", Moment()),
    ):
        op.add_column("command", sa.Column(name, kind, nullable=True))
    op.create_index("command_by_session", "command", ["owner", "session_id", "command_id"])
    op.add_column("roamed_session", sa.Column("recorded_at", Moment(), nullable=True))
    pending = "recorded_at owner party session_id"
    _some("roamed_session_pending", "roamed_session", pending, "status = 'PENDING'")


def _some(name: str, table: str, columns: str, only: str) -> None:
    op.create_index(name, table, columns.split(), sqlite_where=sa.text(only), postgresql_where=sa.text(only))
