"""A NATS user's credentials file: a JWT that names the user, and the seed of the key that proves it.

Source: docs.nats.io, "Credentials"; nats-io/nkeys (base32 of two prefix bytes, 32 bytes of seed, and a CRC-16).
"""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_MOST_BYTES = 64 * 1024
_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----\s+(\S+)\s+-+END ")
_JWT, _SEED = "NATS USER JWT", "USER NKEY SEED"
_SEED_BYTES, _PREFIX_BYTES, _CHECK_BYTES = 32, 2, 2


class Credentials(msgspec.Struct, frozen=True):
    """Who a node is to NATS. Shows nothing of itself."""

    jwt: str
    _key: Ed25519PrivateKey

    def __repr__(self) -> str:
        return "Credentials(***)"

    def signed(self, nonce: str) -> bytes:
        """Prove it, for one connection: the signature of the server's nonce, in base64."""
        return base64.b64encode(self._key.sign(nonce.encode()))


def read_credentials(path: Path) -> Credentials:
    """Read a file as ``nsc`` writes it. It is read for every connection, so that it can be exchanged.

    Raises:
        ValueError: it is none; the text shows nothing of it.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    blocks = dict(_BLOCK.findall(text))
    if not {_JWT, _SEED} <= blocks.keys():
        raise ValueError(f"{path} is no credentials file of NATS: expected a {_JWT} and a {_SEED}")
    return Credentials(blocks[_JWT], _key(path, blocks[_SEED]))


def _key(path: Path, seed: str) -> Ed25519PrivateKey:
    try:
        content = base64.b32decode(seed + "=" * (-len(seed) % 8))
    except binascii.Error:
        content = b""
    body, check = content[:-_CHECK_BYTES], content[-_CHECK_BYTES:]
    right_size = len(body) == _PREFIX_BYTES + _SEED_BYTES
    if not right_size or binascii.crc_hqx(body, 0) != int.from_bytes(check, "little"):
        raise ValueError(f"the seed in {path} is damaged: its length or its checksum is wrong")
    return Ed25519PrivateKey.from_private_bytes(body[_PREFIX_BYTES:])
