"""Look for a world in which a promise is broken: ``python hunt.py FIRST SEEDS``; prints the seed and why.

Run in a process of its own, so that ``elstrada`` can be a copy with a bug in it.
"""

import logging
import sys

import elstrada
from elstrada.sim.world import simulate


def hunt(first: int, seeds: int) -> tuple[int, str] | None:
    """The first seed whose world breaks a promise, or does not come to its end."""
    for seed in range(first, first + seeds):
        try:
            report = simulate(seed)
        except Exception as broken:  # noqa: BLE001  Whatever it is, the bug was caught.
            return seed, f"{type(broken).__name__}: {broken}"
        if report.problems:
            return seed, report.problems[0]
    return None


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    found = hunt(int(sys.argv[1]), int(sys.argv[2]))
    print(elstrada.__file__)
    print("none" if found is None else f"{found[0]} {found[1]}")
