"""What a PostgreSQL server must be set to, or commits are not what we promise (P1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy.engine import Connection

from elstrada.roles.doctor.case import Case, Finding, fine, problem, warning

AREA = "database"
_OLDEST, _EXPECTED = 150000, 170000
_SETTINGS = (
    "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit',"
    " 'data_sync_retry', 'data_checksums', 'max_connections', 'superuser_reserved_connections',"
    " 'synchronous_standby_names', 'archive_mode', 'server_version_num', 'server_version')"
)
_MUST: Mapping[str, tuple[frozenset[str], str]] = {
    "fsync": (frozenset({"on"}), "a power cut may lose or spoil everything"),
    "full_page_writes": (frozenset({"on"}), "a power cut may spoil pages"),
    "synchronous_commit": (
        frozenset({"on", "remote_apply"}),
        "what a station was told we have may be lost in a power cut",
    ),
    "data_sync_retry": (frozenset({"off"}), "the server goes on after the disk lost a page"),
}


def examine_postgres(connection: Connection, case: Case) -> Iterator[Finding]:
    """Settings, room for connections, and whether this is the primary."""
    told = {str(name): str(value) for name, value in connection.exec_driver_sql(_SETTINGS)}
    yield examine_version(told["server_version"], int(told["server_version_num"]))
    if connection.exec_driver_sql("SELECT pg_is_in_recovery()").scalar():
        yield problem(
            AREA, "this server is a standby, which takes no facts", "name the primary in database.url"
        )
    for name, (right, then) in _MUST.items():
        if told.get(name, "") not in right:
            yield problem(AREA, f"{name} is {told.get(name)}: {then}", f"set {name} = {min(right)}")
    if told.get("data_checksums") != "on":
        yield warning(
            AREA,
            "data checksums are off: a page that the disk changed is not noticed",
            "stop the server and run pg_checksums --enable",
        )
    if not told.get("synchronous_standby_names"):
        yield warning(
            AREA,
            "there is no synchronous standby: when the server's disk is lost, so is what was acknowledged since the last backup",
            "set synchronous_standby_names = 'ANY 1 (a, b)' where that matters",
        )
    if told.get("archive_mode") == "off":
        yield warning(
            AREA,
            "archive_mode is off, so there is no point-in-time recovery",
            "archive the server's log, or make backups often",
        )
    yield from _connections(connection, told)


def examine_version(name: str, number: int) -> Finding:
    """Is the server new enough?

    Args:
        number: as ``server_version_num`` says: 180001 for 18.1.
    """
    says = f"it is PostgreSQL {name}"
    if number < _OLDEST:
        return problem(AREA, says, "15 is the oldest that will do, and 17 is expected")
    if number < _EXPECTED:
        without = (
            "which has no transaction_timeout: a node that stands still within a commit holds up the others"
        )
        return warning(AREA, f"{says}, {without}", "upgrade it to 17 or newer")
    return fine(AREA, says)


def _connections(connection: Connection, told: Mapping[str, str]) -> Iterator[Finding]:
    most = int(told["max_connections"]) - int(told["superuser_reserved_connections"])
    used = int(
        connection.exec_driver_sql(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        ).scalar()
        or 0
    )
    says = f"{used} of {most} connections are in use"
    yield warning(AREA, says, "raise max_connections") if used > most * 0.8 else fine(AREA, says)
