"""What a verifier says of the signed values of a CDR (V38, V40)."""

from __future__ import annotations

import base64
from decimal import Decimal

from elstrada.billing.signed.verify import MOST_SIGNATURES, MOST_VALUES, verify
from elstrada.model.cdr import SignedData, SignedValue
from elstrada.model.signed import SignatureStatus, SignedCheck
from ocmf_scene import payload, reading, record, signer

METER = signer("secp256r1")
BEGIN = record(METER, payload("T274", reading("B", "2935.600")))
END = record(METER, payload("T275", reading("L", "2965.100")))


def checked(*texts: str, key: str | None = METER.key.der.hex(), method: str = "OCMF") -> SignedCheck:
    return verify(SignedData(method, tuple(SignedValue("Start", "", text) for text in texts), public_key=key))


def test_begin_and_end_of_one_meter_tell_the_energy() -> None:
    assert checked(BEGIN, END) == SignedCheck(
        status=SignatureStatus.VERIFIED,
        values=(SignatureStatus.VERIFIED, SignatureStatus.VERIFIED),
        register_start=Decimal("2935.600"),
        register_end=Decimal("2965.100"),
    )
    assert str(checked(BEGIN, END).energy_kwh) == "29.500"


def test_one_record_may_hold_both() -> None:
    both = record(METER, payload("T1", reading("B", "10.00"), reading("T", "11.00"), reading("E", "12.50")))
    assert checked(both).energy_kwh == Decimal("2.50")


def test_values_travel_plain_in_base64_or_hex() -> None:
    wrapped = base64.b64encode(BEGIN.encode()).decode(), END.encode().hex()
    assert checked(*wrapped) == checked(BEGIN, END)


def test_v38_a_changed_value_is_found_and_named() -> None:
    found = checked(BEGIN, END.replace("2965.100", "2965.900"))
    assert found.status is SignatureStatus.NOT_MATCHING
    assert found.values == (SignatureStatus.VERIFIED, SignatureStatus.NOT_MATCHING)
    assert found.wrong == "value 2: the signature is not of this content and key"


def test_v38_a_missing_page_another_meter_and_another_gateway_are_found() -> None:
    gap = record(METER, payload("T277", reading("E", "2965.100")))
    assert checked(BEGIN, gap).wrong == "page T277 follows page T274"
    other = record(METER, payload("T275", reading("E", "2965.100"), meter="M2"))
    assert checked(BEGIN, other).wrong == "the records are of 2 meters: M1, M2"
    again = record(METER, payload("T274", reading("E", "2965.100")))
    assert checked(BEGIN, again).wrong == "page T274 follows page T274"


def test_the_order_in_which_values_come_makes_no_difference() -> None:
    assert checked(END, BEGIN) == checked(BEGIN, END)


def test_v38_energy_that_the_meter_itself_calls_unusable_is_found() -> None:
    bad = record(METER, payload("T275", reading("E", "2965.100", EF="E", ST="X")))
    assert checked(BEGIN, bad).wrong == (
        "the meter says that its energy is not usable (EF); the meter's state is X, not G"
    )


def test_v40_a_register_that_runs_backwards_is_found() -> None:
    back = record(METER, payload("T275", reading("E", "2934.000")))
    assert checked(BEGIN, back).wrong == "the register ends at 2934.000 kWh, below its start at 2935.600"


def test_the_register_of_what_reached_the_car_counts_before_the_meters_own() -> None:
    meters_own, at_the_car = {"RI": "01-00:01.08.00*FF"}, {"RI": "01-00:B3.08.00*FF"}
    both = record(
        METER,
        payload(
            "T1",
            reading("B", "100.0", **meters_own),
            reading("B", "0.0", **at_the_car),
            reading("E", "110.5", **meters_own),
            reading("E", "10.0", **at_the_car),
        ),
    )
    assert checked(both).energy_kwh == Decimal("10.0")


def test_a_register_that_tells_only_its_begin_gives_way_to_one_that_tells_both() -> None:
    own = {"RI": "1-b:1.8.e", "RU": "Wh"}
    both = record(
        METER,
        payload("T1", reading("B", "0.0"), reading("B", "100000", **own), reading("E", "110500", **own)),
    )
    assert checked(both).energy_kwh == Decimal("10.500")


def test_energy_given_back_and_other_units_are_no_energy_taken() -> None:
    for other in ({"RI": "01-00:C3.08.00*FF"}, {"RI": "1-0:2.8.0"}, {"RU": "mOhm"}):
        both = record(METER, payload("T1", reading("B", "1", **other), reading("E", "2", **other)))
        assert checked(both).energy_kwh is None


