"""The migrations on PostgreSQL: the tables that the code names, whole or not at all, one run at a time."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from elstrada.model.facts import StationConnected
from elstrada.spine import migrate as migrations
from elstrada.spine import tables
from elstrada.spine.face import Append, Work
from elstrada.spine.postgres import PostgresSpine
from elstrada.spine.postgres_migrate import NEEDED, DatabaseUnready, migrate_postgres
from postgres_server import fresh_database, migrated_database, shared_server

_NOW = datetime(2026, 3, 31, tzinfo=UTC)


class _Clock:
    def now(self) -> datetime:
        return _NOW


@pytest.fixture
def empty() -> Iterator[str]:
    """An empty database, by its address."""
    with fresh_database(shared_server()) as name:
        yield shared_server().url(name)


def _tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {str(name) for (name,) in rows}


def test_models_and_migrations_do_not_differ(empty: str) -> None:
    migrate_postgres(empty, _NOW)
    engine = create_engine(empty.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT relname FROM pg_class WHERE relispartition")
        partitions = {str(name) for (name,) in rows}

        def named(name: str | None, kind: str, _: object) -> bool:
            return kind != "table" or (name not in partitions and name != "alembic_version")

        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": named})
        known = [tables.metadata, tables.postgresql_metadata]
        assert compare_metadata(context, known) == []  # type: ignore[arg-type]
    assert len(partitions) > 4


def test_a_release_needs_a_revision_that_it_ships() -> None:
    """And they are numbered, so that a newer one can be told."""
    names = sorted(revision.revision for revision in ScriptDirectory(migrations.SCRIPTS).walk_revisions())
    assert names == [f"{number:04}" for number in range(1, len(names) + 1)]
    assert NEEDED in names


def test_migrating_again_changes_nothing_and_keeps_the_number_of_shards(empty: str) -> None:
    migrate_postgres(empty, _NOW, shards=2)
    before = _tables(empty)
    migrate_postgres(empty, _NOW, shards=8)
    assert _tables(empty) == before
    assert {"log_0", "log_1"} <= before
    assert "log_2" not in before
    assert {"log_1_2026_03", "log_1_2026_04", "log_1_2026_05"} <= before


@pytest.mark.parametrize("shards", [0, -1, 65])
def test_a_database_has_a_reasonable_number_of_shards(empty: str, shards: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 64 shards, not {shards}"):
        migrate_postgres(empty, _NOW, shards=shards)
    assert _tables(empty) == set()


def test_of_many_that_migrate_at_once_each_finds_it_done(empty: str) -> None:
    failures: list[BaseException] = []

    def migrate() -> None:
        try:
            migrate_postgres(empty, _NOW)
        except BaseException as failure:  # noqa: BLE001  Whatever it is, the test shows it.
            failures.append(failure)

    threads = [threading.Thread(target=migrate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert "log_0_2026_05" in _tables(empty)


_HANGS = """
import sys, time
from datetime import UTC, datetime
from elstrada.spine import postgres_migrate as subject

def hang(*_):
    print("in the middle", flush=True)
    time.sleep(60)

subject.ensure_months = hang
subject.migrate_postgres(sys.argv[1], datetime(2026, 3, 31, tzinfo=UTC))
"""


def test_a_migration_that_is_killed_leaves_nothing_behind_and_completes_when_run_again(empty: str) -> None:
    """F23: SIGKILL when all tables are made and nothing is committed."""
    with subprocess.Popen([sys.executable, "-c", _HANGS, empty], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"in the middle\n"
        child.send_signal(signal.SIGKILL)
    assert _tables(empty) == set()
    migrate_postgres(empty, _NOW)
    assert {"log", "session", "log_0_2026_03"} <= _tables(empty)


async def _started(url: str) -> int:
    spine = PostgresSpine(url, _Clock())
    await spine.start()
    end = await spine.commit(
        Work(appends=(Append("station/SE*ELS/CP1", 0, (StationConnected("ocpp1.6", "c"),)),))
    )
    await spine.close()
    return end


def test_a_node_does_not_start_on_a_database_that_is_too_old_and_says_what_to_do(empty: str) -> None:
    with pytest.raises(DatabaseUnready, match=r"has no tables.*`elstrada db migrate`"):
        asyncio.run(_started(empty))
    migrate_postgres(empty, _NOW)
    with psycopg.connect(empty) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0003'")
    with pytest.raises(DatabaseUnready, match=f"at revision 0003, this release needs {NEEDED}"):
        asyncio.run(_started(empty))


def test_an_old_node_works_on_a_database_that_a_newer_release_has_migrated() -> None:
    """F23: expand, then contract. The newer release has added a table and a column."""
    with migrated_database() as url:
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
            connection.execute("ALTER TABLE station_state ADD COLUMN modem text")
            connection.execute("CREATE TABLE of_the_future (id int PRIMARY KEY)")
        assert asyncio.run(_started(url)) > 0


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_keeps_text_otherwise_is_refused(encoding: str) -> None:
    server = shared_server()
    server.execute(f"CREATE DATABASE otherwise TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    try:
        with pytest.raises(
            DatabaseUnready, match=f"database otherwise has encoding {encoding} .* not UTF8 and C"
        ):
            migrate_postgres(server.url("otherwise"), _NOW)
        assert _tables(server.url("otherwise")) == set()
    finally:
        server.execute("DROP DATABASE otherwise WITH (FORCE)")
