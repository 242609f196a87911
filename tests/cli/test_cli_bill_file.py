"""A file for other programs is written as it is, and what cannot be seen in it is told beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from elstrada.cli import root
from elstrada.cli.output import write_result
from elstrada.roles.desk.bills import BillExport
from elstrada.roles.desk.table import verb_named

PARTIES = """
[[parties]]
id = "SE*ELS"
roles = ["CPO", "EMSP"]
name = "Elstrada Nord"
"""


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elstrada.toml").write_text(PARTIES)


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(root, ("--data-dir", "data", *arguments))
    assert result.exit_code == 0, result.stderr
    return result


@pytest.mark.parametrize("command", ["bill export", "meter export"])
def test_a_csv_on_standard_output_has_the_bytes_of_the_file(command: str) -> None:
    """RFC 4180 ends lines with CR LF, and so do the guide and the JSON field."""
    document: Any = json.loads(run(*command.split(), "--json").stdout)
    assert document["csv"].endswith("\r\n")
    assert run(*command.split()).stdout_bytes == document["csv"].encode()


def test_a_month_that_is_over_is_complete_and_has_nothing_told_beside_it() -> None:
    assert json.loads(run("bill", "export", "--month", "2024-12", "--json").stdout)["complete"] is True
    assert run("bill", "export", "--month", "2024-12").stderr == ""


def test_a_month_that_is_not_over_is_not_complete_and_says_so() -> None:
    assert "2099-12 is not over" in run("bill", "export", "--month", "2099-12").stderr
    assert json.loads(run("bill", "export", "--month", "2099-12", "--json").stdout)["complete"] is False


def test_lines_that_are_left_out_are_told_beside_the_file(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    verb = verb_named("bill export")
    assert verb is not None
    held = BillExport(
        owner="SE*RET", month=None, totals=(), held=("L1", "L2"), csv="record\r\nå\r\n", complete=False
    )
    write_result(verb, held, json=False)
    written = capfdbinary.readouterr()
    assert written.out == "record\r\nå\r\n".encode()
    assert b"2 lines are not in it, because their VAT is not known" in written.err
