"""OCMF records of every curve and encoding: the genuine are told from the changed, and nothing else is raised."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elstrada.billing.signed import ocmf
from elstrada.billing.signed.curves import public_key, signed_by
from elstrada.billing.signed.keys import NoKey, read_key
from elstrada.billing.signed.ocmf import NotOcmf, Page
from elstrada.billing.signed.short_curves import SECP192K1, SECP192R1, Domain, holds
from elstrada.billing.signed.verify import verify
from elstrada.model.cdr import SignedData, SignedValue
from elstrada.model.signed import SignatureStatus
from ocmf_scene import BY_NAME, Signer, der, payload, reading, record, signer

METER = signer("secp256r1")
BEGIN = payload("T1", reading("B", "2935.600"))
END = payload("T2", reading("E", "2965.100"))
HEX = METER.key.der.hex()


def data(*texts: str, key: str | None = HEX, method: str = "OCMF") -> SignedData:
    return SignedData(method, tuple(SignedValue("Start", "", text) for text in texts), public_key=key)


def status(*texts: str, key: str | None = HEX, method: str = "OCMF") -> SignatureStatus:
    return verify(data(*texts, key=key, method=method)).status


@pytest.mark.parametrize("name", BY_NAME)
def test_a_record_of_every_algorithm_holds_and_does_not_with_another_key_or_content(name: str) -> None:
    meter = signer(name)
    text, key = record(meter, BEGIN), meter.key.der.hex()
    assert status(text, key=key) is SignatureStatus.VERIFIED
    assert status(text.replace("2935.600", "2935.601"), key=key) is SignatureStatus.NOT_MATCHING
    assert status(text, key=signer(name, 7).key.der.hex()) is SignatureStatus.NOT_MATCHING


def point(by: Signer) -> bytes:
    return by.key.x.to_bytes(by.key.curve.size) + by.key.y.to_bytes(by.key.curve.size)


def spaced(text: str) -> str:
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def armoured(content: bytes) -> str:
    lines = base64.encodebytes(content).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{lines}-----END PUBLIC KEY-----\n"


KEYS = {
    "DER, hex": lambda by: by.key.der.hex(),
    "DER, HEX in groups": lambda by: spaced(by.key.der.hex().upper()),
    "DER, base64": lambda by: base64.b64encode(by.key.der).decode(),
    "DER, base64url without padding": lambda by: base64.urlsafe_b64encode(by.key.der).decode().rstrip("="),
    "PEM": lambda by: armoured(by.key.der),
    "X and Y, hex": lambda by: point(by).hex(),
    "X and Y, base64": lambda by: base64.b64encode(point(by)).decode(),
    "04, X and Y, hex": lambda by: "04" + point(by).hex(),
    "04, X and Y, base64": lambda by: base64.b64encode(b"\x04" + point(by)).decode(),
    "PEM of a point": lambda by: armoured(b"\x04" + point(by)),
    "oca:base16:asn1, base64": lambda by: base64.b64encode(
        f"oca:base16:asn1:{by.key.der.hex()}".encode()
    ).decode(),
    "hex in base64": lambda by: base64.b64encode(by.key.der.hex().encode()).decode(),
}


@pytest.mark.parametrize("notation", KEYS)
@pytest.mark.parametrize("name", BY_NAME)
def test_a_key_is_read_in_every_notation(name: str, notation: str) -> None:
    by = signer(name)
    assert read_key(KEYS[notation](by), by.key.curve) == by.key


def test_a_key_off_its_curve_is_none() -> None:
    for name, curve in BY_NAME.items():
        key = signer(name).key
        wrong = key.x.to_bytes(curve.size) + (key.y ^ 1).to_bytes(curve.size)
        with pytest.raises(NoKey):
            read_key(wrong.hex(), curve)


def test_signatures_are_read_as_meters_write_them() -> None:
    for name in ("secp256r1", "secp192r1", "secp384r1"):
        meter = signer(name)
        r, s = meter.sign(BEGIN.encode())
        size = meter.key.curve.size
        raw = r.to_bytes(size) + s.to_bytes(size)
        for content in (
            der(r, s),
            der(r, s, forgetful=True),
            der(r, s) + b"\xff",
            raw,
        ):
            for told in (
                {"SD": content.hex()},
                {"SD": content.hex().upper()},
                {"SD": base64.b64encode(content).decode(), "SE": "base64"},
                {"SD": base64.b64encode(content).decode(), "SE": "Base64"},
            ):
                fields = {"SA": f"ECDSA-{name}-SHA256", **told}
                text = f"OCMF|{BEGIN}|{json.dumps(fields)}"
                assert status(text, key=meter.key.der.hex()) is SignatureStatus.VERIFIED


def test_a_record_without_an_algorithm_is_of_the_default_or_of_the_curve_that_its_key_names() -> None:
    assert status(record(METER, BEGIN, algorithm="")) is SignatureStatus.VERIFIED
    other = signer("secp192k1")
    text = record(other, BEGIN, algorithm="")
    assert status(text, key=other.key.der.hex()) is SignatureStatus.VERIFIED
    assert status(text, key=point(other).hex()) is SignatureStatus.UNREADABLE  # A point says no curve.


def test_a_record_that_names_one_curve_and_is_signed_on_another_does_not_match() -> None:
    other = signer("secp256k1")
    text = record(other, BEGIN, algorithm="ECDSA-secp256r1-SHA256")
    assert status(text, key=other.key.der.hex()) is SignatureStatus.NOT_MATCHING


def test_meters_spell_brainpool_with_a_p() -> None:
    meter = signer("brainpool256r1")
    text = record(meter, BEGIN, algorithm="ECDSA-brainpoolP256r1-SHA256")
    assert status(text, key=meter.key.der.hex()) is SignatureStatus.VERIFIED


def test_every_changed_byte_of_the_payload_is_found() -> None:
    text = record(METER, BEGIN)
    start, end = len("OCMF|"), len("OCMF|") + len(BEGIN)
    assert status(text) is SignatureStatus.VERIFIED
    for at in range(start, end):
        for other in {chr(ord(text[at]) ^ 1), " "} - {text[at]}:
            changed = text[:at] + other + text[at + 1 :]
            assert status(changed) is not SignatureStatus.VERIFIED, changed


def test_every_changed_digit_of_the_signature_and_the_key_is_found() -> None:
    text = record(METER, BEGIN)
    first, last = text.index('"SD":"') + 6, len(text) - 2
    for at in range(first, last):
        changed = text[:at] + ("1" if text[at] == "0" else "0") + text[at + 1 :]
        assert status(changed) is not SignatureStatus.VERIFIED
    for at in range(len(HEX)):
        changed = HEX[:at] + ("1" if HEX[at] == "0" else "0") + HEX[at + 1 :]
        assert status(text, key=changed) is not SignatureStatus.VERIFIED


@settings(max_examples=150, deadline=None)
@given(st.text(), st.text(), st.binary())
def test_no_text_raises_anything(text: str, key: str, blob: bytes) -> None:
    for value in (text, f"OCMF|{text}", f"OCMF|{text}|{key}", blob.hex(), base64.b64encode(blob).decode()):
        assert status(value, key=key, method=text[:40]) is not SignatureStatus.VERIFIED


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_record_with_bytes_put_anywhere_is_never_taken_for_another(data_: st.DataObject) -> None:
    text = record(METER, BEGIN)
    at = data_.draw(st.integers(5, 5 + len(BEGIN)))
    put = data_.draw(st.text(min_size=1, max_size=5))
    assert status(text[:at] + put + text[at:]) is not SignatureStatus.VERIFIED


def test_readings_keep_their_decimals_and_leave_out_what_is_as_before() -> None:
    content = (
        '{"FV":"1.4","PG":"T12","MS":"M","GS":7,"TT":"Tarif 1",'
        '"LC":{"LN":"cable","LI":1,"LR":2,"LU":"mOhm"},"RD":['
        '{"TM":"2018-07-24T13:22:04,000+0200 S","TX":"B","RV":2935.600,"RI":"01-0B:01.08.00*FF","RU":"kWh",'
        '"RT":"DC","EF":"","ST":"G"},{"TM":"2018-07-24T13:24:04,000+0200 R","TX":"T","RV":"02940.10"},'
        '{"TX":"L","RV":2965.1,"CL":0.50}]}'
    )
    found = ocmf.read(f' OCMF|{content}|{{"SD":"00"}}\n')
    assert found.payload == content.encode()
    assert (found.page, found.gateway, found.tariff) == (Page("T", 12), "7", "Tarif 1")
    assert found.loss == ocmf.LossCompensation(Decimal(2), "mOhm", "cable", "1")
    begin, change, end = found.readings
    assert (str(begin.value), begin.at, begin.clock) == (
        "2935.600",
        datetime(2018, 7, 24, 11, 22, 4, tzinfo=UTC),
        "S",
    )
    assert (str(change.value), change.reason, change.quantity, change.clock) == (
        "2940.10",
        ocmf.TARIFF_CHANGES,
        "01-0B:01.08.00*FF",
        "R",
    )
    assert (str(end.loss), end.reason, end.unit, end.current, end.state) == ("0.50", "L", "kWh", "DC", "G")


def test_what_no_meter_writes_is_no_record() -> None:
    deep = "[" * 20_000 + "]" * 20_000
    for text in (
        "",
        "OCMF",
        f"OCMF|{BEGIN}",
        f"OCMF|{BEGIN}|",
        f"OCMF|{BEGIN}|{{}}",
        'OCMF|[]|{"SD":"00"}',
        f'OCMF|{{"X":{deep}}}|{{"SD":"00"}}',
        f'OCMF|{{"X":"{"x" * ocmf.LONGEST}"}}|{{"SD":"00"}}',
        f'OCMF|{{"RD":[{",".join(["{}"] * 1001)}]}}|{{"SD":"00"}}',
        f'ocmf|{BEGIN}|{{"SD":"00"}}',
        f'OCMF|{BEGIN}|{{"SD":"00"}}|k|k',
    ):
        with pytest.raises(NotOcmf):
            ocmf.read(text)


def test_a_number_that_no_register_shows_is_none() -> None:
    for value in ("1E+400", '"NaN"', "0.0000000000000001", "null"):
        one = ocmf.read(f'OCMF|{payload("T1", reading("B", value))}|{{"SD":"00"}}').readings[0]
        assert one.value is None


# --- the 192-bit curves, reckoned by ourselves ---------------------------------------------------------

RFC_6979_A_2_3 = (
    (
        b"sample",
        0x4B0B8CE98A92866A2820E20AA6B75B56382E0F9BFD5ECB55,
        0xCCDB006926EA9565CBADC840829D8C384E06DE1F1E381B85,
    ),
    (
        b"test",
        0x3A718BD8B4926C3B52EE6BBE67EF79B18CB6EB62B1AD97AE,
        0x5662E6848A4A19B1F1AE2F72ACD4B8BBE50F1EAC65D9124F,
    ),
)
"""ECDSA on P-192 with SHA-256: message, r and s."""


def test_published_signatures_on_p192_hold() -> None:
    key = public_key(
        BY_NAME["secp192r1"],
        0xAC2C77F529F91689FEA0EA5EFEC7F210D8EEA0B9E047ED56,
        0x3BC723E57670BD4887EBC732C523063D0A7C957BC97C1C43,
    )
    assert key is not None
    for message, r, s in RFC_6979_A_2_3:
        assert signed_by(key, message, r, s)
        assert not signed_by(key, message + b".", r, s)
        assert not signed_by(key, message, s, r)


@pytest.mark.parametrize("domain", [SECP192K1, SECP192R1])
def test_no_signature_of_zero_or_the_order_holds(domain: Domain) -> None:
    for r, s in ((0, 1), (1, 0), (domain.n, 1), (1, domain.n), (0, 0)):
        assert not holds(domain, domain.base, bytes(32), r, s)


def test_our_verification_agrees_with_the_librarys_on_p192() -> None:
    """By a key pair of the library, of which ours knows the public half."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    private = ec.derive_private_key(0xABCDEF0123456789, ec.SECP192R1())
    numbers = private.public_key().public_numbers()
    key = public_key(BY_NAME["secp192r1"], numbers.x, numbers.y)
    assert key is not None
    for number in range(10):
        message = str(number).encode()
        r, s = decode_dss_signature(private.sign(message, ec.ECDSA(hashes.SHA256())))
        assert signed_by(key, message, r, s)
        assert not signed_by(key, message, r, s ^ 1)
