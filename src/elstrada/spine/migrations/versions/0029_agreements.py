"""Agreements with peers, and what each has been told of: by now, of all that was published to it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from elstrada.spine.columns import Moment

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_TOLD = """
INSERT INTO shown (owner, peer_id, kind, object_id, shown_at)
SELECT location.owner, peer.peer_id, 'location', location.location_id, peer.changed_at
FROM location JOIN peer ON peer.owner = location.owner
WHERE location.source = 'own' AND location.party = location.owner AND peer.state = 'ACTIVE'
AND location.document NOT LIKE '%"publish"\\:false%'
"""


def upgrade() -> None:
    op.create_table(
        "agreement",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("peer_id", sa.Text(), primary_key=True),
        sa.Column("party", sa.Text(), primary_key=True),
        sa.Column("document", sa.Text()),
        sa.Column("ended_at", Moment()),
        sa.Column("note", sa.Text()),
        sa.Column("changed_at", Moment()),
    )
    op.create_table(
        "shown",
        sa.Column("owner", sa.Text(), primary_key=True),
        sa.Column("peer_id", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("object_id", sa.Text(), primary_key=True),
        sa.Column("shown_at", Moment(), nullable=False),
    )
    runs = sa.text("ended_at IS NULL")
    op.create_index(
        "session_running_of_issuer",
        "session",
        ["owner", "token_party", "session_id"],
        sqlite_where=runs,
        postgresql_where=runs,
    )
    op.execute(_TOLD)
