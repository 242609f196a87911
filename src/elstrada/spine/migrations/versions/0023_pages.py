"""Pages of locations and tariffs: by id, with whom a location is for in a column of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_AUDIENCE = """
    UPDATE location SET audience = CASE
        WHEN coalesce({publish}, 'true') NOT IN ('false', '0') THEN 'public'
        WHEN coalesce({allowed}, 0) > 0 THEN 'named'
        ELSE 'nobody' END
"""


def upgrade() -> None:
    op.add_column("location", sa.Column("audience", sa.Text(), nullable=False, server_default="nobody"))
    if op.get_bind().dialect.name == "postgresql":
        publish = "document::json ->> 'publish'"
        allowed = "json_array_length(document::json -> 'publish_allowed_to')"
    else:
        publish = "CAST(json_extract(document, '$.publish') AS TEXT)"
        allowed = "json_array_length(document, '$.publish_allowed_to')"
    op.execute(_AUDIENCE.format(publish=publish, allowed=allowed))
    for name, table in (
        ("location_by_update", "location"),
        ("location_by_source", "location"),
        ("tariff_by_update", "tariff"),
    ):
        op.drop_index(name, table)
    looked_at = ["owner", "source", "party", "location_id", "audience", "last_updated"]
    op.create_index("location_by_source", "location", looked_at)
    op.create_index("tariff_by_party", "tariff", ["owner", "party", "tariff_id", "last_updated"])