def test_without_a_key_nobody_can_say_and_the_registers_are_told_all_the_same() -> None:
    found = checked(BEGIN, END, key=None)
    assert (found.status, found.unverified) == (SignatureStatus.NO_KEY, "no public key came with it")
    assert found.wrong == ""
    assert found.energy_kwh == Decimal("29.500")


def test_a_key_in_a_fourth_section_counts() -> None:
    assert checked(f"{BEGIN}|{METER.key.der.hex()}", key=None).status is SignatureStatus.VERIFIED


def test_other_formats_are_passed_on_unverified() -> None:
    for method in ("Alfen Eichrecht", "EDL40 E-Mobility Extension", "EDL40 Mennekes", "PCDF"):
        found = checked("AP;0;3;AAAA", method=method)
        assert (found.status, found.wrong) == (SignatureStatus.UNVERIFIED, "")
        assert found.unverified == f"{method} has no verifier here"


def test_ocmf_is_known_whatever_its_sender_calls_it() -> None:
    assert checked(BEGIN, END, method="SignedMeterValue").status is SignatureStatus.VERIFIED


def test_what_calls_itself_ocmf_and_is_none_cannot_be_read() -> None:
    for text in ("", "AP;0;3;AAAA", "OCMF|{|{}", "AAAA"):
        assert checked(text).status is SignatureStatus.UNREADABLE
    assert checked(BEGIN, key="no key").wrong.startswith("value 1: 'no key' is neither DER nor a point")


def test_no_values_and_too_many_are_both_wrong() -> None:
    assert checked().wrong == "there is no signed value"
    assert checked().status is SignatureStatus.UNREADABLE
    assert f"{MOST_VALUES} are looked at" in checked(*["AAAA"] * (MOST_VALUES + 1)).wrong


def session_of(count: int) -> list[str]:
    """Records of one session, of which the last tells the end; all but begin and end are intermediate."""
    between = [record(METER, payload(f"T{274 + n}", reading("C", "2940.000"))) for n in range(1, count - 1)]
    last = record(METER, payload(f"T{273 + count}", reading("L", "2965.100")))
    return [BEGIN, *between, last]


def test_of_many_signatures_begin_end_and_the_next_are_looked_at_and_the_others_are_told() -> None:
    texts = session_of(MOST_SIGNATURES + 3)
    found = checked(*texts)
    skipped = [number for number, one in enumerate(found.values) if one is SignatureStatus.UNVERIFIED]
    assert skipped == [MOST_SIGNATURES - 1, MOST_SIGNATURES, MOST_SIGNATURES + 1]
    assert set(found.values) - {SignatureStatus.UNVERIFIED} == {SignatureStatus.VERIFIED}
    assert (found.status, found.wrong) == (SignatureStatus.UNVERIFIED, "")
    assert found.unverified == f"3 of {len(texts)} signatures were not looked at"
    assert found.energy_kwh == Decimal("29.500")
    assert checked(*session_of(MOST_SIGNATURES)).unverified == ""
    whole = verify(
        SignedData(
            "OCMF", tuple(SignedValue("", "", text) for text in texts), public_key=METER.key.der.hex()
        ),
        signatures=MOST_VALUES,
    )
    assert (whole.status, whole.unverified) == (SignatureStatus.VERIFIED, "")


def test_begin_and_end_are_looked_at_wherever_they_stand_among_many() -> None:
    begin, *between, end = session_of(MOST_SIGNATURES + 5)
    forged = end.replace("2965.100", "2985.100")
    found = checked(*between[:-1], forged, begin, between[-1])
    assert found.status is SignatureStatus.NOT_MATCHING
    assert found.wrong == f"value {len(between)}: the signature is not of this content and key"


def test_what_no_signature_was_looked_at_for_tells_no_energy() -> None:
    """More ends than are looked at: those beyond count for nothing, whatever they say."""
    ends = [record(METER, payload(f"T{274 + n}", reading("L", "2965.100"))) for n in range(1, 14)]
    assert checked(*ends, BEGIN).energy_kwh is None
    assert checked(BEGIN, *ends).energy_kwh == Decimal("29.500")


def test_a_page_that_is_missing_is_found_among_those_that_are_not_looked_at() -> None:
    texts = session_of(MOST_SIGNATURES + 5)
    del texts[MOST_SIGNATURES + 2]
    assert checked(*texts).wrong == "page T289 follows page T287"
