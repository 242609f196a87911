"""Backups are whole, of one moment, and come back whole or not at all (F24)."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from upkeep_scene import STATIONS, RunningClock, content, fill, made

from elstrada.model.facts import StationConnected
from elstrada.spine.face import Append, Work
from elstrada.spine.lock import lock_beside
from elstrada.spine.migrate import migrate
from elstrada.spine.sqlite import SqliteSpine
from elstrada.spine.upkeep.archive import MANIFEST, SQLITE_MEMBER, opened_archive
from elstrada.spine.upkeep.backup import backup
from elstrada.spine.upkeep.database import Broken, CannotOpen, Refused
from elstrada.spine.upkeep.restore import restore
from elstrada.spine.upkeep.verify.whole import verify


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("whole") / "elstrada.db", rounds=4)


def test_a_backup_under_load_is_whole_and_holds_all_that_was_acknowledged_before(tmp_path: Path) -> None:
    """F24, P1: the writer commits all the time; neither waits for the other."""

    async def scene() -> tuple[int, int, int]:
        spine = SqliteSpine(tmp_path / "elstrada.db", RunningClock())
        await spine.start()
        await fill(spine)
        writing, stop = asyncio.create_task(_write_on(spine, acknowledged)), asyncio.Event()
        await asyncio.sleep(0.05)
        before = acknowledged[-1]
        manifest = await asyncio.to_thread(backup, tmp_path / "elstrada.db", tmp_path / "backup")
        after = acknowledged[-1]
        writing.cancel()
        stop.set()
        await spine.close()
        return before, manifest.log_ends["0"], after

    acknowledged: list[int] = [0]
    before, end, after = asyncio.run(scene())
    assert before <= end <= after
    assert after > before, "the writer did not get on while the backup was made"
    restore(tmp_path / "backup", tmp_path / "again" / "elstrada.db")
    report = verify(tmp_path / "again" / "elstrada.db")
    assert report.sound, report.problems
    assert report.checked["facts"] == end


async def _write_on(spine: SqliteSpine, acknowledged: list[int]) -> None:
    version = 0
    while True:
        hello = StationConnected("ocpp1.6", f"c{version}")
        acknowledged.append(
            await spine.commit(Work(appends=(Append("station/SE*ELS/BUSY", version, (hello,)),)))
        )
        version += 1


def test_what_comes_back_is_what_went(whole: Path, tmp_path: Path) -> None:
    manifest = backup(whole, tmp_path / "backup")
    restored = restore(tmp_path / "backup", tmp_path / "new" / "elstrada.db")
    assert restored.manifest == manifest
    assert content(tmp_path / "new" / "elstrada.db") == content(whole)
    assert manifest.tables["log"].rows == manifest.log_ends["0"] > STATIONS


def test_a_backup_is_for_its_owner_alone_and_unzip_is_enough_to_read_it(whole: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    backup(whole, file)
    assert file.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(file) as packed:
        packed.extractall(tmp_path / "by-hand")
    assert content(tmp_path / "by-hand" / SQLITE_MEMBER) == content(whole)


def test_a_backup_is_never_written_over_and_a_failed_one_leaves_nothing(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("an older backup")
    with pytest.raises(Refused, match="never written over"):
        backup(whole, tmp_path / "there")
    damaged = tmp_path / "damaged" / "elstrada.db"
    damaged.parent.mkdir()
    damaged.write_bytes(_with_a_page_lost(whole.read_bytes()))
    with pytest.raises(Broken):
        backup(damaged, tmp_path / "new")
    with pytest.raises(CannotOpen, match="no database"):
        backup(tmp_path / "nothing.db", tmp_path / "new")
    with pytest.raises(CannotOpen, match="cannot be written"):
        backup(whole, tmp_path / "no-folder" / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged", "there"]


def _with_a_page_lost(raw: bytes) -> bytes:
    return raw[: 4096 * 4] + bytes(4096) + raw[4096 * 5 :]


def test_a_database_that_is_not_ours_is_not_backed_up(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE bread (crumbs)")
    with pytest.raises(Refused, match="nothing to back up"):
        backup(tmp_path / "other.db", tmp_path / "backup")


def test_any_flipped_bit_of_a_backup_is_found_before_anything_is_touched(whole: Path, tmp_path: Path) -> None:
    """F26. Bits that say nothing, such as a date in the zip's directory, may pass; the content is then the same."""
    backup(whole, tmp_path / "backup")
    raw = (tmp_path / "backup").read_bytes()
    chance, found = random.Random(7), 0
    for trial in range(150):
        bit = chance.randrange(len(raw) * 8)
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        (tmp_path / "flipped").write_bytes(flipped)
        target = tmp_path / f"{trial}" / "elstrada.db"
        try:
            restore(tmp_path / "flipped", target)
        except (Broken, Refused):
            found += 1
            assert not target.exists()
        else:
            assert content(target) == content(whole)
            shutil.rmtree(target.parent)
    assert found > 130


def test_a_database_with_content_is_not_restored_over_unless_that_is_said(
    whole: Path, tmp_path: Path
) -> None:
    backup(whole, tmp_path / "backup")
    other = made(tmp_path / "other" / "elstrada.db", rounds=1)
    before = content(other)
    with pytest.raises(Refused, match="is not empty, there are rows in"):
        restore(tmp_path / "backup", other)
    assert content(other) == before
    restore(tmp_path / "backup", other, replace=True)
    assert content(other) == content(whole)
    assert sorted(path.name for path in other.parent.iterdir()) == ["elstrada.db", "elstrada.db.lock"]


