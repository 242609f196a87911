"""Fail unless each vendored file is, byte for byte, the one that ``vendored.toml`` names."""

from __future__ import annotations

import hashlib
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

STATIC = Path(__file__).parent.parent / "src" / "elstrada" / "web" / "static"


def defects(static: Path) -> Iterable[str]:
    """What differs between the list and the folder."""
    named = {entry["path"]: entry["sha256"] for entry in _listed(static)}
    found = {str(path.relative_to(static)): path for path in (static / "vendor").rglob("*") if path.is_file()}
    yield from (f"{path}: named in vendored.toml but absent" for path in sorted(named.keys() - found))
    yield from (f"{path}: not named in vendored.toml" for path in sorted(found.keys() - named))
    for path in sorted(named.keys() & found):
        actual = hashlib.sha256(found[path].read_bytes()).hexdigest()
        if actual != named[path]:
            yield f"{path}: sha256 is {actual}, expected {named[path]}; take it from its package again"


def _listed(static: Path) -> list[dict[str, str]]:
    return tomllib.loads((static / "vendored.toml").read_text())["file"]


def main() -> int:
    found = list(defects(STATIC))
    print("\n".join(found) or f"{len(_listed(STATIC))} vendored files are as published")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
