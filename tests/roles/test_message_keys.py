"""Signatures under messages: the examples of RFC 7515, and everything that must not pass for one."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from elstrada.ocpp.faults import Fault, Refusal
from elstrada.ocpp.signed import MOST_SIGNATURE, Header, Opened, fault_of, is_of_a_moment, opened
from elstrada.roles.message_keys import (
    MOST_KEYS,
    PublicKey,
    public_keys,
    read_keys,
    read_signer,
    signer_of,
)
from jws import Pair, b64, new_ec, new_rsa, signed, unb64
from jws import opened as opened_by_hand

EC, RSA, OTHER = new_ec(), new_rsa(), new_ec()
BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}


def take(action: str, jws: dict[str, str]) -> Opened:
    message = opened(f"{action}-Signed", json.dumps(jws).encode())
    assert isinstance(message, Opened), message
    return message


def passes(jws: dict[str, str], *pairs: Pair, action: str = "BootNotification") -> bool:
    keys = public_keys(read_keys("".join(pair.pem for pair in pairs).encode()))
    message = take(action, jws)
    return fault_of(message, 2) is None and signer_of(message, keys) is not None


# --- RFC 7515, appendices A.2 and A.3 ----------------------------------------------------------------

PAYLOAD = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
A2_N = (
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yR"
    "T-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQ"
    "OS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8"
    "q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
)
A2_SIGNATURE = (
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJ"
    "dbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9"
    "383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIh"
    "WkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)
A3_X, A3_Y = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
A3_SIGNATURE = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"


def number(text: str) -> int:
    return int.from_bytes(unb64(text), "big")


@pytest.mark.parametrize(
    ("protected", "signature", "key"),
    [
        ("eyJhbGciOiJSUzI1NiJ9", A2_SIGNATURE, rsa.RSAPublicNumbers(65537, number(A2_N)).public_key()),
        (
            "eyJhbGciOiJFUzI1NiJ9",
            A3_SIGNATURE,
            ec.EllipticCurvePublicNumbers(number(A3_X), number(A3_Y), ec.SECP256R1()).public_key(),
        ),
    ],
)
def test_the_examples_of_rfc_7515_are_good_and_no_other_payload_is(
    protected: str, signature: str, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
) -> None:
    message = take("X", {"payload": PAYLOAD, "protected": protected, "signature": signature})
    assert json.loads(message.payload)["iss"] == "joe"
    assert PublicKey(key, None).has_signed(message)
    assert not PublicKey(key, None).has_signed(
        take("X", {"payload": b64(b"{}"), "protected": protected, "signature": signature})
    )


# --- what passes, and what does not ------------------------------------------------------------------


@pytest.mark.parametrize(("pair", "alg"), [(EC, "ES256"), (RSA, "RS256"), (RSA, "RS384")])
def test_each_algorithm_of_the_text_passes_by_its_own_key_only(pair: Pair, alg: str) -> None:
    jws = signed(pair, "BootNotification", BOOT, alg=alg)
    assert passes(jws, pair)
    assert passes(jws, OTHER, EC, RSA)
    assert not passes(jws, OTHER)


@pytest.mark.parametrize("pair", [EC, RSA])
@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"alg": "none"}, "alg"),
        ({"alg": "HS256"}, "alg"),
        ({"alg": "ES384"}, "alg"),
        ({"alg": "PS256"}, "alg"),
        ({"crit": ["exp"], "exp": 1}, "critical"),
        ({"crit": ["b64"], "b64": False}, "critical"),
        ({"OCPPAction": "Heartbeat"}, "signed as 'Heartbeat'"),
        ({"OCPPAction": None}, "signed as 'nothing'"),
        ({"OCPPMessageTypedId": 3}, "message type 3"),
        ({"OCPPMessageTypedId": None}, "message type None"),
        ({"OCPPMessageTypedId": 2, "OCPPMessageTypeId": 3}, "message type"),
    ],
)
def test_what_the_header_must_not_say_is_refused(pair: Pair, header: dict[str, object], why: str) -> None:
    message = take("BootNotification", signed(pair, "BootNotification", BOOT, **header))
    fault = fault_of(message, 2)
    assert fault is not None
    assert why in fault


def test_the_message_type_may_be_spelt_as_it_was_meant() -> None:
    header = {"OCPPMessageTypedId": None, "OCPPMessageTypeId": 2}
    assert passes(signed(EC, "BootNotification", BOOT, **header), EC)


@pytest.mark.parametrize(("pair", "alg"), [(RSA, "ES256"), (EC, "RS256"), (EC, "RS384")])
def test_an_algorithm_of_another_kind_of_key_is_refused(pair: Pair, alg: str) -> None:
    """The header is the sender's word; what a key can do is ours."""
    jws = signed(pair, "BootNotification", BOOT)
    forged = b64(json.dumps({**opened_by_hand(jws)[0], "alg": alg}).encode())
    told = f"{forged}.{jws['payload']}".encode()
    signature = pair.sign("ES256" if pair is EC else "RS256", told)
    assert not passes({**jws, "protected": forged, "signature": b64(signature)}, pair)


