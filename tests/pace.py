"""How long one piece of work takes against another, in one run: what a busy machine does to both, falls out."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time


def ratio(work: Callable[[], object], peer: Callable[[], object], *, rounds: int = 10) -> float:
    """Processor time of ``work`` over that of ``peer``: the best of each, taken in turn (A B A B)."""
    taken = [(_seconds(work), _seconds(peer)) for _ in range(rounds)]
    return min(ours for ours, _ in taken) / min(theirs for _, theirs in taken)


def _seconds(work: Callable[[], object]) -> float:
    began = process_time()
    work()
    return process_time() - began
