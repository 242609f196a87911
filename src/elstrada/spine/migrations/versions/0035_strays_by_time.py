"""What fits no session, of all stations in the order of time."""

from __future__ import annotations

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("stray_by_time", "stray", ["owner", "at", "station_id", "version"])
