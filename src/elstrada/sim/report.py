"""What became of a world, for people."""

from __future__ import annotations

import msgspec


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a world."""

    seed: int
    digest: str
    """The same for the same seed, or something is not deterministic."""
    problems: tuple[str, ...]
    """Empty if every promise held."""
    trace: tuple[str, ...]
    """The last lines about what differs."""
    stations: int
    sessions: int
    facts: int
    energy_wh: int

    def __str__(self) -> str:
        if not self.problems:
            return f"seed {self.seed}: {self.stations} stations, {self.sessions} sessions, {self.facts} facts: all held"
        lines = [f"seed {self.seed}: {len(self.problems)} promises broken", *self.problems]
        return "\n".join((*lines, "", *self.trace, "", f"run it again with: elstrada sim {self.seed}"))
