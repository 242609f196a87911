"""Fail if a generated page of docs/ is not what ``make docs`` would make."""

from __future__ import annotations

import sys

from make_docs import DOCS, pages


def main() -> int:
    stale = [path for path, text in pages().items() if not _is(path, text)]
    print(
        "\n".join(f"docs/{path} is stale: run make docs" for path in stale)
        or "generated pages are up to date"
    )
    return 1 if stale else 0


def _is(path: str, text: str) -> bool:
    page = DOCS / path
    return page.exists() and page.read_text() == text


if __name__ == "__main__":
    sys.exit(main())