def test_a_certificate_that_is_named_must_be_the_signers() -> None:
    assert not passes(signed(EC, "BootNotification", BOOT, **{"x5t#S256": OTHER.thumbprint}), EC)
    assert not passes(signed(EC, "BootNotification", BOOT, **{"x5t#S256": OTHER.thumbprint}), EC, OTHER)
    assert passes(signed(EC, "BootNotification", BOOT, **{"x5t#S256": None}), OTHER, EC)
    bare = public_keys(read_keys(EC.public_pem.encode()))
    assert signer_of(take("X", signed(EC, "X", {})), bare) is not None


def test_a_key_that_the_message_brings_along_is_not_asked() -> None:
    numbers = OTHER.key.public_key().public_numbers()
    assert isinstance(numbers, ec.EllipticCurvePublicNumbers)
    own = {"kty": "EC", "crv": "P-256", "x": b64(numbers.x.to_bytes(32)), "y": b64(numbers.y.to_bytes(32))}
    jws = signed(OTHER, "BootNotification", BOOT, jwk=own, x5c=[OTHER.pem], **{"x5t#S256": None})
    assert not passes(jws, EC)


@given(st.integers(0, 2), st.data())
def test_a_changed_character_is_found(part: int, data: st.DataObject) -> None:
    jws = signed(EC, "BootNotification", BOOT)
    name = ("payload", "protected", "signature")[part]
    at = data.draw(st.integers(0, len(jws[name]) - 1))
    other = data.draw(st.sampled_from("ABab01-_"))
    changed = jws[name][:at] + other + jws[name][at + 1 :]
    if unb64(changed) == unb64(jws[name]):
        return
    message = opened("BootNotification-Signed", json.dumps({**jws, name: changed}).encode())
    keys = public_keys(read_keys(EC.pem.encode()))
    assert (
        isinstance(message, Refusal) or fault_of(message, 2) is not None or signer_of(message, keys) is None
    )


# --- the form ----------------------------------------------------------------------------------------

WHOLE = signed(EC, "Heartbeat", {})
LONG = b64(b"x" * (MOST_SIGNATURE + 1))


@pytest.mark.parametrize(
    "payload",
    [
        {},
        "text",
        [WHOLE],
        {"payload": WHOLE["payload"], "signatures": [WHOLE]},
        WHOLE | {"signature": 1},
        WHOLE | {"signature": WHOLE["signature"] + "=="},
        WHOLE | {"signature": WHOLE["signature"][:-1] + "+"},
        WHOLE | {"signature": "A"},
        WHOLE | {"signature": "\n" + WHOLE["signature"]},
        WHOLE | {"signature": LONG},
        WHOLE | {"protected": b64(b"{}" + b" " * 5000)},
        WHOLE | {"protected": b64(b"{}")},
        WHOLE | {"protected": b64(b'{"alg":7}')},
        WHOLE | {"protected": b64(b"not json")},
        WHOLE | {"payload": b64(b"not json")},
        WHOLE | {"payload": b64(b'["list"]')},
        WHOLE | {"payload": b64(b'{"a": "\xff"}')},
        WHOLE | {"payload": b64(b'{"a": "\\u0000"}')},
        WHOLE | {"payload": b64(b'{"a":' * 100 + b"1" + b"}" * 100)},
    ],
)
def test_what_is_no_signed_payload_is_a_violation_of_the_form(payload: object) -> None:
    message = opened("Heartbeat-Signed", json.dumps(payload).encode())
    assert isinstance(message, Refusal)
    assert message.fault is Fault.FORMAT_VIOLATION
    assert len(message.text) <= 255


