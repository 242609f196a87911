"""What is not as it was written is found, and named by its row (F26)."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from upkeep_scene import RunningClock, content, fill, made

from elstrada.model.facts import StationConnected
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Work
from elstrada.spine.sqlite import SqliteSpine
from elstrada.spine.upkeep.database import Broken, CannotOpen
from elstrada.spine.upkeep.verify.report import MOST_OF_A_CHECK, Report
from elstrada.spine.upkeep.verify.seals import BLOCK, read_seals
from elstrada.spine.upkeep.verify.whole import verify

_LOG = "log of station/SE*ELS/CP1"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("whole") / "elstrada.db", rounds=10)


@pytest.fixture
def database(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(whole, tmp_path / "elstrada.db"))


def _do(database: Path, *texts: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        for text in texts:
            assert connection.execute(text).rowcount != 0, text
        connection.commit()


def _lines(report: Report) -> str:
    return "\n".join(problem.line() for problem in report.problems)


def test_a_sound_database_is_called_so_and_everything_in_it_was_looked_at(whole: Path) -> None:
    report = verify(whole)
    assert report.sound, report.problems
    rows = content(whole)
    assert report.checked["facts"] == report.checked["log order"] == len(rows["log"])
    assert report.checked["stream heads"] == len(rows["stream"])
    assert report.checked["milestones"] == len(rows["milestone"]) > 0
    assert report.checked["views"] == sum(len(rows[table.name]) for table in t.VIEWS) > 0
    assert report.checked["cursors"] == len(rows["cursor"]) == 2
    assert report.checked["documents"] == len(rows["document"]) == 1


def test_a_running_node_is_no_hindrance_and_no_false_alarm(tmp_path: Path) -> None:
    """Facts and views are committed together, and all is read as of one moment."""

    async def write_on(spine: SqliteSpine) -> None:
        version = 0
        while True:
            hello = StationConnected("ocpp1.6", f"c{version}")
            await spine.commit(Work(appends=(Append("station/SE*ELS/BUSY", version, (hello,)),)))
            version += 1

    async def scene() -> list[Report]:
        spine = SqliteSpine(tmp_path / "elstrada.db", RunningClock())
        await spine.start()
        await fill(spine, rounds=5)
        writing = asyncio.create_task(write_on(spine))
        reports = [await asyncio.to_thread(verify, tmp_path / "elstrada.db") for _ in range(3)]
        writing.cancel()
        await spine.close()
        return reports

    reports = asyncio.run(scene())
    assert [report.problems for report in reports] == [(), (), ()]
    looked_at = [report.checked["facts"] for report in reports]
    assert looked_at[0] < looked_at[1] < looked_at[2], "the writer stood still while the log was read"


@pytest.mark.parametrize(
    ("change", "check", "named"),
    [
        ("UPDATE cdr SET total_energy = '1' WHERE owner = 'SE*ELS'", "views", "total_energy is '1'; the log"),
        ("UPDATE cdr SET document = replace(document, 'S', 'Z')", "views", "document is"),
        ("DELETE FROM bill_line", "views", "the log says there is such a row, and there is none"),
        (
            "INSERT INTO station_state (owner, station_id) VALUES ('SE*ELS', 'GHOST')",
            "views",
            "station_state owner SE*ELS, station_id GHOST: nothing in the log makes such a row",
        ),
        ("UPDATE log SET body = substr(body, 2) WHERE position = 7", "facts", "log 7 of station/SE*ELS/CP0"),
        ("UPDATE log SET kind = 'StationGrew' WHERE position = 7", "facts", "its row calls it StationGrew"),
        (
            "UPDATE log SET at = 'yesterday' WHERE position = 7",
            "facts",
            "log 7 of station/SE*ELS/CP0 version 7",
        ),
        ("UPDATE log SET stream = 'nowhere' WHERE position = 7", "log order", "log 8 of station/SE*ELS/CP0"),
        ("DELETE FROM log WHERE position = 7", "log order", "version 7 was expected after position 6"),
        (
            "UPDATE log SET previous = 3 WHERE position = 7",
            "log order",
            "position 3 is before it; that is position 6",
        ),
        ("UPDATE log SET version = 'x' WHERE position = 7", "log order", "no such thing"),
        (
            "UPDATE stream SET version = version + 1 WHERE stream LIKE '%CP1'",
            "stream heads",
            "station/SE*ELS/CP1",
        ),
        ("DELETE FROM stream WHERE stream LIKE '%CP1'", "stream heads", "it is missing; the log has"),
        ("INSERT INTO stream VALUES ('station/SE*ELS/NO', 3, 3)", "stream heads", "the log has none of it"),
        ("UPDATE milestone SET position = 1 WHERE version = 64", "milestones", "it points at position 1"),
        (
            "DELETE FROM milestone WHERE version = 64 AND stream LIKE '%CP1'",
            "milestones",
            "CP1 version 64: it is missing",
        ),
        (
            "UPDATE cursor SET position = 10000 WHERE follower = 'rater'",
            "cursors",
            "rater of shard 0: it is at 10000",
        ),
        ("UPDATE snapshot SET version = 9999 WHERE stream LIKE '%CP2'", "snapshots", "station/SE*ELS/CP2"),
        ("UPDATE document SET body = x'00'", "documents", "its content has the hash"),
        ("DELETE FROM document", "documents", "there is no document"),
        ("UPDATE party SET document = '{}'", "records", "party party SE*ELS: its document cannot be read"),
    ],
)
def test_each_kind_of_damage_is_named(database: Path, change: str, check: str, named: str) -> None:
    _do(database, change)
    report = verify(database)
    assert not report.sound
    assert check in report.counts
    assert named in _lines(report)
    assert all("\n" not in problem.line() for problem in report.problems)


def test_a_log_whose_end_was_cut_off_is_found(database: Path) -> None:
    """P8: facts, heads and views can agree, and followers still have been further."""
    _do(database, "DELETE FROM log WHERE position > 100")
    report = verify(database)
    assert {"stream heads", "log ends", "views"} <= report.counts.keys()


def test_many_problems_are_counted_and_not_all_named(database: Path) -> None:
    _do(database, "DELETE FROM log WHERE position % 2")
    report = verify(database)
    named = sum(problem.check == "log order" for problem in report.problems)
    assert named == MOST_OF_A_CHECK < report.counts["log order"]


def test_a_card_number_is_not_shown(database: Path) -> None:
    """T21."""
    token = (
        "INSERT INTO token VALUES ('SE*RET', 'SE*RET', '04A1B2C3D4E5F6', 'RFID', 'ref', 'c', '{}', '2026')"
    )
    _do(database, token)
    lines = _lines(verify(database))
    assert "…E5F6" in lines
    assert "04A1B2" not in lines


def test_what_a_station_called_itself_cannot_steer_a_terminal(database: Path) -> None:
    """T14."""
    _do(database, "UPDATE stream SET stream = 'station/\x1b[2J\nfacts: fine' WHERE stream LIKE '%CP1'")
    assert "\x1b" not in _lines(verify(database))
    assert "\nfacts: fine" not in _lines(verify(database))


def test_a_revision_that_is_not_this_versions_is_told_and_nothing_more_is_read(database: Path) -> None:
    _do(database, "UPDATE alembic_version SET version_num = '0002'")
    assert "run `elstrada db migrate` first" in _lines(verify(database))
    _do(database, "UPDATE alembic_version SET version_num = '9999'")
    report = verify(database)
    assert list(report.counts) == ["revision"]
    assert "9999" in _lines(report)


def test_what_is_no_database_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(CannotOpen, match="there is no database"):
        verify(tmp_path / "nothing.db")
    (tmp_path / "text.db").write_text("hello, this is a text and not a database at all" * 100)
    with pytest.raises((Broken, CannotOpen), match="not a database"):
        verify(tmp_path / "text.db")


# --- seals ------------------------------------------------------------------------------------------


def test_a_changed_letter_that_no_view_shows_is_found_by_its_seal(tmp_path: Path) -> None:
    """The price that an authorization noted is in no view; a seal covers every letter of the log."""
    database = made(tmp_path / "elstrada.db", rounds=90)
    seals = tmp_path / "seals"
    assert verify(database, seals=seals).sound
    assert list(read_seals(seals)) == [(0, 0)]
    changed = "UPDATE log SET body = replace(body, 'note-1', 'note-2') WHERE position = 1"
    _do(database, changed)
    assert verify(database).sound
    report = verify(database, seals=seals)
    assert list(report.counts) == ["seals"]
    assert (
        f"positions 0 to {BLOCK - 1}: its {BLOCK - 1} facts are not the {BLOCK - 1} that were sealed"
        in _lines(report)
    )
    assert not verify(database, seals=seals).sound, "a seal was forgotten"


def test_sealing_goes_on_where_it_was(tmp_path: Path) -> None:
    database, seals = made(tmp_path / "elstrada.db", rounds=10), tmp_path / "seals"
    assert verify(database, seals=seals).sound
    assert read_seals(seals) == {}

    async def scene() -> None:
        clock = RunningClock()
        spine = SqliteSpine(database, clock)
        await spine.start()
        for version in range(400):
            hello = tuple(StationConnected("ocpp1.6", f"c{n}") for n in range(30))
            await spine.commit(Work(appends=(Append("station/SE*ELS/NEW", version * 30, hello),)))
        await spine.close()

    asyncio.run(scene())
    assert verify(database, seals=seals).sound
    assert len(read_seals(seals)) == 2


def test_a_file_that_holds_no_seals_is_not_written_over(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("my notes")
    with pytest.raises(Broken, match="holds no seals"):
        verify(whole, seals=tmp_path / "notes")
    assert (tmp_path / "notes").read_text() == "my notes"


def test_any_flipped_bit_in_a_page_is_found_or_is_in_no_row_that_is_vouched_for(tmp_path: Path) -> None:
    """F26. Vouched for is all but the records, which anybody may change, and the log's newest block."""
    database, seals = made(tmp_path / "elstrada.db", rounds=150), tmp_path / "seals"
    assert verify(database, seals=seals).sound
    raw, before = database.read_bytes(), _vouched_for(database)
    chance, found = random.Random(11), 0
    for _ in range(16):
        bit = chance.randrange(len(raw) * 8)
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        damaged = tmp_path / "damaged.db"
        damaged.write_bytes(flipped)
        Path(f"{damaged}-wal").unlink(missing_ok=True)
        Path(f"{damaged}-shm").unlink(missing_ok=True)
        try:
            sound = verify(damaged, seals=seals).sound
        except (Broken, CannotOpen):
            sound = False
        found += not sound
        assert not sound or _vouched_for(damaged) == before, f"bit {bit} was not found"
    assert found > 6


def _vouched_for(database: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT * FROM log WHERE position < ?", (BLOCK,)).fetchall()
        for name in ("stream", "milestone", *(table.name for table in t.VIEWS)):
            rows += connection.execute(f'SELECT * FROM "{name}"').fetchall()
        return rows
