"""Every benchmark finds what it imports, run as ``make bench`` runs it: by its path, from the project's folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOADING = """
import runpy, sys
from pathlib import Path

ours, paths = Path(sys.argv[1]), list(sys.path)
for script in sorted((ours / "bench").glob("*.py")):
    sys.path[:] = [str(script.parent), *paths[1:]]
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(ours):
            del sys.modules[name]  # Another benchmark's path found it.
    runpy.run_path(str(script), run_name="loaded")
    print(script.stem)
"""


def test_every_benchmark_finds_its_parts() -> None:
    made = subprocess.run(
        [sys.executable, "-c", LOADING, str(ROOT / "tests")], cwd=ROOT, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    assert "bench_walk" in made.stdout.split()
