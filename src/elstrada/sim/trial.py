"""``elstrada sim SEED``: live through worlds, and say what became of them."""

from __future__ import annotations

import logging

from elstrada.sim.world import simulate


def run(*, seed: int, worlds: int = 1) -> int:
    """Simulate the worlds of ``worlds`` seeds from ``seed`` on; returns the exit code.

    Returns:
        0 if every promise held in all of them, else 1.
    """
    logging.disable(logging.CRITICAL)  # Stores that fail are the point here, and no news.
    broken = 0
    for one in range(seed, seed + worlds):
        report = simulate(one)
        broken += bool(report.problems)
        print(report, flush=True)  # noqa: T201  To the person who started it.
    return 1 if broken else 0
