"""Sealed months become files, and history keeps its meaning (P1, P8, F26; decision 0011)."""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from archive_scene import (
    APRIL,
    FEBRUARY,
    JANUARY,
    LONG,
    MARCH,
    MAY,
    SHARDS,
    STREAMS,
    VERSION,
    Picture,
    archive_before,
    archived_in,
    four_months,
    node,
    partitions,
    picture,
    views,
    whole,
)

from elstrada.model.facts import StationConnected
from elstrada.spine.archived import order
from elstrada.spine.archived.month import ArchiveAway
from elstrada.spine.archived.order import LogOrder
from elstrada.spine.archived.parquet import MonthFile
from elstrada.spine.face import Append, Work
from elstrada.spine.shards import shard_of
from elstrada.spine.sqlite import SqliteSpine
from elstrada.spine.upkeep import month_rows
from elstrada.spine.upkeep.archiving import archive
from elstrada.spine.upkeep.backup import backup
from elstrada.spine.upkeep.database import Broken, CannotOpen, PostgresAt, Refused
from elstrada.spine.upkeep.restore import restore
from elstrada.spine.upkeep.unarchiving import unarchive
from elstrada.spine.upkeep.verify.whole import verify
from postgres_server import fresh_database, shared_server


@pytest.fixture
def url() -> Iterator[str]:
    with four_months() as url:
        yield url


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a month has many, and a stream begins in one and ends in another."""
    monkeypatch.setattr(month_rows, "PART_ROWS", 40)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "archive"
    made.mkdir()
    return made


def seen(url: str, folder: Path | None) -> Picture:
    async def look() -> Picture:
        async with node(url, folder) as spine:
            return await picture(spine)

    return asyncio.run(look())


def whole_of(url: str, folder: Path | None) -> object:
    async def look() -> object:
        async with node(url, folder) as spine:
            return await whole(spine)

    return asyncio.run(look())


def _of_streams(url: str, folder: Path | None) -> list[object]:
    async def look() -> list[object]:
        async with node(url, folder) as spine:
            return [await spine.facts(stream) for stream in STREAMS]

    return asyncio.run(look())


def do(url: str, text: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(text.encode())


# --- history keeps its meaning ----------------------------------------------------------------------


def test_history_is_the_same_when_months_leave_one_by_one_and_when_they_come_back(
    url: str, folder: Path
) -> None:
    """Every question of the spine, at every step, in every mixture of live and archived months."""
    before, rows = seen(url, None), views(url)
    assert (
        sum(len(facts) for (_, after, limit), facts in before.read.items() if (after, limit) == (0, 10_000))
        > 700
    )
    for month in (FEBRUARY, MARCH, APRIL):
        done = archive_before(url, folder, month)
        assert len(done.archived) == SHARDS
        assert seen(url, folder) == before
    assert not partitions(url) & {
        f"log_{shard}_2026_0{month}" for shard in range(SHARDS) for month in (1, 2, 3)
    }
    assert len(unarchive(PostgresAt(url), folder, FEBRUARY)) == SHARDS
    assert seen(url, folder) == before, "with a month in the database between two in the archive"
    for month in (JANUARY, MARCH):
        unarchive(PostgresAt(url), folder, month)
    assert archived_in(url) == []
    assert seen(url, None) == before
    assert views(url) == rows
    assert verify(PostgresAt(url)).sound


def test_archiving_what_was_brought_back_makes_the_same_files(url: str, folder: Path) -> None:
    first = archive_before(url, folder).archived
    unarchive(PostgresAt(url), folder, MARCH)
    again = archive_before(url, folder).archived
    assert [month.sha256 for month in again] == [month.sha256 for month in first if month.month == MARCH]
    assert archive_before(url, folder).archived == ()


def test_a_writer_and_a_reader_notice_nothing(url: str, folder: Path) -> None:
    """P7: appends go on while months leave, and come back; nobody who reads sees a shorter history."""

    async def write(until: asyncio.Event) -> float:
        longest, version = 0.0, 0
        async with node(url, folder) as spine:
            while not until.is_set():
                began = time.monotonic()
                works = [
                    Append(f"station/SE*ELS/BUSY{number}", version, (StationConnected("ocpp1.6", "c"),))
                    for number in range(8)
                ]
                await asyncio.gather(*(spine.commit(Work(appends=(one,))) for one in works))
                version += 1
                longest = max(longest, time.monotonic() - began)
        assert version > 20
        return longest

    async def read(until: asyncio.Event) -> int:
        rounds = 0
        async with node(url, folder) as spine:
            expected = [await spine.facts(stream) for stream in STREAMS]
            logs = [await spine.read(0, 30, shard) for shard in range(SHARDS)]
            while not until.is_set():
                assert [await spine.facts(stream) for stream in STREAMS] == expected
                assert [await spine.read(0, 30, shard) for shard in range(SHARDS)] == logs
                rounds += 1
        return rounds

    async def scene() -> tuple[float, int]:
        end = asyncio.Event()
        writing, reading = asyncio.create_task(write(end)), asyncio.create_task(read(end))
        for month in (FEBRUARY, MARCH, APRIL):
            await asyncio.to_thread(archive_before, url, folder, month)
        for month in (JANUARY, MARCH):
            await asyncio.to_thread(unarchive, PostgresAt(url), folder, month)
        end.set()
        return await writing, await reading

    longest, rounds = asyncio.run(scene())
    assert longest < 2.0
    assert rounds > 1


def test_views_made_again_are_the_same(url: str, folder: Path) -> None:
    before = views(url)
    archive_before(url, folder)
    do(url, "UPDATE session SET energy_wh = 7")

    async def rebuild() -> None:
        async with node(url, folder) as spine:
            await spine.rebuild()

    asyncio.run(rebuild())
    assert views(url) == before


def test_a_new_follower_and_what_waits_for_it_go_through_archived_months(url: str, folder: Path) -> None:
    archive_before(url, folder)

    async def follow() -> list[int]:
        async with node(url, folder) as spine:
            whole = await spine.read(0, 10_000, 0)
            at, found = 0, []
            while facts := await spine.read(at, 37):
                assert (await spine.waiting(at)).count == len(whole) - len(found)
                found += facts
                at = facts[-1].position
            assert found == whole
            return [fact.position for fact in found]

    positions = asyncio.run(follow())
    assert positions == sorted(set(positions))
    assert {position >> 40 for position in positions} == {JANUARY, FEBRUARY, MARCH, APRIL}


def test_a_clock_that_is_behind_puts_nothing_into_an_archived_month(url: str, folder: Path) -> None:
    """F12: positions never fall."""
    archive_before(url, folder)

    async def scene() -> int:
        async with node(url, folder, datetime(2026, 1, 5, tzinfo=UTC)) as spine:
            return await spine.commit(
                Work(appends=(Append("station/SE*ELS/LATE", 0, (StationConnected("ocpp1.6", "c"),)),))
            )

    assert asyncio.run(scene()) >> 40 == APRIL
    before = whole_of(url, folder)
    assert "log_0_2026_01" in partitions(url), "it is made, as every node makes its month, and stays empty"
    unarchive(PostgresAt(url), folder, JANUARY)
    assert whole_of(url, folder) == before
    assert verify(PostgresAt(url), archive=folder).sound


def test_the_library_is_not_needed_where_nothing_is_archived(url: str, folder: Path) -> None:
    text = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "import asyncio; from archive_scene import *; from pathlib import Path\n"
        "async def look():\n"
        "    async with node(sys.argv[1], Path(sys.argv[2])) as spine: return await picture(spine)\n"
        "try: asyncio.run(look())\n"
        "except Exception as problem: print(type(problem).__name__, problem)\n"
    )

    def look() -> str:
        return subprocess.run(
            [sys.executable, "-c", text, url, str(folder)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        ).stdout

    assert look() == ""
    archive_before(url, folder)
    assert "ArchiveAway archived months are Parquet files, and pyarrow is not installed" in look()


def test_of_a_file_only_the_parts_with_the_stream_are_read(url: str, folder: Path) -> None:
    """The rest of the file may be damaged, and nobody who reads this stream reads it."""
    archive_before(url, folder)
    month = next(month for month in archived_in(url) if month.shard == _shard(LONG) and month.month == MARCH)
    with closing(MonthFile(folder / month.file, month)) as file:
        parts = [{row[2] for row in rows} for rows in file.parts()]
        holding = [part for part, streams in enumerate(parts) if LONG in streams]
        assert len(holding) > 3
        assert len(holding) < len(parts), "every part has facts of it"
        assert all(len(file.part(part)) <= 40 for part in range(len(parts)))
        rows = file.of_stream(LONG, 1, 10_000)
        assert [row[3] for row in rows] == [*range(rows[0][3], rows[0][3] + 150)]
        assert file.of_stream(LONG, rows[30][3], rows[33][3]) == rows[30:34]
        spare = next(part for part in range(len(parts)) if part not in holding)
        last_byte = file._parts[spare].end - 1
    path, (other, *_) = folder / month.file, parts[spare]
    bad = bytearray(path.read_bytes())
    bad[last_byte] ^= 1
    path.write_bytes(bad)

    async def scene() -> None:
        async with node(url, folder) as spine:
            assert len(await spine.facts(LONG)) == 600
            with pytest.raises(ArchiveAway, match=rf"part {spare + 1} of \d+ is not what was written"):
                await spine.facts(other)

    asyncio.run(scene())


def test_a_node_that_ends_does_not_wait_for_a_month_to_be_sorted(
    url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    archive_before(url, folder)
    monkeypatch.setattr(order, "_STEPS", 1)
    month = archived_in(url)[0]
    with closing(MonthFile(folder / month.file, month)) as file:
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            LogOrder(file, tmp_path / "sorted.db", lambda: True)
        assert not (tmp_path / "sorted.db").exists()


# --- what is sealed ---------------------------------------------------------------------------------


def test_a_month_is_sealed_when_the_log_has_gone_on_and_every_follower_has_passed_it(
    url: str, folder: Path
) -> None:
    def sealed() -> set[str]:
        done = archive_before(url, folder, APRIL + 5, dry_run=True)
        return {month.name for month in done.sealed}

    everything = {f"log_{shard}_2026_0{month}" for shard in range(SHARDS) for month in (1, 2, 3)}
    assert sealed() == everything, "April, which no later fact has closed, is not"
    march = f"{MARCH}::bigint << 40"
    do(url, f"UPDATE cursor SET position = ({march}) + 3 WHERE follower = 'rater' AND shard = 1")
    assert sealed() == {name for name in everything if not name.endswith("03")}
    done = archive_before(url, folder, APRIL, dry_run=True)
    assert {(open_.month.name, open_.because[:5]) for open_ in done.still} == {
        ("log_0_2026_03", "rater"),
        ("log_1_2026_03", "rater"),
    }
    do(url, "DELETE FROM cursor WHERE follower = 'roamer' AND shard = 1")
    assert sealed() == set(), "a follower that has not begun in a shard is at its beginning"
    assert archive_before(url, folder).archived == ()
    assert list(folder.glob("*.parquet")) == []


def test_a_month_that_is_not_over_by_the_clock_stays_though_another_clock_ran_ahead(
    url: str, folder: Path
) -> None:
    early = datetime(2026, 3, 20, tzinfo=UTC)
    done = archive(PostgresAt(url), folder, APRIL, version=VERSION, now=early, dry_run=True)
    assert {month.number for month in done.sealed} == {JANUARY, FEBRUARY}


def test_a_node_of_another_version_is_waited_for(url: str, folder: Path) -> None:
    """F23: it would take what is left in the database for all there is."""
    do(url, "INSERT INTO node VALUES ('old-1', 'gateway', now(), now(), '0.0.1', '')")
    with pytest.raises(Refused, match=r"node old-1 is of version 0\.0\.1.*finish the upgrade"):
        archive_before(url, folder)


# --- interruptions ----------------------------------------------------------------------------------

_HANGS = """
import sys, time
from pathlib import Path
from archive_scene import archive_before
from elstrada.spine.upkeep import archiving as subject

