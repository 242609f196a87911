"""The commands of the guides to running it are ones that there are, and their files are there."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Sequence
from functools import cache

import pytest
from built import DEPLOY, ROOT, installed

PAGES = ("running.md", "station-security.md", "firmware.md")
GUIDE = "\n".join((ROOT / "docs" / "guide" / page).read_text() for page in PAGES)
BLOCKS = re.findall(r"```sh\n(.*?)```", GUIDE.replace("   ```", "```"), re.DOTALL)
BEFORE = ("--data-dir", "--config", "--set")
"""Options that stand before the verb."""
INLINE = re.findall(r"`(elstrada [^`]+)`", GUIDE.replace("\n", " "))


def _commands() -> list[str]:
    lines = "\n".join(BLOCKS).replace("\\\n", " ").splitlines()
    said = [line.partition("  #")[0].strip() for line in lines if re.match(r"\s*elstrada ", line)]
    return sorted({*said, *(one for one in INLINE if "|" not in one and "..." not in one)})


_ASK_ALL = """
import contextlib, io, json, sys
from elstrada.cli import main

told = {}
for words in json.load(sys.stdin):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            main([*words, "--help"])
        except SystemExit as end:
            told[" ".join(words)] = [end.code or 0, out.getvalue()]
print(json.dumps(told))
"""


@cache
def _helps() -> dict[str, tuple[int, str]]:
    """What the installed command says of itself and of each verb of the guide, with the code it ends with."""
    asked = [[], *(_verb(_words(command)) for command in _commands())]
    done = subprocess.run(
        [installed() / "bin" / "python", "-c", _ASK_ALL],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def _words(command: str) -> list[str]:
    return shlex.split(re.sub(r"\s+", " ", command))[1:]


def _verb(words: Sequence[str]) -> list[str]:
    while words and words[0] in BEFORE:
        words = words[2:]
    return [words[0]] if words[0] in ("doctor", "serve", "healthy") else list(words[:2])


@pytest.mark.parametrize("command", _commands())
def test_a_command_of_the_guide_exists_with_its_options(command: str) -> None:
    words = _words(command)
    verb = " ".join(_verb(words))
    code, told = _helps()[verb]
    assert code == 0, f"there is no {verb}"
    for option in (word for word in words if word.startswith("--")):
        place = _helps()[""][1] if option in BEFORE else told
        assert option in place, f"{verb} has no {option}"


def test_what_the_guide_points_at_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", GUIDE):
        assert (ROOT / "docs" / "guide" / target).resolve().exists(), target
    for path in re.findall(r"\bdeploy/[A-Za-z/.@_-]+[a-z]\b", GUIDE):
        assert (ROOT / path).exists() or list(DEPLOY.glob(path.removeprefix("deploy/") + "*")), path
