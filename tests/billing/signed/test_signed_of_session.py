"""The signed values of a session's samples, as its CDR carries them (pricing 5.3; OCPI SignedData)."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from elstrada.billing.signed.of_session import MOST, MOST_VALUES, Signed, signed_of
from elstrada.billing.signed.verify import verify
from elstrada.model.cdr import SignedData
from elstrada.model.quantity import MeterSample, Reading
from elstrada.model.signed import SignatureStatus
from ocmf_scene import payload, reading, record, signer

AT = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
METER = signer("secp192k1")
DER = base64.b64encode(METER.key.der).decode()
BEGIN = record(METER, payload("T7", reading("B", "100.00")))
BETWEEN = record(METER, payload("T8", reading("C", "105.00")))
END = record(METER, payload("T9", reading("E", "111.00")))
BOTH = record(METER, payload("T1", reading("B", "100.00"), reading("E", "111.00")))


def sample(context: str, *texts: str, minute: int = 0) -> MeterSample:
    readings = tuple(Reading("Energy.Active.Import.Register", Decimal(), signed=text) for text in texts)
    return MeterSample(AT + timedelta(minutes=minute), context=context, readings=readings)


def of_2x(text: str, **other: str) -> str:
    told = {"signedMeterData": base64.b64encode(text.encode()).decode(), "encodingMethod": "OCMF"}
    return json.dumps(told | {"signingMethod": "", "publicKey": DER} | other)


def data_of(signed: Signed) -> SignedData:
    assert signed.data is not None
    return signed.data


def test_begin_middle_and_end_go_into_the_cdr_by_their_nature_and_unchanged() -> None:
    samples = (
        sample("Transaction.End", of_2x(END), minute=60),
        sample("Sample.Periodic", of_2x(BETWEEN), minute=30),
        sample("Transaction.Begin", of_2x(BEGIN)),
    )
    found = data_of(signed_of(samples))
    assert (found.encoding_method, found.encoding_method_version, found.public_key) == ("OCMF", 1, DER)
    assert [value.nature for value in found.signed_values] == ["Start", "Intermediate", "End"]
    assert [value.plain_data for value in found.signed_values] == [BEGIN, BETWEEN, END]
    assert [base64.b64decode(value.signed_data).decode() for value in found.signed_values] == [
        BEGIN,
        BETWEEN,
        END,
    ]
    checked = verify(found)
    assert (checked.status, checked.energy_kwh, checked.wrong) == (
        SignatureStatus.VERIFIED,
        Decimal("11.00"),
        "",
    )


def test_the_order_of_samples_makes_no_difference() -> None:
    samples = [
        sample("Transaction.Begin", BEGIN),
        sample("Sample.Periodic", BETWEEN, minute=30),
        sample("Transaction.End", END, minute=60),
    ]
    assert signed_of(samples) == signed_of(samples[::-1])


def test_16_sends_it_plain_or_as_a_text_of_the_object_and_the_station_tells_its_key() -> None:
    key = base64.b64encode(f"oca:base16:asn1:{METER.key.der.hex()}".encode()).decode()
    for texts in ((BEGIN, END), (of_2x(BEGIN, publicKey=""), of_2x(END, publicKey=""))):
        begin, end = texts
        samples = (sample("Transaction.Begin", begin), sample("Transaction.End", end, minute=60))
        found = data_of(signed_of(samples, key))
        assert found.public_key == DER
        assert verify(found).status is SignatureStatus.VERIFIED
        assert verify(data_of(signed_of(samples))).status is SignatureStatus.NO_KEY


def test_the_record_says_its_nature_better_than_the_reading_it_came_with() -> None:
    found = data_of(signed_of((sample("Sample.Periodic", END), sample("Sample.Periodic", BEGIN, minute=1))))
    assert [value.nature for value in found.signed_values] == ["Start", "End"]
    both = data_of(signed_of((sample("Transaction.Begin", BOTH),)))
    assert [value.nature for value in both.signed_values] == ["End"]


def test_a_value_sent_again_with_the_end_is_there_once() -> None:
    samples = (
        sample("Sample.Periodic", BETWEEN, minute=30),
        sample("Transaction.End", END, BETWEEN, END, minute=60),
    )
    assert [value.plain_data for value in data_of(signed_of(samples)).signed_values] == [BETWEEN, END]


def test_other_formats_pass_as_they_came() -> None:
    alfen = "AP;0;3;ALCV3ABB;BIHEIWSHAAA2W2V7OYYDCNQAAFMRV;"
    found = data_of(signed_of((sample("Transaction.End", alfen),)))
    assert (found.encoding_method, found.signed_values[0].plain_data) == ("Alfen Eichrecht", alfen)
    binary = bytes(range(256))
    told = json.dumps(
        {"signedMeterData": base64.b64encode(binary).decode(), "encodingMethod": "EDL40", "publicKey": "?"}
    )
    edl = data_of(signed_of((sample("Transaction.End", told),)))
    assert (edl.encoding_method, edl.public_key) == ("EDL40", "?")
    assert base64.b64decode(edl.signed_values[0].signed_data) == binary
    assert verify(edl).status is SignatureStatus.UNVERIFIED


def test_nothing_signed_is_nothing_in_the_cdr() -> None:
    assert signed_of((MeterSample(AT, 100_000),)) == Signed(None)
    assert signed_of(()) == Signed(None)


def test_what_ocpi_has_no_room_for_is_left_out_and_said() -> None:
    long = record(METER, payload("T7", reading("B", "100.00"), extra=f',"UX":"{"x" * MOST}"'))
    found = signed_of((sample("Transaction.Begin", long), sample("Transaction.End", END, minute=60)))
    assert [value.nature for value in data_of(found).signed_values] == ["End"]
    assert found.left_out == ("1 signed values longer than 5000 characters",)
    mixed = signed_of((sample("Transaction.Begin", "AP;0;3;A"), sample("Transaction.End", END, minute=60)))
    assert mixed.left_out == ("1 signed values of another encoding",)
    key = json.dumps({"signedMeterData": "QVA7MA==", "publicKey": "k" * 600})
    assert signed_of((sample("Transaction.End", key),)).left_out == ("a public key of 600 characters",)


def test_of_very_many_values_start_and_end_are_among_those_that_go() -> None:
    many = [f"AP;{number}" for number in range(2 * MOST_VALUES)]
    samples = (
        sample("Transaction.Begin", "AP;begin"),
        sample("Sample.Periodic", *many, minute=1),
        sample("Transaction.End", "AP;end", minute=60),
    )
    found = signed_of(samples)
    natures = [value.nature for value in data_of(found).signed_values]
    assert (natures[0], natures[-1], len(natures)) == ("Start", "End", MOST_VALUES)
    assert found.left_out == ("102 signed values beyond the first 100",)
