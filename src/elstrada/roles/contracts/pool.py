"""Where a car's contract certificate comes from: a pool of contract certificates (CCP), asked with the car's message.

The message is the car's own, in EXI, and so is the answer: neither is opened here (P-05).
"""

from __future__ import annotations

import base64
import binascii
from typing import Protocol

import msgspec

from elstrada.model.certificates import ContractWish

MOST_EXI_BYTES = 64 * 1024


class NoContract(Exception):
    """The pool has none, or cannot be asked; the text says why."""


class Fetched(msgspec.Struct, frozen=True):
    """A pool's answer to a car."""

    exi: str
    """Base64."""
    remaining: int | None = None
    """How many more contracts it has for the car; None: it did not say."""


class ContractPool(Protocol):
    """Has the contracts of cars."""

    async def fetch(self, wish: ContractWish) -> Fetched:
        """Get the answer to a car's message.

        Raises:
            NoContract: there is none.
        """
        ...


def exi_bytes(text: str, whose: str) -> bytes:
    """The bytes of a message in Base64.

    Raises:
        NoContract: it is none.
    """
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as problem:
        raise NoContract(f"{whose} message is not Base64") from problem
    if not content or len(content) > MOST_EXI_BYTES:
        raise NoContract(f"{whose} message has {len(content)} bytes; expected 1 to {MOST_EXI_BYTES}")
    return content
