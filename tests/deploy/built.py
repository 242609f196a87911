"""The wheel as it is released, installed where only what it asks for is there."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from http.client import HTTPConnection, HTTPException
from importlib.metadata import Distribution, distribution
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
_BUILDS = {"hatchling", "editables", "pathspec", "pluggy", "trove-classifiers", "pip"}
"""What only builds; the image removes it too."""


@cache
def wheel() -> Path:
    """The wheel, built from this tree."""
    folder = _folder("elstrada-wheel-")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-build-isolation",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*command, "--wheel-dir", folder, ROOT], check=True, capture_output=True, timeout=300)
    return next(folder.glob("elstrada-*.whl"))


@cache
def installed() -> Path:
    """A virtual environment with the wheel and exactly what requirements/runtime.txt names.

    The packages are those of the environment that runs the tests, one by one: no network is needed, and
    what is not named is not there.
    """
    home = _folder("elstrada-installed-") / "opt"
    subprocess.run([sys.executable, "-m", "venv", home], check=True, timeout=300)
    packages = next(home.glob("lib/python3*/site-packages"))
    for name in _named():
        _link(distribution(name), packages)
    command = [home / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel()]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return home


def _named() -> list[str]:
    text = (ROOT / "requirements" / "runtime.txt").read_text()
    lines = re.findall(r"^([A-Za-z0-9._-]+)==[^\n;\\]*(;[^\n\\]*)?", text, re.MULTILINE)
    here = [name for name, marker in lines if not marker or "win32" not in marker]
    return [name for name in here if name not in _BUILDS and _is_here(name)]


def _is_here(name: str) -> bool:
    try:
        distribution(name)
    except ModuleNotFoundError:
        return False
    return True


def _link(dist: Distribution, packages: Path) -> None:
    for top in {str(file).partition("/")[0] for file in dist.files or () if not str(file).startswith("..")}:
        target = packages / top
        if not target.exists() and top != "__pycache__":
            _copy(Path(str(dist.locate_file(top))), target)


def _copy(source: Path, target: Path) -> None:
    """Another name for every file: where the environment lies may not be seen by who runs this one."""
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_another_name)
    else:
        _another_name(str(source), str(target))


def _another_name(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # On another file system.
        shutil.copy2(source, target)


def _folder(prefix: str) -> Path:
    """Outside of /tmp, which a service gets a new one of; others may enter it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/var/tmp"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def asked(port: int, path: str) -> tuple[int, str]:
    """What a node answers; (0, "") when nobody does."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, HTTPException):
        return 0, ""
    finally:
        connection.close()


@contextmanager
def running(
    command: Sequence[str | Path], environment: Mapping[str, str], health: int
) -> Generator[subprocess.Popen[str], None, None]:
    """A node, from when it is ready; told to stop afterwards, as a supervisor does."""
    process = subprocess.Popen(
        command, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/"
    )
    try:
        deadline = time.monotonic() + 120
        while asked(health, "/readyz")[0] != 200:
            assert process.poll() is None, (
                f"it ended with {process.returncode}: {process.stdout and process.stdout.read()}"
            )
            assert time.monotonic() < deadline, f"it is not ready: {asked(health, '/readyz')}"
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def plain_environment(**given: str) -> dict[str, str]:
    """What a supervisor gives: nothing but what is said."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, **given}


def config_problems(environment: Mapping[str, str], *arguments: str) -> str:
    """What the installed command says of a configuration; empty when it is valid."""
    done = subprocess.run(
        [installed() / "bin" / "elstrada", *arguments, "config", "check"],
        env=plain_environment(**environment),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
    )
    return "" if done.returncode == 0 else done.stderr


PARTIES = '[{"id": "SE*ELS", "roles": ["CPO"], "name": "Nord", "currency": "SEK"}]'
"""As a setting."""
