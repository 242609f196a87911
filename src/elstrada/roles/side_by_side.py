"""Reading for many things side by side, since each question to the store is mostly waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

AT_ONCE = 16
"""More would only wait for the store's readers."""


async def side_by_side(
    do: Callable[[_Item], Coroutine[None, None, _Result]], items: Sequence[_Item]
) -> list[_Result]:
    """Do the same with every item, a few at a time; the results in the items' order.

    Raises:
        Exception: of the first item that failed, when those begun with it have ended.
    """
    done: list[_Result] = []
    for first in range(0, len(items), AT_ONCE):
        group = await asyncio.gather(*map(do, items[first : first + AT_ONCE]), return_exceptions=True)
        for result in group:
            if isinstance(result, BaseException):
                raise result
            done.append(result)
    return done
