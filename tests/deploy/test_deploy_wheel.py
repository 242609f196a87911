"""The wheel holds all that is needed to run: templates, static files, migrations, translations."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

from built import PARTIES, ROOT, asked, free_port, installed, plain_environment, running, wheel


def test_every_file_of_the_package_is_in_the_wheel() -> None:
    source = ROOT / "src"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "src/elstrada"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    wanted = {str((ROOT / name).relative_to(source)) for name in listed if (ROOT / name).exists()}
    with zipfile.ZipFile(wheel()) as packed:
        held = set(packed.namelist())
    assert wanted - held == set()
    for needed in ("spine/migrations/env.py", "spine/migrations/versions/0001_first_tables.py"):
        assert f"elstrada/{needed}" in held
    assert any(name.startswith("elstrada/web/templates/") for name in held)
    assert any(name.startswith("elstrada/web/static/") for name in held)


def test_the_installed_wheel_serves_with_nothing_but_its_own_requirements(tmp_path: Path) -> None:
    """No test or build package is there, so whatever runs does not need one."""
    home, health, http = installed(), free_port(), free_port()
    environment = plain_environment(
        ELSTRADA_DATA_DIR=str(tmp_path / "data"),
        ELSTRADA_PARTIES=PARTIES,
        ELSTRADA_HEALTH__PORT=str(health),
        ELSTRADA_HTTP__PORT=str(http),
        ELSTRADA_STATIONS__PORT="0",
    )
    for missing in ("pytest", "hypothesis", "hatchling"):
        there = subprocess.run([home / "bin" / "python", "-c", f"import {missing}"], capture_output=True)
        assert there.returncode != 0, f"{missing} is there"
    elstrada = home / "bin" / "elstrada"
    with running([elstrada, "serve"], environment, health):
        assert asked(health, "/livez") == (200, "alive\n")
        assert asked(http, "/")[0] == 200
        assert "elstrada" in asked(health, "/version")[1]
        assert "# TYPE" in asked(health, "/metrics")[1]
        for verb in (
            ["healthy"],
            ["healthy", "--ready"],
            ["db", "verify"],
            ["db", "backup", str(tmp_path / "b")],
        ):
            done = subprocess.run([elstrada, *verb], env=environment, cwd="/", capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
    done = subprocess.run([elstrada, "healthy"], env=environment, cwd="/", capture_output=True, text=True)
    assert (done.returncode, "nobody answers" in done.stderr) == (4, True)
