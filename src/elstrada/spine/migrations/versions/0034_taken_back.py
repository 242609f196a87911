"""Which credit CDR took a CDR of ours back, and which CDR took its place.

Nothing is to be read from rows that there are: no CDR was taken back before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cdr", sa.Column("credited_by", sa.Text(), nullable=True))
    op.add_column("cdr", sa.Column("replaced_by", sa.Text(), nullable=True))
