"""Bookings, payment terminals, partners with their agreements, and invoices: listed, shown, linked, and safe."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from functools import partial
from html import unescape

import httpx2
import pytest
from looking import BROWSER, page_of, violations
from partner_world import HOSTILE, PTP, agree, book, invoice, set_up_terminals
from playwright.sync_api import Browser
from web_world import CPO, EMSP, Site, StandingClock, empty_spine, keep, peer, serving

from elstrada.model.party import Role
from elstrada.roles.reconciling import report_of
from elstrada.spine.memory import MemorySpine
from elstrada.web.app import make_app
from elstrada.web.operator import listing

LISTS = ("/bookings", "/terminals", "/partners", "/invoices")
PAGES = (
    f"/bookings/{CPO}/B2",
    f"/terminals/{CPO}/{PTP}/Term/1",
    f"/partners/{CPO}/retailer",
    f"/invoices/{CPO}/{CPO}/R/1",
)
PLACE = re.compile(r'<a class="place" href="([^"]+)"')


async def populate(spine: MemorySpine) -> None:
    for tell in (book, set_up_terminals, agree, invoice):
        await tell(spine)


def got(path: str, language: str = "en", spine: MemorySpine | None = None) -> httpx2.Response:
    async def steps() -> httpx2.Response:
        store = spine
        if store is None:
            store = empty_spine()
            await store.start()
            await populate(store)
        app = make_app(store, StandingClock(), hosts=("site",), reckon=partial(report_of, store))
        transport = httpx2.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx2.AsyncClient(transport=transport, base_url="http://site") as client:
            return await client.get(path, headers={"accept-language": language})

    return asyncio.run(steps())


def words(page: httpx2.Response) -> str:
    """What a reader reads."""
    assert page.status_code == 200
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page.text.split("<main")[1])))


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (
            "/bookings",
            (
                "Mariatorget, Stockholm EVSE E-1 Waits for an answer 1 Mar 2026 19:00 1 Mar 2026 20:00 SE*RET",
                "Fulfilled",
                "Cancelled",
            ),
        ),
        ("/terminals", ("Term/1 SN-4711 Active SE*PTP SE*ELS tills 2 1",)),
        ("/partners", ("retailer SE*RET EMSP · Other Active SE*ELS 2.2.1", "nobody")),
        ("/invoices", ("seen by SE*ELS · 1 Mar 2026 17:00 Delivered SE*ELS SE*RET 3",)),
    ],
)
def test_a_list_tells_what_there_is_and_leads_to_each(path: str, told: tuple[str, ...]) -> None:
    page = got(path)
    for said in told:
        assert said in words(page)
    links = [unescape(link) for link in PLACE.findall(page.text)]
    assert links
    spine = empty_spine()
    asyncio.run(populate(spine))
    for link in links:
        assert got(link, spine=spine).status_code == 200


def test_bookings_and_terminals_of_a_state_stand_alone() -> None:
    assert PLACE.findall(got("/bookings?state=PENDING").text) == ["/bookings/SE%2AELS/B1"]
    assert PLACE.findall(got("/terminals?state=READY").text) == []
    assert len(PLACE.findall(got("/bookings?state=%3Cb%3E").text)) == 3, "it is no state"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (
            f"/bookings/{CPO}/B2",
            (
                "Booking at Mariatorget, Stockholm",
                "The driver may come from 1 Mar 2026 17:50",
                "Given up, if nobody came 1 Mar 2026 18:20",
                "Session ELS-001 S1",
                "CDR S1",
            ),
        ),
        (f"/bookings/{CPO}/B1", ("Waits for an answer", HOSTILE, "elstrada booking accept")),
        (f"/bookings/{CPO}/B/3", ("Cancelled The vehicle is broken · EMSP",)),
        (
            f"/terminals/{CPO}/{PTP}/Term/1",
            (
                "Mariatorget, Stockholm All EVSEs",
                "L9 All EVSEs",
                "EVSE E-7",
                "javascript:alert(1)",
                "Paid too little – SEK 123.00 SEK 99.50",
            ),
        ),
        (f"/terminals/{PTP}/{PTP}/TERM/1", ("Latest payments at it", "Settled S7 SEK 123.00 SEK 123.00")),
        (
            f"/partners/{CPO}/retailer",
            (
                f"Agreed with all others {HOSTILE} Over",
                "Agreed with SE*RET Holds From 20 Feb 2026 17:00 Until 10 Mar 2026 17:00",
                "We send locations, sessions We receive Nothing",
                "It sees All locations but these L2, ITA",
                "T-NIGHT L1/E-1",
                "Always If it is silent: refuse",
                "40 sessions at once 1,500.0 kWh a month 90,000.50 a month",
            ),
        ),
        (f"/partners/{CPO}/nobody", ("Nothing special is agreed", "We send All that the roles permit")),
        (
            f"/invoices/{CPO}/{CPO}/R/1",
            (
                f"Invoice {HOSTILE}",
                "Does not agree",
                "SEK 1 23.416 SEK 98.40 SEK 123.00",
                "Listed, and not held by us 1 NONE",
                "Listed more than once 1 C1",
                "What it covers 1 C1",
            ),
        ),
    ],
)
def test_the_page_of_one_tells_it_all(path: str, told: tuple[str, ...]) -> None:
    page = words(got(path)).replace("\xa0", " ")
    for said in told:
        assert said in page, page


def test_a_booking_an_invoice_and_a_cdr_lead_to_each_other() -> None:
    assert 'href="/cdrs/SE%2AELS/S1"' in got(f"/bookings/{CPO}/B2").text
    assert 'href="/stations/SE%2AELS/ELS-001"' in got(f"/bookings/{CPO}/B2").text
    assert 'href="/cdrs/SE%2AELS/C1"' in got(f"/invoices/{CPO}/{CPO}/R/1").text
    assert 'href="/invoices/SE%2AELS/SE%2AELS/R/1"' in got(f"/cdrs/{CPO}/C1").text
    assert 'href="/partners/SE%2AELS/retailer"' in got("/").text


@pytest.mark.parametrize("path", [*LISTS, *PAGES, f"/bookings/{CPO}/B1"])
def test_what_partners_say_stays_text(path: str) -> None:
    """T14: no markup of theirs, and no address of theirs to follow."""
    page = got(path)
    assert page.status_code == 200
    assert "<img" not in page.text
    assert 'href="javascript' not in page.text


@pytest.mark.parametrize("path", [*(f"{page}X" for page in PAGES), "/partners/SE*RET/retailer"])
def test_what_there_is_not_and_another_partys_are_not_found(path: str) -> None:
    assert got(path).status_code == 404


@pytest.mark.parametrize("path", LISTS)
def test_a_list_of_nothing_teaches_the_next_step_and_a_place_in_none_is_refused(path: str) -> None:
    assert "“elstrada " in got(path, spine=empty_spine()).text
    assert got(f"{path}?after=x", spine=empty_spine()).status_code == 400


def test_every_partner_is_reached_and_the_overview_counts_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "SHOWN", 10)
    spine = empty_spine()
    names = [f"P{number:02}" for number in range(25)]
    asyncio.run(keep(spine, *(peer(CPO, name, EMSP, Role.EMSP) for name in names)))
    path, seen = "/partners", list[str]()
    while path:
        text = got(path, spine=spine).text
        seen += [link.rsplit("/", 1)[1] for link in PLACE.findall(text)]
        onward = re.findall(r'<a rel="next" href="([^"]+)"', text)
        path = "/partners" + unescape(onward[0]) if onward else ""
    assert seen == names
    assert "Peers 25 Roaming" in words(got("/", spine=spine))


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serving() as running:
        running.do(populate(running.spine))  # type: ignore[arg-type]
        yield running


class TestInABrowser:
    pytestmark = BROWSER

    @pytest.mark.parametrize("path", [*LISTS, *PAGES, "/cdrs", "/bills", f"/cdrs/{CPO}/C1"])
    def test_everybody_can_read_them_and_nothing_scrolls_sideways(
        self, browser: Browser, site: Site, axe: str, path: str
    ) -> None:
        look = {"width": 320, "height": 800}
        with page_of(browser, site, f"{path}?lang=it", viewport=look, color_scheme="dark") as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= 320
            assert violations(page, axe) == []
