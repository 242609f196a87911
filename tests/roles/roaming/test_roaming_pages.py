"""Lists that peers walk through by our Links: whole, at the same cost per page, and counted."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from roaming_world import aio, furnished, issue

from elstrada.ocpi.paging import next_link
from elstrada.roles.roaming import totals

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
