"""Sessions by the name that their station gave them, whichever station that is."""

from __future__ import annotations

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("session_by_transaction", "session")
    op.create_index("session_by_transaction", "session", ["owner", "transaction_id", "station_id"])
