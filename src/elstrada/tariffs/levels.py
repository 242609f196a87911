"""Power and current between two samples: where they cross a limit, and between what they lie (rule 18).

Between two samples a level is taken to go straight from one to the other, in whole seconds and whole W or mA,
rounded down; before the first of a period it is that of the first, after the last that of the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise

from elstrada.model.measured import Level

_SECOND = timedelta(seconds=1)


def thousandths(bounds: Iterable[Decimal]) -> tuple[int, ...]:
    """Bounds in kW or A as the least whole W or mA at or above them."""
    return tuple(int(bound.scaleb(3).to_integral_value(ROUND_CEILING)) for bound in bounds)


def crossings(levels: Sequence[Level], edges: Sequence[int]) -> Iterator[datetime]:
    """The first instants at which a level is at or above an edge after it was below, or the other way.

    Args:
        levels: in time order.
        edges: W or mA, as the levels.
    """
    for before, after in pairwise(levels):
        for edge in edges:
            if (before.value < edge) is (after.value < edge):
                continue
            seconds = (after.at - before.at) // _SECOND
            rise = abs(after.value - before.value)
            if before.value < edge:
                passed = -(-(edge - before.value) * seconds // rise)
            else:
                passed = (before.value - edge) * seconds // rise + 1
            yield before.at + min(passed, seconds) * _SECOND if seconds else after.at


def band(levels: Sequence[Level], start: datetime, end: datetime) -> tuple[Decimal, Decimal] | None:
    """The least and the greatest level from start until before end, in kW or A; None: none is known."""
    if not levels:
        return None
    last = max(start, end - _SECOND)
    within = [level.value for level in levels if start < level.at < end]
    found = (*within, _at(levels, start), _at(levels, last))
    return Decimal(min(found)).scaleb(-3), Decimal(max(found)).scaleb(-3)


def _at(levels: Sequence[Level], at: datetime) -> int:
    """The level at an instant; of two told for one instant the later in order."""
    before = levels[0]
    for level in levels:
        if level.at > at:
            seconds = (level.at - before.at) // _SECOND
            passed = max((at - before.at) // _SECOND, 0)
            return before.value + ((level.value - before.value) * passed // seconds if seconds else 0)
        before = level
    return before.value
