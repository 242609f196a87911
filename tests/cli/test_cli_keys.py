"""`elstrada keys make`: one file, once, for all nodes."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from elstrada.cli import root
from elstrada.cli.exits import Exit
from elstrada.roles.keys import load_keys


def make(file: Path, *more: str) -> Result:
    return CliRunner().invoke(root, ("keys", "make", str(file), *more))


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration is needed, not even a right one."""
    monkeypatch.setenv("ELSTRADA_NO_SUCH_SETTING", "1")
    monkeypatch.chdir(tmp_path)


def test_a_file_of_keys_is_made_and_told_by_its_fingerprint_alone(tmp_path: Path) -> None:
    """T15."""
    file = tmp_path / "keys.json"
    made = make(file)
    keys = load_keys(file)
    assert (made.exit_code, made.stdout) == (Exit.OK, "")
    assert f"{file} holds new keys, fingerprint {keys.fingerprint()}" in made.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for secret in (keys.pepper, keys.pseudonym, keys.sealing):
        assert secret.hex() not in made.output
    told = json.loads(make(tmp_path / "other.json", "--json").stdout)
    assert told == {
        "file": str(tmp_path / "other.json"),
        "fingerprint": load_keys(tmp_path / "other.json").fingerprint(),
    }


def test_a_file_that_exists_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text("precious")
    refused = make(file, "--json")
    assert refused.exit_code == Exit.REFUSED
    assert json.loads(refused.stderr)["kind"] == "refused"
    assert "lock every station" in make(file).stderr
    assert file.read_text() == "precious"


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    failed = make(tmp_path / "none" / "keys.json")
    assert failed.exit_code == Exit.ERROR
    assert "none/keys.json cannot be written: No such file or directory" in failed.stderr
