"""Indexes that fit filter and order of every list, so that a page costs the same however many rows there are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_REPLACED = {
    "session_running": "session",
    "session_presumed": "session",
    "session_by_update": "session",
    "station_notice_by_time": "station_notice",
    "command_by_station": "command",
    "cdr_by_record": "cdr",
    "bill_line_by_end": "bill_line",
    "finding_by_time": "finding",
    "transfer_by_station": "transfer",
}
_WHOLE = {
    "connector_by_status": (
        "connector_state",
        "status changed_at owner station_id evse_id connector_id",
    ),
    "session_by_update": ("session", "owner updated_at session_id"),
    "session_by_station": ("session", "owner station_id first_version session_id"),
    "station_notice_by_time": ("station_notice", "owner at station_id version"),
    "station_notice_by_station": ("station_notice", "owner station_id at version"),
    "station_notice_by_kind": ("station_notice", "owner kind at station_id version"),
    "station_notice_by_severity": ("station_notice", "owner severity at station_id version"),
    "command_by_station": ("command", "owner station_id requested_at command_id"),
    "command_by_answer": ("command", "owner name answered_at command_id"),
    "cdr_by_record": ("cdr", "owner recorded_at party cdr_id"),
    "cdr_by_state": ("cdr", "owner state recorded_at party cdr_id"),
    "cdr_by_token_party": ("cdr", "owner token_party recorded_at party cdr_id"),
    "cdr_by_id": ("cdr", "owner cdr_id party"),
    "bill_line_by_end": ("bill_line", "owner ended_at line_id"),
    "bill_line_by_record": ("bill_line", "owner recorded_at line_id"),
    "finding_by_time": ("finding", "last_at source code"),
    "finding_by_source": ("finding", "source last_at code"),
    "unknown_station_by_time": ("unknown_station", "last_at station_id"),
    "token_by_contract": ("token", "owner contract_id party uid type"),
    "location_by_source": ("location", "owner source party location_id"),
    "station_report_by_begin": ("station_report", "owner station_id began_at kind request_id"),
    "transfer_by_station": ("transfer", "owner station_id created_at transfer_id"),
    "transfer_by_firmware": ("transfer", "owner firmware_id created_at transfer_id"),
    "firmware_image_by_model": ("firmware_image", "owner vendor model added_at firmware_id"),
}
_PARTIAL = {
    "station_state_away": ("station_state", "disconnected_at owner station_id", "connection_id IS NULL"),
    "session_running": ("session", "owner updated_at session_id", "ended_at IS NULL"),
    "session_running_at": ("session", "owner station_id first_version session_id", "ended_at IS NULL"),
    "session_running_since": ("session", "started_at owner session_id", "ended_at IS NULL"),
    "session_presumed": (
        "session",
        "owner presumed updated_at session_id",
        "presumed IS NOT NULL AND completed_at IS NULL",
    ),
    "session_ended": (
        "session",
        "owner ended_at session_id",
        "ended_at IS NOT NULL AND completed_at IS NULL AND presumed IS NULL",
    ),
    "command_open": ("command", "owner requested_at command_id", "result IS NULL"),
}


def upgrade() -> None:
    for name, table in _REPLACED.items():
        op.drop_index(name, table)
    for name, (table, columns) in _WHOLE.items():
        op.create_index(name, table, columns.split())
    for name, (table, columns, rows) in _PARTIAL.items():
        only = sa.text(rows)
        op.create_index(name, table, columns.split(), sqlite_where=only, postgresql_where=only)
