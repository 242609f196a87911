"""The same on PostgreSQL, and from one engine to the other (F23, F24, F26)."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import zipfile
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import psycopg
import pytest
from upkeep_scene import RunningClock, content, fill, made

from elstrada.model.facts import StationConnected
from elstrada.spine import tables as t
from elstrada.spine.columns import moment_text
from elstrada.spine.face import Append, Recorded, Work
from elstrada.spine.months import RUNNING_BITS
from elstrada.spine.postgres import PostgresSpine
from elstrada.spine.sqlite import SqliteSpine
from elstrada.spine.statements import bound
from elstrada.spine.upkeep.archive import MANIFEST
from elstrada.spine.upkeep.backup import backup
from elstrada.spine.upkeep.database import CannotOpen, PostgresAt, Refused
from elstrada.spine.upkeep.migration import migrate_database, revisions_in
from elstrada.spine.upkeep.restore import restore
from elstrada.spine.upkeep.shard_anew import EXPRESSIONS
from elstrada.spine.upkeep.verify.report import Report
from elstrada.spine.upkeep.verify.whole import verify
from postgres_server import PostgresServer, fresh_database, migrated_database, shared_server


def _filled(url: str, rounds: int = 6) -> PostgresAt:
    async def scene() -> None:
        spine = PostgresSpine(url, RunningClock())
        await spine.start()
        await fill(spine, rounds)
        await spine.close()

    asyncio.run(scene())
    return PostgresAt(url)


@pytest.fixture(scope="module")
def whole() -> Iterator[PostgresAt]:
    """Four shards; nobody changes it."""
    with migrated_database() as url:
        yield _filled(url)


@pytest.fixture
def database() -> Iterator[PostgresAt]:
    with migrated_database() as url:
        yield _filled(url, rounds=6)


@pytest.fixture
def empty() -> Iterator[PostgresAt]:
    with fresh_database(shared_server()) as name:
        yield PostgresAt(shared_server().url(name))


def _rows(database: PostgresAt) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, sorted."""
    tables = [*t.metadata.sorted_tables, *t.postgresql_metadata.sorted_tables]
    with psycopg.connect(database.url) as connection:
        return {
            table.name: sorted(
                connection.execute(f'SELECT * FROM "{table.name}"'.encode()).fetchall(), key=repr
            )
            for table in tables
        }


def _do(database: PostgresAt, *texts: str) -> None:
    with psycopg.connect(database.url) as connection:
        for text in texts:
            assert connection.execute(text.encode()).rowcount != 0, text


def _lines(report: Report) -> str:
    return "\n".join(problem.line() for problem in report.problems)


# --- backup and restore -----------------------------------------------------------------------------


def test_what_comes_back_is_what_went(whole: PostgresAt, empty: PostgresAt, tmp_path: Path) -> None:
    manifest = backup(whole, tmp_path / "backup")
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600
    assert manifest.engine == "postgresql"
    restore(tmp_path / "backup", empty)
    assert _rows(empty) == _rows(whole)
    report = verify(empty)
    assert report.sound, report.problems
    assert report.checked["facts"] == manifest.tables["log"].rows > 0


def test_a_restored_database_goes_on_where_it_was(
    whole: PostgresAt, empty: PostgresAt, tmp_path: Path
) -> None:
    """The next facts stand behind those that came back, in every shard."""
    backup(whole, tmp_path / "backup")
    restore(tmp_path / "backup", empty)
    _append_to(empty, "station/SE*ELS/NEW")
    report = verify(empty)
    assert report.sound, report.problems


def _append_to(database: PostgresAt, stream: str) -> None:
    async def scene() -> None:
        spine = PostgresSpine(database.url, RunningClock())
        await spine.start()
        for number in range(8):
            hello = StationConnected("ocpp1.6", "c")
            await spine.commit(Work(appends=(Append(f"{stream}{number}", 0, (hello,)),)))
        await spine.close()

    asyncio.run(scene())


