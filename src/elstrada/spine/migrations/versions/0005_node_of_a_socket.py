"""Which node holds a station's socket, so that a node clears away after itself alone (F11)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("station_state", sa.Column("node", sa.Text(), nullable=True))
