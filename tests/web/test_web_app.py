"""The pages as an application: what every response carries, and what the overview says."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Mapping
from html import unescape

import httpx2
import pytest
from web_world import (
    CPO,
    PLACES,
    StandingClock,
    empty_spine,
    finding,
    here,
    issue_cdr,
    keep,
    location,
    metered,
    populate,
    started,
    station,
    status,
    stranger,
    tell,
)

from elstrada.model import facts as f
from elstrada.model.device import ConnectorStatus
from elstrada.spine.face import SpineDown
from elstrada.spine.memory import MemorySpine
from elstrada.web.app import make_app
from elstrada.web.operator import stations

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


async def asked(
    path: str,
    spine: MemorySpine | None = None,
    headers: Mapping[str, str] | None = None,
    address: str = "http://127.0.0.1:8080",
) -> httpx2.Response:
    """One GET of the application over this spine."""
    spine = spine or empty_spine()
    await spine.start()
    app = make_app(spine, StandingClock())
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx2.AsyncClient(transport=transport, base_url=address) as client:
        return await client.get(path, headers=dict(headers or {}))


def get(path: str, **how: object) -> httpx2.Response:
    return asyncio.run(asked(path, **how))  # type: ignore[arg-type]


def page_of(story: Coroutine[object, object, None], spine: MemorySpine) -> str:
    async def told() -> httpx2.Response:
        await spine.start()
        await story
        return await asked("/", spine)

    answer = asyncio.run(told())
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize("path", ["/", "/readyz", "/nowhere", "/static/elstrada.css", "/static/../app.py"])
def test_every_response_carries_the_exact_policy(path: str):
    answer = get(path)
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "html"),
        ("/nowhere", "html"),
        ("/static/elstrada.css", "css"),
        ("/static/live.js", "javascript"),
    ],
)
def test_the_charset_of_a_text_is_told_once(path: str, kind: str):
    assert get(path).headers["content-type"] == f"text/{kind}; charset=utf-8"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/version"])
def test_how_the_node_is_stands_on_its_own_listener_and_not_among_the_pages(path: str):
    assert get(path).status_code == 404


@pytest.mark.parametrize("address", ["http://evil.example", "http://127.0.0.1.evil.example:8080"])
def test_a_foreign_host_name_is_refused(address: str):
    assert get("/", address=address).status_code == 421


@pytest.mark.parametrize("address", ["http://localhost:9000", "http://[::1]:9000", "http://LOCALHOST"])
def test_loopback_has_three_names(address: str):
    assert get("/static/elstrada.css", address=address).status_code == 200


@pytest.mark.parametrize(
    "path", ["/static/vendored.toml", "/static/../app.py", "/static/%2e%2e/app.py", "/static/x"]
)
def test_only_the_files_of_pages_are_served(path: str):
    answer = get(path)
    assert answer.status_code == 404
    assert "text/html" in answer.headers["content-type"]


def test_a_file_may_be_kept_for_ever_only_under_the_address_of_its_content():
    named = re.findall(r'(?:href|src)="(/static/[^"]+)"', get("/").text)
    assert len(named) == 5
    for path in named:
        assert "immutable" in get(path).headers["cache-control"]
        assert get(path.split("?")[0]).headers["cache-control"] == "no-cache"


def test_an_empty_network_teaches_the_next_step():
    assert "elstrada station add" in get("/").text


def test_the_language_is_remembered_when_asked_for():
    answer = get("/?lang=sv")
    assert '<html lang="sv">' in answer.text
    assert "lang=sv" in answer.headers["set-cookie"]
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "set-cookie" not in get("/", headers={"accept-language": "sv"}).headers
    assert '<html lang="it">' in get("/", headers={"cookie": "lang=it", "accept-language": "sv"}).text


def test_every_station_is_reached_part_by_part_within_a_search(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stations, "SHOWN", 10)
    spine = empty_spine()
    page_of(populate(spine), spine)
    path, seen = "/stations?search=pole", list[str]()
    while path:
        text = asyncio.run(asked(path, spine)).text
        seen += re.findall(r'<a class="place" href="[^"]+">([^<]+)', text)
        onward = re.findall(r'<a rel="next" href="([^"]+)"', text)
        path = "/stations" + unescape(onward[0]) if onward else ""
    assert seen == [f"ELS-{number:03}" for number in range(1, 31)]


@pytest.mark.parametrize("path", ["/stations?after=x", "/stations?after=WyJzZXNzaW9uIl0"])
def test_a_place_in_no_list_is_refused(path: str):
    assert get(path).status_code == 400


@pytest.mark.parametrize(
    "path", ["/stations?search=a%26b", "/energy?day=2026-02-03&location=L%201", "/none?x=1"]
)
def test_another_language_shows_the_same_thing(path: str):
    asked = path.split("?")[1].replace("%20", "+")
    links = re.findall(r'<a href="([^"]+)" lang="sv"', get(path + "&lang=it").text)
    assert [unescape(link) for link in links] == [f"?{asked}&lang=sv"]


def test_a_reader_is_told_among_the_pages_where_he_is():
    spine = empty_spine()
    said = page_of(populate(spine), spine)
    assert re.findall(r'<a href="([^"]+)" aria-current="page"', said) == ["/"]
    station = asyncio.run(asked("/stations/SE*ELS/ELS-004", spine)).text
    assert re.findall(r'<a href="([^"]+)" aria-current="(\w+)">', station) == [("/stations", "true")]


def test_the_overview_tells_stations_sessions_cdrs_bills_peers_and_strays():
    spine = empty_spine()
    page = page_of(populate(spine), spine)
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    for said in (
        "Stations online 29 / 31",
        "Charging now 14 sessions 40 EVSEs are free",
        "122.5 kW",
        "CDRs delivered 6 2 on their way",
        "Bad input 1,224",
        "Charging 14 23.3 %",
        "No contact 2 3.3 %",
        "One recorded station never connected.",
        "Mariatorget, Stockholm ELS-001 · EVSE 1",
        "Faulted · GroundFailure · RCD 2",
        "no pong for 60 s",
        "€123.00",
        "SEK\xa01,350.50".replace("\xa0", " "),
        "…0007",
        "retailer seen by SE*ELS · OCPI 2.2.1",
        "EVB-P20418 192.0.2.7",
    ):
        assert said in words, said


def test_a_place_of_another_party_with_the_same_id_is_not_taken_for_ours():
    spine = empty_spine()
    foreign = location("L1", "Somewhere", "Else", "SWE")
    foreign = type(foreign)(foreign.table, {**foreign.row, "party": "NL*TNM"})

    async def story() -> None:
        await keep(spine, station("A", "L1"), foreign)
        await tell(spine, "A", *here("A"), started("S1"), metered("S1", 100, 100))

    assert "Somewhere" not in page_of(story(), spine)


ATTACK = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'{{7*7}}"


def test_markup_from_stations_and_peers_stays_text():
    """T14: every text of others that the page shows, at once."""
    spine = empty_spine()

    async def story() -> None:
        await keep(
            spine,
            location("L1", ATTACK, ATTACK, "SWE"),
            station("A", "L1"),
            finding(f"station:{ATTACK}", ATTACK, 1, ATTACK),
            stranger("B", ATTACK),
        )
        await tell(
            spine,
            "A",
            f.StationConnected("ocpp1.6", "c"),
            f.StationBooted(vendor=ATTACK, model=ATTACK),
            status(1, ConnectorStatus.FAULTED, error_code=ATTACK, info=ATTACK),
            started("S1"),
        )
        await issue_cdr(spine, "C1", ("L1", ATTACK, ATTACK, "SWE"), delivered=False)

    page = page_of(story(), spine)
    assert page.count("<script") == 3  # Ours, all from files.
    assert "<img" not in page
    assert "{{7*7}}" in page
    assert page.count("&lt;script&gt;alert(1)") >= 8


def test_a_store_that_is_down_is_said_on_a_page_of_its_own():
    class Down(MemorySpine):
        async def count(self, *_: object, **__: object) -> list[object]:  # type: ignore[override]
            raise SpineDown("disk full on /var")

    answer = get("/", spine=Down(StandingClock()))
    assert answer.status_code == 503
    assert "Nothing that was acknowledged is lost" in answer.text
    assert "/var" not in answer.text


def test_the_page_shows_a_dozen_rows_and_counts_them_all():
    spine = empty_spine()

    async def story() -> None:
        for number in range(20):
            await issue_cdr(spine, f"C{number}", PLACES[0], delivered=True)

    page = page_of(story(), spine)
    assert page.count(f'id="cdr-{CPO}-C') == 12
    assert 'class="count">20<' in page