def test_a_backup_under_load_is_of_one_moment(tmp_path: Path) -> None:
    """F24."""

    async def write_on(spine: PostgresSpine, acknowledged: list[int]) -> None:
        for version in itertools.count():
            streams = [f"station/SE*ELS/BUSY{number}" for number in range(4)]
            hello = StationConnected("ocpp1.6", f"c{version}")
            await spine.commit(Work(appends=tuple(Append(stream, version, (hello,)) for stream in streams)))
            acknowledged.append(version + 1)

    async def scene(url: str) -> tuple[int, int]:
        spine = PostgresSpine(url, RunningClock())
        await spine.start()
        await fill(spine, rounds=3)
        acknowledged = [0]
        writing = asyncio.create_task(write_on(spine, acknowledged))
        await asyncio.sleep(0.2)
        before = acknowledged[-1]
        await asyncio.to_thread(backup, PostgresAt(url), tmp_path / "backup")
        after = acknowledged[-1]
        writing.cancel()
        await spine.close()
        return before, after

    with migrated_database() as url, fresh_database(shared_server()) as name:
        before, after = asyncio.run(scene(url))
        restored = PostgresAt(shared_server().url(name))
        restore(tmp_path / "backup", restored)
        busy = [row for row in _rows(restored)["stream"] if "BUSY" in str(row[0])]
        report = verify(restored)
    versions = {row[1] for row in busy}
    assert len(busy) == 4
    assert len(versions) == 1, "some of a work's facts are in the backup, and some are not"
    assert 0 < before <= versions.pop() <= after
    assert report.sound, report.problems


def test_a_database_with_content_or_nodes_is_not_restored_over(
    whole: PostgresAt, database: PostgresAt, tmp_path: Path
) -> None:
    backup(whole, tmp_path / "backup")
    before = _rows(database)
    with pytest.raises(Refused, match="is not empty, there are rows in"):
        restore(tmp_path / "backup", database)

    async def with_a_node() -> None:
        spine = PostgresSpine(database.url, RunningClock())
        await spine.start()
        await spine.cursor("rater")
        try:
            await asyncio.to_thread(restore, tmp_path / "backup", database, replace=True)
        finally:
            await spine.close()

    with pytest.raises(Refused, match=r"nodes have \d connections to it; stop them first"):
        asyncio.run(with_a_node())
    assert _rows(database) == before
    restore(tmp_path / "backup", database, replace=True)
    assert _rows(database) == _rows(whole)


