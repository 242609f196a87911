"""The commands of the guides to running it are ones that there are, and their files are there."""

from __future__ import annotations

import re
import shlex
import subprocess
from functools import cache

import pytest
from built import DEPLOY, ROOT, installed

PAGES = ("running.md", "station-security.md", "firmware.md")
GUIDE = "\n".join((ROOT / "docs" / "guide" / page).read_text() for page in PAGES)
BLOCKS = re.findall(r"```sh\n(.*?)```", GUIDE.replace("   ```", "```"), re.DOTALL)
INLINE = re.findall(r"`(elstrada [^`]+)`", GUIDE.replace("\n", " "))


def _commands() -> list[str]:
    lines = "\n".join(BLOCKS).replace("\\\n", " ").splitlines()
    said = [line.partition("  #")[0].strip() for line in lines if re.match(r"\s*elstrada ", line)]
    return sorted({*said, *(one for one in INLINE if "|" not in one and "..." not in one)})


@cache
def _help(*words: str) -> str:
    done = subprocess.run(
        [installed() / "bin" / "elstrada", *words, "--help"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", _commands())
def test_a_command_of_the_guide_exists_with_its_options(command: str) -> None:
    words = shlex.split(re.sub(r"\s+", " ", command))[1:]
    while words and words[0] in ("--data-dir", "--config", "--set"):
        assert words[0] in _help()
        words = words[2:]
    verb = [words[0]] if words[0] in ("doctor", "serve", "healthy") else words[:2]
    told = _help(*verb)
    for option in (word for word in words if word.startswith("--")):
        assert option in told, f"{' '.join(verb)} has no {option}"


def test_what_the_guide_points_at_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", GUIDE):
        assert (ROOT / "docs" / "guide" / target).resolve().exists(), target
    for path in re.findall(r"\bdeploy/[A-Za-z/.@_-]+[a-z]\b", GUIDE):
        assert (ROOT / path).exists() or list(DEPLOY.glob(path.removeprefix("deploy/") + "*")), path
