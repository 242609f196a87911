"""Every list of the desk costs the same however many rows there are: seen from the plans and the work of its questions.

Which lists there are, and by what they can be narrowed, is read from the table of verbs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import combinations, count
from pathlib import Path
from typing import cast, get_origin

import desk_book
import msgspec
import pytest
from desk_book import StepClock

from asked import FEWER, Asked, assert_same_work, crowds, on
from crowd import NOON, OWNER, WANTED
from elstrada.model.mirror import ItemKind
from elstrada.model.party import ConnectionStatus
from elstrada.model.terminal import SessionPaid, TerminalState
from elstrada.model.terminal_payment import TapState
from elstrada.model.web_payment import PaymentState
from elstrada.net.chance import SeededChance
from elstrada.roles.desk.face import AnyVerb, Desk, Kind, Refusal
from elstrada.roles.desk.nouns import NOUNS
from elstrada.roles.desk.paging import Page
from elstrada.roles.desk.table import params_of, perform, verb_named, verbs_of
from elstrada.roles.keys import derived_keys
from elstrada.spine import tables as t
from elstrada.spine.face import Delete, Put, Row, Spine, Work

WHOLE = {
    "cdr check": "they are the rows of a file that was handed in",
    "cdr findings": "sums of all findings, of which each issuer has as many kinds as there are checks",
    "finding makes": "sums of all findings, of which there are 10,000 kinds at most",
    "station certificates": "which of a station's certificates counts is seen from all of them",
    "party list": "there are as many as the installation acts for",
    "partner quirks": "they are the rows of a table that comes with Elstrada",
    "node list": "there are as many as the installation has machines",
    "station networks": "in which order a station tries its slots is seen from all of them",
}
"""Lists without pages, and why."""
CARDS: dict[str, dict[str, object]] = {
    "cdr retry": {"cdr": "00000001"},
    "session show": {"session": "00000001"},
    "station show": {"station": "S1"},
}
"""Verbs on one thing that look for what belongs to it."""
SAMPLES: dict[str, object] = {
    "station": "S1",
    "code": "strayed",
    "running": True,
    "state": "HELD",
    "check": "V20",
    "since": NOON,
    "until": NOON.replace(year=2027),
    "source": WANTED["source"],
    "contract": "C1",
    "kind": "LOG",
    "like": "no such key",
    "alarms": True,
    "firmware": "F1",
    "ref": "00000001",
    "party": str(OWNER),
    "within_days": 30,
    "cdr": "00000001",
    "session": "00000001",
    "connections": 10,
    "issuer": str(OWNER),
    "ended": True,
    "partner": WANTED["peer_id"],
    "about": "SE*RET",
    "invoice": "I1",
    "location": "L1",
    "customer": "K1",
}
"""A value for whatever narrows a list; the few rows that fit are the oldest of all."""
OF_A_LIST: dict[str, dict[str, object]] = {
    "location list": {"source": "irve"},
    "client list": {"status": ConnectionStatus.OFFLINE},
    "booking places": {"location": "L1"},
    "payment list": {"state": PaymentState.OPEN},
    "terminal list": {"state": TerminalState.READY},
    "terminal sessions": {"state": SessionPaid.SHORT},
    "terminal payments": {"state": TapState.DUE, "terminal": "Term-1"},
    "station items": {"kind": ItemKind.VARIABLE},
    "station reports": {"kind": ItemKind.VARIABLE},
}
MAY_BE_EMPTY = {"station notices", "station meter", "station items"}
"""Lists in which no row fits some of the filters."""
PAGING = {"limit", "after"}


def lists() -> list[AnyVerb]:
    """Verbs that give lines, and ask nobody for them."""
    verbs = [verb for noun in NOUNS for verb in verbs_of(noun)]
    return [verb for verb in verbs if get_origin(verb.result) is tuple and verb.needs is None]


PAGED = [verb.name for verb in lists() if verb.name not in WHOLE]


def narrowed(verb: AnyVerb) -> Iterator[dict[str, object]]:
    """Every way to narrow a list: what it needs, and each set of what it can do with."""
    fields = msgspec.structs.fields(verb.params)
    samples = SAMPLES | OF_A_LIST.get(verb.name, {})
    needed = {field.name: samples[field.name] for field in fields if field.required}
    free = [field.name for field in fields if not field.required and field.name not in PAGING]
    for size in range(len(free) + 1):
        for names in combinations(free, size):
            yield {**needed, **{name: samples[name] for name in names}}


# --- how they are asked -------------------------------------------------------------------------------


def desk_on(spine: Spine) -> Desk:
    return Desk(spine=spine, keys=derived_keys("desk"), clock=StepClock(), chance=SeededChance("desk"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return crowds(tmp_path_factory.mktemp("crowds"))


async def asked(spine: Spine, name: str, values: dict[str, object]) -> object:
    verb = verb_named(name)
    assert verb is not None
    params = params_of(verb, values, strict=False)
    assert not isinstance(params, Refusal), params
    return await perform(desk_on(spine), verb, params)


async def done(spine: Spine, name: str, values: dict[str, object]) -> Page[msgspec.Struct]:
    """A page of a list, which must not be refused."""
    answer = await asked(spine, name, values)
    assert isinstance(answer, Page), answer
    return cast("Page[msgspec.Struct]", answer)


async def refused(spine: Spine, name: str, values: dict[str, object]) -> Refusal:
    answer = await asked(spine, name, values)
    assert isinstance(answer, Refusal), answer
    return answer


async def all_ways(spine: Spine, name: str) -> None:
    """Narrow a list in every way, and go on from its first page."""
    verb = verb_named(name)
    assert verb is not None
    for values in narrowed(verb):
        page = await done(spine, name, {**values, "limit": 1})
        assert len(page) == 1 or name in MAY_BE_EMPTY, (name, values)
        if page.next is not None:
            await done(spine, name, {**values, "limit": 1, "after": page.next})


# --- the claims ---------------------------------------------------------------------------------------


def test_every_list_has_pages_or_a_reason_to_have_none() -> None:
    for verb in lists():
        has_pages = {field.name for field in msgspec.structs.fields(verb.params)} >= PAGING
        assert has_pages != (verb.name in WHOLE), verb.name


@pytest.mark.rule(36)
@pytest.mark.parametrize("name", PAGED)
def test_an_index_fits_every_filter_and_order_of_a_list(name: str, folder: Path) -> None:
    assert_same_work(folder, lambda spine: all_ways(spine, name))


@pytest.mark.rule(36)
@pytest.mark.parametrize("name", CARDS)
def test_what_one_thing_is_shown_with_is_found_by_an_index(name: str, folder: Path) -> None:
    async def shown(spine: Asked) -> None:
        verb = verb_named(name)
        assert verb is not None
        await perform(desk_on(spine), verb, params_of(verb, CARDS[name]))  # type: ignore[arg-type]

    assert_same_work(folder, shown)


@pytest.mark.rule(36)
def test_the_lines_of_a_month_are_exported_without_reading_other_months(folder: Path) -> None:
    async def exported(spine: Asked) -> None:
        verb = verb_named("bill export")
        assert verb is not None
        await perform(desk_on(spine), verb, params_of(verb, {"month": "2026-02"}))  # type: ignore[arg-type]

    assert_same_work(folder, exported)


def test_what_is_no_place_of_a_list_is_refused(folder: Path) -> None:
    async def scene(spine: Asked) -> None:
        page = await done(spine, "session list", {"limit": 1})
        for after in ("", "x", "=", "å", "W10", "bnVsbA", page.next or ""):
            refusal = await refused(spine, "cdr list", {"after": after})
            assert (refusal.kind, refusal.pointer) == (Kind.USAGE, "/after"), after

    on(folder / f"{FEWER}.db", scene)


@pytest.mark.rule(36)
def test_while_rows_come_change_and_go_no_other_is_twice_on_the_pages_or_on_none(desk: Desk) -> None:
    """A list is walked a page at a time; what is at rest comes once, whatever happens between the pages."""

    async def scene() -> None:
        await desk.spine.start()
        resting = {f"source:{number:03d}" for number in range(60)}
        await desk.spine.commit(Work(writes=tuple(_finding(source, NOON) for source in sorted(resting))))
        restless = [f"restless:{number:03d}" for number in range(30)]
        await desk.spine.commit(Work(writes=tuple(_finding(source, NOON) for source in restless)))
        seen, after = list[str](), None
        for turn in count():
            page = await _page(desk, "finding list", limit=7, after=after)
            seen += [line.source for line in page]  # type: ignore[attr-defined]
            if page.next is None:
                break
            after, later = page.next, NOON + timedelta(seconds=turn)
            changes = [_finding(restless[turn % 30], later), _finding(f"new:{turn}", later)]
            gone = Delete(t.finding, {"source": restless[-1 - turn % 15], "code": "strayed"})
            await desk.spine.commit(Work(writes=(*changes, gone)))
        assert sorted(source for source in seen if source in resting) == sorted(resting)

    asyncio.run(scene())


def _finding(source: str, at: datetime) -> Put:
    row: Row = {
        "source": source,
        "code": "strayed",
        "count": 1,
        "sample": "",
        "first_at": NOON,
        "last_at": at,
    }
    return Put(t.finding, row)


async def _page(desk: Desk, name: str, **values: object) -> Page[msgspec.Struct]:
    answer = await desk_book.done(desk, name, **{key: value for key, value in values.items() if value})
    assert isinstance(answer, Page), answer
    return cast("Page[msgspec.Struct]", answer)