def test_a_restore_that_breaks_off_leaves_everything_as_it_was(
    whole: PostgresAt, database: PostgresAt, tmp_path: Path
) -> None:
    """All or nothing: here the last table's rows are twice there."""
    backup(whole, tmp_path / "backup")
    before = _rows(database)
    with zipfile.ZipFile(tmp_path / "backup") as good, zipfile.ZipFile(tmp_path / "bad", "w") as bad:
        manifest = msgspec.json.decode(good.read(MANIFEST))
        for name in manifest["members"]:
            raw = good.read(name)
            if name == "stream.copy":
                raw += raw
                manifest["members"][name] = {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
            bad.writestr(name, raw)
        bad.writestr(MANIFEST, msgspec.json.encode(manifest))
    with pytest.raises(Refused, match="cannot take this backup: duplicate key"):
        restore(tmp_path / "bad", database, replace=True)
    assert _rows(database) == before


def test_shards_are_chosen_for_a_new_database_and_never_again(empty: PostgresAt, tmp_path: Path) -> None:
    migrate_database(empty, shards=3)
    with psycopg.connect(empty.url) as connection:
        assert connection.execute("SELECT count(*) FROM shard").fetchone() == (3,)
    with pytest.raises(Refused, match="fixed"):
        migrate_database(empty, shards=2)
    migrate_database(empty)
    with pytest.raises(Refused, match="PostgreSQL only"):
        migrate_database(tmp_path / "elstrada.db", shards=2)


def test_a_sqlite_log_becomes_shards_of_months(empty: PostgresAt, tmp_path: Path) -> None:
    """Facts, views, records and effects are the same; positions rise as before, and tell their month."""
    migrate_database(empty, shards=4)
    source = made(tmp_path / "elstrada.db", rounds=12)
    backup(source, tmp_path / "backup")
    restore(tmp_path / "backup", empty)
    report = verify(empty)
    assert report.sound, report.problems
    ours, theirs = content(source), _rows(empty)
    assert {row[1] for row in theirs["log"]} == {0, 1, 2, 3}
    for table in (*t.VIEWS, *t.RECORDS, t.snapshot):
        if table.name != "mark":
            assert sorted(map(repr, ours[table.name])) == sorted(
                repr(_as_sqlite(row)) for row in theirs[table.name]
            ), table.name
    order = [row[:2] for row in sorted(theirs["log"], key=lambda row: row[0])]
    assert [position for position, _ in order] == sorted(position for position, _ in order)
    assert {position >> RUNNING_BITS for position, _ in order} == {(2026 - 2000) * 12 + 2}
    assert sorted(row[:2] for row in theirs["cursor"]) == [
        (name, shard) for name in ("rater", "roamer") for shard in range(4)
    ]


def _as_sqlite(row: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(
        moment_text(cell)
        if isinstance(cell, datetime)
        else str(cell)
        if isinstance(cell, Decimal)
        else bound(cell)
        for cell in row
    )  # type: ignore[arg-type]


def test_followers_go_on_from_where_they_were_on_sqlite(empty: PostgresAt, tmp_path: Path) -> None:
    """What the rater had not done before the move it finds after it, all of it and nothing else (P4)."""
    migrate_database(empty, shards=4)
    source = made(tmp_path / "elstrada.db", rounds=4)
    backup(source, tmp_path / "backup")
    restore(tmp_path / "backup", empty)

    async def left(spine: SqliteSpine | PostgresSpine) -> set[tuple[str, int]]:
        await spine.start()
        facts: list[Recorded] = []
        for shard in range(spine.shards):
            facts += await spine.read(await spine.cursor("rater", shard), 10_000, shard)
        await spine.close()
        return {(fact.stream, fact.version) for fact in facts}

    before = asyncio.run(left(SqliteSpine(source, RunningClock())))
    assert asyncio.run(left(PostgresSpine(empty.url, RunningClock()))) == before
    assert len(before) > 100


def test_one_shard_can_go_back_to_sqlite_and_come_again(tmp_path: Path) -> None:
    with migrated_database(shards=1) as url, migrated_database(shards=4) as other:
        database = _filled(url)
        backup(database, tmp_path / "first")
        restore(tmp_path / "first", tmp_path / "elstrada.db")
        report = verify(tmp_path / "elstrada.db")
        assert report.sound, report.problems
        backup(tmp_path / "elstrada.db", tmp_path / "second")
        restore(tmp_path / "second", PostgresAt(other))
        assert verify(PostgresAt(other)).sound
        for table in t.RECORDS:
            assert _rows(PostgresAt(other))[table.name] == _rows(database)[table.name]


def test_every_position_that_is_kept_anywhere_moves_along() -> None:
    """A table with a place in the log that is not named here would point at another fact after the move."""
    kept = {
        (table.name, column.name)
        for table in t.metadata.sorted_tables
        for column in table.columns
        if column.name in ("position", "previous", "shard")
    }
    assert kept == EXPRESSIONS.keys()


def test_several_shards_cannot_become_the_one_log_of_sqlite(whole: PostgresAt, tmp_path: Path) -> None:
    backup(whole, tmp_path / "backup")
    with pytest.raises(Refused, match="4 shards, whose positions are their own"):
        restore(tmp_path / "backup", tmp_path / "elstrada.db")
    assert not (tmp_path / "elstrada.db").exists()


# --- verify -----------------------------------------------------------------------------------------


def test_a_sound_database_is_called_so_and_everything_in_it_was_looked_at(whole: PostgresAt) -> None:
    report = verify(whole)
    assert report.sound, report.problems
    rows = _rows(whole)
    assert report.checked["facts"] == report.checked["log order"] == len(rows["log"])
    assert report.checked["stream heads"] == len(rows["stream"])
    assert report.checked["views"] == sum(len(rows[table.name]) for table in t.VIEWS)
    assert report.checked["log ends"] == 4


def test_a_running_node_is_no_hindrance_and_no_false_alarm() -> None:
    async def write_on(spine: PostgresSpine) -> None:
        for version in itertools.count():
            hello = StationConnected("ocpp1.6", f"c{version}")
            works = [Append(f"station/SE*ELS/BUSY{number}", version, (hello,)) for number in range(8)]
            await asyncio.gather(*(spine.commit(Work(appends=(one,))) for one in works))

    async def scene(url: str) -> list[Report]:
        spine = PostgresSpine(url, RunningClock())
        await spine.start()
        await fill(spine, rounds=3)
        writing = asyncio.create_task(write_on(spine))
        reports = [await asyncio.to_thread(verify, PostgresAt(url)) for _ in range(3)]
        writing.cancel()
        await spine.close()
        return reports

    with migrated_database() as url:
        reports = asyncio.run(scene(url))
    assert [report.problems for report in reports] == [(), (), ()]
    assert reports[0].checked["facts"] < reports[2].checked["facts"]


@pytest.mark.parametrize(
    ("change", "check", "named"),
    [
        ("UPDATE cdr SET total_energy = 1 WHERE owner = 'SE*ELS'", "views", "total_energy is '1'; the log"),
        ("DELETE FROM bill_line", "views", "there is none"),
        (
            "UPDATE log SET body = substr(body, 2) WHERE version = 7 AND stream LIKE '%CP0'",
            "facts",
            "CP0 version 7",
        ),
        ("DELETE FROM log WHERE version = 7 AND stream LIKE '%CP0'", "log order", "version 7 was expected"),
        (
            "UPDATE log SET previous = 3 WHERE version = 7 AND stream LIKE '%CP0'",
            "log order",
            "position 3 is before",
        ),
        ("UPDATE stream SET version = 1 WHERE stream LIKE '%CP1'", "stream heads", "station/SE*ELS/CP1"),
        ("DELETE FROM milestone WHERE version = 64 AND stream LIKE '%CP1'", "milestones", "CP1 version 64"),
        ("UPDATE cursor SET position = position + (1::bigint << 50)", "cursors", "the log ends at"),
        ("UPDATE shard SET position = 3 WHERE shard = 0", "log ends", "log of shard 0"),
        ("UPDATE document SET body = '\\x00'", "documents", "its content has the hash"),
    ],
)
def test_each_kind_of_damage_is_named(database: PostgresAt, change: str, check: str, named: str) -> None:
    _do(database, change)
    report = verify(database)
    assert check in report.counts
    assert named in _lines(report)


def test_a_flipped_bit_in_a_page_is_found_by_the_servers_checksums(tmp_path: Path) -> None:
    """F26. The page is changed in the file, while the server is stopped."""
    server = PostgresServer()
    try:
        server.start()
        with fresh_database(server) as name:
            database = PostgresAt(server.url(name))
            migrate_database(database)
            _filled(database.url)
            assert verify(database).sound
            file = server.execute("SELECT pg_relation_filepath('cdr')", name)[0][0]
            server.stop()
            _flip(server.data / str(file))
            server.start()
            report = verify(database)
            assert "invalid page in block 0" in _lines(report)
            assert "reading" in report.counts
            assert report.checked["log order"] > 0, "nothing was read after the damage"
    finally:
        server.remove()


def test_an_index_that_lacks_a_row_is_found_where_amcheck_is(tmp_path: Path) -> None:
    """F26: pg_amcheck's check, by the extension that it uses. The index is put back as it was before a row."""
    server = PostgresServer()
    try:
        server.start()
        if not server.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'amcheck'"):
            pytest.skip("this server has no amcheck")
        with fresh_database(server) as name:
            database = PostgresAt(server.url(name))
            migrate_database(database)
            server.execute("CREATE EXTENSION amcheck", name)
            _filled(database.url)
            report = verify(database)
            assert report.sound, report.problems
            assert not any("indexes" in note for note in report.notes)
            file = server.data / str(
                server.execute("SELECT pg_relation_filepath('setting_pkey')", name)[0][0]
            )
            server.stop()
            before = file.read_bytes()
            server.start()
            _do(database, "INSERT INTO setting VALUES ('later', '1')")
            server.stop()
            file.write_bytes(before)
            server.start()
            report = verify(database)
            assert "setting_pkey" in _lines(report)
            assert list(report.counts) == ["reading"]
    finally:
        server.remove()


def _flip(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[8000] ^= 4
    file.write_bytes(raw)


# --- migrate ----------------------------------------------------------------------------------------


def test_migrating_makes_the_tables_and_again_does_nothing(empty: PostgresAt) -> None:
    before = revisions_in(empty)
    assert (before.found, before.missing[-1]) == (None, before.head)
    migrate_database(empty)
    assert revisions_in(empty).missing == ()
    rows = _rows(empty)
    migrate_database(empty)
    assert _rows(empty) == rows


def test_a_database_whose_texts_are_not_as_everywhere_is_refused(tmp_path: Path) -> None:
    server = shared_server()
    name = "sorted_otherwise"
    server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        database = PostgresAt(server.url(name))
        with pytest.raises(Refused, match="not UTF8 and C"):
            migrate_database(database)
        backup(made(tmp_path / "elstrada.db", rounds=1), tmp_path / "backup")
        with pytest.raises(Refused, match="not UTF8 and C"):
            restore(tmp_path / "backup", database)
    finally:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_an_address_where_nobody_is_is_told_without_its_password() -> None:
    """T15."""
    nobody = PostgresAt("postgresql://elstrada:c0ffee@127.0.0.1:1/elstrada")
    assert "c0ffee" not in repr(nobody)
    with pytest.raises(CannotOpen, match=r"127\.0\.0\.1:1/elstrada cannot be opened") as refused:
        verify(nobody)
    assert "c0ffee" not in str(refused.value)
