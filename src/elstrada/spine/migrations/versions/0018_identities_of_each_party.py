"""Whom a uid means, for each party that gave it out: another party's token of the same uid must not replace it."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.rename_table("identity", "identity_before")
    of_each = op.create_table(
        "identity",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "ref", "party", name="identity_by_party"),
    )
    before = sa.table("identity_before", sa.column("owner"), sa.column("ref"), sa.column("document"))
    rows = [
        {"owner": owner, "ref": ref, "party": _party_in(document), "document": document}
        for owner, ref, document in op.get_bind().execute(sa.select(before))
    ]
    op.bulk_insert(of_each, rows)
    op.drop_table("identity_before")


def _party_in(document: str) -> str:
    party = json.loads(document)["party"]
    return f"{party['country_code']}*{party['party_id']}"
