"""Prepaid credit and limits of sessions, over real sockets: a whole process, and foreign stations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from installation import Installation, Nursery, Party, serving
from ocpp.routing import on
from ocpp.v16 import call_result as result16
from ocpp_stations import Station16, wire
from till import found, furnish, shown, station, told


@pytest.fixture(scope="module")
def home(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    both = Party("SE*ELS", 'CPO", "EMSP', "Elstrada")
    with serving(Installation(tmp_path_factory.mktemp("prepaid"), nursery, (both,))) as home:
        furnish(home)
        home.told("customer", "put", "K1", "--name", "Customer")
        home.told("plan", "put", "P1", "--name", "P", "--mode", "FIXED_PER_KWH", "--price-per-kwh", "2")
        home.told(
            *("contract", "put", "SEELSC00000001", "--customer", "K1", "--plan", "P1", "--supply-point", "1"),
            *("--valid-from", "2024-01-01", "--valid-to", "2199-06-30"),
        )
        yield home


class Stoppable(Station16):
    """Counts the stops it is told."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.stops: asyncio.Queue[int] = asyncio.Queue()

    @on("RemoteStopTransaction")
    def on_stop(self, transaction_id: int) -> Any:
        self.stops.put_nowait(transaction_id)
        return result16.RemoteStopTransaction(status="Accepted")


async def prepaid(home: Installation, uid: str, *more: str) -> dict[str, Any]:
    """A card of ours with credit; returns how it stands."""
    await told(home, "token", "add", uid, "--contract", "SEELSC00000001")
    return dict(await told(home, "token", "limit", uid, *more))


async def standing(home: Installation, ref: str, credit: str) -> None:
    """Wait until a token has this credit and no session holds any."""
    line: dict[str, Any] = {}
    for _ in range(100):
        (line,) = await told(home, "token", "limits", "--ref", ref)
        if (Decimal(line["credit"]), line["sessions"]) == (Decimal(credit), 0):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{line} never came to {credit}")


def card(uid: str) -> dict[str, str]:
    return {"id_token": uid, "type": "ISO14443"}


async def test_credit_goes_down_session_by_session_and_then_no_more_is_given(home: Installation) -> None:
    """C17, E16 of OCPP 2.1: 10 kWh at 3.00 and 25 % VAT are 37.50."""
    now = datetime.now(UTC)
    uid = "0400000000AA01"
    line = await prepaid(home, uid, "--top-up", "50", "--currency", "SEK")
    async with station(home, "PRE-E1", "E1") as one:
        begin = {"id_token": card(uid), "trigger": "Authorized"}
        answer = await one.told("Started", "t1", now - timedelta(minutes=30), 0, **begin)
        assert answer.id_token_info["status"] == "Accepted"
        assert answer.id_token_info["cache_expiry_date_time"] <= wire(datetime.now(UTC))
        assert answer.transaction_limit == {"max_cost": 50}
        (held,) = await told(home, "token", "limits", "--ref", line["ref"])
        assert (Decimal(held["free"]), held["sessions"]) == (0, 1)
        told_limit = {"transaction_limit": {"max_cost": 50, "max_energy": 20000}}
        await one.told(
            "Updated", "t1", now - timedelta(minutes=9), 5_000, info=told_limit, trigger="LimitSet"
        )
        assert (await one.told("Ended", "t1", now, 10_000)).total_cost == 37.5
        await standing(home, line["ref"], "12.50")
        session = await shown(home, "PRE-E1")
        assert session["limit"] == {"cost": "50", "currency": "SEK"}
        assert session["station_limit"] == {"cost": "50", "energy_wh": 20000}

        answer = await one.told("Started", "t2", now, 10_000, **begin)
        assert answer.transaction_limit == {"max_cost": 12.5}
        await one.told("Updated", "t2", now, 14_000, trigger="CostLimitReached")
        await one.told("Ended", "t2", now, 14_000)  # 15.00
        await standing(home, line["ref"], "-2.50")
        session = await shown(home, "PRE-E1")
        assert session["limits_reached"] == ["COST"]
        finding = await found(home, session["session_id"], "credit-overdrawn")
        assert "the token's credit is -2.50 since" in finding["sample"]

        assert await one.authorize(uid) == "NoCredit"
        answer = await one.told("Started", "t3", now, 14_000, **begin)
        assert (answer.id_token_info["status"], answer.transaction_limit) == ("NoCredit", None)
        await one.told("Ended", "t3", now, 14_000)
        await told(home, "token", "limit", uid, "--top-up", "10")
        assert await one.authorize(uid) == "Accepted"


