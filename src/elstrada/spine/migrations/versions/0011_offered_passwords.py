"""A station's new password beside the old one, for as long as nobody knows which of them it has (T5)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from elstrada.spine.columns import Moment

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("station", sa.Column("password_next_hash", sa.LargeBinary(), nullable=True))
    op.add_column("station", sa.Column("password_next_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("station", sa.Column("password_next_at", Moment(), nullable=True))
    op.add_column("station", sa.Column("password_next_told", sa.Integer(), nullable=True))