def hang(*_):
    print("there", flush=True)
    time.sleep(60)

where = sys.argv[3]
if where in ("checked", "recorded"):
    setattr(subject, where, hang)
elif where == "swapped":
    swap = subject._swap
    subject._swap = lambda *given: (swap(*given), hang())
elif where == "parts":
    add = subject.MonthWriter.add
    subject.MonthWriter.add = lambda *given: (add(*given), hang())
elif where == "committed":
    recorded = subject.recorded
    subject.recorded = lambda *given: (recorded(*given), hang())
archive_before(sys.argv[1], Path(sys.argv[2]))
"""


def test_killed_anywhere_nothing_is_lost_and_again_it_completes(url: str, folder: Path) -> None:
    """SIGKILL while a file is written; when it is in place; when it was compared; before COMMIT; after it."""
    before = whole_of(url, None)
    for where in ("parts", "checked", "recorded", "swapped", "committed"):
        _killed(where, url, folder)
        assert len(archived_in(url)) == (1 if where == "committed" else 0), where
        assert whole_of(url, folder) == before, where
    archive_before(url, folder)
    assert len(archived_in(url)) == 3 * SHARDS
    assert whole_of(url, folder) == before
    left = {path.name for path in folder.iterdir()} - {"archive.lock"}
    assert left == {month.file for month in archived_in(url)}, "nothing half written is left"
    assert verify(PostgresAt(url), archive=folder).sound


def _killed(where: str, url: str, folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    program = [sys.executable, "-c", _HANGS, url, str(folder), where]
    with subprocess.Popen(program, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"there\n"
        child.send_signal(signal.SIGKILL)


def test_a_partition_that_others_read_is_waited_for_and_appends_are_not_held_up(
    url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(month_rows, "_TRIES", 4)

    async def scene() -> float:
        async with node(url, folder) as spine:
            archiving = asyncio.create_task(asyncio.to_thread(archive_before, url, folder))
            longest, version = 0.0, 0
            while not archiving.done():
                began = time.monotonic()
                await spine.commit(
                    Work(
                        appends=(Append("station/SE*ELS/BUSY", version, (StationConnected("ocpp1.6", "c"),)),)
                    )
                )
                longest, version = max(longest, time.monotonic() - began), version + 1
            with pytest.raises(Refused, match="is being read all the time"):
                await archiving
            return longest

    before = _of_streams(url, None)
    with psycopg.connect(url) as reader:
        reader.execute("SELECT count(*) FROM log")
        assert asyncio.run(scene()) < 2.0
    assert archived_in(url) == []
    assert archive_before(url, folder).archived
    assert _of_streams(url, folder) == before


# --- damage -----------------------------------------------------------------------------------------


def test_a_missing_file_is_named_and_everything_else_goes_on(url: str, folder: Path) -> None:
    """P8: never a shorter history. When the file is back, no restart is needed."""
    before = seen(url, None)
    archive_before(url, folder)
    january = next(
        month for month in archived_in(url) if month.month == JANUARY and month.shard == _shard(LONG)
    )
    away = folder.parent / january.file

    async def scene() -> None:
        async with node(url, folder) as spine:
            assert await spine.facts(LONG) == before.facts[LONG, 0, 10_000]
            (folder / january.file).rename(away)
            for question in (spine.facts(LONG), spine.load(LONG), spine.rebuild(), _fresh(url, folder)):
                with pytest.raises(ArchiveAway, match=f"{january.file} is not there"):
                    await question
            end = len(before.facts[LONG, 0, 10_000])
            assert await spine.version(LONG) == end
            assert await spine.facts(LONG, end - 20) == before.facts[LONG, 0, 10_000][-20:]
            assert await spine.commit(Work(appends=(Append(LONG, end, (StationConnected("ocpp1.6", "c"),)),)))
            away.rename(folder / january.file)
            assert (await spine.facts(LONG))[:end] == before.facts[LONG, 0, 10_000]

    asyncio.run(scene())
    (folder / january.file).rename(away)
    report = verify(PostgresAt(url), archive=folder)
    assert set(report.counts) == {"archive"}
    assert january.file in report.problems[0].line()
    assert "the log, its views and its seals are not checked" in report.notes[-1]
    with pytest.raises(Broken, match=f"{january.file} is not there"):
        unarchive(PostgresAt(url), folder, JANUARY)
    with pytest.raises(Broken, match=f"{january.file}.*--without-archive"):
        backup(PostgresAt(url), folder.parent / "backup", archive=folder)
    assert not (folder.parent / "backup").exists()


async def _fresh(url: str, folder: Path) -> None:
    """A node that never had the file open."""
    async with node(url, folder) as other:
        await other.read(0, 10, _shard(LONG))


def _shard(stream: str) -> int:
    return shard_of(stream, SHARDS)


def test_without_a_folder_the_message_says_what_to_set(url: str, folder: Path) -> None:
    archive_before(url, folder)
    with pytest.raises(ArchiveAway, match=r"archived as .*parquet, and archive\.dir is not set"):
        seen(url, None)


def test_a_flipped_bit_is_never_believed(url: str, folder: Path) -> None:
    """F26. Wherever it is: every answer is the right one, or an error that names the file."""
    before = seen(url, None)
    archive_before(url, folder)
    victim = next(
        month for month in archived_in(url) if month.month == FEBRUARY and month.shard == _shard(LONG)
    )
    path = folder / victim.file
    good = path.read_bytes()
    chance = random.Random(11)
    offsets = [0, 5, len(good) - 1, len(good) - 6, *(chance.randrange(len(good)) for _ in range(8))]

    async def answers() -> list[str]:
        found = []
        async with node(url, folder) as spine:
            for stream in STREAMS:
                try:
                    assert await spine.facts(stream) == before.facts[stream, 0, 10_000]
                except ArchiveAway as away:
                    found.append(str(away))
            with pytest.raises(ArchiveAway, match=victim.file):
                await spine.read(0, 10_000, victim.shard)
        return found

    for offset in offsets:
        bad = bytearray(good)
        bad[offset] ^= 1 << chance.randrange(8)
        path.write_bytes(bad)
        said = asyncio.run(answers())
        assert said, f"the bit at {offset} of {len(good)} was believed"
        assert all(victim.file in line for line in said)
    report = verify(PostgresAt(url), archive=folder)
    assert set(report.counts) == {"archive"}
    assert victim.file in report.problems[0].line()
    with pytest.raises(Broken, match=victim.file):
        unarchive(PostgresAt(url), folder, FEBRUARY)
    assert victim in archived_in(url)
    path.write_bytes(good[:-100])
    assert "bytes, and" in verify(PostgresAt(url), archive=folder).problems[0].says


def test_another_months_file_under_the_name_is_refused(url: str, folder: Path) -> None:
    archive_before(url, folder)
    one, other = archived_in(url)[:2]
    (folder / one.file).write_bytes((folder / other.file).read_bytes())
    with pytest.raises(ArchiveAway, match=one.file):
        MonthFile(folder / one.file, one)


def test_a_file_that_lacks_facts_is_found_by_the_way_back(url: str, folder: Path) -> None:
    """Even if the database said that the file is right, a chain that breaks off is no history."""
    archive_before(url, folder, FEBRUARY)
    archive_before(url, folder, MARCH)
    do(url, "UPDATE stream SET version = version + 1 WHERE stream LIKE '%BRIEF'")

    async def scene() -> None:
        async with node(url, folder) as spine:
            with pytest.raises(ArchiveAway, match=r"lacks facts of .*BRIEF: version 6 was expected"):
                await spine.facts("station/SE*ELS/BRIEF")

    asyncio.run(scene())


# --- verify and backup ------------------------------------------------------------------------------


def test_a_verification_reads_archived_months_and_seals_hold_across(
    url: str, folder: Path, tmp_path: Path
) -> None:
    whole = verify(PostgresAt(url), seals=tmp_path / "seals")
    archive_before(url, folder)
    after = verify(PostgresAt(url), seals=tmp_path / "seals", archive=folder)
    assert after.sound, after.problems
    assert {**after.checked, "archive": 0, "seals": 0} == {**whole.checked, "archive": 0, "seals": 0}
    assert after.checked["archive"] == 3 * SHARDS
    assert after.checked["seals"] > 0


def test_a_log_that_begins_late_without_an_archive_is_found(url: str, folder: Path, tmp_path: Path) -> None:
    verify(PostgresAt(url), seals=tmp_path / "seals")
    archive_before(url, folder)
    do(url, f"DELETE FROM archived_month WHERE month = {JANUARY}")
    report = verify(PostgresAt(url), seals=tmp_path / "seals", archive=folder)
    assert {"log order", "views", "seals", "milestones", "stream heads"} <= set(report.counts)
    assert any("the stream's first facts are missing" in problem.says for problem in report.problems)


def test_a_month_cannot_leave_while_a_verification_looks(url: str, folder: Path, tmp_path: Path) -> None:
    """Or it would be neither in the log nor, as of the verification's moment, in the archive."""

    async def scene() -> None:
        for _ in range(2):
            verifying = asyncio.create_task(asyncio.to_thread(verify, PostgresAt(url), archive=folder))
            await asyncio.to_thread(archive_before, url, folder)
            report = await verifying
            assert report.sound, report.problems
            for month in (JANUARY, FEBRUARY, MARCH):
                await asyncio.to_thread(unarchive, PostgresAt(url), folder, month)

    asyncio.run(scene())


