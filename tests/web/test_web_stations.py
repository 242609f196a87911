"""The list of stations and the page of one: found, searched, whole, and safe from what stations say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
from looking import ATTACKS, BROWSER, H1, LOOKS, page_of, violations
from playwright.sync_api import Browser, expect
from web_world import CPO, NOW, QUICK, Site, here, keep, serving, station, tell

from elstrada.model import facts as f
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.mirror import Attribute, Characteristics, Variable
from elstrada.model.notices import Notice, NoticeKind
from elstrada.model.quirk import Deeds, Quirk, QuirkTable
from elstrada.ocpp.mirror import item
from elstrada.spine import tables as t
from elstrada.spine.face import Put
from elstrada.web.operator.stations import WireLine

PATH = "/stations/SE*ELS/ELS-004"
SAID = WireLine(at=NOW, from_station=True, what="Heartbeat", outcome="result", text='[2,"1","Heartbeat",{}]')


async def said(owner: str, station_id: str, limit: int) -> Sequence[WireLine]:
    return [SAID] * min(limit, 3) if (owner, station_id) == ("SE*ELS", "ELS-004") else []


def setting(station_id: str, name: str, value: str, *, pending: bool = False) -> Put:
    variable = Variable(
        component="OCPPCommCtrlr",
        name=name,
        attributes=(Attribute(value=value, mutability="ReadWrite", pending=pending),),
        characteristics=Characteristics(data_type="integer", unit="s"),
    )
    told = item(variable)
    row = {"owner": str(CPO), "station_id": station_id, "kind": told.kind.value, "key": told.key}
    return Put(t.station_item, {**row, "document": told.document, "reported_at": NOW})


def noticed(status: str, severity: int, text: str = "") -> f.StationNoticed:
    at = NOW - timedelta(minutes=5)
    kind = NoticeKind.SECURITY_EVENT
    return f.StationNoticed(Notice(kind=kind, at=at, status=status, severity=severity, text=text))


WITHOUT_PONG = Quirk(
    name="volta-no-pong",
    vendor="Volta",
    reason="never answers a <ping>",
    sources=("https://volta.example/7",),
    does=Deeds(pinged=False),
)


@contextmanager
def site_with_a_story() -> Iterator[Site]:
    with serving(QUICK, wire=said, quirks=QuirkTable((WITHOUT_PONG,))) as site:
        asked = f.CommandRequested("C1", CommandName.CALL, CPO, action="GetVariables", payload="{}")
        site.do(
            tell(
                site.spine,
                "ELS-004",
                noticed("TamperDetectionActivated", 3, "lid open"),
                noticed("StartupOfTheDevice", 7),
                asked,
                f.CommandAnswered("C1", CommandResult.REJECTED, "not now"),
            )
        )
        settings = (setting("ELS-004", f"Number{number:03}", str(number)) for number in range(60))
        site.do(keep(site.spine, *settings, setting("ELS-004", "HeartbeatInterval", "300", pending=True)))
        yield site


pytestmark = BROWSER


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with site_with_a_story() as running:
        yield running


def get(site: Site, path: str) -> httpx.Response:
    return httpx.get(site.address + path, timeout=20)


def test_the_list_finds_stations_by_identity_and_device_in_any_case(site: Site) -> None:
    assert get(site, "/stations").text.count('<a class="place"') == 31
    found = get(site, "/stations?search=els-00").text
    assert found.count('<a class="place"') == 9
    assert get(site, "/stations?search=pole").text.count('<a class="place"') == 30
    assert "No station fits." in get(site, "/stations?search=nowhere").text


def test_the_list_says_who_is_away_who_never_came_and_where_there_was_an_alarm(site: Site) -> None:
    assert "Never came" in get(site, "/stations?search=ELS-031").text
    assert "Away" in get(site, "/stations?search=ELS-019").text
    (row,) = [part for part in get(site, "/stations").text.split("<tr>") if ">ELS-004<" in part]
    assert "Connected" in row
    assert "<strong>1</strong></td>" in row


def test_a_stations_page_tells_what_it_is_what_it_told_and_what_was_said(site: Site) -> None:
    text = get(site, PATH).text
    for words in ("Volta Pole 22", "TamperDetectionActivated", "lid open", "CALL GetVariables", "not now"):
        assert words in text
    assert text.count("<details>") == 3
    assert text.count('<span class="tag bad">Alarm</span>') == 1
    assert "What strayed" in text
    assert "Only the first 25 are shown" in text


def test_a_stations_page_tells_the_quirks_of_its_make_and_who_says_so(site: Site) -> None:
    text = get(site, PATH).text
    for words in ("Quirks of this model", "volta-no-pong", "a &lt;ping&gt;", "https://volta.example/7"):
        assert words in text
    assert "Quirks of this model" not in get(site, PATH.replace("ELS-004", "ELS-031")).text, "it never booted"


def test_a_search_finds_a_setting_beyond_those_shown(site: Site) -> None:
    assert "Number059" not in get(site, PATH).text
    found = get(site, f"{PATH}?search=NUMBER059").text
    assert "OCPPCommCtrlr/Number059" in found
    assert "59 s" in found
    heartbeat = get(site, f"{PATH}?search=heartbeat").text
    assert "300 s" in heartbeat
    assert "After the next reboot" in heartbeat


def test_a_station_that_there_is_not_and_another_partys_are_not_found(site: Site) -> None:
    for path in ("/stations/SE*ELS/NOBODY", "/stations/SE*RET/ELS-004", "/stations/x/%2e%2e"):
        assert get(site, path).status_code == 404
    assert get(site, "/stations?search=" + "x" * 5_000).status_code == 200


def test_a_page_without_a_wire_log_says_where_to_look() -> None:
    with serving(QUICK) as bare:
        assert "elstrada station log" in get(bare, PATH).text


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_a_station_says_stays_text(attack: object) -> None:
    """T14: in notices, devices, settings and frames."""
    words: str = attack("mark")  # type: ignore[operator]

    async def attacked(*_: object) -> Sequence[WireLine]:
        return [WireLine(at=NOW, from_station=True, what=words, outcome=words, text=words)]

    with serving(QUICK, wire=attacked) as site:
        site.do(keep(site.spine, station("X", "L1"), setting("X", words, words)))
        site.do(tell(site.spine, "X", *here("X", vendor=words, model=words), noticed(words, 3, words)))
        text = get(site, "/stations/SE*ELS/X").text
        assert "mark" in text
        for harmful in (
            "<script>alert",
            "<img src=x",
            "<hx-partial",
            "<div hx-get",
            "<svg><style>",
            '" onmouse',
        ):
            assert harmful not in text
        searched = httpx.get(f"{site.address}/stations", params={"search": words}, timeout=20).text
        assert "<script>alert" not in searched
        assert "<img src=x" not in searched


@pytest.mark.parametrize("language", H1)
@pytest.mark.parametrize("width", [320, 768, 1440])
@pytest.mark.parametrize("path", ["/stations", PATH])
def test_no_width_scrolls_sideways(
    browser: Browser, site: Site, path: str, language: str, width: int
) -> None:
    look = {"width": width, "height": 800}
    with page_of(browser, site, f"{path}?lang={language}", viewport=look) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
@pytest.mark.parametrize("path", ["/stations", PATH])
def test_everybody_can_read_them(
    browser: Browser,
    site: Site,
    axe: str,
    path: str,
    language: str,
    scheme: str,
) -> None:
    with page_of(browser, site, f"{path}?lang={language}", color_scheme=scheme) as page:
        assert violations(page, axe) == []


def test_from_the_overview_a_reader_comes_to_a_station_and_its_messages(browser: Browser, site: Site) -> None:
    with page_of(browser, site) as page:
        page.get_by_role("link", name="Stations").click()
        page.get_by_label("Identity, vendor or model").fill("els-004")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name="ELS-004").click()
        expect(page.locator("h1")).to_have_text("ELS-004")
        page.locator("#messages summary").first.click()
        expect(page.locator("#messages code").first).to_be_visible()
