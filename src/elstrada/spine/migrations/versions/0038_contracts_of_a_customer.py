"""Contracts of one customer, in the order of their ids."""

from __future__ import annotations

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("contract_by_customer", "contract", ["owner", "customer_id", "contract_id"])
