"""An operator, an account and a user of NATS, made here: what the tool ``nsc`` would make.

Source: nats-io/nkeys and nats-io/jwt, version 2 of their claims.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

OPERATOR, ACCOUNT, USER, _SEED = 14 << 3, 0, 20 << 3, 18 << 3
_NO_LIMITS = dict.fromkeys(
    ("subs", "data", "payload", "imports", "exports", "conn", "leaf", "mem_storage", "disk_storage"), -1
)


class Identity:
    def __init__(self, kind: int) -> None:
        self._kind, self._key = kind, Ed25519PrivateKey.generate()

    @property
    def public(self) -> str:
        return _text(bytes([self._kind]) + self._key.public_key().public_bytes_raw())

    @property
    def seed(self) -> str:
        first, second = _SEED | self._kind >> 5, (self._kind & 31) << 3
        return _text(bytes([first, second]) + self._key.private_bytes_raw())

    def vouch(self, subject: Identity, name: str, nats: dict[str, object]) -> str:
        """A JWT about somebody, signed by this identity."""
        claims: dict[str, object] = {
            "iat": 1_700_000_000,
            "iss": self.public,
            "name": name,
            "sub": subject.public,
            "nats": nats | {"version": 2},
        }
        claims["jti"] = (
            base64.b32encode(hashlib.sha256(json.dumps(claims).encode()).digest()).decode().rstrip("=")
        )
        signed = f"{_part({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_part(claims)}"
        return f"{signed}.{_url(self._key.sign(signed.encode()))}"


class Installation:
    """The settings of a server that knows one account, and the credentials of a user of it."""

    def __init__(self) -> None:
        self._operator, self._account, self.user = Identity(OPERATOR), Identity(ACCOUNT), Identity(USER)

    @property
    def settings(self) -> str:
        operator = self._operator.vouch(self._operator, "O", {"type": "operator"})
        limits = _NO_LIMITS | {"wildcards": True}
        account = self._operator.vouch(self._account, "A", {"type": "account", "limits": limits})
        preload = f'resolver_preload: {{ {self._account.public}: "{account}" }}'
        return f'operator: "{operator}"\nresolver: MEMORY\n{preload}'

    def credentials(self, path: Path, seed: str | None = None) -> Path:
        user = {"type": "user", "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1}
        jwt = self._account.vouch(self.user, "U", user)
        path.write_text(
            f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{seed or self.user.seed}\n------END USER NKEY SEED------\n"
        )
        return path


def _text(content: bytes) -> str:
    check = binascii.crc_hqx(content, 0).to_bytes(2, "little")
    return base64.b32encode(content + check).decode().rstrip("=")


def _url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _part(content: dict[str, object]) -> str:
    return _url(json.dumps(content).encode())
