"""Lists of a million sessions, and of ten thousand: what a page costs, as ratios within one run.

Takes ten seconds to two minutes, by what else the machine does. In every run ``test_desk_lists`` counts steps instead.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from statistics import median

import pytest
from sqlalchemy import Table

from elstrada.model.ids import PartyId
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.net.chance import SeededChance
from elstrada.net.clock import SystemClock
from elstrada.roles.desk.face import Desk
from elstrada.roles.desk.paging import Page
from elstrada.roles.desk.parties import settle_parties
from elstrada.roles.desk.table import params_of, perform, verb_named
from elstrada.roles.keys import derived_keys
from elstrada.spine import tables as t
from elstrada.spine.paging import place_text
from elstrada.spine.sqlite import SqliteSpine
from elstrada.web.operator.reading import read

OWN = Party(PartyId("SE", "ELS"), (Role.CPO,), BusinessDetails("Elstrada"))
FEW, MILLION = 10_000, 1_000_000
TRIES = 30
_LISTS: list[tuple[str, dict[str, object], Table, str]] = [
    ("session list", {}, t.session, "updated_at"),
    ("session list", {"station": "S7"}, t.session, "first_version"),
    ("session list", {"running": True}, t.session, "updated_at"),
    ("cdr list", {}, t.cdr, "recorded_at"),
    ("cdr list", {"state": "HELD"}, t.cdr, "recorded_at"),
]
_NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)"
_AT = "strftime('%Y-%m-%dT%H:%M:%S.000000Z', 1700000000 + i, 'unixepoch')"
_SESSIONS = f"""
INSERT INTO session (owner, session_id, station_id, first_version, started_at, ended_at, completed_at, energy_wh, updated_at)
{_NUMBERS} SELECT 'SE*ELS', printf('%08d', i), 'S' || (i % 40), i, {_AT}, CASE WHEN i < 500 THEN NULL ELSE {_AT} END,
CASE WHEN i < 500 THEN NULL ELSE {_AT} END, i % 40000, {_AT} FROM n
"""
_CDRS = f"""
INSERT INTO cdr (owner, party, cdr_id, state, session_id, document, recorded_at)
{_NUMBERS} SELECT 'SE*ELS', 'SE*ELS', printf('%08d', i), CASE WHEN i < 500 THEN 'HELD' ELSE 'DELIVERED' END,
printf('%08d', i), '{{"cdr_location": {{"city": "Borås"}}}}', {_AT} FROM n
"""


@pytest.mark.soak
@pytest.mark.rule(36)
@pytest.mark.timeout(900)
async def test_a_page_of_a_million_costs_what_one_of_ten_thousand_costs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spines = [await _filled(tmp_path / f"{count}.db", count) for count in (FEW, MILLION)]
    for name, values, table, column in _LISTS:
        times = [await _pages(spine, name, values, table, column) for spine in spines]
        (few_first, few_last), (first, last) = times
        told = f"{name} {values or ''}: first {first:.2f} ms, last {last:.2f}; of 10,000 {few_first:.2f}, {few_last:.2f}"
        with capsys.disabled():
            print(f"\n{told}; ratios {last / first:.2f} and {first / few_first:.2f}", end="")
        assert last < 3 * first, told
        assert first < 3 * few_first, told
    few_ms, many_ms = [await _overview_ms(spine) for spine in spines]
    with capsys.disabled():
        print(f"\noverview: {many_ms:.1f} ms; of 10,000 {few_ms:.1f}; ratio {many_ms / few_ms:.2f}")
    assert many_ms < 3 * few_ms
    for spine in spines:
        await spine.close()


async def _filled(path: Path, count: int) -> SqliteSpine:
    spine = SqliteSpine(path, SystemClock())
    await spine.start()
    await settle_parties(spine, (OWN,))
    await spine.close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    for statement in (_SESSIONS, _CDRS):
        connection.execute(statement, (count,))
    connection.commit()
    connection.close()
    await spine.start()
    return spine


async def _pages(
    spine: SqliteSpine, name: str, values: dict[str, object], table: Table, column: str
) -> tuple[float, float]:
    """Milliseconds of the first page and of the last."""
    where = {"station_id": "S7"} if "station" in values else {}
    where |= {"ended_at": None} if "running" in values else {}
    where |= {"state": "HELD"} if "state" in values else {}
    oldest = await spine.find(table, {"owner": "SE*ELS", **where}, order=(column,), limit=101)
    after = place_text(table, (f"-{column}",), oldest[-1])
    return await _ms(spine, name, values), await _ms(spine, name, {**values, "after": after})


async def _ms(spine: SqliteSpine, name: str, values: dict[str, object]) -> float:
    desk = Desk(spine=spine, keys=derived_keys("soak"), clock=SystemClock(), chance=SeededChance("soak"))
    verb = verb_named(name)
    assert verb is not None
    params = params_of(verb, values)
    taken: list[float] = []
    for _ in range(TRIES):
        began = time.perf_counter()
        page = await perform(desk, verb, params)  # type: ignore[arg-type]
        taken.append(time.perf_counter() - began)
        assert isinstance(page, Page)
        assert len(page) == 100
        assert (page.next is None) == ("after" in values)
    return 1_000 * median(taken)


async def _overview_ms(spine: SqliteSpine) -> float:
    taken: list[float] = []
    for _ in range(TRIES):
        began = time.perf_counter()
        await read(spine)
        taken.append(time.perf_counter() - began)
    return 1_000 * median(taken)
