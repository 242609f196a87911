"""`elstrada.tariffs` by itself: what it imports, and the program of docs/guide/pricing.md as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import elstrada.tariffs
from cdr_documents import as_line, cdr
from elstrada.ocpi.rateable import Misread

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "pricing.md"
MODULES = sorted(
    f"elstrada.tariffs.{path.stem}" for path in Path(elstrada.tariffs.__path__[0]).glob("[a-z]*.py")
)
LISTING = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*(name for name in sys.modules if name.count(".") == 1 and name.startswith("elstrada.")))
print(*(name for name in ("asyncio", "socket", "sqlite3", "sqlalchemy", "uvicorn") if name in sys.modules))
"""


def test_pricing_needs_nothing_but_the_model() -> None:
    assert len(MODULES) > 5
    ran = subprocess.run(
        [sys.executable, "-c", LISTING, "elstrada.tariffs", *MODULES],
        capture_output=True,
        text=True,
        check=True,
    )
    packages, machinery = ran.stdout.split("\n")[:2]
    assert set(packages.split()) == {"elstrada.model", "elstrada.tariffs"}
    assert machinery == ""


def program() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)[0], names)
    return names


def test_the_guides_program_prices_and_explains() -> None:
    lines = program()["told"](as_line(cdr()), "Europe/Stockholm").splitlines()
    assert lines[0] == "2026-03-03 10:00  once 5.00 SEK, VAT 25 %"
    assert lines[-3:] == ["Total before tax: 131.06 SEK", "VAT 25 %: 32.76 SEK", "Total: 163.82 SEK"]
    with pytest.raises(Misread):
        program()["told"](b"{}", "Europe/Stockholm")


def test_it_is_as_short_as_promised() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
