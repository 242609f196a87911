"""What happened in a world, line by line: its end for people, its hash to compare two runs of one seed."""

from __future__ import annotations

import hashlib
from collections import deque

from elstrada.sim.clock import SimClock

KEPT = 20_000
WIDTH = 220


class Trace:
    """The world's diary."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self._hash = hashlib.blake2b(digest_size=16)
        self._lines: deque[str] = deque(maxlen=KEPT)

    def note(self, who: str, what: str) -> None:
        """Write one line with the world's time."""
        line = f"{self._clock.now().time().isoformat('microseconds')} {who:<12} {what}"
        self._hash.update(line.encode())
        self._lines.append(line)

    @property
    def digest(self) -> str:
        """The same for the same seed."""
        return self._hash.hexdigest()

    def about(self, *words: str, most: int = 60) -> list[str]:
        """The last lines that name one of these words; of all lines, if no word is given."""
        found = [line for line in self._lines if not words or any(word in line for word in words)]
        return [line[:WIDTH] for line in found[-most:]]