def test_an_empty_database_is_restored_into(whole: Path, tmp_path: Path) -> None:
    backup(whole, tmp_path / "backup")
    migrate(tmp_path / "elstrada.db")
    restore(tmp_path / "backup", tmp_path / "elstrada.db")
    assert content(tmp_path / "elstrada.db") == content(whole)


def test_what_a_killed_writer_left_in_its_log_does_not_get_into_the_restored_database(
    whole: Path, tmp_path: Path
) -> None:
    """A write-ahead log that stays beside a new file would be played into it."""
    backup(whole, tmp_path / "backup")
    path = tmp_path / "killed" / "elstrada.db"
    made(path, rounds=1)
    living = sqlite3.connect(path, isolation_level=None)
    living.execute("INSERT INTO setting VALUES ('left', 'over')")
    killed = tmp_path / "restored" / "elstrada.db"
    shutil.copytree(path.parent, killed.parent)
    living.close()
    assert killed.with_name("elstrada.db-wal").stat().st_size > 0
    restore(tmp_path / "backup", killed, replace=True)
    assert content(killed) == content(whole)


def test_a_database_in_use_is_not_restored_into(whole: Path, tmp_path: Path) -> None:
    backup(whole, tmp_path / "backup")
    with lock_beside(tmp_path / "elstrada.db"), pytest.raises(Refused, match="is in use"):
        restore(tmp_path / "backup", tmp_path / "elstrada.db", replace=True)
    assert not (tmp_path / "elstrada.db").exists()


def test_a_backup_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    """F23: revision 0003 knew no heads and no way back from fact to fact."""
    old = tmp_path / "old.db"
    migrate(old, "0003")
    body = msgspec.json.encode(StationConnected("ocpp1.6", "c1")).decode()
    row = ("station/SE*ELS/CP1", "2026-03-01T12:00:00.000000Z", "StationConnected", body)
    with closing(sqlite3.connect(old)) as connection:
        for version in (1, 2):
            text = "INSERT INTO log (shard, stream, version, at, kind, body) VALUES (0, ?, ?, ?, ?, ?)"
            connection.execute(text, (row[0], version, *row[1:]))
        view = "INSERT INTO station_state (owner, station_id, protocol, connection_id, connected_at) VALUES (?, ?, ?, ?, ?)"
        connection.execute(view, ("SE*ELS", "CP1", "ocpp1.6", "c1", row[1]))
        connection.commit()
    assert backup(old, tmp_path / "backup").revision == "0003"
    new = tmp_path / "new.db"
    restore(tmp_path / "backup", new)
    report = verify(new)
    assert report.sound, report.problems
    assert report.checked["stream heads"] == 1


def test_a_backup_of_a_newer_version_is_refused(whole: Path, tmp_path: Path) -> None:
    backup(whole, tmp_path / "backup")
    with zipfile.ZipFile(tmp_path / "backup") as packed, zipfile.ZipFile(tmp_path / "newer", "w") as other:
        other.writestr(SQLITE_MEMBER, packed.read(SQLITE_MEMBER))
        manifest = msgspec.json.decode(packed.read(MANIFEST)) | {"revision": "9999"}
        other.writestr(MANIFEST, msgspec.json.encode(manifest))
    with pytest.raises(Refused, match="revision 9999"):
        restore(tmp_path / "newer", tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()


def test_what_is_no_backup_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    with zipfile.ZipFile(tmp_path / "zip", "w") as other:
        other.writestr("bread", "crumbs")
    for name, says in [("text", "no backup"), ("zip", MANIFEST), ("nothing", "cannot be read")]:
        with pytest.raises((Broken, CannotOpen), match=says):
            restore(tmp_path / name, tmp_path / "new.db")


def test_no_key_is_in_a_backup(whole: Path, tmp_path: Path) -> None:
    """T15: the keys stand beside the database, and stay there."""
    (whole.parent / "keys.json").write_text('{"pepper": "c0ffee"}')
    backup(whole, tmp_path / "backup")
    with opened_archive(tmp_path / "backup") as archive:
        assert set(archive.manifest.members) == {SQLITE_MEMBER}
        assert b"c0ffee" not in b"".join(archive.chunks(SQLITE_MEMBER))


_GROWTH = """
import resource, sys
from pathlib import Path
from elstrada.spine.upkeep.backup import backup
from elstrada.spine.upkeep.restore import restore
small, large, folder = map(Path, sys.argv[1:])
def peak_kb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
backup(small, folder / "small")
restore(folder / "small", folder / "small.db")
before = peak_kb()
backup(large, folder / "large")
restore(folder / "large", folder / "large.db")
print(peak_kb() - before)
"""


def test_a_backup_does_not_hold_the_database_in_memory(whole: Path, tmp_path: Path) -> None:
    """A database of 60 MB is packed and restored by a process that grows by less than a third of it."""
    path = made(tmp_path / "elstrada.db", rounds=1)
    with closing(sqlite3.connect(path)) as connection:
        for number in range(60):
            body = os.urandom(1 << 20)
            connection.execute("INSERT INTO document VALUES (?, ?, '2026')", (f"{number}", body))
        connection.commit()
    assert path.stat().st_size > 60 << 20
    told = subprocess.run(
        [sys.executable, "-c", _GROWTH, whole, path, tmp_path], capture_output=True, text=True, check=True
    )
    assert int(told.stdout) < 20_000
