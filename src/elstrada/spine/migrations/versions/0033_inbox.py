"""What CDRs are found by beside their session: the token's and the EVSE's others, and what was not examined."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_EVSE = {
    "sqlite": "json_extract(document, '$.cdr_location.evse_uid')",
    "postgresql": "CAST(document AS json) -> 'cdr_location' ->> 'evse_uid'",
}
_REFUSED = {
    "sqlite": "char(10) || findings LIKE '%' || char(10) || 'V__ R: %'",
    "postgresql": "chr(10) || findings LIKE '%' || chr(10) || 'V__ R: %'",
}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    op.add_column("cdr", sa.Column("evse_uid", sa.Text(), nullable=True))
    op.add_column("cdr", sa.Column("unexamined", sa.Text(), nullable=True))
    op.execute(f"UPDATE cdr SET evse_uid = {_EVSE[dialect]}")  # noqa: S608
    op.execute("UPDATE cdr SET unexamined = '' WHERE findings IS NOT NULL")
    op.execute(f"UPDATE cdr SET state = 'REJECTED' WHERE state = 'HELD' AND {_REFUSED[dialect]}")  # noqa: S608
    op.create_index("cdr_by_issuer", "cdr", ["owner", "party", "recorded_at", "cdr_id"])
    op.create_index("cdr_by_issuer_and_state", "cdr", ["owner", "party", "state", "recorded_at", "cdr_id"])
    op.create_index("cdr_by_token", "cdr", ["owner", "token_ref", "started_at", "party", "cdr_id"])
    op.create_index("cdr_by_evse", "cdr", ["owner", "party", "evse_uid", "started_at", "cdr_id"])
