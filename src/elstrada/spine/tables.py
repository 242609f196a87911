"""Every table, once, for both dialects.

Three kinds: the log and what belongs to it; *views*, which can be made again from the log at any
time; *records*, which are not history: erasable, and written directly. Personal data and secrets
stand only in records.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)

from elstrada.spine.columns import Amount, Moment

metadata = MetaData()
postgresql_metadata = MetaData()
"""What only PostgreSQL has, besides the partitions of ``log`` (see ``months``)."""

# --- the log ----------------------------------------------------------------------------------------

log = Table(
    "log",
    metadata,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("shard", SmallInteger, nullable=False),
    Column("stream", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", BigInteger, nullable=False),  # Position of the stream's fact before; 0: none.
    sqlite_autoincrement=True,
)
stream = Table(
    "stream",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),  # Of its last fact, where reading it begins.
    sqlite_with_rowid=False,
)
milestone = Table(
    "milestone",  # Places on the way back, so that old facts are found without reading all newer ones.
    metadata,
    Column("stream", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
cursor = Table(
    "cursor",
    metadata,
    Column("follower", Text, primary_key=True),
    Column("shard", SmallInteger, primary_key=True),
    Column("position", BigInteger, nullable=False),
)
snapshot = Table(
    "snapshot",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("state", LargeBinary, nullable=False),
)
archived_month = Table(
    "archived_month",  # Months of the log that are Parquet files now (decision 0011); on SQLite none is.
    metadata,
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
    Column("month", Integer, primary_key=True, autoincrement=False),  # Since January 2000.
    Column("file", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("footer_sha256", Text, nullable=False),
    Column("facts", BigInteger, nullable=False),
    Column("first_position", BigInteger, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Column("archived_at", Moment, nullable=False),
)
shard = Table(
    "shard",  # A row per log; whoever holds its lock may append (decision 0007).
    postgresql_metadata,
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),  # Of its last fact.
)


def _view(name: str, *columns: Column[object] | Index) -> Table:
    return Table(name, metadata, Column("owner", Text, primary_key=True), *columns, info={"kind": "view"})


def _record(name: str, *columns: Column[object] | Index) -> Table:
    return Table(name, metadata, *columns, info={"kind": "record"})


def _key(name: str) -> Column[object]:
    return Column(name, Text, primary_key=True)


# --- views ------------------------------------------------------------------------------------------

station_state = _view(
    "station_state",
    _key("station_id"),
    Column("protocol", Text),
    Column("connection_id", Text),  # None while the station is away.
    Column("node", Text),  # Which holds its socket, or did; None in facts from when there was only one.
    Column("connected_at", Moment),
    Column("disconnected_at", Moment),
    Column("disconnect_reason", Text),
    Column("vendor", Text),
    Column("model", Text),
    Column("serial", Text),
    Column("firmware", Text),
    Column("booted_at", Moment),
)
connector_state = _view(
    "connector_state",
    _key("station_id"),
    Column("evse_id", Integer, primary_key=True, autoincrement=False),
    Column("connector_id", Integer, primary_key=True, autoincrement=False),
    Column("status", Text),
    Column("error_code", Text),
    Column("info", Text),
    Column("changed_at", Moment),
)
session = _view(
    "session",
    _key("session_id"),
    Column("station_id", Text, nullable=False),
    Column("first_version", Integer, nullable=False),  # Of its first fact in the station's stream.
    Column("transaction_id", Text),
    Column("start_key", Text),
    Column("evse_id", Integer),
    Column("connector_id", Integer),
    Column("token_ref", Text),
    Column("token_party", Text),
    Column("auth_method", Text),
    Column("authorization_reference", Text),
    Column("command_id", Text),
    Column("started_at", Moment),
    Column("ended_at", Moment),  # None while it runs.
    Column("completed_at", Moment),
    Column("meter_start_wh", BigInteger),
    Column("energy_wh", BigInteger),
    Column("power_w", BigInteger),
    Column("charging", Boolean),
    Column("reason", Text),
    Column("updated_at", Moment, nullable=False),
    Index("session_by_start_key", "owner", "station_id", "start_key"),
    Index("session_by_transaction", "owner", "station_id", "transaction_id"),
    Index("session_running", "owner", "ended_at"),
    Index("session_by_update", "owner", "updated_at"),
)
station_event = _view(
    "station_event",
    _key("station_id"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("document", Text, nullable=False),
)
stray = _view(
    "stray",
    _key("station_id"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("document", Text, nullable=False),
)
command = _view(
    "command",
    _key("command_id"),
    Column("station_id", Text, nullable=False),
    Column("name", Text),
    Column("asked_by", Text),
    Column("session_id", Text),
    Column("result", Text),
    Column("detail", Text),
    Column("requested_at", Moment),
    Column("answered_at", Moment),
)
roamed_session = _view(
    "roamed_session",
    _key("party"),
    _key("session_id"),
    Column("status", Text, nullable=False),
    Column("token_ref", Text, nullable=False),
    Column("kwh", Amount, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("last_updated", Moment, nullable=False),
    Column("document", Text, nullable=False),  # model.Session
    Index("roamed_session_by_start", "owner", "started_at"),
)
cdr = _view(
    "cdr",
    _key("party"),
    _key("cdr_id"),
    Column("state", Text),  # ISSUED, DELIVERED; RECEIVED, ACCEPTED, HELD.
    Column("session_id", Text),
    Column("token_ref", Text),
    Column("token_party", Text),
    Column("started_at", Moment),
    Column("ended_at", Moment),
    Column("total_energy", Amount),
    Column("currency", Text),
    Column("total_before_taxes", Amount),
    Column("total_after_taxes", Amount),
    Column("document", Text),  # model.Cdr
    Column("cost", Text),  # model.Cost, of those we issued
    Column("content_hash", Text),
    Column("findings", Text),
    Column("delivered_to", Text),
    Column("delivered_url", Text),
    Column("recorded_at", Moment),
    Index("cdr_by_record", "owner", "recorded_at"),
    Index("cdr_by_session", "owner", "party", "session_id"),
)
bill_line = _view(
    "bill_line",
    _key("line_id"),
    Column("contract_id", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("cdr_party", Text, nullable=False),
    Column("cdr_id", Text, nullable=False),
    Column("ended_at", Moment, nullable=False),
    Column("quantity_kwh", Amount, nullable=False),
    Column("net", Amount, nullable=False),
    Column("gross", Amount),
    Column("currency", Text, nullable=False),
    Column("document", Text, nullable=False),  # model.BillLine
    Column("recorded_at", Moment, nullable=False),
    Index("bill_line_by_end", "owner", "ended_at"),
    Index("bill_line_by_cdr", "owner", "cdr_party", "cdr_id", unique=True),
)

# --- records ----------------------------------------------------------------------------------------

party = _record("party", _key("party"), Column("document", Text, nullable=False))
station = _record(
    "station",
    _key("owner"),
    _key("station_id"),
    Column("password_hash", LargeBinary),  # HMAC(pepper, id | password); None: may not connect yet.
    Column("document", Text, nullable=False),  # model.Station
    Column("changed_at", Moment, nullable=False),
)
unknown_station = _record(
    "unknown_station",
    Column("station_id", String(48), primary_key=True),
    Column("remote", Text, nullable=False),
    Column("protocols", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
)
token = _record(
    "token",
    _key("owner"),
    _key("party"),
    _key("uid"),
    _key("type"),
    Column("ref", Text, nullable=False),
    Column("contract_id", Text, nullable=False),
    Column("document", Text, nullable=False),  # model.Token
    Column("last_updated", Moment, nullable=False),
    Index("token_by_ref", "owner", "ref"),
    Index("token_by_update", "owner", "party", "last_updated"),
)
identity = _record(
    "identity",
    _key("owner"),
    _key("ref"),
    Column("document", Text, nullable=False),  # model.TokenIdentity
)
location = _record(
    "location",
    _key("owner"),  # Who keeps this copy.
    _key("party"),  # Whose location it is.
    _key("location_id"),
    Column("source", Text, nullable=False),  # own, ocpi:<peer>, irve, ocpi-file
    Column("country", Text, nullable=False),
    Column("latitude", Text, nullable=False),
    Column("longitude", Text, nullable=False),
    Column("evses", Integer, nullable=False),
    Column("document", Text, nullable=False),  # model.Location
    Column("last_updated", Moment, nullable=False),
    Index("location_by_update", "owner", "party", "last_updated"),
)
tariff = _record(
    "tariff",
    _key("owner"),
    _key("party"),
    _key("tariff_id"),
    Column("document", Text, nullable=False),  # model.Tariff
    Column("last_updated", Moment, nullable=False),
    Index("tariff_by_update", "owner", "party", "last_updated"),
)
former_tariff = _record(
    "former_tariff",  # What a tariff of ours was before: a session keeps the price it began with.
    _key("owner"),
    _key("party"),
    _key("tariff_id"),
    Column("replaced_at", Moment, primary_key=True),
    Column("document", Text, nullable=False),  # model.Tariff
)
peer = _record(
    "peer",
    _key("owner"),
    _key("peer_id"),
    Column("state", Text, nullable=False),
    Column("token_in_hash", LargeBinary),  # Of the token the peer must show us (HMAC).
    Column("token_in_old_hash", LargeBinary),  # Of the one before, until the new one is first shown.
    Column("token_in_sealed", LargeBinary),  # The same, encrypted: GET credentials shows it.
    Column("token_out_sealed", LargeBinary),  # The token we must show the peer, encrypted.
    Column("document", Text, nullable=False),  # model.Peer
    Column("changed_at", Moment, nullable=False),
    Index("peer_by_token", "token_in_hash", unique=True),
    Index("peer_by_old_token", "token_in_old_hash", unique=True),
)
callback = _record(
    "callback",  # A command's result that we still owe a peer (P5).
    _key("owner"),
    _key("command_id"),
    Column("peer_id", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("due_at", Moment, nullable=False),
)
mark = _record(
    "mark",  # "The peer lacks the state as of this log position."
    _key("owner"),
    _key("peer_id"),
    _key("kind"),  # session, cdr, evse, location, tariff, token
    _key("object_id"),
    Column("position", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("error", Text),
    Index("mark_due", "next_at"),
)
customer = _record("customer", _key("owner"), _key("customer_id"), Column("document", Text, nullable=False))
contract = _record(
    "contract",
    _key("owner"),
    _key("contract_id"),
    Column("customer_id", Text, nullable=False),
    Column("document", Text, nullable=False),
)
plan = _record("plan", _key("owner"), _key("plan_id"), Column("document", Text, nullable=False))
finding = _record(
    "finding",  # What stations and peers sent that strayed: counted, never lost in a log file.
    _key("source"),  # station:<owner>/<id>, peer:<owner>/<id>, address:<ip>
    _key("code"),
    Column("count", Integer, nullable=False),
    Column("sample", Text, nullable=False),  # Redacted, bounded.
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
    Index("finding_by_time", "last_at"),
)
document = _record(
    "document",
    _key("hash"),  # SHA-256, hexadecimal.
    Column("body", LargeBinary, nullable=False),
    Column("recorded_at", Moment, nullable=False),
)
lease = _record(
    "lease",  # Who does what only one may do at a time (spine/lease.py).
    _key("name"),
    Column("holder", Text, nullable=False),  # A node's id.
    Column("epoch", Integer, nullable=False),  # Rises with every holder.
    Column("expires_at", Moment, nullable=False),
)
node = _record(
    "node",  # The processes that serve this memory.
    _key("id"),
    Column("roles", Text, nullable=False),  # Comma-separated.
    Column("started_at", Moment, nullable=False),  # Of its present life.
    Column("seen_at", Moment, nullable=False),
    Column("version", Text, nullable=False),
    Column("address", Text, nullable=False),  # Of its health listener.
    Column("leaving_at", Moment),  # Since when it drains.
)
setting = _record("setting", _key("name"), Column("value", Text, nullable=False))

VIEWS: tuple[Table, ...] = tuple(t for t in metadata.sorted_tables if t.info.get("kind") == "view")
RECORDS: tuple[Table, ...] = tuple(t for t in metadata.sorted_tables if t.info.get("kind") == "record")
