"""By what the end of a session was presumed that its station never told, and what its meter did not tell."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("session", sa.Column("presumed", sa.Text(), nullable=True))
    op.add_column("session", sa.Column("meter_lacks", sa.Text(), nullable=True))
    op.create_index("session_presumed", "session", ["owner", "presumed", "updated_at"])
