"""By how much a station's clock is wrong, and since when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from elstrada.spine.columns import Moment

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("station_state", sa.Column("clock_ahead_s", sa.BigInteger(), nullable=True))
    op.add_column("station_state", sa.Column("clock_wrong_since", Moment(), nullable=True))
