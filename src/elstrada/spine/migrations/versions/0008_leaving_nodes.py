"""Which nodes are sending their stations to others, so that an operator sees a restart for what it is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from elstrada.spine.columns import Moment

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("node", sa.Column("leaving_at", Moment(), nullable=True))
