"""The money of stations of OCPP 2.1 that price by themselves: a whole process, and foreign stations."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from installation import Installation, Nursery, serving
from till import CARD, found, furnish, reckoned, shown, station, told


@pytest.fixture(scope="module")
def home(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with serving(Installation(tmp_path_factory.mktemp("money"), nursery)) as home:
        furnish(home)
        yield home


@pytest.mark.parametrize(("evse", "theirs", "differs"), [("E1", 37.50, False), ("E2", 50.00, True)])
async def test_what_a_station_reckons_stands_beside_our_price_and_never_in_its_place(
    home: Installation, evse: str, theirs: float, differs: bool
) -> None:
    """I07, I11: 10 kWh at 3.00 and 25 % VAT."""
    now, name = datetime.now(UTC), f"TILL-{evse}"
    async with station(home, name, evse) as one:
        info = {"tariff_id": "T7-ab"}
        begin = now - timedelta(minutes=30)
        await one.told("Started", "t1", begin, 0, id_token=CARD, trigger="Authorized", info=info)
        await one.told("Updated", "t1", begin + timedelta(minutes=15), 5_000, cost_details=reckoned(18.75))
        answer = await one.told("Ended", "t1", now, 10_000, cost_details=reckoned(theirs), info=info)
        assert answer.total_cost == 37.5
    card = await shown(home, name)
    assert (float(card["cost_after_taxes"]), card["station_tariffs"]) == (37.5, ["T7-ab"])
    assert float(card["station_cost"]["total"]["after_taxes"]) == theirs
    says = f"the station reckoned {theirs:.2f} SEK with taxes, our price is 37.50" if differs else None
    assert card["disagreement"] == says
    lines = (await told(home, "cdr", "explain", card["cdr_id"]))["lines"]
    assert f"The station reckoned {theirs:.2f} SEK with taxes" in lines
    findings = [one for one in await told(home, "finding", "list") if card["session_id"] in one["source"]]
    assert [one["code"] for one in findings] == (["station-cost-differs"] if differs else [])


async def test_amounts_that_no_money_can_be_are_left_out_and_the_session_is_taken(home: Installation) -> None:
    now = datetime.now(UTC)
    async with station(home, "TILL-E3", "E3") as one:
        await one.told("Started", "t1", now - timedelta(minutes=9), 0, id_token=CARD, trigger="Authorized")
        costs = reckoned(1e30, failure_to_calculate=True, failure_reason="no clock")
        assert (await one.told("Ended", "t1", now, 1_000, cost_details=costs)).total_cost == 3.75
    card = await shown(home, "TILL-E3")
    assert card["station_cost"]["total"] == {}
    assert card["disagreement"] == "the station could not reckon the cost: no clock"
    finding = await found(home, "TILL-E3", "money")
    assert "/costDetails/totalCost/total/" in finding["sample"]


async def test_a_session_is_given_the_tariff_it_is_priced_by_and_no_other(home: Installation) -> None:
    """I12: the connector's tariff is T7."""
    now = datetime.now(UTC)
    async with station(home, "TILL-E4", "E4") as one:
        await one.told("Started", "t1", now, 0, id_token=CARD, trigger="Authorized")
        (line,) = await told(home, "session", "list", "--station", "TILL-E4")
        words = ("station", "tariff", "TILL-E4")
        end = await told(home, *words, "T7", "--session", line["session_id"])
        (change,) = one.changes
        assert (change["transaction_id"], change["tariff"]["tariff_id"]) == ("t1", end["station_tariff"])
        assert change["tariff"]["energy"]["prices"] == [{"price_kwh": 3}]
        other = await asyncio.to_thread(home.run, *words, "T8", "--session", line["session_id"])
        assert "the session is priced by tariff T7" in other.stderr
        await told(home, *words, "T8", "--session", line["session_id"], "--lossy")
        assert len(one.changes) == 2
        nowhere = await asyncio.to_thread(home.run, *words, "T7", "--session", "NOWHERE")
        assert "there is no session" in nowhere.stderr
        await one.told("Ended", "t1", now, 0)
        late = await asyncio.to_thread(home.run, *words, "T7", "--session", line["session_id"])
        assert "has ended" in late.stderr


async def test_a_station_that_does_not_know_the_session_refuses_its_tariff(home: Installation) -> None:
    now = datetime.now(UTC)
    async with station(home, "TILL-E5", "E5") as one:
        await one.told("Started", "x1", now, 0, id_token=CARD, trigger="Authorized")
        (line,) = await told(home, "session", "list", "--station", "TILL-E5")
        words = ("station", "tariff", "TILL-E5", "T7", "--session", line["session_id"])
        assert (
            "answered ChangeTransactionTariff with UNKNOWN"
            in (await asyncio.to_thread(home.run, *words)).stderr
        )


async def test_a_station_tells_its_tariffs_and_forgets_those_it_is_told_to(home: Installation) -> None:
    """I09, I10."""

    async def names(*more: str) -> list[str]:
        return [line["tariff"] for line in await told(home, "station", "tariffs", "TILL-E6", *more)]

    async with station(home, "TILL-E6", "E6"):
        assert await names() == ["A", "B"]
        assert await names("--clear", "--evse", "2") == ["A"]
        no = await asyncio.to_thread(home.run, "station", "tariffs", "TILL-E6", "--clear", "--tariff", "NONE")
        assert (no.code, "NONE NoTariff" in no.stderr) == (5, True)
        assert await names("--clear") == []
        assert await names("--clear") == []
