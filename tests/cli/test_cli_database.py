"""`elstrada db`: exit codes, JSON documents, and words for what is wrong."""

from __future__ import annotations

import json
import os
import pwd
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from elstrada.cli import root
from elstrada.cli.exits import Exit
from elstrada.spine.lock import lock_beside


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A data directory of the test's own, and no settings from outside."""
    for name in [name for name in os.environ if name.upper().startswith("ELSTRADA_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELSTRADA_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(root, ("db", *arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def told(*arguments: str, status: int = 0) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def test_migrating_says_from_where_to_where_and_again_does_nothing(home: Path) -> None:
    checked = told("migrate", "--check", status=Exit.CHECKS)
    assert (checked["from_revision"], checked["ran"]) == (None, [])
    assert checked["missing"][0] == "0001"
    assert not home.exists(), "a check made something"
    first = told("migrate")
    assert (first["from_revision"], first["to_revision"]) == (None, checked["missing"][-1])
    assert first["ran"] == checked["missing"]
    again = told("migrate")
    assert (again["from_revision"], again["ran"], again["missing"]) == (first["to_revision"], [], [])
    assert told("migrate", "--check")["missing"] == []
    assert (home / "elstrada.db").stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o777 == 0o700
    assert "nothing to do" in run("migrate").stderr


def test_a_database_of_the_future_or_in_use_is_left_alone(home: Path) -> None:
    told("migrate")
    with lock_beside(home / "elstrada.db"):
        assert told("migrate")["ran"] == []
    with closing(sqlite3.connect(home / "elstrada.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    refused = run("migrate")
    assert refused.exit_code == Exit.REFUSED
    assert "revision 9999, which this version does not know" in refused.stderr
    assert json.loads(run("migrate", "--json").stderr)["kind"] == "refused"


def test_backup_restore_verify(home: Path, tmp_path: Path) -> None:
    told("migrate")
    made = told("backup", str(tmp_path / "backup"))
    assert made["manifest"]["engine"] == "sqlite"
    assert made["bytes"] == (tmp_path / "backup").stat().st_size
    assert run("backup", str(tmp_path / "backup")).exit_code == Exit.REFUSED
    assert told("restore", str(tmp_path / "backup"))["revision"] == made["revision"]
    report = told("verify", "--seals", str(tmp_path / "seals"))
    assert report["problems"] == []
    assert "is sound" in run("verify").stderr


def test_backups_in_a_folder_are_named_by_their_time_and_only_the_newest_kept(
    home: Path, tmp_path: Path
) -> None:
    told("migrate")
    folder = tmp_path / "backups"
    folder.mkdir()
    old = [f"elstrada-2026030{day}T020000Z.backup" for day in range(1, 5)]
    for name in (*old, "elstrada-notes.backup", "other"):
        (folder / name).touch()
    made = Path(told("backup", str(folder), "--keep", "3")["file"])
    assert made.parent == folder
    assert sorted(path.name for path in folder.iterdir()) == [
        *old[2:],
        made.name,
        "elstrada-notes.backup",
        "other",
    ]
    assert run("backup", str(tmp_path / "b"), "--keep", "3").exit_code == Exit.USAGE


def test_a_backup_of_a_running_installation_needs_no_stop(home: Path, tmp_path: Path) -> None:
    told("migrate")
    with lock_beside(home / "elstrada.db"):
        told("backup", str(tmp_path / "backup"))
        told("verify")
        refused = run("restore", str(tmp_path / "backup"))
    assert refused.exit_code == Exit.REFUSED
    assert "is in use" in refused.stderr


def test_what_is_there_is_destroyed_only_when_that_is_said_twice(home: Path, tmp_path: Path) -> None:
    told("migrate")
    told("backup", str(tmp_path / "backup"))
    with closing(sqlite3.connect(home / "elstrada.db")) as connection:
        connection.execute("INSERT INTO setting VALUES ('a', 'b')")
        connection.commit()
    assert run("restore", str(tmp_path / "backup")).exit_code == Exit.REFUSED
    half = run("restore", str(tmp_path / "backup"), "--replace")
    assert half.exit_code == Exit.USAGE
    assert "said together" in half.stderr
    told("restore", str(tmp_path / "backup"), "--replace", "--destroy-what-is-there")
    with closing(sqlite3.connect(home / "elstrada.db")) as connection:
        assert connection.execute("SELECT * FROM setting").fetchall() == []


def test_problems_go_to_stdout_one_a_line_and_the_exit_code_says_so(home: Path) -> None:
    told("migrate")
    with closing(sqlite3.connect(home / "elstrada.db")) as connection:
        connection.execute("INSERT INTO cursor VALUES ('rater', 0, 7)")
        connection.execute("INSERT INTO cursor VALUES ('roamer', 0, 8)")
        connection.commit()
    found = run("verify")
    assert found.exit_code == Exit.CHECKS
    assert found.stdout.splitlines() == [
        "cursors: cursor rater of shard 0: it is at 7, and the log ends at 0",
        "cursors: cursor roamer of shard 0: it is at 8, and the log ends at 0",
    ]
    assert told("verify", status=Exit.CHECKS)["counts"] == {"cursors": 2}


def test_what_is_not_there_is_unreachable(tmp_path: Path) -> None:
    assert run("verify").exit_code == Exit.UNREACHABLE
    assert run("backup", str(tmp_path / "b")).exit_code == Exit.UNREACHABLE
    assert run("restore", str(tmp_path / "nothing")).exit_code == Exit.UNREACHABLE
    assert not (tmp_path / "b").exists()


def test_a_postgresql_that_does_not_answer_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """T15."""
    monkeypatch.setenv("ELSTRADA_DATABASE__URL", "postgresql://elstrada:c0ffee-secret@127.0.0.1:1/elstrada")
    for verb in (["migrate"], ["migrate", "--check"], ["verify"], ["backup", "b"]):
        failed = run(*verb)
        assert failed.exit_code == Exit.UNREACHABLE, failed.output
        assert "127.0.0.1:1" in failed.stderr
        assert "c0ffee" not in failed.output


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can do what another owns")
def test_root_does_not_make_files_that_the_service_cannot_open(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    refused = run("migrate")
    assert refused.exit_code == Exit.REFUSED
    assert "do this as nobody" in refused.stderr
    assert list(home.iterdir()) == []


def test_the_verbs_do_not_load_a_server() -> None:
    """A backup must work on a machine where a server could not start."""
    text = (
        "import sys; from click.testing import CliRunner; from elstrada.cli import root;"
        "CliRunner().invoke(root, ['db', 'verify']); print(*sys.modules)"
    )
    modules = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "elstrada.spine.upkeep.verify.whole" in modules
    assert not {"uvicorn", "litestar", "picows", "nats"} & set(modules)
