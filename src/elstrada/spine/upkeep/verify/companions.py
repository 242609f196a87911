"""What stands beside the log: cursors, snapshots, raw documents, and records that must be readable."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec
from sqlalchemy.engine import Connection

from elstrada.model.device import Station
from elstrada.model.invoice import Contract, Customer, Plan
from elstrada.model.location import Location
from elstrada.model.party import Party, Peer
from elstrada.model.tariff import Tariff
from elstrada.model.terminal import TerminalSession
from elstrada.model.terminal_payment import TerminalPayment
from elstrada.model.token import Token, TokenIdentity
from elstrada.spine import tables as t
from elstrada.spine.rules import key_names
from elstrada.spine.upkeep.verify.report import Findings
from elstrada.spine.upkeep.verify.rows import query, raw_rows, shown_key

ENDS, CURSORS, SNAPSHOTS = "log ends", "cursors", "snapshots"
DOCUMENTS, RECORDS = "documents", "records"

_DOCUMENTS: Mapping[str, type] = {
    t.party.name: Party,
    t.station.name: Station,
    t.token.name: Token,
    t.identity.name: TokenIdentity,
    t.location.name: Location,
    t.tariff.name: Tariff,
    t.former_tariff.name: Tariff,
    t.peer.name: Peer,
    t.customer.name: Customer,
    t.contract.name: Contract,
    t.plan.name: Plan,
    t.terminal_session.name: TerminalSession,
    t.terminal_payment.name: TerminalPayment,
}
"""Records that keep a noun of the model as JSON."""
_BEYOND = (
    "SELECT snapshot.stream, snapshot.version, coalesce(stream.version, 0) FROM snapshot"
    " LEFT JOIN stream ON stream.stream = snapshot.stream"
    " WHERE snapshot.version > coalesce(stream.version, 0)"
)
_WITHOUT_DOCUMENT = (
    "SELECT owner, party, cdr_id, content_hash FROM cdr WHERE content_hash IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM document WHERE document.hash = cdr.content_hash)"
)


def check_companions(connection: Connection, lasts: Mapping[int, int] | None, findings: Findings) -> None:
    """Look at everything that is neither log nor view.

    Args:
        lasts: the last positions by shard; None where the log was not read.
    """
    ends = ends_of(connection)
    if lasts is not None:
        _check_ends(ends, lasts, findings)
    _check_cursors(connection, ends, findings)
    for stream, version, last in query(connection, _BEYOND):
        findings.add(
            SNAPSHOTS, f"snapshot {stream}", f"it is of version {version}, and the stream ends at {last}"
        )
    _check_documents(connection, findings)
    for table, noun in _DOCUMENTS.items():
        _check_records(connection, table, noun, findings)


def ends_of(connection: Connection) -> dict[int, int]:
    """Where each shard ends, as the writer has it: what it appends next stands behind."""
    text = "SELECT shard, position FROM shard"
    if connection.dialect.name == "sqlite":
        text = "SELECT 0, coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'log'"
    return {int(shard): int(end) for shard, end in connection.exec_driver_sql(text)}


def _check_ends(ends: Mapping[int, int], lasts: Mapping[int, int], findings: Findings) -> None:
    for shard in sorted(ends.keys() | lasts.keys()):
        end, last = ends.get(shard, 0), lasts.get(shard, 0)
        findings.checked[ENDS] += 1
        if last != end:
            says = f"it was given out up to position {end}, and its last fact is at {last}"
            findings.add(ENDS, f"log of shard {shard}", says)


def _check_cursors(connection: Connection, ends: Mapping[int, int], findings: Findings) -> None:
    columns = ("follower", "shard", "position")
    for follower, shard, position in raw_rows(connection, "cursor", columns, order=columns[:2]):
        findings.checked[CURSORS] += 1
        end = ends.get(shard, 0) if isinstance(shard, int) else 0
        if not isinstance(position, int) or position > end:
            findings.add(
                CURSORS,
                f"cursor {follower} of shard {shard}",
                f"it is at {position}, and the log ends at {end}",
            )


def _check_documents(connection: Connection, findings: Findings) -> None:
    """What a peer sent is kept under its own hash (T19)."""
    for name, body in raw_rows(connection, "document", ("hash", "body"), order=("hash",)):
        findings.checked[DOCUMENTS] += 1
        found = hashlib.sha256(body).hexdigest() if isinstance(body, bytes) else "no bytes at all"
        if found != name:
            findings.add(DOCUMENTS, f"document {name}", f"its content has the hash {found}")
    for owner, party, cdr_id, content_hash in query(connection, _WITHOUT_DOCUMENT):
        findings.add(DOCUMENTS, f"cdr {cdr_id} of {party} at {owner}", f"there is no document {content_hash}")


def _check_records(connection: Connection, table: str, noun: type, findings: Findings) -> None:
    key = key_names(t.metadata.tables[table])
    decoder: msgspec.json.Decoder[object] = msgspec.json.Decoder(noun)
    for row in raw_rows(connection, table, (*key, "document"), order=key):
        findings.checked[RECORDS] += 1
        try:
            decoder.decode(row[-1] if isinstance(row[-1], str | bytes) else b"")
        except (msgspec.DecodeError, ValueError) as problem:
            findings.add(
                RECORDS, f"{table} {_key(table, key, row)}", f"its document cannot be read: {problem}"
            )


def _key(table: str, key: tuple[str, ...], row: tuple[object, ...]) -> str:
    """Which record; of a card number only the end is shown (T21)."""
    shown = [
        f"…{str(cell)[-4:]}" if (table, name) == ("token", "uid") else cell
        for name, cell in zip(key, row, strict=False)
    ]
    return shown_key(key, tuple(shown))  # pyright: ignore[reportArgumentType]  Any cells will do.
