"""Signed meter values on their way from a station's message into the CDR (pricing 5.3)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest
from test_roles_rater import ALL, EMSP, OWNER, START, rate, spine_with

from elstrada.model import asks
from elstrada.model.facts import (
    CdrIssued,
    Fact,
    MeterSampled,
    SessionCompleted,
    SessionEnded,
    SessionStarted,
)
from elstrada.model.ids import cdr_stream
from elstrada.model.mirror import Attribute, ItemKind, Variable
from elstrada.model.quantity import MeterSample
from elstrada.model.signed import SignatureStatus
from elstrada.ocpp.versions import OCPP16, OCPP21, OCPP201, ReadCall, Version
from elstrada.roles.signed_values import DOUBTED
from elstrada.spine import tables as t
from elstrada.spine.face import Put
from ocmf_scene import payload, reading, record, signer

METER = signer("secp192k1")
KEY = base64.b64encode(f"oca:base16:asn1:{METER.key.der.hex()}".encode()).decode()
DER = base64.b64encode(METER.key.der).decode()
BEGIN = record(METER, payload("T7", reading("B", "100.00")))
END = record(METER, payload("T8", reading("L", "111.00")))
TAMPERED = END.replace("111.00", "112.00")


def envelope(text: str, key: str = KEY) -> dict[str, str]:
    content = base64.b64encode(text.encode()).decode()
    return {"signedMeterData": content, "signingMethod": "", "encodingMethod": "OCMF", "publicKey": key}


def by_16(value: str, context: str, format: str | None = "SignedData") -> tuple[MeterSample, ...]:
    """The samples that a station's MeterValues of 1.6 bring; its plain register beside what is signed."""
    signed = {"value": value, "context": context, "unit": "kWh"} | ({"format": format} if format else {})
    plain = {"value": "100000" if "Begin" in context else "111000", "context": context}
    return _read(OCPP16, {"connectorId": 1, "meterValue": [_at(context, [plain, signed])]})


def by_2x(version: Version, text: str, context: str, key: str = KEY) -> tuple[MeterSample, ...]:
    value = 100_000 if "Begin" in context else 111_000
    sampled = {"value": value, "context": context, "signedMeterValue": envelope(text, key)}
    return _read(version, {"evseId": 1, "meterValue": [_at(context, [sampled])]})


def _at(context: str, sampled: Sequence[object]) -> dict[str, object]:
    at = START if "Begin" in context else START + timedelta(hours=1)
    return {"timestamp": at.isoformat(), "sampledValue": sampled}


def _read(version: Version, body: dict[str, object]) -> tuple[MeterSample, ...]:
    read = version.read_call("MeterValues", json.dumps(body).encode(), START + timedelta(hours=1))
    assert isinstance(read, ReadCall)
    assert isinstance(read.ask, asks.RecordMeter)
    return read.ask.samples


def charged(begin: Sequence[MeterSample], end: Sequence[MeterSample]) -> tuple[Fact, ...]:
    """An hour with 11 kWh, and what the station said at its begin and end."""
    over = START + timedelta(hours=1)
    return (
        SessionStarted("s1", "7", "k", 1, 1, START, "ref", EMSP, meter_wh=100_000),
        MeterSampled(1, 1, tuple(begin), session_id="s1"),
        MeterSampled(1, 1, tuple(end), session_id="s1"),
        SessionEnded("s1", over, meter_wh=111_000),
        SessionCompleted("s1", START, over, 11_000),
    )


async def issued(facts: tuple[Fact, ...], *writes: Put) -> tuple[CdrIssued, str | None]:
    """The CDR, and what the finding on its signed values says."""
    spine = await spine_with(*ALL, *writes, facts=facts)
    await rate(spine)
    (one,) = [one.fact for one in await spine.facts(cdr_stream(OWNER, OWNER, "s1"))]
    assert isinstance(one, CdrIssued)
    found = await spine.get(t.finding, source="session:SE*ELS/s1", code=DOUBTED)
    return one, None if found is None else str(found["sample"])


def told(variable: Variable) -> Put:
    key = {"owner": str(OWNER), "station_id": "CP1", "kind": ItemKind.VARIABLE.value, "key": variable.key}
    document = msgspec.json.encode(variable).decode()
    return Put(t.station_item, {**key, "document": document, "reported_at": START})


