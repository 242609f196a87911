"""Locations, tariffs, and partners' sessions and CDRs are found by their ids in any case."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_IDS = {"location": "location_id", "tariff": "tariff_id", "roamed_session": "session_id", "cdr": "cdr_id"}


def upgrade() -> None:
    for table, name in _IDS.items():
        op.add_column(table, sa.Column("id_key", sa.Text(), nullable=True))
        op.execute(f"UPDATE {table} SET id_key = upper({name})")  # noqa: S608  Names of ours.
        op.create_index(f"{table}_in_any_case", table, ["owner", "party", "id_key"])
