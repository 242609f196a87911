"""What stations have in store is kept as they tell it, bounded, whole or in parts."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from elstrada.model.asks import GiveNotice
from elstrada.model.ids import PartyId
from elstrada.model.mirror import (
    KEPT_VALUES,
    Attribute,
    Characteristics,
    Cleared,
    Expected,
    Item,
    ItemKind,
    Learned,
    Part,
    Stream,
    Variable,
)
from elstrada.ocpp.mirror import item
from elstrada.ocpp.table import ReadCall
from elstrada.ocpp.versions import OCPP201
from elstrada.roles.gateway import mirror as subject
from elstrada.roles.gateway.mirror import MAX_KEY, MOST_PARTS, Mirror
from elstrada.spine import tables as t
from elstrada.spine.memory import MemorySpine

CPO = PartyId("SE", "ELS")
KEY = {"owner": str(CPO), "station_id": "S1"}


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


class Kept:
    """A mirror, and what is in it."""

    def __init__(self) -> None:
        self.clock = Hand()
        self.spine = MemorySpine(self.clock)
        self.mirror = Mirror(self.spine, self.clock)

    async def told(
        self,
        *items: Item,
        part: Part | None = None,
        expected: Expected | None = None,
        gone: tuple[tuple[ItemKind, str], ...] = (),
        cleared: tuple[Cleared, ...] = (),
        replaces: frozenset[ItemKind] = frozenset(),
    ) -> int:
        self.clock.time += timedelta(seconds=1)
        learned = Learned(
            items=items, part=part, expected=expected, gone=gone, cleared=cleared, replaces=replaces
        )
        return await self.mirror.take(CPO, "S1", learned)

    async def keys(self) -> list[str]:
        return [str(row["key"]) for row in await self.spine.find(t.station_item, KEY, order=("key",))]

    async def document(self, key: str) -> object:
        (row,) = await self.spine.find(t.station_item, {**KEY, "key": key})
        return json.loads(str(row["document"]))

    async def report(self, request_id: int) -> dict[str, object]:
        (row,) = await self.spine.find(t.station_report, {**KEY, "request_id": request_id})
        return dict(row)


def variable(name: str, *attributes: Attribute, characteristics: Characteristics | None = None) -> Item:
    return item(Variable(name=name, attributes=attributes, characteristics=characteristics))


def part(request_id: int, seq_no: int | None, *, last: bool = False) -> Part:
    return Part(kind=ItemKind.VARIABLE, request_id=request_id, seq_no=seq_no, last=last)


def expected(request_id: int, *, whole: bool = True) -> Expected:
    return Expected(kind=ItemKind.VARIABLE, request_id=request_id, whole=whole)


async def test_a_value_told_alone_keeps_what_was_known_of_the_variable() -> None:
    kept = Kept()
    seconds = Characteristics(data_type="integer", unit="s")
    whole = Attribute(value="300", mutability="ReadWrite", persistent=True, constant=False)
    await kept.told(variable("A", whole, Attribute(type="Target", value="9"), characteristics=seconds))
    await kept.told(variable("A", Attribute(value="60")))

    assert await kept.document("A") == {
        "name": "A",
        "attributes": [
            {"value": "60", "mutability": "ReadWrite", "persistent": True, "constant": False},
            {"type": "Target", "value": "9"},
        ],
        "characteristics": {"data_type": "integer", "unit": "s"},
    }


async def test_a_whole_report_sweeps_what_it_does_not_name_once_all_its_messages_came() -> None:
    kept = Kept()
    await kept.told(variable("OLD"), variable("A"))
    await kept.told(expected=expected(7))
    await kept.told(variable("C"), part=part(7, 2, last=True))
    await kept.told(variable("A"), part=part(7, 0))
    assert await kept.keys() == ["A", "C", "OLD"]
    assert (await kept.report(7))["complete_at"] is None
    await kept.told(variable("NEW"))
    await kept.told(variable("B"), part=part(7, 1))

    assert await kept.keys() == ["A", "B", "C", "NEW"]
    report = await kept.report(7)
    assert (report["items"], json.loads(str(report["parts"]))) == (3, [2, 0, 1])
    assert report["complete_at"] == kept.clock.now()


async def test_a_number_beyond_reason_is_left_out_and_costs_nothing() -> None:
    """A station that claims to be in its two thousand millionth message shall not have us count to it."""
    kept = Kept()
    for number in (MOST_PARTS, 2**31 - 1):
        assert await kept.told(variable("A"), part=part(7, number, last=True)) == 1
    assert await kept.keys() == ["A"]
    assert await kept.spine.find(t.station_report, KEY) == []


async def test_a_first_message_that_comes_again_as_the_last_completes_nothing() -> None:
    kept = Kept()
    await kept.told(variable("A"), part=part(7, 0))
    await kept.told(variable("B"), part=part(7, 5, last=True))
    await kept.told(variable("A"), part=part(7, 0, last=True))

    assert (await kept.report(7))["complete_at"] is None


async def test_a_message_that_comes_again_counts_once() -> None:
    kept = Kept()
    for _ in range(2):
        await kept.told(variable("A"), part=part(7, 0))
    await kept.told(variable("B"), part=part(7, 1, last=True))

    report = await kept.report(7)
    assert (report["items"], json.loads(str(report["parts"]))) == (2, [0, 1])


async def test_a_report_that_names_some_sweeps_nothing() -> None:
    kept = Kept()
    await kept.told(variable("OLD"))
    await kept.told(expected=expected(7, whole=False))
    await kept.told(variable("A"), part=part(7, 0, last=True))

    assert await kept.keys() == ["A", "OLD"]


async def test_a_report_may_overtake_the_answer_that_promised_it() -> None:
    kept = Kept()
    await kept.told(variable("OLD"))
    await kept.told(variable("A"), part=part(7, 0, last=True))
    assert await kept.keys() == ["A", "OLD"]
    await kept.told(expected=expected(7))

    assert await kept.keys() == ["A"]


async def test_a_number_used_again_later_is_another_report() -> None:
    kept = Kept()
    await kept.told(expected=expected(7))
    await kept.told(variable("A"), part=part(7, 0, last=True))
    kept.clock.time += timedelta(hours=1)
    await kept.told(expected=expected(7))

    report = await kept.report(7)
    assert (report["complete_at"], report["items"]) == (None, 0)


async def test_without_numbers_a_report_ends_with_its_last_message() -> None:
    kept = Kept()
    await kept.told(variable("OLD"))
    await kept.told(expected=expected(7))
    await kept.told(variable("A"), part=part(7, None))
    await kept.told(variable("B"), part=part(7, None, last=True))

    assert await kept.keys() == ["A", "B"]


async def test_what_is_gone_or_replaced_is_no_longer_there() -> None:
    kept = Kept()
    await kept.told(*(variable(name) for name in "ABCD"))
    await kept.told(gone=((ItemKind.VARIABLE, "A"), (ItemKind.VARIABLE, "NEVER")))
    assert await kept.keys() == ["B", "C", "D"]
    await kept.told(variable("C"), replaces=frozenset({ItemKind.VARIABLE}))

    assert await kept.keys() == ["C"]


async def test_a_mirror_is_bounded_and_says_what_it_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MOST_ITEMS", 3)
    kept = Kept()
    assert await kept.told(*(variable(name) for name in "ABCDE")) == 2
    assert await kept.told(variable("A", Attribute(value="1")), variable("F")) == 1
    assert await kept.told(variable("x" * (MAX_KEY + 1))) == 1

    assert await kept.keys() == ["A", "B", "C"]
    assert await kept.document("A") == {"name": "A", "attributes": [{"value": "1"}]}


def stream(number: int, monitor: int | None, *values: str) -> Item:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    told = Stream(id=number, monitor=monitor, latest=tuple((at, value) for value in values))
    return Item(ItemKind.EVENT_STREAM, str(number), msgspec.json.encode(told).decode())


async def test_values_go_to_the_stream_that_was_opened_and_the_oldest_are_forgotten() -> None:
    kept = Kept()
    assert await kept.told(stream(1, None, "lost")) == 1
    assert await kept.told(stream(1, 9)) == 0
    for number in range(KEPT_VALUES + 5):
        await kept.told(stream(1, None, str(number)))

    document = await kept.document("1")
    assert isinstance(document, dict)
    assert document["monitor"] == 9
    assert [value for _, value in document["latest"]] == [str(n) for n in range(5, KEPT_VALUES + 5)]


async def test_a_station_that_opens_ever_more_streams_is_refused_the_rest() -> None:
    kept = Kept()
    assert await kept.told(*(stream(number, 9) for number in range(101))) == 1
    assert await kept.told(variable("A")) == 0


async def test_what_is_cleared_by_what_it_was_goes_and_all_else_stays() -> None:
    kept = Kept()
    for name, secret in (("A", True), ("B", False), ("C", True)):
        document = json.dumps({"id": name, "is_default": secret, "type": "VoltVar"})
        await kept.told(Item(ItemKind.DER_CONTROL, name, document))
    await kept.told(cleared=(Cleared(ItemKind.DER_CONTROL, (("is_default", True), ("type", "VoltVar"))),))

    assert await kept.keys() == ["B"]


async def test_t10_a_number_beyond_a_float_spoils_nothing_that_is_cleared_later() -> None:
    kept = Kept()
    period = '{"startPeriod":0,"limit":1e400}'
    limit = (
        '{"chargingLimit":{"chargingLimitSource":"EMS"},"evseId":1,"chargingSchedule":[{"id":1,'
        f'"chargingRateUnit":"A","chargingSchedulePeriod":[{period}]}}]}}'
    )
    read = OCPP201.read_call("NotifyChargingLimit", limit.encode(), kept.clock.now())
    assert isinstance(read, ReadCall)
    assert isinstance(read.ask, GiveNotice)
    assert read.ask.learned is not None
    await kept.mirror.take(CPO, "S1", read.ask.learned)
    assert await kept.keys() == ["EMS/1"]
    await kept.told(cleared=(Cleared(ItemKind.CHARGING_PROFILE, (("source", "EMS"),)),))
    assert await kept.keys() == []


async def test_what_a_station_knows_of_a_customer_is_erased_after_a_month() -> None:
    kept = Kept()
    await kept.told(Item(ItemKind.CUSTOMER_INFORMATION, "7/00000", '"somebody"'), variable("A"))
    kept.clock.time += subject.CUSTOMER_KEPT
    assert await kept.mirror.erase_old() == 0
    kept.clock.time += timedelta(seconds=1)
    assert await kept.mirror.erase_old() == 1

    assert await kept.keys() == ["A"]


async def test_messages_of_one_station_take_turns() -> None:
    kept = Kept()
    told = (variable("A", Attribute(type=type, value=type)) for type in ("Actual", "Target", "MaxSet"))
    await asyncio.gather(*(kept.told(one) for one in told))

    document = await kept.document("A")
    assert isinstance(document, dict)
    assert {one["value"] for one in document["attributes"]} == {"Actual", "Target", "MaxSet"}


async def test_a_message_that_comes_while_others_wait_waits_too() -> None:
    """It comes when the one before is done: the lock is free then, and yet promised to the one that waits."""
    mirror, inside, peak = Kept().mirror, 0, 0

    async def take(following: int) -> None:
        nonlocal inside, peak
        async with mirror._turn(str(CPO), "S1"):
            inside += 1
            peak = max(peak, inside)
            for _ in range(5):
                await asyncio.sleep(0)
            inside -= 1
        if following:
            await take(following - 1)

    await asyncio.gather(*(take(3) for _ in range(3)))
    assert peak == 1
