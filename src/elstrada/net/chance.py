"""Chance: the operating system's for real, and one that repeats itself for demo and simulator."""

from __future__ import annotations

import random
import secrets
import uuid

from elstrada.model.ids import Fresh

_LARGEST_NUMBER = 2**31 - 1


class SystemChance:
    """Chance that nobody can foresee (T8)."""

    def fresh(self) -> Fresh:
        return Fresh(str(uuid.uuid4()), secrets.randbelow(_LARGEST_NUMBER) + 1)

    def uuid(self) -> str:
        return str(uuid.uuid4())

    def secret(self) -> str:
        return secrets.token_urlsafe(32)

    def spread(self) -> float:
        return secrets.randbelow(2**53) / 2**53


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
