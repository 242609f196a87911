"""A foreign platform by other hands: PyPI's ``extrawest-ocpi`` in an environment of its own, made on first use."""

from __future__ import annotations

import contextlib
import fcntl
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from installation import free_port, wait_for

FOLDER = Path(__file__).parent / "extrawest"
REQUIREMENTS, VENV = FOLDER / "requirements.txt", FOLDER / ".venv"
TOKEN_A = "a" * 32
UNREACHABLE = re.compile(
    r"NewConnectionError|ConnectTimeout|Temporary failure in name resolution|Connection refused|timed out"
)
"""What pip says where its index cannot be reached; anything else is a failure, and no reason to skip."""


def interpreter() -> Path:
    """The environment's Python, with what requirements.txt names; made once for all processes of a run.

    Skips the test where the index cannot be reached.
    """
    python, done = VENV / "bin" / "python", VENV / ".installed"
    with REQUIREMENTS.open() as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if done.exists() and done.stat().st_mtime >= REQUIREMENTS.stat().st_mtime:
            return python
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True, timeout=120)
        command = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"]
        ended = subprocess.run(
            [*command, "--no-deps", "-r", REQUIREMENTS], capture_output=True, text=True, timeout=300
        )
        said = ended.stderr.strip()[-300:]
        if ended.returncode != 0 and UNREACHABLE.search(ended.stderr):
            pytest.skip(f"the index cannot be reached: {said}")
        assert ended.returncode == 0, said
        done.touch()
    return python


@dataclass
class ExtrawestPeer:
    """The running platform, and what it was told."""

    url: str
    told: list[dict[str, Any]] = field(default_factory=list)

    def of(self, module: str) -> list[dict[str, Any]]:
        """What it was told of a module, the newest last."""
        return [one for one in list(self.told) if one["module"] == module]


@contextlib.contextmanager
def extrawest(folder: Path, version: str, role: str, objects: dict[str, Any]) -> Iterator[ExtrawestPeer]:
    """Run the platform with what it has of its own."""
    has, port = folder / "objects.json", free_port()
    has.write_text(json.dumps(objects))
    python = interpreter()
    command = [python, FOLDER / "peer.py", version, role, str(port), TOKEN_A, has]
    # Nothing of ours: not even our sources.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={})
    peer = ExtrawestPeer(f"http://127.0.0.1:{port}/ocpi/versions")

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            peer.told.append(json.loads(line))

    threading.Thread(target=listen, daemon=True).start()
    try:
        wait_for(lambda: process.poll() is not None or _answers(peer.url), "the platform's first answer")
        assert process.poll() is None, "the platform ended"
        yield peer
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5):
            return True
    except URLError as problem:
        return hasattr(problem, "code")  # It answers, if only that it does not know us.
