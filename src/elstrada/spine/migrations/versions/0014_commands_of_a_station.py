"""The latest commands of a station are found without reading all that there ever were."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("command_by_station", "command", ["owner", "station_id", "requested_at"])
