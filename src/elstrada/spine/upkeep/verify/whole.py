"""One verification, from the engine's pages to the last document."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from elstrada.spine.archived.month import ArchiveAway
from elstrada.spine.archived.shelf import Shelf
from elstrada.spine.upkeep.database import Broken, Database, cause, named, snapshot
from elstrada.spine.upkeep.revisions import revisions_of
from elstrada.spine.upkeep.verify.chains import check_chains
from elstrada.spine.upkeep.verify.companions import check_companions
from elstrada.spine.upkeep.verify.engine import check_engine
from elstrada.spine.upkeep.verify.live_views import check_views
from elstrada.spine.upkeep.verify.replay import Scratch, replay
from elstrada.spine.upkeep.verify.report import Findings, Report
from elstrada.spine.upkeep.verify.seals import Sealing, read_seals, write_seals
from elstrada.spine.upkeep.verify.whole_log import WholeLog, archived_months, check_archive

REVISION, READING = "revision", "reading"


def verify(
    database: Database,
    *,
    seals: Path | None = None,
    scratch: Path | None = None,
    archive: Path | None = None,
) -> Report:
    """Read everything, and say what is not as it must be.

    Args:
        seals: a file with digests of the log, compared and added to; made when it is not there.
        scratch: folder for the views that are made again, about as large as the live ones, and for the
            largest archived month, unpacked; by default the machine's folder for temporary files.
        archive: folder with the archived months, which are read like the rest.
    Raises:
        CannotOpen: the database or a file cannot be reached.
        Broken: the file is not a database at all.
    """
    findings = Findings()
    with snapshot(database) as connection:
        try:
            revisions = revisions_of(connection)
        except (DBAPIError, sqlite3.DatabaseError) as problem:
            raise Broken(f"{named(database)} cannot be read: {cause(problem)}") from None
        guarded = partial(_guarded, connection, findings)
        guarded(lambda: check_engine(connection, findings))
        if not revisions.known:
            findings.add(REVISION, "database", f"revision {revisions.found} is not one this version knows")
        elif revisions.missing:
            says = f"it lacks the revisions {', '.join(revisions.missing)}: run `elstrada db migrate` first"
            findings.add(REVISION, "database", says)
        else:
            _check_content(connection, seals, scratch, Shelf(archive), findings)
    return findings.report(named(database), revisions.found)


def _check_content(
    connection: Connection, seals: Path | None, scratch: Path | None, shelf: Shelf, findings: Findings
) -> None:
    months = archived_months(connection)
    if not check_archive(connection, shelf, months, findings):
        findings.notes.append(
            "the log, its views and its seals are not checked, since part of the archive cannot be read"
        )
        _guarded(connection, findings, lambda: check_companions(connection, None, findings))
        return
    with tempfile.TemporaryDirectory(prefix="elstrada-verify-", dir=scratch) as folder:
        log = WholeLog(connection, shelf, months, Path(folder))
        _check_log(connection, seals, log, Path(folder) / "views.db", findings)


def _check_log(
    connection: Connection, seals: Path | None, log: WholeLog, made: Path, findings: Findings
) -> None:
    kept = {} if seals is None else read_seals(seals)
    sealing = Sealing()
    lasts: dict[int, int] = {}
    guarded = partial(_guarded, connection, findings)
    with closing(Scratch(made)) as views:
        read = guarded(lambda: lasts.update(replay(log.in_order(), views, sealing, findings)))
        if read:
            guarded(lambda: check_views(connection, views.connection, findings))
    guarded(lambda: check_chains(connection, log.by_stream(), findings))
    guarded(lambda: check_companions(connection, lasts, findings))
    if seals is not None and read:
        write_seals(seals, sealing.compare(kept, findings))


def _guarded(connection: Connection, findings: Findings, check: Callable[[], None]) -> bool:
    """Do a check; what makes it impossible to go on reading is a finding too. False: it broke off."""
    try:
        # PostgreSQL refuses every question after one that failed, up to here.
        with connection.begin_nested():
            check()
    except (DBAPIError, sqlite3.DatabaseError, ArchiveAway) as problem:
        findings.add(READING, "database", f"a check broke off: {cause(problem)}")
        return False
    return True
