"""How long to wait for a peer that fails: longer each time, never all at once."""

from __future__ import annotations

from datetime import timedelta

FIRST_S = 1.0
REFUSED_S = 300.0
"""The longest pause before an object that the peer refused is brought to it again."""
UNREACHABLE_S = 30.0
"""The longest pause before a peer that is away is tried again, so that soon after it is back it has all (P6)."""
GIVE_UP_AFTER = 8
"""Refusals of one state of an object before it rests until it changes. CDRs never rest (P4)."""


def pause(failures: int, spread: float, longest_s: float) -> timedelta:
    """The time until the next try.

    Args:
        failures: in a row, from 1.
        spread: from 0 to 1; moves the pause between half and the whole of it, so that peers which
            came back together are not asked together.
        longest_s: what it grows to.
    """
    longest = min(FIRST_S * 2 ** min(failures - 1, 16), longest_s)
    return timedelta(seconds=longest * (0.5 + spread / 2))
