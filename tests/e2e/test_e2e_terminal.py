"""Payments at a terminal that is part of a station of OCPP 2.1: a whole process, and a foreign station."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from installation import Installation, Nursery, serving
from market import location
from ocpp.v21 import call as call21
from ocpp_stations import wire
from till import found, furnish, shown, station, told

PAYMENT = {"id_token": "psp-77", "type": "DirectPayment"}


@pytest.fixture(scope="module")
def home(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with serving(Installation(tmp_path_factory.mktemp("terminal"), nursery)) as home:
        furnish(home)
        start_fee(home, "E6")
        yield home


def start_fee(home: Installation, evse: str) -> None:
    """One EVSE with a fee of 4.00 SEK at the start besides, and 25 % VAT."""
    prices = [
        {"type": "FLAT", "price": 4.0, "vat": 25, "step_size": 1},
        {"type": "ENERGY", "price": 3.0, "vat": 25, "step_size": 1},
    ]
    tariff = {"id": "T9", "currency": "SEK", "elements": [{"price_components": prices}]}
    home.told("tariff", "put", "-", stdin=json.dumps(tariff))
    place = location(datetime.now(UTC), uids=("E1", "E2", "E3", "E4", "E5", "E6"))
    for one in place["evses"]:
        tariffs = ["T9" if one["uid"] == evse else "T7"]
        one["connectors"] = [{**one["connectors"][0], "tariff_ids": tariffs}]
    home.told("location", "put", "-", stdin=json.dumps(place))


def settled(at: datetime, amount: float, **more: Any) -> Any:
    fields: dict[str, Any] = {"psp_ref": "psp-77", "status": "Settled", "transaction_id": "t1", **more}
    return call21.NotifySettlement(settlement_amount=amount, settlement_time=wire(at), **fields)


async def test_who_paid_at_the_terminal_charges_and_the_payment_stands_with_the_session(
    home: Installation,
) -> None:
    """C18, C21: 10 kWh at 3.00 and 25 % VAT are 37.50; told twice, it is one payment."""
    now = datetime.now(UTC)
    async with station(home, "PAY-E1", "E1") as one:
        begin = now - timedelta(minutes=30)
        answer = await one.told("Started", "t1", begin, 0, id_token=PAYMENT, trigger="Authorized")
        assert answer.id_token_info["status"] == "Accepted"
        await one.told("Ended", "t1", now, 10_000)
        company = {"name": "Bolag AB", "address1": "Kajen 1", "city": "Ystad", "country": "SE"}
        told_once = settled(now, 37.5, receipt_id="R-1", vat_number="SE556677889901", vat_company=company)
        await one.call(told_once)
        await one.call(told_once)
        card = await shown(home, "PAY-E1")
        (payment,) = card["settlements"]
        assert (payment["psp_ref"], payment["status"], payment["receipt_id"]) == ("psp-77", "Settled", "R-1")
        assert (float(payment["amount"]), card["paid_otherwise"]) == (37.5, None)
        (buyer,) = await told(home, "station", "items", "PAY-E1", "--kind", "BUYER")
        assert buyer["document"]["vatNumber"] == "SE556677889901"
        assert not home.rows("select 1 from log where body like '%SE5566778899%' or body like '%Bolag%'")
        assert len(home.rows("select 1 from log where kind = 'StationNoticed'")) == 1


@pytest.mark.parametrize(("evse", "late"), [("E2", False), ("E3", True)])
async def test_a_payment_of_another_amount_than_our_price_is_a_finding(
    home: Installation, evse: str, late: bool
) -> None:
    """Whether it is settled before or after the session has its CDR."""
    now, name = datetime.now(UTC), f"PAY-{evse}"
    async with station(home, name, evse) as one:
        begin = now - timedelta(minutes=30)
        await one.told("Started", "t1", begin, 0, id_token=PAYMENT, trigger="Authorized")
        if not late:
            await one.call(settled(now, 40))
        await one.told("Ended", "t1", now, 10_000)
        card = await shown(home, name)
        if late:
            await one.call(settled(now, 40))
        finding = await found(home, card["session_id"], "settlement-differs")
        assert finding["sample"] == "the terminal settled 40.00, our price is 37.50 SEK"
        assert (await shown(home, name))["paid_otherwise"] == finding["sample"]


async def test_a_settlement_that_failed_is_an_alarm_and_pays_nothing(home: Installation) -> None:
    """C22."""
    now = datetime.now(UTC)
    async with station(home, "PAY-E4", "E4") as one:
        await one.told("Started", "t1", now, 0, id_token=PAYMENT, trigger="Authorized")
        await one.told("Ended", "t1", now, 10_000)
        await one.call(settled(now, 37.5, status="Failed", status_info="host unreachable"))
        (alarm,) = await told(home, "station", "notices", "--station", "PAY-E4", "--alarms")
        assert (alarm["kind"], alarm["status"], alarm["text"]) == ("SETTLEMENT", "Failed", "host unreachable")
        card = await shown(home, "PAY-E4")
        assert card["paid_otherwise"] is None
        assert [one["status"] for one in card["settlements"]] == ["Failed"]


async def test_a_payment_called_off_before_a_session_pays_for_none(home: Installation) -> None:
    """C18.FR.04, C19: accepted when the terminal had it authorized; called off, no session may follow."""
    now = datetime.now(UTC)
    paid: Any = {"id_token": "psp-19", "type": "DirectPayment"}
    async with station(home, "PAY-E5", "E5") as one:
        answer = await one.call(call21.Authorize(id_token=paid))
        assert answer.id_token_info["status"] == "Accepted"
        off = settled(now, 0, psp_ref="psp-19", status="Canceled", transaction_id=None)
        await one.call(off)
        await one.call(off)
        assert (await one.call(call21.Authorize(id_token=paid))).id_token_info["status"] == "Blocked"
        answer = await one.told("Started", "t1", now, 0, id_token=paid, trigger="Authorized")
        assert answer.id_token_info["status"] == "Blocked"
        other: Any = {"id_token": "psp-20", "type": "DirectPayment"}
        assert (await one.call(call21.Authorize(id_token=other))).id_token_info["status"] == "Accepted"
        (notice,) = await told(home, "station", "notices", "--station", "PAY-E5", "--kind", "SETTLEMENT")
        assert notice["status"] == "Canceled"


@pytest.mark.parametrize("trigger", ["StopAuthorized", "EVConnectTimeout"])
async def test_a_session_called_off_before_it_charged_costs_nothing(home: Installation, trigger: str) -> None:
    """C20.FR.03, though the tariff has a fee at the start; where energy flowed, it is due."""
    now, name = datetime.now(UTC), f"OFF-{trigger}"
    idle = {"info": {"charging_state": "EVConnected"}, "trigger": "Authorized"}
    async with station(home, name, "E6") as one:
        begin = now - timedelta(minutes=9)
        await one.told("Started", "t1", begin, 0, id_token=PAYMENT, **idle)
        ended = await one.told("Ended", "t1", now, 0, info=idle["info"], trigger=trigger)
        assert ended.total_cost == 0
        await one.call(settled(now, 0, status="Canceled"))
        card = await shown(home, name)
        assert (float(card["cost_after_taxes"]), card["paid_otherwise"]) == (0, None)
        await one.told("Started", "t2", now, 0, id_token=PAYMENT, **idle)
        await one.told("Updated", "t2", now, 10)
        assert (await one.told("Ended", "t2", now, 10, trigger=trigger)).total_cost == 5.04
        await one.call(settled(now, 0, status="Canceled", transaction_id="t2"))
        finding = await found(home, (await shown(home, name))["session_id"], "settlement-differs")
        assert finding["sample"] == "the terminal called the payment off, our price is 5.04 SEK"


async def test_an_amount_authorized_anew_is_kept_as_the_stations_limit(home: Installation) -> None:
    """C23.FR.02: LimitSet with a higher maxCost than at the start."""
    now, name = datetime.now(UTC), "PAY-C23"
    async with station(home, name, "E1") as one:
        most = {"transaction_limit": {"max_cost": 50}}
        await one.told(
            "Started",
            "t1",
            now - timedelta(minutes=30),
            0,
            id_token=PAYMENT,
            trigger="Authorized",
            info=most,
        )
        most = {"transaction_limit": {"max_cost": 80}}
        await one.told("Updated", "t1", now - timedelta(minutes=5), 14_000, trigger="LimitSet", info=most)
        assert (await one.told("Ended", "t1", now, 20_000)).total_cost == 75
        await one.call(settled(now, 75))
        card = await shown(home, name)
        assert card["station_limit"] == {"cost": "80"}
        assert (card["limits_reached"], card["paid_otherwise"]) == ([], None)
