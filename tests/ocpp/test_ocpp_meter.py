"""Meter values and times are made plain at ingress (rules 22 to 26; pricing-and-billing 5.1)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpp_samples import AT, NOW

from elstrada.model import asks
from elstrada.model.quantity import MeterSample, Reading
from elstrada.ocpp.meter import ENERGY, OUTLET, Value, read_number, samples_of
from elstrada.ocpp.table import ReadCall
from elstrada.ocpp.times import read_time, wire_time
from elstrada.ocpp.versions import OCPP16, OCPP201

Sampled = dict[str, object]


def read_16(*sampled: Sampled, timestamp: str = AT) -> ReadCall:
    body = {"connectorId": 1, "meterValue": [{"timestamp": timestamp, "sampledValue": list(sampled)}]}
    read = OCPP16.read_call("MeterValues", json.dumps(body).encode(), NOW)
    assert isinstance(read, ReadCall)
    return read


def sample_16(*sampled: Sampled, timestamp: str = AT) -> MeterSample:
    ask = read_16(*sampled, timestamp=timestamp).ask
    assert isinstance(ask, asks.RecordMeter)
    (sample,) = ask.samples
    return sample


def sample_201(*sampled: Sampled) -> MeterSample:
    body = {"evseId": 1, "meterValue": [{"timestamp": AT, "sampledValue": list(sampled)}]}
    read = OCPP201.read_call("MeterValues", json.dumps(body).encode(), NOW)
    assert isinstance(read, ReadCall)
    assert isinstance(read.ask, asks.RecordMeter)
    (sample,) = read.ask.samples
    return sample


# --- units and numbers (rule 26) ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sampled", "energy_wh"),
    [
        ({"value": "1250"}, 1250),
        ({"value": "1250", "unit": "Wh"}, 1250),
        ({"value": "1.25", "unit": "kWh"}, 1250),
        ({"value": "1.25", "unit": "KWH"}, 1250),
        ({"value": "1,25", "unit": "kWh"}, 1250),
        ({"value": " 1250 "}, 1250),
        ({"value": "1.25e3"}, 1250),
        ({"value": "0"}, 0),
        ({"value": "1250", "unit": "parsec"}, None),
        ({"value": "999999999.999", "unit": "kWh"}, 10**12 - 1),
    ],
)
@pytest.mark.rule(26)
def test_rule_26_energy_is_wh_however_it_is_written(sampled: Sampled, energy_wh: int | None) -> None:
    assert sample_16(sampled).energy_wh == energy_wh


@pytest.mark.parametrize(
    "text", ["", "NaN", "Infinity", "1_000", "0x10", "1,234.5", "12 kWh", "9" * 5000, "１２"]
)
def test_what_is_no_number_is_found_and_left_out(text: str) -> None:
    read = read_16({"value": text}, {"value": "7", "measurand": "Power.Active.Import", "unit": "kW"})

    assert [finding.rule for finding in read.findings] == ["meter"]
    assert isinstance(read.ask, asks.RecordMeter)
    assert (read.ask.samples[0].energy_wh, read.ask.samples[0].power_w) == (None, 7000)


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=3))
@pytest.mark.rule(26)
def test_numbers_are_exact_with_point_or_comma(number: Decimal) -> None:
    assert read_number(f"{number:f}") == number
    assert read_number(f"{number:f}".replace(".", ",")) == number


def test_the_multiplier_of_201_is_a_power_of_ten() -> None:
    assert sample_201({"value": 1.25, "unitOfMeasure": {"unit": "Wh", "multiplier": 3}}).energy_wh == 1250
    assert sample_201({"value": 12500, "unitOfMeasure": {"unit": "kWh", "multiplier": -4}}).energy_wh == 1250


@pytest.mark.parametrize("sampled", [{"value": 1, "unitOfMeasure": {"multiplier": 10**6}}, {"value": 10**30}])
def test_a_value_beyond_any_meter_is_found_and_left_out(sampled: Sampled) -> None:
    body = {"evseId": 1, "meterValue": [{"timestamp": AT, "sampledValue": [sampled]}]}
    read = OCPP201.read_call("MeterValues", json.dumps(body).encode(), NOW)

    assert isinstance(read, ReadCall)
    assert "meter" in [finding.rule for finding in read.findings]
    assert read.ask is None
    assert read.answer == b"{}"


# --- the figures of a sample ------------------------------------------------------------------------------


def test_every_main_figure_has_its_measurand() -> None:
    sample = sample_16(
        {"value": "1250"},
        {"value": "7.2", "measurand": "Power.Active.Import", "unit": "kW"},
        {"value": "10.5", "measurand": "Current.Import", "unit": "A"},
        {"value": "81", "measurand": "SoC", "unit": "Percent"},
    )

    assert (sample.energy_wh, sample.power_w, sample.current_ma, sample.soc_percent) == (
        1250,
        7200,
        10500,
        81,
    )
    assert sample.readings == ()


def test_the_total_is_the_value_without_phase() -> None:
    sample = sample_16(
        {"value": "16", "measurand": "Current.Import", "phase": "L1", "unit": "A"},
        {"value": "30", "measurand": "Current.Import", "unit": "A"},
        {"value": "15", "measurand": "Current.Import", "phase": "L2", "unit": "A"},
    )

    assert sample.current_ma == 30_000
    assert [(reading.phase, reading.value) for reading in sample.readings] == [("L1", 16), ("L2", 15)]


@pytest.mark.parametrize("neutral", ["", "-N"])
@pytest.mark.rule(26)
def test_without_it_the_total_is_the_sum_of_the_phases(neutral: str) -> None:
    phases = ("L1" + neutral, "L2" + neutral, "L3" + neutral)
    sampled = [
        {"value": "1000", "measurand": "Power.Active.Import", "unit": "W", "phase": phase} for phase in phases
    ]
    other = {"value": "400", "measurand": "Power.Active.Import", "unit": "W", "phase": "L1-L2"}

    sample = sample_16(*sampled, other)

    assert sample.power_w == 3000
    assert [reading.phase for reading in sample.readings] == [*phases, "L1-L2"]


@pytest.mark.rule(26)
def test_a_phase_told_twice_for_one_instant_counts_once() -> None:
    sampled = [
        {"value": value, "measurand": "Current.Import", "unit": "A", "phase": phase}
        for value, phase in (("16", "L1"), ("15", "L2"), ("16", "L1"), ("14", "L3"))
    ]
    sample = sample_16(*sampled)
    assert sample.current_ma == 45_000
    assert len(sample.readings) == 4


@pytest.mark.parametrize("measurand", ["Voltage", "Power.Factor", "Frequency"])
def test_what_does_not_add_up_over_phases_is_never_summed(measurand: str) -> None:
    sampled = [{"value": "0.9", "measurand": measurand, "phase": phase} for phase in ("L1", "L2", "L3")]
    sample = sample_16(*sampled)
    assert (sample.energy_wh, sample.power_w, sample.current_ma) == (None, None, None)
    assert [reading.value for reading in sample.readings] == [Decimal("0.9")] * 3


def test_the_outlet_comes_before_the_inlet() -> None:
    sample = sample_16({"value": "2000", "location": "Inlet"}, {"value": "1000", "location": "Outlet"})

    assert sample.energy_wh == 1000
    assert sample.readings == (Reading(ENERGY, Decimal(2000), "Wh", None, "Inlet"),)
    assert sample.register_at == OUTLET


@pytest.mark.parametrize("location", ["Inlet", "EV", "Cable"])
def test_a_register_says_at_which_place_it_is_read(location: str) -> None:
    sample = sample_16({"value": "2000", "location": location})
    assert (sample.energy_wh, sample.register_at) == (2000, location)
    assert sample_201({"value": 2000, "location": location}).register_at == location


def test_what_is_no_main_figure_is_a_reading_in_its_base_unit() -> None:
    sample = sample_16(
        {"value": "230.1", "measurand": "Voltage", "phase": "L1"},
        {"value": "0.97", "measurand": "Power.Factor"},
        {"value": "40", "measurand": "Temperature", "unit": "Celcius"},
        {"value": "1", "measurand": "Energy.Reactive.Import.Register", "unit": "kvarh"},
    )

    assert [(reading.measurand, reading.value, reading.unit) for reading in sample.readings] == [
        ("Voltage", Decimal("230.1"), "V"),
        ("Power.Factor", Decimal("0.97"), ""),
        ("Temperature", Decimal(40), "Celsius"),
        ("Energy.Reactive.Import.Register", Decimal(1000), "varh"),
    ]


def test_each_context_is_a_sample_of_its_own() -> None:
    read = read_16(
        {"value": "10", "context": "Transaction.Begin"},
        {"value": "20", "context": "Sample.Clock"},
        {"value": "5", "measurand": "Power.Active.Import", "unit": "W", "context": "Transaction.Begin"},
    )

    assert isinstance(read.ask, asks.RecordMeter)
    assert [(sample.context, sample.energy_wh, sample.power_w) for sample in read.ask.samples] == [
        ("Transaction.Begin", 10, 5),
        ("Sample.Clock", 20, None),
    ]


def test_a_signed_value_of_16_is_kept_verbatim_and_never_a_figure() -> None:
    text = 'OCMF|{"RD":[{"RV":"1.25"}]}|{"SD":"30"}'
    sample = sample_16({"value": text, "format": "SignedData", "unit": "kWh"}, {"value": "1250"})

    assert sample.energy_wh == 1250
    assert [reading.signed for reading in sample.readings] == [text]
    assert sample_16({"value": text, "format": "SignedData"}).energy_wh is None


def test_a_signed_value_of_201_is_kept_with_its_key_and_is_a_figure() -> None:
    signed = {
        "signedMeterData": "T0NNRnx7fQ==",
        "signingMethod": "ECDSA-secp256r1-SHA256",
        "encodingMethod": "OCMF",
        "publicKey": "b2s=",
    }
    sample = sample_201({"value": 1250, "signedMeterValue": signed})

    assert sample.energy_wh == 1250
    assert [json.loads(reading.signed or "") for reading in sample.readings] == [signed]


@given(
    st.lists(
        st.builds(
            Value,
            st.sampled_from([ENERGY, "Voltage", "Current.Import"]),
            st.decimals(0, 10**6, places=2),
            st.sampled_from(["Wh", "A", "V"]),
            st.sampled_from(["Sample.Periodic", "Transaction.End"]),
            st.sampled_from([None, "L1", "L2", "N", "L1-L2"]),
            st.sampled_from([OUTLET, "Inlet"]),
            st.sampled_from([None, "signed"]),
        ),
        max_size=8,
    )
)
def test_no_value_is_lost(values: list[Value]) -> None:
    """Every value is a reading, or the whole of a figure without phase."""
    samples = list(samples_of(NOW, False, values))
    kept = sum(len(sample.readings) for sample in samples)
    figures = sum((sample.energy_wh is not None) + (sample.current_ma is not None) for sample in samples)

    assert kept <= len(values) <= kept + figures
    assert sum(reading.signed is not None for sample in samples for reading in sample.readings) == sum(
        value.signed is not None for value in values
    )


# --- time (rule 22, T10) --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-21T11:00:00Z", datetime(2026, 11, 21, 11, tzinfo=UTC)),
        ("2026-11-21T13:00:00+02:00", datetime(2026, 11, 21, 11, tzinfo=UTC)),
        ("2026-11-21T13:00:00+02", datetime(2026, 11, 21, 11, tzinfo=UTC)),
        ("2026-11-21T11:00:00.123456Z", datetime(2026, 11, 21, 11, 0, 0, 123456, tzinfo=UTC)),
        ("2010-01-01T00:00:00Z", datetime(2010, 1, 1, tzinfo=UTC)),
        ("2026-11-22T12:00:00Z", datetime(2026, 11, 22, 12, tzinfo=UTC)),
    ],
)
@pytest.mark.rule(22)
def test_rule_22_a_time_with_a_zone_is_believed(text: str, at: datetime) -> None:
    assert read_time(text, NOW) == at


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T11:00:00",
        "1970-01-01T00:00:00Z",
        "2009-12-31T23:59:59Z",
        "2026-11-22T12:00:01Z",
        "222222017-10-27T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "yesterday",
        "",
    ],
)
@pytest.mark.rule(22)
def test_rule_22_and_t10_any_other_is_suspect_and_receipt_counts(text: str) -> None:
    sample = sample_16({"value": "1"}, timestamp=text)

    assert read_time(text, NOW) is None
    assert (sample.at, sample.clock_suspect) == (NOW, True)
    assert "clock" in [finding.rule for finding in read_16({"value": "1"}, timestamp=text).findings]


@given(st.timedeltas(timedelta(), timedelta(days=6000)).map(lambda ago: NOW - ago))
def test_a_time_we_write_is_read_back_to_the_millisecond(at: datetime) -> None:
    back = read_time(wire_time(at), NOW)

    assert back is not None
    assert timedelta() <= at - back < timedelta(milliseconds=1)
    assert wire_time(at).endswith("Z")


@pytest.mark.parametrize(
    "text", ['OCMF|{"RD":[]}|{"SD":"30"}', "AP;0;3;ALCV3ABB", '{"signedMeterData":"T0NNRg=="}']
)
def test_what_a_meter_signed_is_kept_also_where_the_station_does_not_say_that_it_is_signed(text: str) -> None:
    read = read_16({"value": text}, {"value": "1250"})

    assert read.findings == ()
    assert isinstance(read.ask, asks.RecordMeter)
    (sample,) = read.ask.samples
    assert sample.energy_wh == 1250
    assert [reading.signed for reading in sample.readings] == [text]
