"""What a driver sees of the cost at foreign stations, and by which tariff these reckon: a whole process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from installation import Installation, Nursery, serving
from market import location
from ocpp.routing import on
from ocpp.v21 import call_result as result21
from ocpp_stations import Station21, Station201, plugged_in, wire

CARD = "04A1B2C3D4E5F6"
TAX = {"vat": 25, "step_size": 1}


class Showing(Station201):
    """Tells that it shows a cost, in SEK unless it says otherwise, and keeps what it is told to show."""

    currency = "SEK"
    declared = (("Available", "Cost", "true"), ("Enabled", "Cost", "true"))

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.shown: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    @on("CostUpdated")
    def on_cost(self, total_cost: float, transaction_id: str) -> Any:
        self.shown.put_nowait({"cost": str(total_cost), "transaction": transaction_id})
        return self._call_result.CostUpdated()

    async def declare(self, *values: tuple[str, str | None, str]) -> None:
        """Tell variables of TariffCostCtrlr in a report of its own accord."""
        await self.call(
            self._call.NotifyReport(
                request_id=1,
                generated_at=wire(datetime.now(UTC)),
                seq_no=0,
                report_data=[
                    {
                        "component": {"name": "TariffCostCtrlr"},
                        "variable": {"name": name} | ({"instance": instance} if instance else {}),
                        "variable_attribute": [{"value": value, "mutability": "ReadWrite"}],
                    }
                    for name, instance, value in (*values, ("Currency", None, self.currency))
                ],
            )
        )


class Showing21(Showing, Station21):
    """Leaves the reckoning to us (errata 2025-09, 2.64)."""

    declared = (("Available", "Cost", "false"), ("Enabled", "Cost", "false"))


class Reckoning21(Showing, Station21):
    """Reckons by itself, with tariffs it is given."""

    declared = (("Available", "Tariff", "true"), ("Enabled", "Cost", "true"))

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.tariffs: dict[str, Any] = {}

    @on("SetDefaultTariff")
    def on_tariff(self, evse_id: int, tariff: dict[str, Any]) -> Any:
        self.tariffs[tariff["tariff_id"]] = (evse_id, tariff)
        return result21.SetDefaultTariff(status="Accepted")

    @on("GetTariffs")
    def on_get_tariffs(self, evse_id: int) -> Any:
        told = [
            {"tariff_id": name, "tariff_kind": "DefaultTariff", "evse_ids": [1], "id_tokens": [CARD]}
            for name in self.tariffs
        ]
        if not told:
            return result21.GetTariffs(status="NoTariff")
        return result21.GetTariffs(status="Accepted", tariff_assignments=told)

    @on("ClearTariffs")
    def on_clear(self, **_: Any) -> Any:
        gone = [{"tariff_id": name, "status": "Accepted"} for name in self.tariffs]
        self.tariffs.clear()
        return result21.ClearTariffs(clear_tariffs_result=gone)


@pytest.fixture(scope="module")
def home(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with serving(Installation(tmp_path_factory.mktemp("cost"), nursery)) as home:
        put_tariff(home, [{"type": "ENERGY", "price": 3.00, **TAX}, {"type": "FLAT", "price": 5.00, **TAX}])
        place = location(datetime.now(UTC), uids=("E1", "E2", "E3", "E4", "E5", "E6"))
        for evse in place["evses"]:
            evse["connectors"] = [{**evse["connectors"][0], "tariff_ids": ["T7"]}]
        home.told("location", "put", "-", stdin=json.dumps(place))
        yield home


def put_tariff(home: Installation, components: list[dict[str, Any]], name: str = "T7", **more: Any) -> None:
    tariff = {"id": name, "currency": "SEK", "elements": [{"price_components": components}], **more}
    home.told("tariff", "put", "-", stdin=json.dumps(tariff))


@asynccontextmanager
async def station(
    home: Installation, kind: Any, name: str, *place: str, currency: str = "SEK"
) -> AsyncIterator[Any]:
    password = (await told(home, "station", "add", name, *place))["password"]
    async with plugged_in(kind, name, home.stations_url, password) as station:
        await station.boot()
        if isinstance(station, Showing):
            station.currency = currency
            await station.declare(*station.declared)
        yield station


async def told(home: Installation, *words: str) -> Any:
    return await asyncio.to_thread(home.told, *words)


async def charge(station: Any, transaction: str, *, wh: int = 10_000) -> Any:
    """A session of half an hour that has just ended; returns the answer to its end."""
    now = datetime.now(UTC)
    card = {"id_token": CARD, "type": "ISO14443"}
    await station.event("Started", transaction, now - timedelta(minutes=30), 0, "Authorized", id_token=card)
    await station.event("Updated", transaction, now - timedelta(minutes=15), wh // 2, "MeterValuePeriodic")
    return await station.event("Ended", transaction, now, wh, "EVDeparted")


def cdr_cost(home: Installation, transaction: str) -> Decimal | None:
    """What the session's CDR says, taxes included."""
    for row in home.rows("select body from log where kind = 'CdrIssued'"):
        cdr = json.loads(row["body"])["cdr"]
        (session,) = home.rows("select transaction_id from session where session_id = ?", cdr["session_id"])
        if session["transaction_id"] == transaction:
            total = cdr["total_cost"]
            taxes = sum((Decimal(tax["amount"]) for tax in total["taxes"]), Decimal(0))
            return Decimal(total["before_taxes"]) + taxes
    return None


