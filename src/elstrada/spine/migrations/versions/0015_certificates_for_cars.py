"""Stations' certificates of any kind: what each is for, and when the station took it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from elstrada.spine.columns import Moment

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("station_certificate", sa.Column("kind", sa.Text(), nullable=True))
    op.add_column("station_certificate", sa.Column("taken_at", Moment(), nullable=True))
