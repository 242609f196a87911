"""Quarter-hours are found by indexes: a report costs as much as it reads, however many rows there are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

import pytest
from sqlalchemy import Table, create_engine
from sqlalchemy.pool import NullPool

from asked import FEWER, MANY, Asked, Later, assert_same_work, on
from elstrada.model.location import Connector, Evse, EvseStatus
from elstrada.model.quarter import SessionQuarter
from elstrada.roles.meterer import MeterSweep
from elstrada.spine import quarters
from elstrada.spine import tables as t
from elstrada.spine.face import Cell, Put, Row, Where, Work
from elstrada.spine.memory import MemorySpine
from elstrada.spine.paging import PAGE
from elstrada.spine.quarters import TooMany, most_w, read_quarters, session_row

BEGIN = datetime(2026, 2, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
FEW = 20
"""Rows of the one station that is asked for."""


def rows(count: int) -> list[dict[str, Cell]]:
    """The few, and ``count`` of other stations and later quarters."""
    found: list[dict[str, Cell]] = []
    for number in range(FEW + count):
        station_id = "S1" if number < FEW else f"T{number % 97}"
        row: dict[str, Cell] = {"owner": "SE*ELS", "session_id": f"{number:06d}", "station_id": station_id}
        row |= {"quarter": BEGIN + number * QUARTER, "evse_id": 1, "energy_wh": 1, "connected_s": 900}
        row |= {"charging_s": 900, "source": "METERED", "begun": True, "ended": False, "failed": False}
        found.append(row)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("quarters")
    for count in (FEWER, MANY):
        path = where / f"{count}.db"
        on(path, lambda _: asyncio.sleep(0))  # Makes the tables.
        engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
        registers = [
            {name: row[name] for name in ("owner", "station_id", "evse_id", "quarter")}
            | {"first_at": row["quarter"], "first_wh": 1, "last_at": row["quarter"], "last_wh": 2}
            for row in rows(count)
        ]
        with engine.begin() as connection:
            connection.execute(t.session_quarter.insert(), rows(count))
            connection.execute(t.register_quarter.insert(), registers)
        engine.dispose()
    return where


def test_a_station_is_read_at_the_same_cost_among_many_as_among_fewer(folder: Path) -> None:
    async def scene(spine: Asked) -> None:
        told = await read_quarters(spine, "SE*ELS", ["S1"], BEGIN + 5 * QUARTER, BEGIN + 15 * QUARTER)
        assert [row.quarter for row in told.sessions] == [BEGIN + n * QUARTER for n in range(5, 15)]
        assert len(told.registers) == 10
        assert await spine.find(
            t.session_quarter, {"owner": "SE*ELS", "session_id": "000003"}, order=("quarter",)
        )

    assert_same_work(folder, scene)


def test_a_sweep_that_finds_nothing_looks_at_nothing(folder: Path) -> None:
    async def scene(spine: Asked) -> None:
        assert await MeterSweep(spine, Later(), Later().now() - BEGIN).sweep() == 0

    assert_same_work(folder, scene)


def test_too_much_is_refused_before_it_is_read_to_its_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarters, "MOST_ROWS", 2 * FEW - 1)

    async def scene(spine: Asked) -> None:
        with pytest.raises(TooMany):
            await read_quarters(spine, "SE*ELS", ["S1", "T1"], BEGIN, BEGIN + timedelta(days=400))
        assert len(spine.queries) == 2

    on(folder / f"{FEWER}.db", scene)


def test_others_have_their_turn_between_two_pages_of_a_long_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of thousands of rows made in one go took seconds, in which stations waited."""
    done = list[str]()

    def noted(row: Row) -> SessionQuarter:
        done.append("row")
        return session_row(row)

    class Paged(MemorySpine):
        async def find(
            self,
            table: Table,
            where: Where | None = None,
            *,
            order: Sequence[str] = (),
            limit: int = 1000,
            offset: int = 0,
            after: Sequence[Cell] | None = None,
        ) -> list[Row]:
            done.append("page")
            return await super().find(table, where, order=order, limit=limit, offset=offset, after=after)

    async def scene() -> None:
        spine = Paged(Later())
        await spine.start()
        empty = {column.name: None for column in t.session_quarter.columns}
        own = [empty | row | {"station_id": "S1"} for row in rows(2 * PAGE)]
        await spine.commit(Work(writes=tuple(Put(t.session_quarter, row) for row in own)))
        monkeypatch.setattr(quarters, "session_row", noted)
        told = await read_quarters(spine, "SE*ELS", ["S1"], BEGIN, BEGIN + timedelta(days=400))
        assert len(told.sessions) == 2 * PAGE + FEW
        assert max(len(list(run)) for what, run in groupby(done) if what == "row") == PAGE

    asyncio.run(scene())


def _plug(power_type: str, told_w: int | None = None) -> Connector:
    return Connector(
        id="1",
        standard="IEC_62196_T2",
        format="SOCKET",
        power_type=power_type,
        max_voltage=230,
        max_amperage=32,
        max_electric_power=told_w,
        last_updated=BEGIN,
    )


@pytest.mark.parametrize(
    ("plugs", "watts"),
    [
        ((_plug("AC_3_PHASE"),), 22_080),
        ((_plug("AC_1_PHASE"),), 7_360),
        ((_plug("AC_3_PHASE", 11_000),), 11_000),
        ((_plug("AC_1_PHASE"), _plug("DC", 150_000)), 150_000),
        ((_plug("AC_1_PHASE"), _plug("DC")), None),
    ],
)
def test_an_evse_gives_what_its_strongest_connector_does_if_all_are_known(
    plugs: tuple[Connector, ...], watts: int | None
) -> None:
    evse = Evse(uid="E1", status=EvseStatus.AVAILABLE, connectors=plugs, last_updated=BEGIN)
    assert most_w(evse) == watts
