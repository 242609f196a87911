"""Pages of locations and tariffs: by id, with whom a location is for in a column of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
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
    op.drop_index("location_by_update", "location")
    op.drop_index("tariff_by_update", "tariff")
    shown = ["owner", "party", "source", "audience", "location_id", "last_updated"]
    op.create_index("location_shown", "location", shown)
    op.create_index("tariff_shown", "tariff", ["owner", "party", "tariff_id", "last_updated"])
