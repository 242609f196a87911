"""Each bill line is in the file of one month: of that in which it was recorded (pricing-and-billing 3.1)."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from desk_book import StepClock, done

from cdr_scene import ALL, CDR, CPO, OWNER, changed, receive, run
from elstrada.billing.export.csv import Export, to_csv
from elstrada.model.cdr import Cdr
from elstrada.model.cost import Price
from elstrada.model.invoice import BillLine
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.roles.biller import Biller
from elstrada.roles.desk import bills
from elstrada.roles.desk.face import Desk
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work
from elstrada.spine.memory import MemorySpine

RETAILER = Party(OWNER, (Role.EMSP,), BusinessDetails("Retail"), "SEK")
CREDIT = changed(id="k1", credit=True, credit_reference_id="c1", total_cost=Price(Decimal(-40)))
MIDNIGHT = datetime(2026, 3, 31, 22, tzinfo=UTC)
"""At which April begins in Stockholm."""


async def stocked(desk: Desk) -> MemorySpine:
    assert isinstance(desk.spine, MemorySpine)
    await desk.spine.start()
    document = msgspec.json.encode(RETAILER).decode()
    await desk.spine.commit(Work(writes=(*ALL, Put(t.party, {"party": str(OWNER), "document": document}))))
    return desk.spine


async def came(spine: MemorySpine, cdr: Cdr) -> None:
    seen = (await spine.read(0))[-1:]
    await receive(spine, cdr)
    after = seen[0].position if seen else 0
    await spine.commit(await Biller(spine).handle(await spine.read(after)))


async def told(desk: Desk, month: str | None = None) -> str:
    export: Any = await done(desk, "bill export", month=month)
    return export.csv


def column(text: str, name: str) -> Sequence[str]:
    rows = csv.DictReader(io.StringIO(text), delimiter=";")
    return [row[name] for row in rows if row["record"] == "LINE"]


def test_a_credit_is_in_the_month_in_which_it_came_and_names_the_line_it_takes_back(
    desk: Desk, clock: StepClock
) -> None:
    async def scene() -> None:
        spine = await stocked(desk)
        clock.at = datetime(2026, 3, 3, 12, tzinfo=UTC)
        await came(spine, CDR)
        taken = await told(desk, "2026-03")
        clock.at = datetime(2026, 5, 10, 12, tzinfo=UTC)
        await came(spine, CREDIT)
        credit = await told(desk, "2026-05")
        assert await told(desk, "2026-03") == taken
        assert (column(taken, "cdr_id"), column(credit, "cdr_id")) == (["c1"], ["k1"])
        assert (column(taken, "credit_of"), column(credit, "credit_of")) == ([""], column(taken, "line_id"))
        assert sum(map(Decimal, (*column(taken, "gross"), *column(credit, "gross")))) == 0
        assert column(await told(desk, "2026-04"), "line_id") == []

    run(scene())


@pytest.mark.parametrize(("came_at", "month"), [(-60, "2026-03"), (0, "2026-04"), (60, "2026-04")])
def test_the_month_of_a_line_is_the_local_one_in_which_its_cdr_came(
    desk: Desk, clock: StepClock, came_at: int, month: str
) -> None:
    """The session ended 23:58 on the last of March; a CDR that comes in April goes to the next open bill."""
    ended = MIDNIGHT - timedelta(minutes=2)
    late = changed(start_date_time=ended - timedelta(hours=1), end_date_time=ended)
    periods = (msgspec.structs.replace(CDR.charging_periods[0], start_date_time=late.start_date_time),)

    async def scene() -> None:
        spine = await stocked(desk)
        clock.at = MIDNIGHT + timedelta(seconds=came_at)
        await came(spine, msgspec.structs.replace(late, charging_periods=periods))
        files = {name: column(await told(desk, name), "line_id") for name in ("2026-03", "2026-04")}
        assert files.pop(month) == [f"{CPO}*c1"]
        assert [*files.values()] == [[]]

    run(scene())


def test_a_month_is_complete_when_no_line_of_it_is_on_its_way_any_more(desk: Desk, clock: StepClock) -> None:
    """A file taken at midnight lacked what a node was about to write, or one whose clock is behind."""

    async def scene() -> None:
        await stocked(desk)
        complete = list[bool]()
        for minutes in (0, 59, 1):
            clock.at = clock.at + timedelta(minutes=minutes) if complete else MIDNIGHT
            export: Any = await done(desk, "bill export", month="2026-03")
            complete.append(export.complete)
        assert complete == [False, False, True]

    run(scene())


def test_a_file_is_written_while_the_node_goes_on(
    desk: Desk, clock: StepClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A month of a hundred thousand lines takes seconds: not on the loop that stations wait for."""
    wrote = list[int]()

    def noted(lines: Sequence[BillLine], *, decimal_comma: bool) -> Export:
        wrote.append(threading.get_ident())
        return to_csv(lines, decimal_comma=decimal_comma)

    async def scene() -> None:
        clock.at = MIDNIGHT
        await came(await stocked(desk), CDR)
        monkeypatch.setattr(bills, "to_csv", noted)
        assert column(await told(desk), "cdr_id") == ["c1"]
        assert wrote != [threading.get_ident()]

    run(scene())
