"""The test of the tests: each planted bug must be caught by the worlds within 200 seeds, or in the one named for it.

A patch in ``planted`` says in its first line what is broken. It is applied to a copy of the source. The
seed named in ``caught.toml`` is tried first, so that the usual run is quick; if that world has changed,
all 200 are searched.
"""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src"
PATCHES = sorted((HERE / "planted").glob("*.patch"))
CAUGHT_BY: dict[str, int] = tomllib.loads((HERE / "planted" / "caught.toml").read_text())["seeds"]
SEEDS = 200


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_the_worlds_catch(patch: Path, tmp_path: Path):
    """Slow, because each bug needs a process of its own and may need many worlds."""
    copy = planted(patch, tmp_path)
    known = CAUGHT_BY.get(patch.stem)
    found = _hunt(copy, known, 1) if known is not None else None
    found = found or _hunt(copy, 0, SEEDS)

    assert found is not None, f"{patch.name}: no promise was broken in {SEEDS} worlds"
    print(f"{patch.stem}: {found}")


def test_there_are_a_dozen_planted_bugs_and_each_says_what_it_breaks():
    assert len(PATCHES) >= 12
    assert {patch.stem for patch in PATCHES} == set(CAUGHT_BY)
    for patch in PATCHES:
        first, second = patch.read_text().split("\n", 2)[:2]
        assert first.endswith(".")
        assert second == ""


def planted(patch: Path, folder: Path) -> Path:
    """A copy of the source with the bug in it; what is compiled already holds for files of the same age."""
    copy = folder / "src"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("*.pyc.*"))
    git = ["git", "-C", str(folder), "apply", "-C1", "--recount", str(patch)]
    applied = subprocess.run(git, capture_output=True, text=True, check=False)
    assert applied.returncode == 0, f"{patch.name} does not apply any more: {applied.stderr}"
    return copy


def _hunt(source: Path, first: int, seeds: int) -> str | None:
    """Look for a broken promise in worlds of a copy of the source."""
    command = [sys.executable, str(HERE / "hunt.py"), str(first), str(seeds)]
    run = subprocess.run(
        command, env={"PYTHONPATH": str(source)}, capture_output=True, text=True, check=False, timeout=1100
    )
    assert run.returncode == 0, run.stderr
    *_, where, found = run.stdout.strip().splitlines()
    assert where.startswith(str(source)), f"the hunt ran on {where}, not on the copy"
    return None if found == "none" else found
