"""CDRs as the pages list and show them: ours and partners', by where they stand, with what they lead to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from html import unescape

import pytest
from test_web_app import asked
from web_world import bill, empty_spine

from cdr_scene import CDR, CPO, OWNER, changed
from elstrada.model.cost import Cost
from elstrada.model.facts import CdrChecked, CdrCredited, CdrIssued, CdrReceived, Fact
from elstrada.model.ids import cdr_stream
from elstrada.spine.face import Append, Work
from elstrada.spine.memory import MemorySpine
from elstrada.web.operator import listing

DEAR = CdrChecked(False, ("V20 H: <b>dear</b>", "V14 W: odd"), ())
GOOD = CdrChecked(True, (), ())
LINK = re.compile(r'<a class="place" href="(/cdrs/[^"]+)"')


def received(id: str, *then: Fact, **said: object) -> Append:
    return Append(cdr_stream(OWNER, CPO, id), 0, (CdrReceived(changed(id=id, **said), "network"), *then))


def issued(id: str) -> Append:
    cost = Cost(currency="SEK", total=CDR.total_cost)
    return Append(cdr_stream(CPO, CPO, id), 0, (CdrIssued(changed(id=id), cost),))


def seen(paths: Sequence[str], *told: Append, spine: MemorySpine | None = None) -> list[str]:
    """Each page, of a store in which this was told."""
    spine = spine or empty_spine()

    async def steps() -> list[str]:
        await spine.start()
        await spine.commit(Work(told))
        answers = [await asked(path, spine) for path in paths]
        assert all(answer.status_code == 200 for answer in answers), [str(answer) for answer in answers]
        return [answer.text for answer in answers]

    return asyncio.run(steps())


def test_the_list_has_ours_and_theirs_and_each_state_alone() -> None:
    everything, held, unknown = seen(
        ["/cdrs?lang=sv", "/cdrs?state=HELD", "/cdrs?state=NONE"],
        *(issued("i1"), received("h1", DEAR), received("a1", GOOD)),
    )
    links = [unescape(link) for link in LINK.findall(everything)]
    theirs = [f"/cdrs/SE%2AELS/{id}?holder=SE%2ARET" for id in ("a1", "h1")]
    assert sorted(links) == [*theirs, "/cdrs/SE%2AELS/i1"]
    assert "Hålls inne" in everything
    assert [unescape(link) for link in LINK.findall(held)] == ["/cdrs/SE%2AELS/h1?holder=SE%2ARET"]
    assert len(LINK.findall(unknown)) == 3


def test_a_cdr_is_found_by_its_whole_id() -> None:
    one, none = seen(["/cdrs?search=h1", "/cdrs?search=h"], received("h1", DEAR), issued("h2"))
    assert len(LINK.findall(one)) == 1
    assert "No CDR fits." in none


def test_every_cdr_is_reached_part_by_part_whoever_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "SHOWN", 3)
    spine, path, found = empty_spine(), "/cdrs", list[str]()
    told = [issued(f"i{n}") for n in range(4)] + [received(f"r{n}") for n in range(4)]
    while path:
        (text,) = seen([path], *told, spine=spine)
        found, told = found + LINK.findall(text), []
        onward = re.findall(r'<a rel="next" href="([^"]+)"', text)
        path = "/cdrs" + unescape(onward[0]) if onward else ""
    assert len(found) == len(set(found)) == 8


def test_the_page_of_a_partners_cdr_tells_what_its_examination_found_and_where_it_was() -> None:
    (page,) = seen([f"/cdrs/{CPO}/h1?holder={OWNER}"], received("h1", DEAR))
    assert "<h1>Charging at Harbour, Ystad</h1>" in page
    assert "2 Mar 2026 16:30" in page, "of the place, not of the page"
    for words in ("Held back", "V20 H: &lt;b&gt;dear", "V14 W: odd", "SE*RET", "40.00"):
        assert words in page
    assert "How the price came about" not in page, "it was not us who priced it"


def test_a_partners_cdr_whose_id_has_a_slash_has_a_page_and_a_credited_one_leads_to_its_credit() -> None:
    listed, page = seen(
        ["/cdrs", f"/cdrs/{CPO}/a/1?holder={OWNER}"],
        received("a/1", GOOD, CdrCredited("a/1-C")),
        received("a/1-C", credit=True, credit_reference_id="a/1"),
    )
    assert "/cdrs/SE%2AELS/a/1?holder=SE%2ARET" in unescape(listed)
    assert "Credited" in page
    assert 'href="/cdrs/SE%2AELS/a/1-C?holder=SE%2ARET"' in page


def test_a_bill_line_leads_to_its_cdr_and_that_tells_what_the_customer_pays() -> None:
    spine = empty_spine()

    async def billed() -> None:
        await spine.start()
        await bill(spine, 7, "Haga, Göteborg")

    asyncio.run(billed())
    overview, page = seen(["/", f"/cdrs/{CPO}/CDR7?holder={OWNER}"], received("CDR7", GOOD), spine=spine)
    assert 'href="/cdrs/SE%2AELS/CDR7?holder=SE%2ARET">Haga, Göteborg</a>' in overview
    assert "On the customer’s bill" in page
    assert "1,350.50" in page
    assert "…0007" in page
    assert "SERETC00000007" not in page, "T21: the last four alone"


def test_every_bill_line_is_reached_part_by_part_and_leads_to_its_cdr(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "SHOWN", 3)
    spine = empty_spine()

    async def billed() -> None:
        await spine.start()
        for number in range(8):
            await bill(spine, number, "<b>Haga")

    asyncio.run(billed())
    path, found = "/bills", list[str]()
    while path:
        (text,) = seen([path], spine=spine)
        assert "<b>Haga" not in text
        found += LINK.findall(text)
        onward = re.findall(r'<a rel="next" href="([^"]+)"', text)
        path = "/bills" + unescape(onward[0]) if onward else ""
    assert sorted(found) == [f"/cdrs/SE%2AELS/CDR{number}?holder=SE%2ARET" for number in range(8)]
