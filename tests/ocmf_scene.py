"""Records as meters sign them, of any curve, and the keys to hold them against."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from elstrada.billing.signed.curves import CURVES, Curve, PublicKey, public_key
from elstrada.billing.signed.short_curves import Domain

BY_NAME: Mapping[str, Curve] = {curve.name: curve for curve in CURVES}
SECRET = 0x1F2D3A4F5506C7AABBCCDDEEFF0011223344556677


class Signer(NamedTuple):
    """A meter's key pair. It signs the same content the same way on our own curves, as secrets are worth nothing here."""

    key: PublicKey
    secret: int

    def sign(self, content: bytes) -> tuple[int, int]:
        reckoned = self.key.curve.reckoned
        if isinstance(reckoned, Domain):
            return _sign(reckoned, self.secret, content)
        private = ec.derive_private_key(self.secret, reckoned)
        return decode_dss_signature(private.sign(content, ec.ECDSA(hashes.SHA256())))


def signer(name: str, secret: int = SECRET) -> Signer:
    curve = BY_NAME[name]
    if isinstance(curve.reckoned, Domain):
        point = multiple(curve.reckoned, secret)
    else:
        numbers = ec.derive_private_key(secret, curve.reckoned).public_key().public_numbers()
        point = numbers.x, numbers.y
    key = public_key(curve, *point)
    assert key is not None, "a multiple of the base is on its curve"
    return Signer(key, secret)


def multiple(domain: Domain, times: int) -> tuple[int, int]:
    """By the schoolbook, one bit after another; apart from what is tested."""
    total: tuple[int, int] | None = None
    for bit in f"{times:b}":
        total = total and added(domain, total, total)
        if bit == "1":
            total = domain.base if total is None else added(domain, total, domain.base)
    assert total is not None, "times is positive"
    return total


def added(domain: Domain, one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    (x1, y1), (x2, y2), p = one, other, domain.p
    rise, run = (3 * x1 * x1 + domain.a, 2 * y1) if one == other else (y2 - y1, x2 - x1)
    slope = rise * pow(run, -1, p) % p
    x = (slope * slope - x1 - x2) % p
    return x, (slope * (x1 - x) - y1) % p


def _sign(domain: Domain, secret: int, content: bytes) -> tuple[int, int]:
    digest = hashlib.sha256(content).digest()
    nonce = int.from_bytes(hashlib.sha256(b"nonce" + digest).digest()) % domain.n
    message = int.from_bytes(digest) >> (256 - domain.n.bit_length())
    r = multiple(domain, nonce)[0] % domain.n
    return r, pow(nonce, -1, domain.n) * (message + r * secret) % domain.n


def der(r: int, s: int, *, forgetful: bool = False) -> bytes:
    """A signature in DER; ``forgetful`` meters leave out the zero before a first bit that is set."""
    inside = b"".join(
        bytes((2, len(number))) + number for number in (_whole(one, forgetful=forgetful) for one in (r, s))
    )
    return bytes((0x30, len(inside))) + inside


def _whole(number: int, *, forgetful: bool) -> bytes:
    return number.to_bytes((number.bit_length() + (7 if forgetful else 8)) // 8)


def reading(reason: str, value: str, **other: str) -> str:
    """One reading; the value is written as it is."""
    fields = {
        "TM": "2026-03-02T16:30:00,000+0100 S",
        "TX": reason,
        "RI": "01-00:B3.08.00*FF",
        "RU": "kWh",
        "ST": "G",
    }
    told = json.dumps(fields | other, separators=(",", ":"))
    return f'{told[:-1]},"RV":{value}}}'


def payload(page: str, *readings: str, meter: str = "M1", extra: str = "") -> str:
    return (
        f'{{"FV":"1.4","GI":"Gate","GS":"G1","PG":"{page}","MS":"{meter}","IS":true,"IT":"NONE","ID":""{extra},'
        f'"RD":[{",".join(readings)}]}}'
    )


def record(by: Signer, content: str, *, algorithm: str | None = None, encoding: str = "") -> str:
    """A record with its signature in DER, in hexadecimal digits or base64 (SE)."""
    written = der(*by.sign(content.encode()))
    fields = {"SA": f"ECDSA-{by.key.curve.name}-SHA256" if algorithm is None else algorithm}
    fields |= {"SE": encoding} if encoding else {}
    fields |= {"SD": base64.b64encode(written).decode() if encoding == "base64" else written.hex()}
    told = {name: value for name, value in fields.items() if value}
    return f"OCMF|{content}|{json.dumps(told, separators=(',', ':'))}"
