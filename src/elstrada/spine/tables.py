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
    text,
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


def _any_case() -> Column[object]:
    """The id as ``model.terminal.key_of`` makes it, by which it is found in whatever case it is told (R-22)."""
    return Column("id_key", Text)


def _some(name: str, *columns: str, only: str) -> Index:
    """An index of some rows. Whoever asks for them must say so in the same words."""
    return Index(name, *columns, sqlite_where=text(only), postgresql_where=text(only))


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
    Column("clock_ahead_s", BigInteger),  # None while its clock is right.
    Column("clock_wrong_since", Moment),
    _some("station_state_away", "disconnected_at", "owner", "station_id", only="connection_id IS NULL"),
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
    Index("connector_by_status", "status", "changed_at", "owner", "station_id", "evse_id", "connector_id"),
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
    Column("presumed", Text),  # model.unended.Presumed, of an end that its station did not tell.
    Column("meter_lacks", Text),  # model.metering.MeterLack, with blanks between.
    Column("updated_at", Moment, nullable=False),
    Index("session_by_start_key", "owner", "station_id", "start_key"),
    Index("session_by_transaction", "owner", "transaction_id", "station_id"),
    Index("session_by_update", "owner", "updated_at", "session_id"),
    _some(
        "session_by_reference",
        "owner",
        "authorization_reference",
        "session_id",
        only="authorization_reference IS NOT NULL",
    ),
    Index("session_by_station", "owner", "station_id", "first_version", "session_id"),
    _some("session_running", "owner", "updated_at", "session_id", only="ended_at IS NULL"),
    _some(
        "session_running_at", "owner", "station_id", "first_version", "session_id", only="ended_at IS NULL"
    ),
    _some("session_running_of_issuer", "owner", "token_party", "session_id", only="ended_at IS NULL"),
    _some("session_running_since", "started_at", "owner", "session_id", only="ended_at IS NULL"),
    _some(
        "session_presumed",
        "owner",
        "presumed",
        "updated_at",
        "session_id",
        only="presumed IS NOT NULL AND completed_at IS NULL",
    ),
    _some(
        "session_ended",
        "owner",
        "ended_at",
        "session_id",
        only="ended_at IS NOT NULL AND completed_at IS NULL AND presumed IS NULL",
    ),
)
station_event = _view(
    "station_event",
    _key("station_id"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("document", Text, nullable=False),
)
station_notice = _view(
    "station_notice",
    _key("station_id"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("document", Text, nullable=False),  # model.Notice
    Index("station_notice_by_time", "owner", "at", "station_id", "version"),
    Index("station_notice_by_station", "owner", "station_id", "at", "version"),
    Index("station_notice_by_kind", "owner", "kind", "at", "station_id", "version"),
    Index("station_notice_by_severity", "owner", "severity", "at", "station_id", "version"),
)
stray = _view(
    "stray",
    _key("station_id"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("document", Text, nullable=False),
    Index("stray_by_time", "owner", "at", "station_id", "version"),
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
    # START: whose session shall come of it, and where; until when it was awaited.
    Column("token_ref", Text),
    Column("token_party", Text),
    Column("evse_id", Integer),
    Column("connector_id", Integer),
    Column("authorization_reference", Text),
    Column("led_to", Text),  # The session that came of it.
    Column("awaited_until", Moment),
    Index("command_by_session", "owner", "session_id", "command_id"),
    Index("command_by_station", "owner", "station_id", "requested_at", "command_id"),
    Index("command_by_answer", "owner", "name", "answered_at", "command_id"),
    _some("command_open", "owner", "requested_at", "command_id", only="result IS NULL"),
)
reservation = _view(
    "reservation",
    _key("station_id"),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("state", Text),  # model.reservation.ReservationState
    Column("evse_id", Integer),  # 0: any.
    Column("token_ref", Text),
    Column("token_party", Text),
    Column("made_for", Text),
    Column("partner_ref", Text),
    Column("command_id", Text),
    Column("session_id", Text),  # Of the session that uses it, or would.
    Column("reserved_at", Moment),
    Column("expires_at", Moment),
    Column("ended_at", Moment),  # None while it lives.
    Column("ended_by", Text),  # CANCELED: the party; USED: the session.
    Column("detail", Text),
    Column("changed_at", Moment),
    Column("document", Text),  # model.Reservation
    _some("reservation_living", "owner", "expires_at", "station_id", "number", only="ended_at IS NULL"),
    _some("reservation_living_at", "owner", "station_id", "expires_at", "number", only="ended_at IS NULL"),
    _some("reservation_by_partner", "owner", "made_for", "partner_ref", only="ended_at IS NULL"),
    Index("reservation_by_expiry", "owner", "expires_at", "station_id", "number"),
    Index("reservation_by_station", "owner", "station_id", "expires_at", "number"),
    Index("reservation_by_session", "owner", "session_id"),
    Index("reservation_by_command", "owner", "command_id"),
    Index("reservation_by_change", "owner", "changed_at"),
    Index("reservation_by_issuer", "owner", "token_party", "reserved_at", "station_id", "number"),
)
session_preference = _view(
    "session_preference",  # What a driver wants of a session of ours; the latest.
    _key("session_id"),
    Column("party", Text, nullable=False),  # His eMSP.
    Column("answer", Text, nullable=False),  # model.preferences.PreferencesAnswer
    Column("document", Text, nullable=False),  # model.preferences.ChargingPreferences
    Column("at", Moment, nullable=False),
)
booking = _view(
    "booking",  # At locations of ours.
    _key("booking_id"),
    Column("state", Text, nullable=False),  # model.booking.BookingState
    Column("request_id", Text, nullable=False),  # Upper case: a CiString.
    Column("made_for", Text, nullable=False),
    Column("booking_location_id", Text, nullable=False),
    Column("location_id", Text, nullable=False),
    Column("evse_uid", Text),  # None: it was rejected.
    Column("starts_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Column("opens_at", Moment, nullable=False),
    Column("token_ref", Text),
    Column("session_id", Text),
    Column("says", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("ended_at", Moment),  # None while it keeps its EVSE.
    Column("last_updated", Moment, nullable=False),
    Column("document", Text, nullable=False),  # model.Booked
    Index("booking_by_request", "owner", "made_for", "request_id"),
    Index("booking_by_partner", "owner", "made_for", "made_at", "booking_id"),
    Index("booking_by_start", "owner", "starts_at", "booking_id"),
    Index("booking_by_state", "owner", "state", "starts_at", "booking_id"),
    Index("booking_by_location", "owner", "location_id", "starts_at", "booking_id"),
    Index("booking_by_location_and_state", "owner", "location_id", "state", "starts_at", "booking_id"),
    Index("booking_by_evse", "owner", "location_id", "evse_uid", "opens_at"),
    Index("booking_by_session", "owner", "session_id"),
    _some("booking_living", "opens_at", "owner", "booking_id", only="ended_at IS NULL"),
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
    Column("recorded_at", Moment),  # When we last heard of it; None: before that was kept.
    _any_case(),
    Index("roamed_session_in_any_case", "owner", "party", "id_key"),
    _some("roamed_session_pending", "recorded_at", "owner", "party", "session_id", only="status = 'PENDING'"),
    Index("roamed_session_by_start", "owner", "started_at"),
)
client = _view(
    "client",  # How hubs are connected to their parties.
    _key("hub"),  # Our name for the hub that told it; empty: the owner is the hub.
    _key("party"),
    _key("role"),
    Column("status", Text, nullable=False),  # model.party.ConnectionStatus
    Column("reason", Text, nullable=False),  # model.party.ClientReason
    Column("last_updated", Moment, nullable=False),
    Index("client_by_update", "owner", "hub", "last_updated"),
    Index("client_by_status", "owner", "status", "hub", "party", "role"),
)
terminal = _view(
    "terminal",  # Payment terminals, of ours or of partners.
    _key("party"),  # The provider.
    _key("terminal_id"),  # In upper case.
    Column("cpo", Text, nullable=False),
    Column("peer_id", Text, nullable=False),
    Column("state", Text, nullable=False),  # model.terminal.TerminalState
    Column("reference", Text),  # The provider's, in upper case.
    Column("made_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("document", Text, nullable=False),  # model.Terminal
    Index("terminal_by_making", "owner", "made_at", "party", "terminal_id"),
    Index("terminal_by_state", "owner", "state", "made_at", "party", "terminal_id"),
    Index("terminal_by_peer", "owner", "peer_id", "made_at", "party", "terminal_id"),
    Index("terminal_by_peer_and_state", "owner", "peer_id", "state", "made_at", "party", "terminal_id"),
    Index("terminal_by_cpo", "owner", "cpo", "made_at", "party", "terminal_id"),
    Index("terminal_by_reference", "owner", "reference"),
)
advice = _view(
    "advice",  # What payment terminal providers took, as they say, or as we do.
    _key("party"),  # The provider.
    _key("advice_id"),  # In upper case.
    Column("cpo", Text, nullable=False),
    Column("peer_id", Text, nullable=False),
    Column("reference", Text, nullable=False),  # Of the authorization, in upper case.
    Column("state", Text, nullable=False),  # model.terminal.CaptureStatus
    Column("made_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("content_hash", Text),
    Column("document", Text, nullable=False),  # model.Advice
    Index("advice_by_reference", "owner", "party", "reference"),
    Index("advice_by_cpo", "owner", "cpo", "made_at", "party", "advice_id"),
)
cdr = _view(
    "cdr",
    _key("party"),
    _key("cdr_id"),
    Column("state", Text),  # model.cdr.CdrState
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
    Column("credits", Text),  # The CDR that it gives back.
    Column("evse_uid", Text),
    Column("unexamined", Text),
    Column("credited_by", Text),  # The credit CDR by which we took it back.
    Column("replaced_by", Text),  # The CDR that took its place after that.
    _any_case(),
    Index("cdr_in_any_case", "owner", "party", "id_key"),
    _some("cdr_by_credited", "owner", "credits", "party", only="credits IS NOT NULL"),
    Index("cdr_by_record", "owner", "recorded_at", "party", "cdr_id"),
    Index("cdr_by_state", "owner", "state", "recorded_at", "party", "cdr_id"),
    Index("cdr_by_token_party", "owner", "token_party", "recorded_at", "party", "cdr_id"),
    Index("cdr_by_id", "owner", "cdr_id", "party"),
    Index("cdr_by_session", "owner", "party", "session_id"),
    Index("cdr_by_issuer", "owner", "party", "recorded_at", "cdr_id"),
    Index("cdr_by_issuer_and_state", "owner", "party", "state", "recorded_at", "cdr_id"),
    Index("cdr_by_token", "owner", "token_ref", "started_at", "party", "cdr_id"),
    Index("cdr_by_evse", "owner", "party", "evse_uid", "started_at", "cdr_id"),
)
invoice_record = _view(
    "invoice_record",
    _key("party"),  # Who sent the invoice.
    _key("record_id"),
    Column("state", Text),  # ISSUED, DELIVERED, WITHDRAWN; RECEIVED, REMOVED.
    Column("invoice_id", Text),
    Column("to_party", Text),  # Who got the invoice.
    Column("peer_id", Text),  # Who took the record, or sent it; None: it was not brought to anybody yet.
    Column("cdrs", Integer),
    Column("document", Text),  # model.InvoiceRecord
    Column("content_hash", Text),
    Column("recorded_at", Moment),
    Column("updated_at", Moment),
    Column("ended_at", Moment),  # None while it stands.
    Index("invoice_record_by_record", "owner", "recorded_at", "party", "record_id"),
    Index("invoice_record_by_state", "owner", "state", "recorded_at", "party", "record_id"),
    Index("invoice_record_by_invoice", "owner", "invoice_id", "recorded_at", "party", "record_id"),
    _some(
        "invoice_record_standing",
        *("owner", "party", "to_party", "recorded_at", "record_id"),
        only="ended_at IS NULL",
    ),
)
invoiced_cdr = _view(
    "invoiced_cdr",
    _key("party"),
    _key("record_id"),
    _key("cdr_id"),
    Column("ended_at", Moment),  # None while the record lists it.
    _some("invoiced_cdr_standing", "owner", "cdr_id", "party", "record_id", only="ended_at IS NULL"),
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
    Index("bill_line_by_end", "owner", "ended_at", "line_id"),
    Index("bill_line_by_record", "owner", "recorded_at", "line_id"),
    Index("bill_line_by_cdr", "owner", "cdr_party", "cdr_id", unique=True),
)
agreement = _view(
    "agreement",
    _key("peer_id"),
    _key("party"),  # Of the peer; * for all those without one of their own.
    Column("document", Text),  # model.Agreement
    Column("ended_at", Moment),  # None unless it was ended before its time.
    Column("note", Text),
    Column("changed_at", Moment),
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
    Column("password_next_hash", LargeBinary),  # Of one that is offered, until it is used or refused (T5).
    Column("password_next_sealed", LargeBinary),  # The same, encrypted, until the station has it for certain.
    Column("password_next_at", Moment),  # When it was offered.
    Column("password_next_told", Integer),  # How often the station was told, before it is.
)
station_item = _record(
    "station_item",  # A station's mirror: what it has in store, as it last told.
    _key("owner"),
    _key("station_id"),
    _key("kind"),
    _key("key"),
    Column("document", Text, nullable=False),  # model.Variable, Monitor, or the station's own words
    Column("reported_at", Moment, nullable=False),
)
station_report = _record(
    "station_report",  # A report that a station makes in several messages.
    _key("owner"),
    _key("station_id"),
    _key("kind"),
    Column("request_id", BigInteger, primary_key=True, autoincrement=False),
    Column("whole", Boolean, nullable=False),  # Everything of the kind was asked for.
    Column("parts", Text, nullable=False),  # Numbers of the messages that came, as JSON.
    Column("last", Integer),  # Number of the last message, once it came.
    Column("items", Integer, nullable=False),
    Column("began_at", Moment, nullable=False),
    Column("complete_at", Moment),
    Index("station_report_by_begin", "owner", "station_id", "began_at", "kind", "request_id"),
)
station_certificate = _record(
    "station_certificate",  # Stations' own certificates, as we had them issued or have seen them shown.
    _key("owner"),
    _key("station_id"),
    _key("fingerprint"),  # SHA-256, hexadecimal.
    Column("serial", Text, nullable=False),  # Hexadecimal.
    Column("issuer", Text, nullable=False),
    Column("begins_at", Moment),
    Column("ends_at", Moment, nullable=False),
    Column("issued_at", Moment),  # None: not by us.
    Column("first_seen_at", Moment),  # When the station first came with it.
    Column("last_seen_at", Moment),  # To the day.
    Column("kind", Text),  # OCPP's word for what it is for; None: not said, or it was only shown.
    Column("taken_at", Moment),  # When the station accepted it from us.
    Index("station_certificate_by_end", "ends_at"),
)
certificate_request = _record(
    "certificate_request",  # What a station asked to have signed, until it has it or it comes to nothing.
    _key("owner"),
    _key("station_id"),
    _key("kind"),
    Column("csr", Text, nullable=False),  # PEM
    Column("wire_id", BigInteger),
    Column("chain", Text),  # PEM, once it is signed.
    Column("fingerprint", Text),
    Column("attempts", Integer, nullable=False),
    Column("asked_at", Moment, nullable=False),
)
local_list = _record(
    "local_list",  # A station's local authorization list, as far as we know it. Holds pseudonyms, no uids.
    _key("owner"),
    _key("station_id"),
    Column("state", Text, nullable=False),  # model.ListState
    Column("detail", Text, nullable=False),
    Column("protocol", Text),  # In which the list was sent.
    Column("version", Integer),  # That we gave it last; None: never, or we do not know what the station has.
    Column("their_version", Integer),  # That the station told last.
    Column("entries", Text, nullable=False),  # Content hashes by ListEntry.key, as JSON.
    Column("count", Integer, nullable=False),  # Of entries.
    Column("left_out", Integer, nullable=False),  # Tokens that it should hold and cannot.
    Column("looked_at", Moment),
    Column("synced_at", Moment),
    Column("asked", Text),  # LOOK or FULL: an operator waits for it.
    Index("local_list_asked", "owner", "asked"),
)
allowance = _record(
    "allowance",  # What a token may take at a CPO's stations; tokens that are not here may take what they like.
    _key("owner"),
    _key("ref"),  # The token's pseudonym.
    Column("document", Text, nullable=False),  # model.Allowance
    Column("changed_at", Moment, nullable=False),
)
web_secret = _record(
    "web_secret",  # By which a station makes the codes on its display that begin a payment on the web.
    _key("owner"),
    _key("station_id"),
    Column("sealed", LargeBinary, nullable=False),
    Column("former", LargeBinary),  # Good as well, while it is not known that the station has the new one.
    Column("valid_s", Integer, nullable=False),
    Column("length", Integer, nullable=False),
    Column("changed_at", Moment, nullable=False),
)
web_payment = _record(
    "web_payment",
    _key("owner"),
    _key("payment_id"),
    Column("station_id", Text, nullable=False),
    Column("evse_id", Integer, nullable=False),
    Column("state", Text, nullable=False),  # model.web_payment.PaymentState
    Column("document", Text, nullable=False),  # model.WebPayment
    Column("changed_at", Moment, nullable=False),
    Index("web_payment_by_id", "payment_id", "owner"),
    Index("web_payment_by_change", "owner", "changed_at", "payment_id"),
    Index("web_payment_by_state", "owner", "state", "changed_at", "payment_id"),
    Index("web_payment_by_station", "owner", "station_id", "changed_at", "payment_id"),
    Index("web_payment_by_station_and_state", "owner", "station_id", "state", "changed_at", "payment_id"),
)
terminal_session = _record(
    "terminal_session",  # At the CPO: a start that a payment terminal provider ordered, and how it was paid.
    _key("owner"),
    _key("party"),  # The provider.
    _key("reference"),  # Of the authorization, in upper case.
    Column("peer_id", Text, nullable=False),
    Column("state", Text, nullable=False),  # model.terminal.SessionPaid
    Column("session_id", Text),
    Column("asked_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("document", Text, nullable=False),  # model.TerminalSession
    Index("terminal_session_by_time", "owner", "asked_at", "party", "reference"),
    Index("terminal_session_by_state", "owner", "state", "asked_at", "party", "reference"),
    Index("terminal_session_by_peer", "owner", "peer_id", "asked_at", "party", "reference"),
    Index(
        "terminal_session_by_peer_and_state",
        "owner",
        "peer_id",
        "state",
        "asked_at",
        "party",
        "reference",
    ),
)
terminal_payment = _record(
    "terminal_payment",  # At the provider: a driver's payment at a terminal.
    _key("owner"),
    _key("payment_id"),
    Column("terminal_id", Text, nullable=False),  # In upper case.
    Column("state", Text, nullable=False),  # model.terminal_payment.TapState
    Column("created_at", Moment, nullable=False),
    Column("document", Text, nullable=False),  # model.TerminalPayment
    Index("terminal_payment_by_time", "owner", "created_at", "payment_id"),
    Index("terminal_payment_by_state", "owner", "state", "created_at", "payment_id"),
    Index("terminal_payment_by_terminal", "owner", "terminal_id", "created_at", "payment_id"),
    Index(
        "terminal_payment_by_terminal_and_state",
        "owner",
        "terminal_id",
        "state",
        "created_at",
        "payment_id",
    ),
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
    Index("unknown_station_by_time", "last_at", "station_id"),
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
    Index("token_by_contract", "owner", "contract_id", "party", "uid", "type"),
)
identity = _record(
    "identity",  # Whom a uid means. Two parties may have given out the same.
    _key("owner"),
    _key("ref"),
    _key("party"),
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
    Column("audience", Text, nullable=False, server_default="nobody"),  # roaming.visibility.Audience
    Column("document", Text, nullable=False),  # model.Location
    Column("last_updated", Moment, nullable=False),
    _any_case(),
    Index("location_in_any_case", "owner", "party", "id_key"),
    # Peers read by id, which stays as it is while statuses change; the rest is there to be looked at.
    Index("location_by_source", "owner", "source", "party", "location_id", "audience", "last_updated"),
)
tariff = _record(
    "tariff",
    _key("owner"),
    _key("party"),
    _key("tariff_id"),
    Column("document", Text, nullable=False),  # model.Tariff
    Column("last_updated", Moment, nullable=False),
    _any_case(),
    Index("tariff_in_any_case", "owner", "party", "id_key"),
    Index("tariff_by_party", "owner", "party", "tariff_id", "last_updated"),
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
roamed_reservation = _record(
    "roamed_reservation",  # Those that we, the eMSP, have made at partners' stations.
    _key("owner"),
    _key("reservation_id"),
    Column("peer_id", Text, nullable=False),
    Column("party", Text, nullable=False),  # The CPO.
    Column("location_id", Text, nullable=False),
    Column("evse_uid", Text),
    Column("token_ref", Text, nullable=False),
    Column("state", Text, nullable=False),  # In OCPI's words: CommandResultType, or ASKED.
    Column("detail", Text, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Index("roamed_reservation_by_expiry", "owner", "expires_at", "reservation_id"),
    Index("roamed_reservation_by_state", "owner", "state", "expires_at", "reservation_id"),
    Index("roamed_reservation_by_peer", "owner", "peer_id", "expires_at", "reservation_id"),
    Index(
        "roamed_reservation_by_peer_and_state", "owner", "peer_id", "state", "expires_at", "reservation_id"
    ),
)
booking_location = _record(
    "booking_location",
    _key("owner"),  # Who keeps this copy.
    _key("party"),  # Whose it is.
    _key("booking_location_id"),
    Column("location_id", Text, nullable=False),
    Column("peer_id", Text, nullable=False),  # From whom it came; empty: it is ours.
    Column("document", Text, nullable=False),  # model.BookingLocation
    Column("plan", Text),  # model.BookingPlan, of ours.
    Column("last_updated", Moment, nullable=False),
    Index("booking_location_by_update", "owner", "party", "last_updated"),
    Index("booking_location_by_location", "owner", "party", "location_id", "booking_location_id"),
    Index("booking_location_by_peer", "owner", "peer_id", "party", "booking_location_id"),
    Index(
        "booking_location_by_peer_and_location",
        *("owner", "peer_id", "location_id", "party", "booking_location_id"),
    ),
    Index("booking_location_at", "owner", "location_id", "party", "booking_location_id"),
)
booking_paper = _record(
    "booking_paper",  # What of a booking of ours is personal: its tokens, plates and codes, as the eMSP has it too.
    _key("owner"),
    _key("made_for"),  # The eMSP, of whose request_id there is one booking alone.
    _key("request_id"),  # Upper case: a CiString.
    Column("booking_id", Text, nullable=False),
    Column("document", Text, nullable=False),  # model.Booking
    Column("hold", Text),  # roles.roaming.keeper.Hold: does the station keep its EVSE? None: not yet.
    Column("hold_next_at", Moment),  # When to try again.
    Column("hold_until", Moment),  # Until when the station keeps it.
    Column("station_id", Text),
    Column("command_id", Text),  # By which the station was asked to keep it last.
    Column("number", Integer),  # By which the station knows it.
    Column("ended_at", Moment),  # None while it keeps its EVSE.
    Index("booking_paper_by_id", "owner", "booking_id"),
    Index("booking_paper_by_end", "ended_at"),
    Index("booking_paper_by_hold", "hold", "hold_next_at"),
)
roamed_booking = _record(
    "roamed_booking",  # Those that we, the eMSP, have made at partners' locations.
    _key("owner"),
    _key("party"),  # The CPO.
    _key("request_id"),
    Column("booking_id", Text),  # The CPO's; None until it answers.
    Column("peer_id", Text, nullable=False),
    Column("location_id", Text, nullable=False),
    Column("booking_location_id", Text, nullable=False),
    Column("token_ref", Text, nullable=False),
    Column("state", Text, nullable=False),  # model.booking.BookingState, or ASKED.
    Column("detail", Text, nullable=False),
    Column("starts_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Column("request", Text, nullable=False),  # model.BookingRequest, as it was sent last.
    Column("document", Text),  # model.Booking, as the CPO told it last.
    Column("last_updated", Moment),  # Of the document.
    Column("changed_at", Moment, nullable=False),
    Index("roamed_booking_by_id", "owner", "party", "booking_id"),
    Index("roamed_booking_by_start", "owner", "starts_at", "party", "request_id"),
    Index("roamed_booking_by_state", "owner", "state", "starts_at", "party", "request_id"),
    Index("roamed_booking_by_peer", "owner", "peer_id", "starts_at", "party", "request_id"),
    Index(
        "roamed_booking_by_peer_and_state", "owner", "peer_id", "state", "starts_at", "party", "request_id"
    ),
    Index("roamed_booking_by_age", "owner", "ends_at"),
)
reserver = _record(
    "reserver",  # To whom we, the CPO, must say that his reservation came to nothing.
    _key("owner"),
    _key("command_id"),  # By which it was made.
    Column("peer_id", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("expires_at", Moment, nullable=False),
)
shown = _record(
    "shown",  # What of ours a peer has been told of, so that it can be told that this is no longer for it.
    _key("owner"),
    _key("peer_id"),
    _key("kind"),  # location, tariff
    _key("object_id"),
    Column("shown_at", Moment, nullable=False),
)
callback = _record(
    "callback",  # A command's result that we still owe a peer (P5).
    _key("owner"),
    _key("command_id"),
    Column("peer_id", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("kind", Text),  # roles.roaming.results.ResultKind; None: of a command.
    Column("station_id", Text),  # Of what concerns a session's profile, as the next two.
    Column("session_id", Text),
    Column("since", Integer),  # Its station's answer stands behind this version of the station's stream.
)
steering = _record(
    "steering",  # Who has a say in how a session of ours charges, and how often it has spoken.
    _key("owner"),
    _key("session_id"),
    _key("party"),
    Column("peer_id", Text, nullable=False),
    Column("set_at", Moment),  # When the station last took a profile of its; None: never, or it took it back.
    Column("window_at", Moment, nullable=False),  # Since when it is counted how often it asks.
    Column("asked", Integer, nullable=False),
    Index("steering_by_window", "owner", "window_at"),
)
roamed_profile = _record(
    "roamed_profile",  # How our drivers' sessions at partners' stations may charge, as far as we have a say.
    _key("owner"),
    _key("party"),  # The CPO.
    _key("session_id"),
    Column("peer_id", Text, nullable=False),
    Column(
        "state", Text, nullable=False
    ),  # What became of our last wish, in OCPI's words, ASKED, or CLEARED.
    Column("wanted", Text),  # model.Schedule, as we asked for it; None: nothing.
    Column("active", Text),  # model.Schedule, as the CPO told; None: it did not.
    Column("active_at", Moment),  # When the station reckoned it.
    Column("changed_at", Moment, nullable=False),
    Index("roamed_profile_by_change", "owner", "changed_at", "party", "session_id"),
    Index("roamed_profile_by_peer", "owner", "peer_id", "changed_at", "party", "session_id"),
)
mark = _record(
    "mark",  # "The peer lacks the state as of this log position."
    _key("owner"),
    _key("peer_id"),
    _key("kind"),  # roaming.news.Kind
    _key("object_id"),
    Column("position", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("error", Text),
    Column("held_for", Text),  # The party behind a hub for whose return it waits; None: it is brought.
    Index("mark_due", "next_at"),
    _some("mark_held", "owner", "peer_id", "held_for", only="held_for IS NOT NULL"),
)
pull = _record(
    "pull",  # When a list of a peer was last read, so that what it told in vain is not missed.
    _key("owner"),
    _key("peer_id"),
    _key("name"),
    Column("began_at", Moment),  # When its first page was asked for; None: it was never read to its end.
    Column("due_at", Moment, nullable=False),  # When it is read next.
    Index("pull_due", "due_at"),
)
pulse = _record(
    "pulse",  # When a hub last heard of each of its peers.
    _key("owner"),
    _key("peer_id"),
    Column("heard_at", Moment),
    Column("asked_at", Moment),  # When it was last asked whether it lives.
    Column("problem", Text),  # Why that failed; None: it answered.
    Column("due_at", Moment, nullable=False),  # When it is asked next, unless it is heard before.
    Index("pulse_due", "due_at"),
)
hub_copy = _record(
    "hub_copy",  # What parties have pushed to all others through a hub of ours: the latest state.
    _key("owner"),  # The hub.
    _key("module"),  # locations, tariffs, tokens
    _key("party"),  # Whose it is.
    _key("object_id"),  # In small letters; of a token with its type behind a line end.
    Column("peer_id", Text, nullable=False),  # Who pushed it.
    Column("version", Text, nullable=False),  # Of OCPI, in which it is written.
    Column("document", Text, nullable=False),  # JSON, with all fields that were pushed.
    Column("last_updated", Moment, nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("contract_id", Text),  # Of a token, in small letters.
    Index("hub_copy_by_contract", "owner", "contract_id", "party", "object_id"),
    Index("hub_copy_by_update", "owner", "module", "last_updated", "party", "object_id"),
    Index("hub_copy_by_object", "owner", "module", "object_id"),
)
hub_address = _record(
    "hub_address",  # An address of a hub of ours that stands for one at a party: a result's, a page's, an object's.
    _key("owner"),
    _key("address_id"),
    Column("kind", Text, nullable=False),  # result: good for one request; place: for any GET
    Column("user_peer", Text, nullable=False),  # Who may call it, and in whose name:
    Column("user_party", Text, nullable=False),
    Column("peer_id", Text, nullable=False),  # Whose address is behind it, and of which party:
    Column("party", Text, nullable=False),
    Column("module", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index("hub_address_by_expiry", "owner", "expires_at"),
)
hub_route = _record(
    "hub_route",  # Between which parties a session or reservation is, as a hub of ours has seen (open routing).
    _key("owner"),
    _key("kind"),  # session, reservation
    _key("object_id"),  # In small letters.
    _key("cpo"),
    Column("emsp", Text, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Index("hub_route_by_time", "owner", "seen_at"),
)
hub_exchange = _record(
    "hub_exchange",  # The routing log: who asked a hub of ours for what, and what became of it. Bounded, losable.
    _key("owner"),
    _key("exchange_id"),
    Column("at", Moment, nullable=False),
    Column("sender", Text, nullable=False),
    Column("receiver", Text, nullable=False),
    Column("module", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("ms", Integer, nullable=False),
    Column("detail", Text, nullable=False),
    Index("hub_exchange_by_time", "owner", "at", "exchange_id"),
    Index("hub_exchange_by_receiver", "owner", "receiver", "at", "exchange_id"),
    Index("hub_exchange_by_sender", "owner", "sender", "at", "exchange_id"),
)
session_quarter = _record(
    "session_quarter",  # model.SessionQuarter: a complete session's part in a quarter of an hour (decision 0026).
    _key("owner"),
    _key("session_id"),
    Column("quarter", Moment, primary_key=True),
    Column("station_id", Text, nullable=False),
    Column("evse_id", Integer, nullable=False),
    Column("energy_wh", BigInteger, nullable=False),
    Column("connected_s", Integer, nullable=False),
    Column("charging_s", Integer, nullable=False),
    Column("least_w", BigInteger),
    Column("peak_w", BigInteger),
    Column("imbalance_ma", BigInteger),
    Column("inlet_wh", BigInteger),
    Column("outlet_wh", BigInteger),
    Column("source", Text, nullable=False),  # model.quarter.QuarterSource
    Column("begun", Boolean, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("failed", Boolean, nullable=False),
    Column("begun_wh", BigInteger),
    Column("ended_wh", BigInteger),
    Column("total_wh", BigInteger),
    Column("total_s", Integer),
    Index("session_quarter_by_station", "owner", "station_id", "quarter", "session_id"),
    Index("session_quarter_by_time", "quarter", "owner", "session_id"),
)
register_quarter = _record(
    "register_quarter",  # model.RegisterQuarter: an import register between sessions.
    _key("owner"),
    _key("station_id"),
    Column("quarter", Moment, primary_key=True),
    Column("evse_id", Integer, primary_key=True, autoincrement=False),
    Column("first_at", Moment, nullable=False),
    Column("first_wh", BigInteger, nullable=False),
    Column("last_at", Moment, nullable=False),
    Column("last_wh", BigInteger, nullable=False),
    Index("register_quarter_by_time", "quarter", "owner", "station_id", "evse_id"),
)
customer = _record("customer", _key("owner"), _key("customer_id"), Column("document", Text, nullable=False))
contract = _record(
    "contract",
    _key("owner"),
    _key("contract_id"),
    Column("customer_id", Text, nullable=False),
    Column("document", Text, nullable=False),
    Index("contract_by_customer", "owner", "customer_id", "contract_id"),
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
    Index("finding_by_time", "last_at", "source", "code"),
    Index("finding_by_source", "source", "last_at", "code"),
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
firmware_image = _record(
    "firmware_image",
    _key("owner"),
    _key("firmware_id"),
    Column("vendor", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("file_name", Text, nullable=False),  # As it was handed in; the file itself is named by its hash.
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("signature", Text),  # Base64; None: it is not signed.
    Column("certificate", Text),  # PEM, of whoever signed it.
    Column("node", Text, nullable=False),  # Where the file is, unless the folder is one for all.
    Column("added_at", Moment, nullable=False),
    Index("firmware_image_by_model", "owner", "vendor", "model", "added_at", "firmware_id"),
)
transfer = _record(
    "transfer",  # A file that one station may fetch or leave at an address of its own.
    _key("owner"),
    _key("transfer_id"),
    Column("station_id", Text, nullable=False),
    Column("purpose", Text, nullable=False),  # FIRMWARE, LOG
    Column("kind", Text),  # LOG: DIAGNOSTICS, SECURITY
    Column("firmware_id", Text),
    Column("token_hash", LargeBinary, nullable=False),  # HMAC of the address's secret part.
    Column("request_id", Integer),  # By which the station tells of it; None: 1.6 without the extension.
    Column("command_id", Text, nullable=False),
    Column("state", Text, nullable=False),  # OPEN, DONE, CLOSED
    Column("file", Text),  # FIRMWARE: the image's hash; LOG: what came, None before.
    Column("file_name", Text),  # As people shall see it.
    Column("size", BigInteger),  # Of the image, or of what came.
    Column("sha256", Text),
    Column("node", Text, nullable=False),  # Where the file is, or would be.
    Column("moved", BigInteger, nullable=False),  # Bytes sent or received, in all tries.
    Column("most", BigInteger, nullable=False),  # FIRMWARE: bytes sent in all; LOG: of the file.
    Column("tries_left", Integer, nullable=False),  # LOG: uploads that may begin.
    Column("trouble", Text),  # What went wrong last.
    Column("created_at", Moment, nullable=False),
    Column("moved_at", Moment),
    Column("expires_at", Moment, nullable=False),
    Index("transfer_by_token", "token_hash", unique=True),
    Index("transfer_by_station", "owner", "station_id", "created_at", "transfer_id"),
    Index("transfer_by_firmware", "owner", "firmware_id", "created_at", "transfer_id"),
    Index("transfer_by_creation", "created_at"),
)
surplus = _record(
    "surplus",  # What peers' objects say beyond what we know of their kind.
    _key("owner"),
    _key("party"),
    _key("kind"),  # location, tariff, token, session
    _key("object_id"),
    Column("version", Text, nullable=False),  # Of OCPI.
    Column("document", Text, nullable=False),  # ocpi.surplus
)
invoicing = _record(
    "invoicing",  # Whose turn it is to say what an invoice covers, so that no CDR is put into two at once.
    _key("owner"),
    Column("turn", Integer, nullable=False),
)
setting = _record("setting", _key("name"), Column("value", Text, nullable=False))

VIEWS: tuple[Table, ...] = tuple(t for t in metadata.sorted_tables if t.info.get("kind") == "view")
RECORDS: tuple[Table, ...] = tuple(t for t in metadata.sorted_tables if t.info.get("kind") == "record")