async def test_sessions_of_one_card_at_two_stations_share_its_credit(home: Installation) -> None:
    uid = "0400000000AA02"
    line = await prepaid(home, uid, "--top-up", "50", "--currency", "SEK", "--most-cost", "30")
    now = datetime.now(UTC)
    async with station(home, "PRE-E2", "E2") as one, station(home, "PRE-E3", "E3") as two:
        begin = {"id_token": card(uid), "trigger": "Authorized"}
        both = await asyncio.gather(
            one.told("Started", "t1", now, 0, **begin), two.told("Started", "t1", now, 0, **begin)
        )
        assert sorted(answer.transaction_limit["max_cost"] for answer in both) == [20, 30]
        third = await two.told("Started", "t2", now, 0, **begin)
        assert third.id_token_info["status"] == "NoCredit"
        one.rewind(1)
        again = await one.told("Started", "t1", now, 0, **begin)
        assert again.transaction_limit == both[0].transaction_limit
        two.rewind(1)
        for till in (one, two):
            await till.told("Ended", "t1", now, 0)
        await standing(home, line["ref"], "50")


async def test_a_station_that_knows_no_limits_is_told_to_stop_once(home: Installation) -> None:
    uid = "0400000000AA03"
    await prepaid(home, uid, "--top-up", "15", "--currency", "SEK")
    now = datetime.now(UTC)
    async with station(home, "PRE-E4", "E4", Stoppable) as one:
        transaction = await one.begin(uid, now - timedelta(minutes=30), 0)
        await one.measure(transaction, now - timedelta(minutes=15), 4_000)  # 15.00
        assert await asyncio.wait_for(one.stops.get(), 30) == transaction
        await one.measure(transaction, now - timedelta(minutes=10), 4_100)
        (line,) = await told(home, "session", "list", "--station", "PRE-E4")
        assert (await told(home, "session", "show", line["session_id"]))["limits_reached"] == ["COST"]
        await asyncio.sleep(11)  # The cost of a limited session is looked at every ten seconds.
        await one.measure(transaction, now, 4_200)
        await one.end(transaction, now, 4_200)
        await asyncio.sleep(0.5)
        assert one.stops.empty()


async def test_limits_of_energy_are_told_to_a_station_that_knows_them_and_kept_by_us_too(
    home: Installation,
) -> None:
    uid = "0400000000AA04"
    await prepaid(home, uid, "--most-energy-wh", "3000", "--most-soc", "80", "--currency", "SEK")
    now = datetime.now(UTC)
    async with station(home, "PRE-E5", "E5") as one:
        begin = {"id_token": card(uid), "trigger": "Authorized"}
        answer = await one.told("Started", "t1", now, 0, **begin)
        assert answer.transaction_limit == {"max_energy": 3000, "max_soc": 80}
        await one.told("Ended", "t1", now, 0)
        await one.knows("MaxCost", "MaxSoC")
        answer = await one.told("Started", "t2", now - timedelta(minutes=30), 0, id_token=None)
        answer = await one.told("Updated", "t2", now, 3_000, **begin)
        assert answer.transaction_limit == {"max_soc": 80}
        assert "cache_expiry_date_time" not in answer.id_token_info
        name, details = await asyncio.wait_for(one.commands.get(), 30)
        assert (name, json.dumps(details)) == ("RequestStopTransaction", '{"transaction_id": "t2"}')