@pytest.mark.parametrize(("kind", "evse"), [(Station201, "E1"), (Showing21, "E2")], ids=["2.0.1", "2.1"])
async def test_the_answer_to_a_sessions_end_tells_what_its_cdr_will_say(
    home: Installation, kind: Any, evse: str
) -> None:
    """I03.FR.02, TC_I_02: 10 kWh at 3.00 and 5.00 to begin with, and 25 % VAT."""
    async with station(home, kind, f"F{evse}", "--place", f"1=HARBOUR/{evse}") as one:
        answer = await charge(one, f"final-{evse}")
        assert answer.total_cost == 43.75
        again = await one.event("Ended", f"final-{evse}", datetime.now(UTC), 10_000, "EVDeparted")
        assert again.total_cost == 43.75
    for _ in range(100):
        if cdr_cost(home, f"final-{evse}") is not None:
            break
        await asyncio.sleep(0.1)
    assert cdr_cost(home, f"final-{evse}") == Decimal("43.75")


async def test_a_station_that_has_no_price_is_answered_without_one(home: Installation) -> None:
    """I03.FR.04: what is not known is not told as free."""
    async with station(home, Showing, "NOWHERE") as one:
        answer = await charge(one, "unplaced")
        assert answer.total_cost is None
        assert one.shown.empty()


async def test_a_station_that_shows_another_currency_is_told_no_number(home: Installation) -> None:
    async with station(home, Showing, "KRONE", "--place", "1=HARBOUR/E3", currency="NOK") as one:
        assert (await charge(one, "krone")).total_cost is None
        assert one.shown.empty()


@pytest.mark.parametrize(("kind", "evse"), [(Showing, "E4"), (Showing21, "E5")], ids=["2.0.1", "2.1"])
async def test_a_station_that_shows_the_running_cost_is_told_it_once_a_minute_at_most(
    home: Installation, kind: Any, evse: str
) -> None:
    """I02.FR.01, TC_I_01: 5.00 and VAT at the first reading; the next, a moment later, is not told."""
    begin = datetime.now(UTC) - timedelta(minutes=30)
    async with station(home, kind, f"R{evse}", "--place", f"1=HARBOUR/{evse}") as one:
        card = {"id_token": CARD, "type": "ISO14443"}
        name = f"running-{evse}"
        await one.event("Started", name, begin, 0, "Authorized", id_token=card)
        first = await asyncio.wait_for(one.shown.get(), 30)
        assert first == {"cost": "6.25", "transaction": name}
        answer = await one.event("Updated", name, begin + timedelta(minutes=9), 4_000, "MeterValuePeriodic")
        assert answer.total_cost is None
        answer = await one.event("Ended", name, begin + timedelta(minutes=30), 4_000, "EVDeparted")
        assert answer.total_cost == 21.25
        assert one.shown.empty()


async def test_a_station_reckons_by_a_tariff_of_ours_and_tells_which_it_has(home: Installation) -> None:
    """I07, I09, I10."""
    async with station(home, Reckoning21, "RECKONS", "--place", "1=HARBOUR/E6") as one:
        end = await told(home, "station", "tariff", "RECKONS", "T7", "--evse", "1")
        ((name, (evse, tariff)),) = one.tariffs.items()
        assert (end["station_tariff"], end["losses"], evse) == (name, [], 1)
        assert tariff["energy"] == {"prices": [{"price_kwh": 3}], "tax_rates": [{"type": "VAT", "tax": 25}]}
        (item,) = await told(home, "station", "items", "RECKONS", "--kind", "TARIFF")
        assert item["key"] == name
        assert item["document"] == {"tariffId": name, "tariffKind": "DefaultTariff", "evseIds": [1]}
        await charge(one, "reckoned")
        assert one.shown.empty()
        await told(home, "station", "call", "RECKONS", "ClearTariffs")
        assert await told(home, "station", "items", "RECKONS", "--kind", "TARIFF") == []


async def test_a_tariff_that_a_station_would_reckon_otherwise_is_not_given_to_it(home: Installation) -> None:
    put_tariff(home, [{"type": "ENERGY", "price": 3.00, "vat": 25, "step_size": 1000}], "STEPS")
    async with station(home, Reckoning21, "REFUSES") as one:
        refused = (await asyncio.to_thread(home.run, "station", "tariff", "REFUSES", "STEPS", "--json")).json
        assert [problem["pointer"] for problem in refused["problems"]] == [
            "/elements/0/price_components/0/step_size"
        ]
        await one.declare(("MaxElements", "Tariff", "0"))
        plain = await asyncio.to_thread(home.run, "station", "tariff", "REFUSES", "T7")
        assert "takes 0 prices of a kind" in plain.stderr
        assert one.tariffs == {}


async def test_only_a_station_of_2_1_can_be_given_a_tariff(home: Installation) -> None:
    async with station(home, Station201, "OLDER"):
        refused = await asyncio.to_thread(home.run, "station", "tariff", "OLDER", "T7")
    assert "only stations of OCPP 2.1" in refused.stderr