def test_a_backup_holds_the_archive_and_brings_it_back_elsewhere(
    url: str, folder: Path, tmp_path: Path
) -> None:
    """F24."""
    before, rows = whole_of(url, None), views(url)
    archive_before(url, folder)
    manifest = backup(PostgresAt(url), tmp_path / "backup", archive=folder)
    assert len(manifest.archived) == 3 * SHARDS
    elsewhere = tmp_path / "elsewhere"
    with fresh_database(shared_server()) as name:
        there = PostgresAt(shared_server().url(name))
        with pytest.raises(Refused, match=r"6 archived months: set archive\.dir"):
            restore(tmp_path / "backup", there)
        with pytest.raises(CannotOpen, match="there is no folder"):
            restore(tmp_path / "backup", there, archive=elsewhere)
        elsewhere.mkdir()
        restore(tmp_path / "backup", there, archive=elsewhere)
        assert whole_of(there.url, elsewhere) == before
        assert views(there.url) == rows
        assert verify(there, archive=elsewhere).sound
        unarchive(there, elsewhere, JANUARY)
        assert whole_of(there.url, elsewhere) == before
    with pytest.raises(Refused, match="SQLite archives none"):
        restore(tmp_path / "backup", tmp_path / "elstrada.db", archive=elsewhere)


