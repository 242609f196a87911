"""Drivers with a tariff of their own: a whole process, and foreign stations of OCPP 2.1 and 1.6."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from installation import Installation, Nursery, serving
from ocpp.v21 import call as call21
from ocpp_stations import Station16, wire
from till import Till, found, furnish, shown, station, told

FRIEND = "04F71E4D000001"
SHOWN: Any = {"id_token": FRIEND, "type": "ISO14443"}


@pytest.fixture(scope="module")
def home(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    from installation import Party

    both = Party("SE*ELS", 'CPO", "EMSP', "Elstrada")
    with serving(Installation(tmp_path_factory.mktemp("driver"), nursery, (both,))) as home:
        furnish(home)
        home.told("customer", "put", "K1", "--name", "Customer")
        home.told("plan", "put", "P1", "--name", "P", "--mode", "FIXED_PER_KWH", "--price-per-kwh", "2")
        home.told(
            *("contract", "put", "SEELSC00000001", "--customer", "K1", "--plan", "P1", "--supply-point", "1"),
            *("--valid-from", "2024-01-01", "--valid-to", "2199-06-30"),
        )
        home.told("token", "add", FRIEND, "--contract", "SEELSC00000001")
        for name, step, kind in (("D1", 1, "REGULAR"), ("D2", 1000, "REGULAR")):
            prices = [{"type": "ENERGY", "price": 2.0, "vat": 25, "step_size": step}]
            tariff = {"id": name, "type": kind, "currency": "SEK", "elements": [{"price_components": prices}]}
            tariff |= {"start_date_time": "2024-01-01T00:00:00Z", "end_date_time": "2199-01-01T00:00:00Z"}
            home.told("tariff", "put", "-", stdin=json.dumps(tariff))
        yield home


async def enabled(one: Till, **values: str) -> None:
    """The station tells that it prices by itself, and what it can."""
    data = [
        {
            "component": {"name": "TariffCostCtrlr"},
            "variable": {"name": name, "instance": "Tariff"},
            "variable_attribute": [{"value": value, "mutability": "ReadOnly"}],
        }
        for name, value in {"Enabled": "true", **values}.items()
    ]
    at = wire(datetime.now(UTC))
    await one.call(call21.NotifyReport(request_id=1, generated_at=at, seq_no=0, report_data=data))  # type: ignore[arg-type]


async def test_a_drivers_own_tariff_is_told_and_is_what_he_pays(home: Installation) -> None:
    """2.1 I08.FR.01, .08, .09: 10 kWh at 2.00 and 25 % VAT are 25.00 instead of 37.50."""
    now = datetime.now(UTC)
    async with station(home, "DRV-E1", "E1") as one:
        await told(home, "token", "tariff", FRIEND, "--tariff", "D1")
        assert (await one.call(call21.Authorize(id_token=SHOWN))).tariff is None, (
            "it does not price by itself"
        )
        await enabled(one)
        tariff = (await one.call(call21.Authorize(id_token=SHOWN))).tariff
        assert tariff["tariff_id"].startswith("D1-")
        assert tariff["energy"]["prices"] == [{"price_kwh": 2}]
        assert tariff["energy"]["tax_rates"] == [{"type": "VAT", "tax": 25}]
        assert "valid_from" not in tariff
        other: Any = {"id_token": "psp-1", "type": "DirectPayment"}
        assert (await one.call(call21.Authorize(id_token=other))).tariff is None

        begin = now - timedelta(minutes=30)
        await one.told("Started", "t1", begin, 0, id_token=SHOWN, trigger="Authorized")
        await told(home, "token", "tariff", FRIEND, "--tariff", "D2")
        assert (await one.told("Ended", "t1", now, 10_000)).total_cost == 25
        card = await shown(home, "DRV-E1")
        assert float(card["cost_after_taxes"]) == 25, "by the tariff that it began with"

        await one.told("Started", "t2", begin, 10_000, id_token=None, trigger="CablePluggedIn")
        await told(home, "token", "tariff", FRIEND, "--tariff", "D1")
        await one.told("Updated", "t2", begin, 10_000, id_token=SHOWN, trigger="Authorized")
        assert (await one.told("Ended", "t2", now, 20_000)).total_cost == 25
        await told(home, "token", "limit", FRIEND, "--most-time-s", "9", "--currency", "SEK")
        removed = await told(home, "token", "limit", FRIEND, "--remove")
        assert (removed["tariff"], removed["most_time_s"]) == ("D1", None), "its tariff is no limit"
        await told(home, "token", "tariff", FRIEND)
        await one.told("Started", "t3", begin, 20_000, id_token=SHOWN, trigger="Authorized")
        assert (await one.told("Ended", "t3", now, 30_000)).total_cost == 37.5


@pytest.mark.parametrize(
    ("tariff", "values", "says"),
    [
        ("D2", {}, "/elements/0/price_components/0/step_size: steps of 1000"),
        ("D1", {"MaxElements": "0"}, "takes 0 prices of a kind, and the tariff has 1"),
    ],
)
async def test_a_tariff_that_a_station_cannot_keep_is_not_told_and_holds_all_the_same(
    home: Installation, tariff: str, values: dict[str, str], says: str
) -> None:
    now, name = datetime.now(UTC), f"DRV-{tariff}"
    async with station(home, name, "E2") as one:
        await told(home, "token", "tariff", FRIEND, "--tariff", tariff)
        await enabled(one, **values)
        answer = await one.call(call21.Authorize(id_token=SHOWN))
        assert (answer.id_token_info["status"], answer.tariff) == ("Accepted", None)
        assert says in (await found(home, name, "driver tariff not told"))["sample"]
        begin = now - timedelta(minutes=30)
        await one.told("Started", "t1", begin, 0, id_token=SHOWN, trigger="Authorized")
        assert (await one.told("Ended", "t1", now, 10_000)).total_cost == 25


async def test_at_stations_of_1_6_a_driver_pays_by_his_own_tariff_too(home: Installation) -> None:
    now = datetime.now(UTC)
    async with station(home, "DRV-16", "E3", Station16) as one:
        await told(home, "token", "tariff", FRIEND, "--tariff", "D1")
        transaction = await one.begin(FRIEND, now - timedelta(minutes=30), 0)
        await one.end(transaction, now, 10_000)
        assert float((await shown(home, "DRV-16"))["cost_after_taxes"]) == 25
