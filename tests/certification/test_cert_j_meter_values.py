"""J: meter values, by the clock and sampled, signed and plain (part 6 section 3.11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from cert_csms import US, Csms
from cert_station import Json, Station
from cert_visit import Visit, meter

from elstrada.model.facts import MeterSampled
from elstrada.model.ids import station_stream

case = pytest.mark.case
BEGIN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CLOCK, PERIODIC, FIRST, LAST = "Sample.Clock", "Sample.Periodic", "Transaction.Begin", "Transaction.End"


def quarter(number: int) -> str:
    return (BEGIN + timedelta(minutes=15 * number)).strftime("%Y-%m-%dT%H:%M:%SZ")


def readings(context: str, *, signed: bool = False) -> list[Json]:
    """Three readings at the interval, the last of them the transaction's end."""
    contexts = (context, context, LAST)
    return [
        value
        for number, of in enumerate(contexts)
        for value in meter(1000.0 + 500 * number, of, signed=signed, at=quarter(number))
    ]


async def samples(csms: Csms, station: Station) -> list[tuple[int, str, int | None]]:
    """What was recorded: EVSE, context and register, in the order of the log."""
    recorded = await csms.spine.facts(station_stream(US, station.name), limit=1000)
    facts = [one.fact for one in recorded if isinstance(one.fact, MeterSampled)]
    return [(fact.evse_id, sample.context, sample.energy_wh) for fact in facts for sample in fact.samples]


@case("TC_J_01_CSMS")
async def test_readings_by_the_clock_without_a_transaction(csms: Csms, station: Station):
    for number in range(3):
        for evse in (0, 1, 2):
            values = meter(1000 + number, CLOCK, at=quarter(number))
            assert await station.call("MeterValues", evseId=evse, meterValue=values) == {}
        await station.event("FiscalMetering", "EnergyActiveImportRegister", "1000", trigger="Periodic")
    expected = [(evse, CLOCK, 1000 + number) for number in range(3) for evse in (0, 1, 2)]
    assert await samples(csms, station) == expected
    assert await csms.sessions(station) == []


@case("TC_J_02_CSMS")
async def test_readings_by_the_clock_beside_and_in_a_transaction(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.charging()
    for number in range(3):
        at = quarter(number)
        await station.call("MeterValues", evseId=2, meterValue=meter(7000 + number, CLOCK, at=at))
        await visit.event("MeterValueClock", meter_value=meter(1000 + 500 * number, CLOCK, at=at))
    recorded = await samples(csms, station)
    assert [one for one in recorded if one[0] == 1] == [(1, CLOCK, 1000), (1, CLOCK, 1500), (1, CLOCK, 2000)]
    assert [one for one in recorded if one[0] == 2] == [(2, CLOCK, 7000), (2, CLOCK, 7001), (2, CLOCK, 7002)]
    assert (await csms.session(station))["energy_wh"] == 1000, "only its own readings count"


@pytest.mark.parametrize(
    ("context", "signed"),
    [
        pytest.param(CLOCK, False, marks=case("TC_J_03_CSMS")),
        pytest.param(CLOCK, True, marks=case("TC_J_04_CSMS")),
        pytest.param(PERIODIC, False, marks=case("TC_J_10_CSMS")),
        pytest.param(PERIODIC, True, marks=case("TC_J_11_CSMS")),
    ],
)
async def test_an_end_brings_its_readings(csms: Csms, station: Station, context: str, signed: bool):
    visit = Visit(station)
    await visit.charging()
    await visit.ev_disconnected(meter_value=readings(context, signed=signed))
    assert await samples(csms, station) == [(1, context, 1000), (1, context, 1500), (1, LAST, 2000)]
    session = await csms.session(station)
    assert (session["energy_wh"], session["completed_at"] is not None) == (1000, True)
    assert (await signatures(csms, station) != []) == signed


async def signatures(csms: Csms, station: Station) -> list[str]:
    """The signed values that were kept, whole."""
    recorded = await csms.spine.facts(station_stream(US, station.name), limit=1000)
    kept = msgspec.json.encode([one.fact for one in recorded if isinstance(one.fact, MeterSampled)])
    return ["OCMF"] if b"T0NNRnx7fQ==" in kept and b"b2NhOmJhc2UxNjphc24xOjMwNTkzMA==" in kept else []


@case("TC_J_07_CSMS")
async def test_a_start_brings_the_first_reading(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.ev_connected(meter_value=meter(4000, FIRST))
    session = await csms.session(station)
    assert (session["evse_id"], session["meter_start_wh"]) == (1, 4000)


@case("TC_J_08_CSMS")
async def test_the_first_reading_comes_once_the_evse_is_known(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.authorized()
    await visit.ev_connected(meter_value=meter(4000, FIRST))
    await visit.charging()
    await visit.event("MeterValuePeriodic", meter_value=meter(4600))
    session = await csms.session(station)
    assert (session["evse_id"], session["energy_wh"]) == (1, 600)


@case("TC_J_09_CSMS")
async def test_readings_while_it_charges(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.charging()
    for number in range(3):
        values = meter(1000 + 400 * number, PERIODIC, at=quarter(number))
        await visit.event("MeterValuePeriodic", meter_value=values)
    assert await samples(csms, station) == [(1, PERIODIC, 1000), (1, PERIODIC, 1400), (1, PERIODIC, 1800)]
    assert (await csms.session(station))["energy_wh"] == 800
