"""I: what a driver is shown of the cost (part 6 section 3.10)."""

from __future__ import annotations

import base64
import json

import pytest
from cert_csms import Csms
from cert_station import Json, Station, now
from cert_visit import Visit, meter

case = pytest.mark.case
PRICE = {"type": "ENERGY", "price": 3.0, "vat": 25, "step_size": 1}
START_FEE = {"type": "FLAT", "price": 5.0, "vat": 25, "step_size": 1}


def file(document: Json) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


@pytest.fixture
async def priced(csms: Csms, station: Station) -> Station:
    """A station with a place and a tariff, that says that it shows costs."""
    elements = [{"price_components": [PRICE, START_FEE]}]
    moment = "2026-03-01T12:00:00Z"
    tariff = {"id": "T1", "currency": "SEK", "elements": elements, "last_updated": moment}
    await csms.done("tariff put", file=file(tariff))
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 230,
        "max_amperage": 32,
        "tariff_ids": ["T1"],
        "last_updated": moment,
    }
    evse = {"uid": "E1", "status": "UNKNOWN", "connectors": [connector], "last_updated": moment}
    place = {
        "id": "CERT",
        "publish": True,
        "address": "Kajen 1",
        "city": "Ystad",
        "country": "SWE",
        "coordinates": {"latitude": "55.430000", "longitude": "13.820000"},
        "time_zone": "Europe/Stockholm",
        "evses": [evse],
        "last_updated": moment,
    }
    await csms.done("location put", file=file(place))
    await csms.done("station place", station=station.name, place=["1=CERT/E1"])
    shows = {
        "component": {"name": "TariffCostCtrlr"},
        "variable": {"name": "Enabled", "instance": "Cost"},
        "variableAttribute": [{"value": "true"}],
    }
    await station.call("NotifyReport", requestId=1, generatedAt=now(), seqNo=0, reportData=[shows])
    return station


@case("TC_I_01_CSMS")
async def test_the_running_cost_is_told_while_the_car_charges(csms: Csms, priced: Station):
    visit = Visit(priced)
    await visit.charging()
    await visit.event("MeterValuePeriodic", chargingState="Charging", meter_value=meter(1000))
    asked = await priced.asked("CostUpdated")
    await asked.answer()
    assert asked.payload == {"totalCost": 6.25, "transactionId": visit.transaction_id}


@case("TC_I_02_CSMS")
async def test_the_final_cost_is_told_in_the_answer_to_the_end(csms: Csms, priced: Station):
    visit = Visit(priced)
    await visit.ev_connected(meter_value=meter(1000, "Transaction.Begin"))
    await (await priced.asked("CostUpdated")).answer()
    answer = await visit.ev_disconnected(meter_value=meter(3000, "Transaction.End"))
    assert answer["totalCost"] == 13.75
