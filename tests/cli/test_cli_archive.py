"""`elstrada db archive` and `unarchive`: what they say, and where they refuse."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from elstrada.cli import root
from elstrada.cli.exits import Exit
from elstrada.model.facts import StationConnected
from elstrada.spine.face import Append, Work
from elstrada.spine.postgres import PostgresSpine
from postgres_server import migrated_database

CP1 = "station/SE*ELS/CP1"


class _Clock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The archive's folder; a database with a fact in each of three months; no settings from outside."""
    for name in [name for name in os.environ if name.upper().startswith("ELSTRADA_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "archive"
    made.mkdir()
    with migrated_database(shards=1) as url:
        asyncio.run(_fill(url))
        monkeypatch.setenv("ELSTRADA_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("ELSTRADA_DATABASE__URL", url)
        monkeypatch.setenv("ELSTRADA_ARCHIVE__DIR", str(made))
        yield made


async def _fill(url: str) -> None:
    clock = _Clock()
    spine = PostgresSpine(url, clock)
    await spine.start()
    for month in (1, 2, 3):
        clock.moment = datetime(2026, month, 5, tzinfo=UTC)
        await spine.commit(Work(appends=(Append(CP1, month - 1, (StationConnected("ocpp1.6", "c"),)),)))
    await spine.close()


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(root, ("db", *arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def told(*arguments: str, status: int = 0) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(folder: Path) -> None:
    said = told("archive", "--before", "2026-04", "--dry-run")
    assert said["sealed"] == ["log_0_2026_01", "log_0_2026_02"]
    assert said["archived"] == []
    assert [(still["shard"], still["month"]) for still in said["still"]] == [(0, "2026-03")]
    assert "no fact of a later month yet" in said["still"][0]["because"]
    assert list(folder.glob("*.parquet")) == []
    words = run("archive", "--before", "2026-04", "--dry-run").stderr
    assert "log_0_2026_01 is sealed." in words
    assert "log_0_2026_03 stays: the shard has no fact of a later month yet" in words


def test_there_and_back(folder: Path) -> None:
    archived = told("archive", "--before", "2026-02")["archived"]
    assert [(one["shard"], one["month"], one["facts"]) for one in archived] == [(0, "2026-01", 1)]
    assert (folder / archived[0]["file"]).stat().st_mode & 0o777 == 0o600
    assert (folder / archived[0]["file"]).stat().st_size == archived[0]["bytes"]
    assert "log_0_2026_02 is in" in run("archive", "--before", "2026-03").stderr
    assert "has no older month: nothing to do" in run("archive", "--before", "2026-03").stderr
    assert told("verify")["checked"]["archive"] == 2
    backed = run("backup", str(folder.parent / "backup"))
    assert "1 facts and 2 archived months as of" in backed.stderr
    assert "only named" in run("backup", str(folder.parent / "other"), "--without-archive").stderr
    assert told("unarchive", "--month", "2026-01")["months"] == archived
    assert "log_0_2026_02 is back, 1 facts" in run("unarchive", "--month", "2026-02").stderr
    assert run("unarchive", "--month", "2026-02").exit_code == Exit.REFUSED
    assert told("verify")["checked"]["facts"] == 3


def test_nodes_look_in_one_folder_so_there_is_no_other(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = run("archive", "--before", "2026-02", "--to", str(folder.parent))
    assert refused.exit_code == Exit.REFUSED
    assert f"archive.dir, which is {folder}" in refused.stderr
    monkeypatch.delenv("ELSTRADA_ARCHIVE__DIR")
    assert run("archive", "--before", "2026-02").exit_code == Exit.USAGE
    said = run("archive", "--before", "2026-02", "--to", str(folder))
    assert said.exit_code == Exit.OK
    assert f"Set archive.dir to {folder} for every node" in said.stderr
    broken = run("verify")
    assert broken.exit_code == Exit.CHECKS
    assert "archive.dir is not set" in broken.stdout


@pytest.mark.parametrize("text", ["2026-13", "2026-3", "2026-03-01", "march", "1999-01"])
def test_a_month_is_written_in_one_way(text: str) -> None:
    refused = run("archive", "--before", text)
    assert refused.exit_code == Exit.USAGE
    assert "expected one such as 2026-03" in refused.stderr


def test_on_sqlite_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ELSTRADA_DATABASE__URL")
    told("migrate")
    for verb in (["archive", "--before", "2026-02"], ["unarchive", "--month", "2026-01"]):
        refused = run(*verb)
        assert refused.exit_code == Exit.REFUSED
        assert "archives are for PostgreSQL" in refused.stderr
