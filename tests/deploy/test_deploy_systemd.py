"""The units are valid, give away little, and start what they say with settings that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from built import DEPLOY, PARTIES, asked, config_problems, free_port, installed, plain_environment, running

UNITS = sorted((DEPLOY / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
SERVERS = [
    unit for unit in SERVICES if "serve" in unit.read_text().partition("ExecStart=")[2].partition("\n")[0]
]
_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def _settings(unit: Path) -> list[tuple[str, str]]:
    lines = [line for line in unit.read_text().splitlines() if "=" in line and not line.startswith("#")]
    return [(name, text) for name, _, text in (line.partition("=") for line in lines)]


def _one(unit: Path, name: str) -> str:
    [text] = [text for key, text in _settings(unit) if key == name]
    return text


@_analyze
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    """As installed: with a command at /opt/elstrada, here where the wheel is."""
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/elstrada/", f"{installed()}/"))
    names = [tmp_path / unit.name.replace("@.", "@gateway.") for unit in UNITS]
    for name in names:
        if not name.exists():
            name.symlink_to(name.name.replace("@gateway.", "@."))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True, cwd=tmp_path
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@_analyze
@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_is_exposed_as_little_as_a_server_can_be(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=15", unit],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-300:]


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """What stands before the command, each with its value, and the command."""
    at = next(at for at in range(0, len(words), 2) if not words[at].startswith("--"))
    return words[:at], words[at:]


@pytest.mark.parametrize("unit", SERVERS, ids=lambda unit: unit.name)
def test_a_servers_unit_gives_it_time_to_drain_and_files_for_its_stations(unit: Path) -> None:
    """The bound of roles/drain.py for 10,000 stations with the default limits."""
    bound_s = 2 + 10_000 / 300 + 2 * 10 + 20
    assert int(_one(unit, "TimeoutStopSec")) >= bound_s
    assert int(_one(unit, "LimitNOFILE")) >= 20_000
    assert _one(unit, "Type") == "exec", "nothing of ours tells systemd that it is ready"
    assert _one(unit, "Restart") == "on-failure"
    assert _one(unit, "RestartPreventExitStatus") == "3"


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_units_settings_and_command_are_ones_that_elstrada_knows(unit: Path, tmp_path: Path) -> None:
    secrets = {"database_url": "postgresql://u:p@h/d", "nats_url": "nats://h:4222", "keys": "{}"}
    for name, text in secrets.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "elstrada.toml").write_text('public_url = "https://example.org"\n')

    def here(text: str) -> str:
        text = text.replace("/etc/elstrada/elstrada.toml", str(tmp_path / "elstrada.toml"))
        return text.replace("%d", str(tmp_path)).replace("%i", "gateway")

    environment = dict(here(text).split("=", 1) for key, text in _settings(unit) if key == "Environment")
    words = here(_one(unit, "ExecStart")).split()
    options, verb = _split(words[1:])
    if "@" in unit.name:
        environment["ELSTRADA_ROLES"] = "gateway"
        loaded = {text.partition(":")[0] for key, text in _settings(unit) if key == "LoadCredential"}
        assert loaded == secrets.keys()
    assert config_problems(environment, *options) == ""
    known = subprocess.run(
        [installed() / "bin" / "elstrada", *[word for word in verb if word.isalpha()], "--help"],
        capture_output=True,
        text=True,
    )
    assert known.returncode == 0, known.stderr
    for option in (word for word in verb if word.startswith("--")):
        assert option in known.stdout


def test_every_timer_has_its_service() -> None:
    for unit in UNITS:
        if unit.suffix == ".timer":
            assert unit.with_suffix(".service") in SERVICES
            assert not [name for name, _ in _settings(unit) if name == "ExecStart"]


def test_a_server_lives_without_memory_that_is_written_and_executed(tmp_path: Path) -> None:
    """MemoryDenyWriteExecute, asked of the kernel itself, which hands it on to what is started."""
    deny = "import ctypes, os, sys; denied = ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) == 0;"  # PR_SET_MDWE.
    if (
        subprocess.run(
            [sys.executable, "-c", deny + "print(denied)"], capture_output=True, text=True
        ).stdout.strip()
        != "True"
    ):
        pytest.skip("this kernel does not know PR_SET_MDWE (6.3)")
    health = free_port()
    environment = plain_environment(
        ELSTRADA_DATA_DIR=str(tmp_path / "data"),
        ELSTRADA_PARTIES=PARTIES,
        ELSTRADA_HEALTH__PORT=str(health),
        ELSTRADA_HTTP__PORT="0",
        ELSTRADA_STATIONS__PORT="0",
    )
    start = deny + "assert denied; os.execv(sys.argv[1], sys.argv[1:])"
    with running(
        [sys.executable, "-c", start, installed() / "bin" / "elstrada", "serve"], environment, health
    ) as node:
        assert asked(health, "/livez")[0] == 200
        maps = Path(f"/proc/{node.pid}/maps").read_text()
        assert not re.search(r" rwx", maps)
