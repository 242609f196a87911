"""What tokens may take at a CPO's stations, prepaid credit among it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from elstrada.spine.columns import Moment

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "allowance",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("ref", sa.Text(), primary_key=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
    )
