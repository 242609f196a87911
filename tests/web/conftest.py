"""A browser, and what checks that everybody can read what it shows."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterator

import pytest
from looking import AXE, CACHE, CHROMIUM
from playwright.sync_api import Browser, sync_playwright


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker's source, from its npm package; never shipped, never committed."""
    source = CACHE / "axe.min.js"
    if not source.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        try:
            packed = subprocess.run(
                ["npm", "pack", "--silent", AXE],
                cwd=CACHE,
                check=True,
                capture_output=True,
                timeout=60,
                text=True,
            )
        except (OSError, subprocess.SubprocessError) as problem:
            pytest.skip(f"{AXE} cannot be had from npm here: {problem}")
        with tarfile.open(CACHE / packed.stdout.strip()) as archive:
            content = archive.extractfile("package/axe.min.js")
            assert content is not None
            source.write_bytes(content.read())
    return source.read_text()
