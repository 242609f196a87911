"""The operator's pages cost the same however many sessions, CDRs, lines and notices there are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from asked import FEWER, MANY, Asked, assert_same_work, crowds, on
from crowd import FEW, NOON, OWNER
from elstrada.model.ids import PartyId
from elstrada.roles.quirks.table import load_quirks
from elstrada.web.operator import reading, rows
from elstrada.web.operator.bills import read_bills
from elstrada.web.operator.bookings import read_bookings
from elstrada.web.operator.cdr import led_to
from elstrada.web.operator.cdrs import read_cdrs
from elstrada.web.operator.invoices import read_invoices
from elstrada.web.operator.partners import read_partner, read_partners
from elstrada.web.operator.stations import read_station, read_stations
from elstrada.web.operator.terminals import read_terminal, read_terminals

Scene = Callable[[Asked], Awaitable[object]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return crowds(tmp_path_factory.mktemp("crowds"))


@pytest.mark.rule(36)
def test_the_overview_reads_as_much_of_many_sessions_as_of_fewer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both bounds are beyond the many rows here.
    monkeypatch.setattr(reading, "COUNTED", 100)
    monkeypatch.setattr(reading, "SUMMED", 100)
    assert_same_work(folder, reading.read)


@pytest.mark.rule(36)
def test_a_stations_page_reads_as_much_among_many_as_among_fewer(folder: Path) -> None:
    async def page(spine: Asked) -> object:
        return await read_station(
            spine, str(OWNER), "S1", search="", since=NOON, wire=None, quirks=load_quirks()
        )

    assert_same_work(folder, page)


SCENES: dict[str, Scene] = {
    "CDRs": lambda spine: read_cdrs(spine, "", "", ""),
    "CDRs of a state": lambda spine: read_cdrs(spine, "", "HELD", ""),
    "CDRs of an id": lambda spine: read_cdrs(spine, "00000007", "", ""),
    "what a CDR led to": lambda spine: led_to(spine, str(OWNER), OWNER, PartyId("SE", "RET"), "00000007"),
    "bill lines": lambda spine: read_bills(spine, ""),
    "bookings": lambda spine: read_bookings(spine, "", ""),
    "bookings of a state": lambda spine: read_bookings(spine, "RESERVED", ""),
    "terminals": lambda spine: read_terminals(spine, "", ""),
    "terminals of a state": lambda spine: read_terminals(spine, "READY", ""),
    "a terminal": lambda spine: read_terminal(spine, str(OWNER), str(OWNER), "T00000001"),
    "partners": lambda spine: read_partners(spine, ""),
    "a partner": lambda spine: read_partner(spine, str(OWNER), "00000001", NOON),
    "a hub": lambda spine: read_partner(spine, str(OWNER), "00000000", NOON),
    "invoices": lambda spine: read_invoices(spine, ""),
}


@pytest.mark.rule(36)
@pytest.mark.parametrize("name", SCENES)
def test_lists_and_pages_read_as_much_among_many_as_among_fewer(folder: Path, name: str) -> None:
    assert_same_work(folder, SCENES[name])


@pytest.mark.rule(36)
def test_alarms_of_the_day_are_counted_without_reading_what_is_older(folder: Path) -> None:
    async def alarms(spine: Asked) -> None:
        await read_stations(spine, "", NOON + timedelta(days=1))
        # Stations and their states are read whole: a search looks through them.
        spine.queries = [asked for asked in spine.queries if "station_notice" in str(asked.select)]

    assert_same_work(folder, alarms)


def test_the_overview_tells_the_latest_and_stops_counting(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "COUNTED", MANY // 2)
    seen: list[rows.Rows] = []

    async def read(spine: Asked) -> None:
        seen.append(await reading.read(spine))

    for count in (FEWER, MANY):
        on(folder / f"{count}.db", read)
    assert [each.bill_line_count for each in seen] == [FEWER + FEW, MANY // 2]
    assert [each.cdr_states["DELIVERED"] for each in seen] == [FEWER, MANY // 2]
    assert [each.cdr_states["HELD"] for each in seen] == [FEW, FEW]
    assert [each.running_count for each in seen] == [FEW, FEW]
    assert [len(each.cdrs) for each in seen] == [reading.SHOWN] * 2
    assert [each.cdrs[0].cdr_id for each in seen] == [f"{count + FEW - 1:08d}" for count in (FEWER, MANY)]
