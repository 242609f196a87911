"""The energy page: a day's load and its month, in the page's zone, over the days on which clocks are turned."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

import httpx
import pytest
from looking import ATTACKS, BROWSER, LOOKS, page_of, violations
from playwright.sync_api import Browser, expect
from web_world import CPO, QUICK, Site, StandingClock, keep, location, serving, station

from elstrada.model.quarter import QuarterSource
from elstrada.spine import quarters
from elstrada.spine import tables as t
from elstrada.spine.face import Cell, Put
from elstrada.spine.memory import MemorySpine
from elstrada.web.operator import energy
from elstrada.web.operator.energy import EnergyPage, read_energy

STOCKHOLM = ZoneInfo("Europe/Stockholm")
QUARTER = timedelta(minutes=15)
AUTUMN = datetime(2026, 10, 24, 22, tzinfo=UTC)
"""Midnight in Stockholm, of the day with 100 quarters."""
NOW = datetime(2026, 10, 27, 12, 4, tzinfo=UTC)


def quarter(station_id: str, at: datetime, energy_wh: int, evse_id: int = 1) -> Put:
    """A session that begins and ends in a quarter."""
    row: dict[str, Cell] = {
        "owner": str(CPO),
        "session_id": f"{station_id}{evse_id}{at:%m%d%H%M}",
        "quarter": at,
    }
    row |= {"station_id": station_id, "evse_id": evse_id, "energy_wh": energy_wh, "connected_s": 900}
    row |= {"charging_s": 600, "least_w": None, "peak_w": None, "imbalance_ma": None, "inlet_wh": None}
    row |= {"outlet_wh": None, "source": QuarterSource.METERED.value, "begun": True, "ended": True}
    row |= {"failed": energy_wh == 0, "begun_wh": None, "ended_wh": None, "total_s": 900}
    return Put(t.session_quarter, {**row, "total_wh": energy_wh})


def a_day(begin: datetime, station_id: str = "ELS-001") -> list[Put]:
    """A load that climbs until noon and falls until evening."""
    return [quarter(station_id, begin + n * QUARTER, 250 * min(n - 20, 80 - n)) for n in range(20, 81)]


PLACES = (
    location("L1", "Mariatorget", "Stockholm", "SWE"),
    location("L2", "Haga", "Göteborg", "SWE"),
    station("CP1", "L1"),
    station("CP2", "L2"),
)
ROWS = (
    quarter("CP1", AUTUMN - QUARTER, 9),  # The day before.
    quarter("CP1", AUTUMN, 1_000),
    quarter("CP1", AUTUMN + timedelta(hours=2), 500),  # The first hour from 2 to 3.
    quarter("CP1", AUTUMN + timedelta(hours=3), 700),  # The second.
    quarter("CP2", AUTUMN + timedelta(hours=3), 2_300, evse_id=2),
    quarter("CP2", AUTUMN + timedelta(hours=24, minutes=45), 0),
    quarter("GONE", AUTUMN, 100_000),  # Of no station that is there.
    quarter("CP2", AUTUMN + timedelta(hours=25), 1, evse_id=7),  # Of an EVSE that has no place.
)


def read(
    day: date | None = date(2026, 10, 25), location: str = "", zone: tzinfo = STOCKHOLM, *more: Put
) -> EnergyPage:
    async def scene() -> EnergyPage:
        spine = MemorySpine(StandingClock(NOW))
        await spine.start()
        await keep(spine, *PLACES, *ROWS, *more)
        return await read_energy(spine, day, location, zone, NOW)

    return asyncio.run(scene())


def test_a_day_of_a_hundred_quarters_is_drawn_with_each_in_its_place() -> None:
    page = read()
    assert [(bar.x, bar.height) for bar in page.bars] == [
        (Decimal("0.00"), 200),
        (Decimal("80.00"), 100),
        (Decimal("120.00"), 600),
    ]
    assert {bar.width for bar in page.bars} == {Decimal("10.00")}
    assert page.scale_kw == 20
    assert [(f"{hour.at:%H:%M%z}", hour.energy_kwh, hour.peak_kw) for hour in page.hours] == [
        ("00:00+0200", Decimal("1.000"), Decimal("4.000")),
        ("02:00+0200", Decimal("0.500"), Decimal("2.000")),
        ("02:00+0100", Decimal("3.000"), Decimal("12.000")),
        ("23:00+0100", Decimal("0.000"), Decimal("0.000")),
    ]


def test_the_month_has_a_line_for_each_day_until_now_and_they_sum_to_it() -> None:
    page = read()
    assert [line.day.day for line in page.days] == list(range(1, 28))
    assert page.of_day is not None
    assert page.of_month is not None
    energies = {line.day.day: line.figures.energy_wh for line in page.days if line.figures.ended}
    assert energies == {24: 9, 25: 4_500, 26: 1}
    assert page.of_month.energy_wh == sum(energies.values())
    assert (page.of_day.ended, page.of_day.failed, page.of_day.most_connected) == (5, 1, 2)
    assert page.of_day.connected_share == Decimal("0.0100")  # Five of 100 quarters of 5 EVSEs.
    assert (page.before, page.after) == (date(2026, 10, 24), date(2026, 10, 26))


def test_a_location_narrows_everything_to_its_own_evses() -> None:
    page = read(location="l2")
    assert (page.location, page.locations) == ("L2", ("L1", "L2"))
    assert page.of_month is not None
    assert (page.of_month.energy_wh, page.of_month.evses) == (2_300, 2)
    nowhere = read(location="L9")
    assert nowhere.of_month is not None
    assert (nowhere.location, nowhere.of_month.energy_wh, nowhere.bars) == ("L9", 0, ())


def test_the_day_is_that_of_the_pages_zone_and_none_is_to_come() -> None:
    assert read(None).day == date(2026, 10, 27)
    future = read(date(2027, 1, 1))
    assert (future.day, future.after) == (date(2026, 10, 27), None)
    in_kolkata = read(date(2026, 10, 25), "", ZoneInfo("Asia/Kolkata"))
    assert in_kolkata.of_day is not None
    assert in_kolkata.of_day.energy_wh == 4_509  # From 18:30Z until 18:30Z.


def test_more_stations_or_rows_than_a_page_adds_up_ask_for_a_location(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(energy, "MOST_STATIONS", 1)
    assert read().too_much
    assert not read(location="L1").too_much
    monkeypatch.setattr(energy, "MOST_STATIONS", 9)
    monkeypatch.setattr(quarters, "MOST_ROWS", 4)
    assert read().too_much
    assert not read(location="L2").too_much


# --- in a browser -------------------------------------------------------------------------------------

WORDS = {"en": "Energy", "sv": "Energi", "it": "Energia"}
PATH = "/energy?day=2026-02-28"
BEGIN = datetime(2026, 2, 28, tzinfo=UTC)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serving(QUICK) as running:
        rows = [*a_day(BEGIN), *a_day(BEGIN - timedelta(days=1)), *a_day(BEGIN + QUARTER, "ELS-002")]
        running.do(keep(running.spine, *rows))
        yield running


def get(site: Site, path: str) -> str:
    answer = httpx.get(site.address + path, timeout=20)
    assert answer.status_code == 200
    return answer.text


def test_anything_that_is_no_day_is_today(site: Site) -> None:
    for asked in ("", "x", "2026-02-30", "0001-01-01", "9999-12-31", "2026-02-28T00:00"):
        assert 'value="2026-03-01"' in get(site, f"/energy?day={asked}")


def test_an_empty_day_says_so_and_draws_nothing(site: Site) -> None:
    text = get(site, "/energy?day=2026-02-20")
    assert "No energy flowed in a complete session." in text
    assert '<svg class="load"' not in text


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_asked_for_stays_text(site: Site, attack: object) -> None:
    said = attack("mark")  # type: ignore[operator]
    text = httpx.get(site.address + "/energy", params={"location": said}, timeout=20).text
    assert said[:100] not in text


in_browser, if_there_is_one = BROWSER


@in_browser
@if_there_is_one
def test_the_load_is_drawn_and_days_lead_to_one_another(browser: Browser, site: Site) -> None:
    with page_of(browser, site, PATH) as page:
        expect(page.locator("h1")).to_have_text("Energy")
        expect(page.locator("svg.load rect")).to_have_count(60)
        box = page.locator("svg.load rect").nth(30).bounding_box()
        assert box is not None
        assert box["height"] > 100
        expect(page.locator(".figures")).to_contain_text("450.0")
        page.get_by_text("The day before").click()
        expect(page.locator("#day")).to_have_value("2026-02-27")
        page.locator("#month-title").scroll_into_view_if_needed()
        page.get_by_role("link", name="Sat 28 Feb").click()
        expect(page.locator("#day")).to_have_value("2026-02-28")
        page.locator("input[name=location]").fill("L1")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("svg.load rect")).to_have_count(59)


@in_browser
@if_there_is_one
@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_everybody_can_read_the_energy_page(
    browser: Browser, site: Site, axe: str, language: str, scheme: str
) -> None:
    with page_of(browser, site, f"{PATH}&lang={language}", color_scheme=scheme) as page:
        expect(page.locator("h1")).to_have_text(WORDS[language])
        page.locator("summary").click()
        assert violations(page, axe) == []


@in_browser
@if_there_is_one
@pytest.mark.parametrize("width", [320, 768, 1440])
def test_no_width_of_the_energy_page_scrolls_sideways(browser: Browser, site: Site, width: int) -> None:
    with page_of(browser, site, PATH, viewport={"width": width, "height": 800}) as page:
        page.locator("summary").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