WAYS = {
    "1.6, the record": (by_16(BEGIN, "Transaction.Begin"), by_16(END, "Transaction.End"), False),
    "1.6, the record and no format": (
        by_16(BEGIN, "Transaction.Begin", None),
        by_16(END, "Transaction.End", None),
        False,
    ),
    "1.6, the object as a text": (
        by_16(json.dumps(envelope(BEGIN)), "Transaction.Begin"),
        by_16(json.dumps(envelope(END)), "Transaction.End"),
        True,
    ),
    "2.0.1": (
        by_2x(OCPP201, BEGIN, "Transaction.Begin"),
        by_2x(OCPP201, END, "Transaction.End", key=""),
        True,
    ),
    "2.1": (by_2x(OCPP21, BEGIN, "Transaction.Begin"), by_2x(OCPP21, END, "Transaction.End"), True),
}
"""What a station sends at begin and end, and whether its key comes with it."""


@pytest.mark.parametrize("way", WAYS)
def test_what_a_meter_signed_reaches_the_cdr_unchanged_and_verified(way: str) -> None:
    begin, end, with_key = WAYS[way]
    one, says = asyncio.run(issued(charged(begin, end)))
    data, check = one.cdr.signed_data, one.signed
    assert data is not None
    assert [(value.nature, value.plain_data) for value in data.signed_values] == [
        ("Start", BEGIN),
        ("End", END),
    ]
    assert [base64.b64decode(value.signed_data).decode() for value in data.signed_values] == [BEGIN, END]
    assert data.encoding_method == "OCMF"
    assert data.public_key == (DER if with_key else None)
    assert check is not None
    assert check.status is (SignatureStatus.VERIFIED if with_key else SignatureStatus.NO_KEY)
    assert check.energy_kwh == one.cdr.total_energy
    assert says is None


@pytest.mark.parametrize(
    "variable",
    [
        Variable(name="MeterPublicKey[1]", attributes=(Attribute(value=KEY),)),
        Variable(name="MeterPublicKey", attributes=(Attribute(value=METER.key.der.hex()),)),
        Variable(component="FiscalMetering", evse_id=1, name="PublicKey", attributes=(Attribute(value=KEY),)),
    ],
    ids=lambda variable: variable.key,
)
def test_a_key_that_did_not_come_with_the_values_is_the_one_in_the_stations_configuration(
    variable: Variable,
) -> None:
    begin, end, _ = WAYS["1.6, the record"]
    one, _ = asyncio.run(issued(charged(begin, end), told(variable)))
    assert one.signed is not None
    assert one.signed.status is SignatureStatus.VERIFIED
    assert one.cdr.signed_data is not None
    assert one.cdr.signed_data.public_key == DER


def test_v38_a_changed_value_is_a_finding_and_changes_no_figure() -> None:
    begin = by_2x(OCPP201, BEGIN, "Transaction.Begin")
    one, says = asyncio.run(issued(charged(begin, by_2x(OCPP201, TAMPERED, "Transaction.End"))))
    assert one.signed is not None
    assert one.signed.status is SignatureStatus.NOT_MATCHING
    assert one.cdr.total_energy == 11
    assert one.cdr.signed_data is not None
    assert one.cdr.signed_data.signed_values[1].plain_data == TAMPERED  # As it came: it is evidence.
    assert says == (
        "value 2: the signature is not of this content and key; "
        "the signed registers differ by 12.00 kWh, total_energy is 11.000"
    )


def test_v38_a_register_that_differs_from_what_is_billed_is_a_finding() -> None:
    other = record(METER, payload("T8", reading("E", "110.50")))
    begin = by_2x(OCPP21, BEGIN, "Transaction.Begin")
    one, says = asyncio.run(issued(charged(begin, by_2x(OCPP21, other, "Transaction.End"))))
    assert one.signed is not None
    assert one.signed.status is SignatureStatus.VERIFIED
    assert says == "the signed registers differ by 10.50 kWh, total_energy is 11.000"


def test_a_session_without_signed_values_has_none() -> None:
    plain = (MeterSample(START, 100_000, context="Transaction.Begin"),)
    one, says = asyncio.run(issued(charged(plain, ())))
    assert (one.cdr.signed_data, one.signed, says) == (None, None, None)
