"""The overview in a real browser: it moves, it is quiet, it fits, and everybody can read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from looking import ATTACKS, BROWSER, H1, LOOKS, page_of, violations
from playwright.sync_api import Browser, Page, expect
from web_world import (
    NODES,
    Site,
    finding,
    here,
    keep,
    metered,
    node,
    serving,
    started,
    station,
    status,
    stranger,
    tell,
)

from elstrada.model.device import ConnectorStatus
from elstrada.spine import tables as t
from elstrada.spine.face import Delete
from elstrada.web.events import Pace

MANY = Pace(least_s=0.05, most_s=0.5)


pytestmark = BROWSER


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serving(MANY) as running:
        yield running


@pytest.fixture(scope="module")
def many(site: Site) -> Iterator[Site]:
    """Another site, of several nodes in every state."""
    with serving(MANY) as running:
        running.do(keep(running.spine, *NODES))
        yield running


def live(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("data-live", "on")


def test_a_row_appears_changes_and_leaves_by_itself(browser: Browser, site: Site):
    with page_of(browser, site) as page:
        live(page)
        expect(page.locator("#session-LIVE")).to_have_count(0)
        site.do(tell(site.spine, "ELS-030", started("LIVE", minutes=0), metered("LIVE", 1_500, 43_000)))
        row = page.locator("#session-LIVE")
        expect(row).to_contain_text("43.0")
        site.do(tell(site.spine, "ELS-030", metered("LIVE", 2_750, 41_000)))
        expect(row).to_contain_text("2.75")
        expect(page.locator("#figures")).to_contain_text("15")


def test_a_changed_row_keeps_its_place_in_the_document(browser: Browser, site: Site):
    """Morphing, not replacing: what the reader has selected or reads aloud stays."""
    with page_of(browser, site) as page:
        live(page)
        page.evaluate("document.getElementById('session-S05').kept = true")
        site.do(tell(site.spine, "ELS-006", metered("S05", 55_550, 9_990)))
        expect(page.locator("#session-S05")).to_contain_text("55.55")
        assert page.evaluate("document.getElementById('session-S05').kept") is True


def test_a_lost_connection_is_said(browser: Browser):
    with serving(MANY) as passing:
        context = browser.new_context()
        page = context.new_page()
        page.goto(passing.address)
        live(page)
    expect(page.locator(".live")).to_contain_text("Connection lost")
    context.close()


def test_the_page_is_whole_without_javascript(browser: Browser, site: Site):
    with page_of(browser, site, java_script_enabled=False) as page:
        expect(page.locator(".live")).to_contain_text("As of the last load")
        expect(page.locator("#running tbody tr")).to_have_count(12)


@pytest.mark.parametrize("language", H1)
@pytest.mark.parametrize("width", [320, 360, 768, 1440])
def test_no_width_scrolls_sideways(browser: Browser, site: Site, language: str, width: int):
    with page_of(browser, site, f"/?lang={language}", viewport={"width": width, "height": 800}) as page:
        live(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_everybody_can_read_it_in_every_language_and_light(
    browser: Browser, site: Site, axe: str, language: str, scheme: str
):
    with page_of(browser, site, f"/?lang={language}", color_scheme=scheme) as page:
        live(page)
        expect(page.locator("h1")).to_have_text(H1[language])
        assert violations(page, axe) == []


def test_the_narrow_page_can_be_read_too(browser: Browser, site: Site, axe: str):
    with page_of(browser, site, viewport={"width": 360, "height": 740}, color_scheme="dark") as page:
        live(page)
        assert violations(page, axe) == []


def test_one_node_is_not_shown_and_a_second_appears_drains_and_falls_silent_by_itself(browser: Browser):
    with serving(MANY) as growing, page_of(browser, growing) as page:
        live(page)
        section = page.locator("#nodes")
        growing.do(keep(growing.spine, node("gate-1", "gateway")))
        page.wait_for_timeout(1_000)
        expect(section).to_be_hidden()
        growing.do(keep(growing.spine, node("gate-2", "gateway", "pages")))
        expect(section).to_be_visible()
        row = page.locator("#node-gate-2")
        expect(row).to_contain_text("gateway, pages")
        expect(row).to_contain_text("Serving")
        growing.do(keep(growing.spine, node("gate-2", "gateway", "pages", leaving=True)))
        expect(row).to_contain_text("Draining")
        growing.do(keep(growing.spine, node("gate-2", "gateway", "pages", unseen_s=17)))
        expect(row).to_contain_text("17 s ago")
        expect(page.locator("#nodes tbody tr").first).to_contain_text("gate-2")
        growing.do(keep(growing.spine, Delete(t.node, {"id": "gate-2"})))
        expect(section).to_be_hidden()


def test_several_nodes_are_told_without_javascript_and_in_every_language(browser: Browser, many: Site):
    words = {
        "en": ("Serving", "Draining", "Silent", "Gone"),
        "sv": ("I drift", "Töms", "Tyst", "Borta"),
        "it": ("In servizio", "In uscita", "Silenzioso", "Scomparso"),
    }
    for language, states in words.items():
        with page_of(browser, many, f"/?lang={language}", java_script_enabled=False) as page:
            for id, state in zip(("gate-1", "gate-2", "gate-3", "rest"), states, strict=True):
                expect(page.locator(f"#node-{id} .tag")).to_have_text(state)
            expect(page.locator("#nodes .count")).to_have_text("4")


@pytest.mark.parametrize("width", [320, 360, 768, 1440])
@pytest.mark.parametrize("language", H1)
def test_several_nodes_fit_every_width(browser: Browser, many: Site, language: str, width: int):
    with page_of(browser, many, f"/?lang={language}", viewport={"width": width, "height": 800}) as page:
        live(page)
        expect(page.locator("#node-rest")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_several_nodes(browser: Browser, many: Site, axe: str, scheme: str, width: int):
    viewport = {"width": width, "height": 800}
    with page_of(browser, many, "/?lang=it", color_scheme=scheme, viewport=viewport) as page:
        live(page)
        assert violations(page, axe) == []


def test_the_keyboard_reaches_content_and_languages(browser: Browser, site: Site):
    with page_of(browser, site) as page:
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.get_by_role("link", name="Svenska").focus()
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text(H1["sv"])
        page.goto(site.address)
        expect(page.locator("h1")).to_have_text(H1["sv"])


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_from_the_wire_are_shown_and_do_nothing(browser: Browser, attack: Callable[[str], str]):
    """T14: vendor, model, status info, reasons and samples; first in the page, then in the stream."""
    with serving(MANY) as attacked:
        attacked.do(strike(attacked, "early", attack("early")))
        with page_of(browser, attacked) as page:
            live(page)
            expect(page.locator("#trouble")).to_contain_text("early")
            attacked.do(strike(attacked, "late", attack("late")))
            expect(page.locator("#trouble")).to_contain_text("late")
            expect(page.locator("#unknown")).to_contain_text("late")
            expect(page.locator("h1")).to_have_text(H1["en"])
            expect(page.locator("main script, main img, main style")).to_have_count(0)


async def strike(site: Site, mark: str, attack: str) -> None:
    id = f"X-{mark}"
    await keep(
        site.spine, station(id, "L1"), finding(f"peer:{mark}", attack, 1, attack), stranger(mark, attack)
    )
    broken = status(1, ConnectorStatus.FAULTED, error_code=attack, info=attack)
    await tell(site.spine, id, *here(id, vendor=attack, model=attack), broken)
