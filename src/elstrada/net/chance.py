"""Chance: the operating system's for real, and one that repeats itself for demo and simulator."""

from __future__ import annotations

import random
import secrets
import uuid

from elstrada.model.ids import Fresh

_LARGEST_NUMBER = 2**31 - 1
_PAGE = 4096


class SystemChance:
    """Chance that nobody can foresee (T8).

    Random bytes are drawn in pages: a call to the system for each would cost as much as a decision.
    """

    def __init__(self) -> None:
        self._page, self._used = b"", 0

    def fresh(self) -> Fresh:
        return Fresh(self.uuid(), int.from_bytes(self._bytes(8), "big") % _LARGEST_NUMBER + 1)

    def uuid(self) -> str:
        """A UUID of version 4. Source: RFC 9562 §5.4."""
        digits = self._bytes(16).hex()
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

    def secret(self) -> str:
        return secrets.token_urlsafe(32)

    def spread(self) -> float:
        return secrets.randbelow(2**53) / 2**53

    def _bytes(self, count: int) -> bytes:
        """The next bytes of the page; each is given out once."""
        end = self._used + count
        if end > len(self._page):
            self._page, end = secrets.token_bytes(_PAGE), count
        self._used = end
        return self._page[end - count : end]


class SeededChance:
    """Chance that is the same for the same seed, and therefore keeps no secret."""

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(seed)  # noqa: S311  Repeating is its purpose.

    def fresh(self) -> Fresh:
        return Fresh(self.uuid(), self._random.randint(1, _LARGEST_NUMBER))

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def secret(self) -> str:
        return self._random.randbytes(32).hex()

    def spread(self) -> float:
        return self._random.random()
