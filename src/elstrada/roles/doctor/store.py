"""The database: reachable, up to date, as safe as we promise, and its followers not behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from elstrada.roles.doctor.archive import examine_archive
from elstrada.roles.doctor.case import Case, Finding, fine, problem, warning
from elstrada.roles.doctor.machine import examine_open_files
from elstrada.roles.doctor.nodes import examine_nodes
from elstrada.roles.doctor.postgres import examine_postgres
from elstrada.roles.keys import load_keys
from elstrada.roles.upkeep import database_of
from elstrada.spine.upkeep.database import Broken, CannotOpen, cause, named, snapshot
from elstrada.spine.upkeep.revisions import Revisions, revisions_of

AREA, LAG = "database", "followers"
FOLLOWERS = ("biller", "cashier", "meterer", "rater", "roamer")
_SKEW, _BAD_SKEW = timedelta(seconds=2), timedelta(seconds=30)
_BEHIND, _STUCK = timedelta(minutes=1), timedelta(minutes=15)


def examine_store(case: Case) -> Iterator[Finding]:
    """Everything that the database can tell."""
    database = database_of(case.config)
    if isinstance(database, Path) and not database.exists():
        yield warning(AREA, f"{database} does not exist yet", "`elstrada serve` makes it at its first start")
        return
    try:
        with snapshot(database) as connection:
            yield fine(AREA, f"{named(database)} can be read")
            if connection.dialect.name == "postgresql":
                yield from examine_postgres(connection, case)
            else:
                yield from _sqlite(connection)
            yield from _content(connection, case)
    except (CannotOpen, Broken) as trouble:
        hint = "is the server running, and the address right?" if case.config.database.url else ""
        yield problem(AREA, str(trouble), hint)
    except DBAPIError as trouble:
        yield problem(AREA, f"it cannot be read: {cause(trouble)}", "run `elstrada db verify`")


def _sqlite(connection: Connection) -> Iterator[Finding]:
    mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    if mode != "wal":
        yield warning(AREA, f"its journal mode is {mode}, not wal", "start the server once, which sets it")


def _content(connection: Connection, case: Case) -> Iterator[Finding]:
    revisions = revisions_of(connection)
    if not revisions.known:
        yield _newer(connection, revisions)
        return
    if revisions.missing:
        yield problem(
            AREA, f"it lacks the revisions {', '.join(revisions.missing)}", "run `elstrada db migrate`"
        )
        return
    yield fine(AREA, f"it is at revision {revisions.found}, the newest")
    stations = int(connection.exec_driver_sql("SELECT count(*) FROM station").scalar() or 0)
    yield from examine_open_files(case, stations)
    if not connection.exec_driver_sql("SELECT count(*) FROM party").scalar() and not case.config.parties:
        yield warning(
            "config", "there is no party to act for", "add [[parties]], or use `elstrada party put`"
        )
    yield from _keys(connection, case)
    yield from _clock(connection, case)
    yield from _followers(connection, case)
    yield from examine_archive(connection, case)
    if case.config.database.url is not None:
        yield from examine_nodes(connection, case)


def _newer(connection: Connection, revisions: Revisions) -> Finding:
    """Nodes on PostgreSQL work on with the tables of the version to come; SQLite has one node."""
    says = f"revision {revisions.found} is not one this version knows (its newest is {revisions.head})"
    if connection.dialect.name == "postgresql":
        return warning(AREA, says, "finish the upgrade, and ask the doctor of the new version")
    return problem(AREA, says, "use the version that migrated it, or a newer one")


def _keys(connection: Connection, case: Case) -> Iterator[Finding]:
    """Are the keys beside us those that the database was made with?"""
    made_with = connection.exec_driver_sql("SELECT value FROM setting WHERE name = 'keys'").scalar()
    path = case.config.keys_path
    if made_with is None or not path.exists():
        return
    try:
        ours = load_keys(path).fingerprint()
    except (OSError, ValueError):
        return  # Told where files are examined.
    if ours != made_with:
        yield problem(
            "files",
            f"{path} holds other keys than those this database was made with",
            "bring the right ones back from your backup: with these, every station and partner is locked out",
        )
    else:
        yield fine("files", "the keys are those that the database was made with")


def _clock(connection: Connection, case: Case) -> Iterator[Finding]:
    """Ours against the database's: of a PostgreSQL server, or of the newest fact."""
    newest = _moment(
        connection.exec_driver_sql(
            "SELECT max(at) FROM (SELECT at FROM log ORDER BY position DESC LIMIT 1000) AS newest"
        ).scalar()
    )
    if newest is not None and newest - case.machine.now > _SKEW:
        yield problem(
            "clock",
            f"the newest fact was recorded at {newest:%Y-%m-%d %H:%M:%S}Z, which is to come",
            "set the clock by NTP",
        )
    if connection.dialect.name != "postgresql":
        return
    skew = abs(
        (_moment(connection.exec_driver_sql("SELECT clock_timestamp()").scalar()) or case.machine.now)
        - datetime.now(case.machine.now.tzinfo)
    )
    told = f"it differs by {skew.total_seconds():.1f} s from the database server's"
    if skew > _BAD_SKEW:
        yield problem("clock", told, "set both by NTP")
    elif skew > _SKEW:
        yield warning("clock", told, "set both by NTP")
    else:
        yield fine("clock", told)


def _followers(connection: Connection, case: Case) -> Iterator[Finding]:
    for source, sample in connection.exec_driver_sql(
        "SELECT source, sample FROM finding WHERE code = 'poison'"
    ):
        yield warning(
            LAG,
            f"{source} stopped once, at {str(sample)[:200]}",
            "see `elstrada finding list`; it goes on after a restart with the cause mended",
        )
    places = {
        (str(follower), int(shard)): int(position)
        for follower, shard, position in connection.exec_driver_sql(
            "SELECT follower, shard, position FROM cursor"
        )
    }
    shards = {int(shard) for (shard,) in connection.exec_driver_sql("SELECT DISTINCT shard FROM log")}
    for name in FOLLOWERS:
        waits = [_waits(connection, places.get((name, shard), 0), shard) for shard in sorted(shards)]
        yield _follower(name, sum(count for count, _ in waits), [at for _, at in waits if at], case)


def _waits(connection: Connection, position: int, shard: int) -> tuple[int, datetime | None]:
    text = f"SELECT count(*), min(at) FROM (SELECT at FROM log WHERE shard = {shard} AND position > {position} ORDER BY position LIMIT 10000) AS behind"  # noqa: S608  Numbers.
    row = connection.exec_driver_sql(text).one()
    return int(row[0]), _moment(row[1])


def _follower(name: str, count: int, oldest: list[datetime], case: Case) -> Finding:
    if not oldest:
        return fine(LAG, f"{name} has done everything")
    behind = case.machine.now - min(oldest)
    told = f"{count} facts wait for {name}, the oldest since {min(oldest):%Y-%m-%d %H:%M:%S}Z"
    if behind > _STUCK:
        return problem(LAG, told, "is a node with this role running, and what does its log say?")
    return warning(LAG, told) if behind > _BEHIND else fine(LAG, told)


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value) if isinstance(value, str) else None
