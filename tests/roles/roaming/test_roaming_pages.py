"""Lists that peers walk through by our Links: whole, at the same cost per page, and counted."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import pytest
from roaming_world import (
    ELS,
    START,
    STATION,
    Clock,
    Net,
    Node,
    World,
    aio,
    furnished,
    issue,
    location,
    tariff,
)

from asked import Asked, on, plan, steps
from elstrada.model import facts as f
from elstrada.model.agreement import Agreement, Places, Which
from elstrada.model.device import ConnectorStatus
from elstrada.model.ids import agreement_stream, station_stream
from elstrada.model.location import Location, PublishToken
from elstrada.model.tariff import TaxIncluded
from elstrada.model.waits import Waits
from elstrada.ocpi.paging import Window, next_link
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.versions import TABLES
from elstrada.roles.roaming import totals
from elstrada.roles.roaming.leaves import Rows
from elstrada.roles.roaming.rows import location_row, tariff_row
from elstrada.roles.roaming.serving.pages import page
from elstrada.roles.roaming.serving.visit import Visit
from elstrada.roles.roaming.stock import OWN, Stock
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Between, Put, Where, Work
from elstrada.spine.queries import Query

CDRS = "2.2.1/cpo/cdrs"


@pytest.mark.rule(36)
@aio
async def test_a_peer_that_follows_our_links_gets_each_cdr_once_also_those_that_come_meanwhile() -> None:
    world = await furnished()
    for number in range(7):
        await issue(world, f"C{number}")
    got, query = list[str](), {"limit": "2"}
    for turn in range(20):
        answer = await world.as_ret("GET", CDRS, query=query)
        got += [cdr["id"] for cdr in answer.data]
        if turn == 1:
            await issue(world, "C7")
        link = next_link(answer.headers)
        if link is None:
            break
        query = dict(parse_qsl(urlsplit(link).query))
        assert query["place"], "an offset would pass over all that is before it"
    assert got == [f"C{number}" for number in range(8)]
    assert answer.headers["x-total-count"] == "8"


@aio
async def test_a_peer_that_reckons_its_own_offsets_gets_the_same_pages() -> None:
    world = await furnished()
    for number in range(5):
        await issue(world, f"C{number}")
    pages = [await world.as_ret("GET", CDRS, query={"limit": "2", "offset": str(at)}) for at in (0, 2, 4)]
    assert [[cdr["id"] for cdr in page.data] for page in pages] == [["C0", "C1"], ["C2", "C3"], ["C4"]]
    assert ["link" in page.headers for page in pages] == [True, True, False]


@pytest.mark.parametrize("place", ["x", "W10", "bnVsbA", "é", "A" * 3_000])
def test_a_place_that_we_never_told_is_2001(place: str) -> None:
    @aio
    async def check() -> None:
        world = await furnished()
        await issue(world)
        answer = await world.as_ret("GET", CDRS, query={"place": place})
        assert (answer.status, answer.code) == (200, 2001)

    check()


@aio
async def test_a_long_list_is_counted_once_in_a_while_and_never_less_than_was_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(totals, "COUNTED_ANEW", 3)
    world = await furnished()
    for number in range(4):
        await issue(world, f"C{number}")

    async def told(**query: str) -> str:
        return (await world.as_ret("GET", CDRS, query=query)).headers["x-total-count"]

    assert await told() == "4"
    for number in range(4, 8):
        await issue(world, f"C{number}")
    assert await told(limit="1") == "4"
    assert await told(limit="6") == "7", "there is at least one more than this page has"
    world.clock.pass_by(seconds=totals.COUNT_HOLDS.total_seconds())
    assert await told(limit="1") == "8"


# --- locations and tariffs --------------------------------------------------------------------------

LOCATIONS, TARIFFS = "2.2.1/cpo/locations", "2.2.1/cpo/tariffs"


async def _keep(world: World, *changed: Location) -> None:
    await world.els.put(*(Put(t.location, location_row(ELS, one, OWN)) for one in changed))


async def _walk(world: World, path: str, limit: int, between: Callable[[int], Awaitable[None]]) -> list[Any]:
    """All that our Links lead to, with something done between the pages."""
    got, query = list[Any](), {"limit": str(limit)}
    for turn in range(50):
        answer = await world.as_ret("GET", path, query=query)
        got += answer.data
        link = next_link(answer.headers)
        if link is None:
            return got
        query = dict(parse_qsl(urlsplit(link).query))
        await between(turn)
    raise AssertionError("the Links have no end")


@pytest.mark.rule(28)
@aio
async def test_r28_locations_that_change_while_they_are_read_are_each_read_once() -> None:
    world = await furnished()
    await _keep(world, *(location(id=f"M{number:02}") for number in range(20)))

    async def change(turn: int) -> None:
        """What has been read and what has not, each with news; one that is new stands where it belongs."""
        world.clock.pass_by(seconds=1)
        later = world.clock.now()
        await _keep(world, location(id="M00", last_updated=later), location(id="M19", last_updated=later))
        if turn == 1:
            await _keep(world, location(id="M155"))

    got = await _walk(world, LOCATIONS, 3, change)
    assert [one["id"] for one in got] == sorted(["L1", "M155", *(f"M{number:02}" for number in range(20))])
    assert got[-1]["last_updated"] == str(Instant(world.clock.now())), (
        "the newest, as it was when it was read"
    )


@pytest.mark.rule(39)
@aio
async def test_r39_a_page_is_filled_with_what_the_caller_may_have_and_no_more_is_counted() -> None:
    world = await furnished()
    private = [location(id=f"M{number}", publish=False) for number in range(0, 8, 2)]
    named = location(id="M9", publish=False, publish_allowed_to=(PublishToken(uid="04A1B2C3D4E5F6"),))
    await _keep(world, *private, *(location(id=f"M{number}") for number in range(1, 8, 2)), named)
    seen = ["L1", "M1", "M3", "M5", "M7", "M9"]
    first = await world.as_ret("GET", LOCATIONS, query={"limit": "3"})
    assert [one["id"] for one in first.data] == seen[:3]
    assert first.headers["x-total-count"] == "6"
    reckoned = await world.as_ret("GET", LOCATIONS, query={"limit": "3", "offset": "3"})
    assert [one["id"] for one in reckoned.data] == seen[3:]
    assert "link" not in reckoned.headers

    async def nothing(_: int) -> None: ...

    assert [one["id"] for one in await _walk(world, LOCATIONS, 2, nothing)] == seen


@pytest.mark.rule(36)
@aio
async def test_whoever_may_see_little_of_a_long_list_holds_up_nobody() -> None:
    """Each of its rows has to be looked at; others have their turn in between."""
    world = await furnished()
    rows = [location_row(ELS, location(id=f"H{number:04}"), OWN) for number in range(1_500)]
    await world.els.put(*(Put(t.location, row) for row in rows))
    places = Places(which=Which.LISTED, locations=("L1",))
    await world.els.happen(agreement_stream(ELS, "ret"), f.AgreementMade("ret", Agreement(places=places)))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.ensure_future(others())
    answer = await world.as_ret("GET", "2.2.1/cpo/locations")
    waiting.cancel()
    assert [one["id"] for one in answer.data] == ["L1"]
    # Counted and found: 1,500 rows are looked at twice.
    assert turns >= 2 * len(rows) / 100


@pytest.mark.roaming_rule(66)
@aio
async def test_r66_a_page_is_filled_past_the_tariffs_that_the_caller_would_misread() -> None:
    world = await furnished()
    for number in range(9):
        taxed = TaxIncluded.YES if number % 3 else TaxIncluded.NO
        made = tariff(id=f"U{number}", tax_included=taxed)
        await world.els.put(Put(t.tariff, tariff_row(ELS, made)))

    async def nothing(_: int) -> None: ...

    assert [one["id"] for one in await _walk(world, TARIFFS, 1, nothing)] == ["T1", "U0", "U3", "U6"]
    page = await world.as_ret("GET", TARIFFS, query={"limit": "2", "offset": "1"})
    assert [one["id"] for one in page.data] == ["U0", "U3"]
    assert page.headers["x-total-count"] == "4"


@aio
async def test_a_list_shows_what_was_written_a_moment_ago_by_a_status_too() -> None:
    world = await furnished()
    assert [one["name"] for one in (await world.as_ret("GET", LOCATIONS)).data] == ["Norra torget"]
    await _keep(world, location(name="Södra torget"))
    assert [one["name"] for one in (await world.as_ret("GET", LOCATIONS)).data] == ["Södra torget"]
    await world.els.happen(
        station_stream(ELS, STATION), f.ConnectorStatusChanged(1, 1, ConnectorStatus.OCCUPIED, START)
    )
    (shown,) = (await world.as_ret("GET", LOCATIONS)).data
    assert shown["evses"][0]["status"] == "CHARGING"


@pytest.mark.rule(36)
def test_each_of_2_000_locations_pages_is_read_by_key(tmp_path: Path) -> None:
    """The first page and the last take as many questions, rows and steps of the database's machine."""

    async def scene(spine: Asked, place: str) -> str:
        means = Node(Net(), Clock(), "els.example", spine, Waits(), tuple(TABLES)).means
        where: Where = {
            "owner": str(ELS),
            "party": AnyOf((str(ELS),)),
            "source": OWN,
            "audience": AnyOf(("named", "public")),
            "last_updated": Between(START),
        }
        visit = cast(Visit, SimpleNamespace(means=means, stock=Stock(means)))
        rows = await page(visit, t.location, where, "party", ("location_id",), Window(limit=100, place=place))
        assert isinstance(rows, Rows)
        assert (len(rows.rows), rows.total) == (100, 2_000)
        return rows.place

    async def all_pages(spine: Asked) -> None:
        puts = [Put(t.location, location_row(ELS, location(id=f"L{n:04}"), OWN)) for n in range(2_000)]
        await spine.commit(Work(writes=tuple(puts)))
        place, told = "", list[list[Query]]()
        while place or not told:
            spine.queries = []
            place = await scene(spine, place)
            told.append(spine.queries)
        assert [len(queries) for queries in told] == [2] * 20, "a count and a page"
        with sqlite3.connect(tmp_path / "store.db") as connection:
            taken = [steps(connection, queries[1]) for queries in told]
            found = [step for queries in told for query in queries for step in plan(connection, query)]
        # The first has no place to begin behind, and is planned otherwise.
        assert max(taken[1:]) < 1.1 * min(taken[1:]), taken
        assert taken[0] < 2 * taken[1], taken
        looked_up = [step for step in found if " location " in step]
        assert looked_up
        assert all("USING" in step and "location_by_source" in step for step in looked_up), found
        assert not [step for step in found if "TEMP B-TREE" in step], found

    on(tmp_path / "store.db", all_pages)
