"""What the database engine itself can say about its files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from sqlalchemy.engine import Connection

from elstrada.spine.upkeep.sqlite_files import troubles_in
from elstrada.spine.upkeep.verify.report import Findings

CHECK = "engine"
_MAY_CHECK = (
    "SELECT has_function_privilege(p.oid, 'EXECUTE') FROM pg_proc p"
    " JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'"
    " JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'amcheck'"
    " WHERE p.proname = 'bt_index_check' AND p.pronargs = 2"
)
"""Empty without the extension; false where it is for others."""
_INDEXES = (
    "SELECT bt_index_check(c.oid, true) FROM pg_index i"
    " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam AND a.amname = 'btree'"
    " JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()"
    " WHERE i.indisready AND i.indisvalid AND c.relkind = 'i'"
)
_FAILURES = "SELECT coalesce(checksum_failures, 0) FROM pg_stat_database WHERE datname = current_database()"


def check_engine(connection: Connection, findings: Findings) -> None:
    """Ask the engine."""
    findings.checked[CHECK] += 1
    troubles = (
        _of_sqlite(connection) if connection.dialect.name == "sqlite" else _of_postgres(connection, findings)
    )
    for trouble in troubles:
        findings.add(CHECK, "database", trouble)


def _of_sqlite(connection: Connection) -> Iterator[str]:
    plain = connection.connection.driver_connection
    assert isinstance(plain, sqlite3.Connection)
    yield from troubles_in(plain)


def _of_postgres(connection: Connection, findings: Findings) -> Iterator[str]:
    if connection.exec_driver_sql("SHOW data_checksums").scalar() != "on":
        findings.notes.append(
            "data checksums are off, so the server does not notice a page that the disk changed:"
            " switch them on with pg_checksums while it is stopped"
        )
    failures = connection.exec_driver_sql(_FAILURES).scalar()
    if failures:
        yield f"the server has counted {failures} pages whose checksum is wrong; its log names them"
    if not connection.exec_driver_sql(_MAY_CHECK).scalar():
        findings.notes.append(
            "indexes are not checked against their tables: CREATE EXTENSION amcheck, and GRANT EXECUTE ON"
            " FUNCTION bt_index_check(regclass, boolean) to this role"
        )
    else:
        # Raises at the first index that is not as its table is, and names it.
        connection.exec_driver_sql(_INDEXES).fetchall()