def test_a_backup_without_the_archive_needs_its_files_beside_it(
    url: str, folder: Path, tmp_path: Path
) -> None:
    before = whole_of(url, None)
    archive_before(url, folder)
    manifest = backup(PostgresAt(url), tmp_path / "backup", with_archive=False)
    assert len(manifest.archived) == 3 * SHARDS
    assert not any(name.startswith("archive/") for name in manifest.members)
    with fresh_database(shared_server()) as name:
        there = PostgresAt(shared_server().url(name))
        restore(tmp_path / "backup", there, archive=folder)
        assert whole_of(there.url, folder) == before
    (folder / manifest.archived[0].name).unlink()
    with fresh_database(shared_server()) as name:
        there = PostgresAt(shared_server().url(name))
        with pytest.raises(Broken, match=manifest.archived[0].name):
            restore(tmp_path / "backup", there, archive=folder)
        assert partitions(there.url) == set()


# --- refusals ---------------------------------------------------------------------------------------


def test_sqlite_has_no_archive(tmp_path: Path, folder: Path) -> None:
    async def make() -> None:
        spine = SqliteSpine(tmp_path / "elstrada.db", node)  # type: ignore[arg-type]
        await spine.start()
        await spine.close()

    asyncio.run(make())
    with pytest.raises(Refused, match="archives are for PostgreSQL"):
        archive(tmp_path / "elstrada.db", folder, APRIL, version=VERSION, now=MAY)


def test_a_folder_that_is_not_mounted_is_not_made_in_its_place(url: str, folder: Path) -> None:
    with pytest.raises(CannotOpen, match="there is no folder"):
        archive_before(url, folder / "not-mounted")


def test_two_do_not_archive_into_one_folder_at_once(url: str, folder: Path) -> None:
    with (folder / "archive.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Refused, match="another process archives"):
            archive_before(url, folder)
    with pytest.raises(Refused, match="nothing archived of this month"):
        unarchive(PostgresAt(url), folder, JANUARY)
