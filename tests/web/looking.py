"""Looking at pages in a real browser: what every such test needs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from web_world import Site

CHROMIUM = shutil.which("chromium")
AXE = "axe-core@4.14.1"
CACHE = Path(__file__).parent.parent.parent / "build" / "axe"
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
LOOKS = [(language, scheme) for language in ("en", "sv", "it") for scheme in ("light", "dark")]
H1 = {"en": "Network overview", "sv": "Nätöversikt", "it": "Panoramica della rete"}

BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]


@contextmanager
def page_of(browser: Browser, site: Site, path: str = "/", **look: object) -> Iterator[Page]:
    """An open page; no console message, no error and no request elsewhere may happen on it."""
    context = browser.new_context(**look)  # type: ignore[arg-type]
    page = context.new_page()
    noise: list[str] = []
    page.on("console", lambda said: noise.append(f"console: {said.text}"))
    page.on("pageerror", lambda error: noise.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (noise.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((site.address, "data:"))
            else noise.append(f"left origin: {request.url}")
        ),
    )
    page.goto(site.address + path)
    yield page
    context.close()
    assert noise == []


def violations(page: Page, axe: str) -> list[str]:
    page.evaluate(axe)
    found = page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", STANDARDS)
    assert len(found["passes"]) > 15, "axe did not look at the page"
    return [f"{rule['id']}: {node['html'][:120]}" for rule in found["violations"] for node in rule["nodes"]]


ATTACKS: tuple[Callable[[str], str], ...] = (
    lambda mark: f"<script>alert('{mark}')</script>",
    lambda mark: f"<img src=x onerror=alert('{mark}')>",
    lambda mark: f"</td></tr></table><hx-partial hx-target='h1'>{mark}</hx-partial>",
    lambda mark: f'" onmouseover="alert(\'{mark}\')" x="',
    lambda mark: f"<div hx-get='/static/live.js' hx-trigger='load' hx-target='h1'>{mark}</div>",
    lambda mark: f"<svg><style>*{{display:none}}</style></svg>{mark}\r\ndata: <h1>{mark}</h1>\n\n",
)