@given(st.binary(max_size=300))
def test_no_bytes_break_it(payload: bytes) -> None:
    assert isinstance(opened("X-Signed", payload), Opened | Refusal)
    jws = {"payload": b64(payload), "protected": b64(payload), "signature": b64(payload)}
    assert isinstance(opened("X-Signed", json.dumps(jws).encode()), Opened | Refusal)


def test_a_message_names_its_moment_by_its_time() -> None:
    assert is_of_a_moment(b'{"timestamp":"2026-03-01T12:00:00Z"}')
    assert is_of_a_moment(b'{"generatedAt":"2026-03-01T12:00:00Z"}')
    assert not is_of_a_moment(b'{"idToken":{"idToken":"A","type":"eMAID"}}')


# --- the files ---------------------------------------------------------------------------------------


def test_a_file_may_hold_certificates_and_public_keys() -> None:
    told = read_keys((EC.pem + "between them\n" + RSA.public_pem).encode())
    assert [key.thumbprint for key in public_keys(told)] == [EC.thumbprint, None]


WEAK = rsa.generate_private_key(65537, 1024)
ED = ed25519.Ed25519PrivateKey.generate().public_key()
_PEM, _SPKI = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
P384 = ec.generate_private_key(ec.SECP384R1()).public_key()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "0 keys"),
        (b"text", "0 keys"),
        (EC.pem.encode() * (MOST_KEYS + 1), f"{MOST_KEYS + 1} keys"),
        (EC.private_pem.encode(), "a private key"),
        (b" " * 70_000, "more than"),
        (WEAK.public_key().public_bytes(_PEM, _SPKI), "2048 bits"),
        (ED.public_bytes(_PEM, _SPKI), "P-256"),
        (P384.public_bytes(_PEM, _SPKI), "P-256"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "no certificate"),
    ],
)
def test_what_cannot_sign_messages_is_no_key_of_a_station(content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_keys(content)


@pytest.mark.parametrize("pair", [EC, RSA])
def test_what_we_sign_is_a_flattened_jws_that_others_find_good(pair: Pair, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    key.write_text(pair.private_pem)
    certificate.write_text(pair.pem)
    jws = json.loads(read_signer(key, certificate).sealed("Heartbeat", b'{"currentTime":"x"}', 3))
    assert jws.keys() == {"payload", "protected", "signature"}
    header, payload = opened_by_hand(jws)
    assert payload == {"currentTime": "x"}
    assert header == {
        "alg": "ES256" if pair is EC else "RS256",
        "OCPPAction": "Heartbeat",
        "OCPPMessageTypedId": 3,
        "x5t#S256": pair.thumbprint,
    }
    assert pair.verify(jws)
    assert msgspec.json.decode(unb64(jws["protected"]), type=Header).kind == 3


def test_a_key_and_a_certificate_of_another_do_not_go_together(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    key.write_text(EC.private_pem)
    certificate.write_text(OTHER.pem)
    with pytest.raises(ValueError, match="is not the key of"):
        read_signer(key, certificate)
    key.write_text(EC.pem)
    with pytest.raises(ValueError, match="no private key"):
        read_signer(key, certificate)
    certificate.write_text("text")
    key.write_text(EC.private_pem)
    with pytest.raises(ValueError, match="no certificate"):
        read_signer(key, certificate)
