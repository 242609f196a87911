"""A file of an installation's own rows that cannot be used stops the start, and is said wherever it would count."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from elstrada.cli import root

BROKEN = """
[[quirk]]
name = "mine"
vendor = "("
reason = "strays"
sources = ["https://acme.example/"]
"""
SAYS = "quirks.toml: row 1, 'mine': vendor is no pattern"


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith("ELSTRADA_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    for name in ("STATIONS", "HTTP", "HEALTH"):
        monkeypatch.setenv(f"ELSTRADA_{name}__PORT", "0")
    monkeypatch.setenv("ELSTRADA_DATA_DIR", str(tmp_path / "data"))
    assert (
        run("party", "put", "SE*ELS", "--roles", "CPO", "--name", "Els", "--currency", "SEK").exit_code == 0
    )
    monkeypatch.setenv("ELSTRADA_STATIONS__QUIRKS", "quirks.toml")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(root, arguments)


@pytest.mark.parametrize("command", [("serve",), ("doctor",), ("station", "quirks")], ids=" ".join)
def test_a_file_that_cannot_be_used_is_said(command: tuple[str, ...]) -> None:
    Path("quirks.toml").write_text(BROKEN)
    said = run(*command)
    assert said.exit_code != 0
    assert SAYS in said.output + said.stderr


def test_a_file_that_is_not_there_is_said_too() -> None:
    assert "quirks.toml" in run("station", "quirks").stderr


def test_a_row_of_the_installation_counts() -> None:
    Path("quirks.toml").write_text(BROKEN.replace('"("', '"ACME"') + "does = { pinged = false }\n")
    said = run("station", "quirks")
    assert said.exit_code == 0
    assert said.output.startswith("mine\n  who     vendor ACME; 0 here\n")
