"""What was read of records, kept until one of them is written."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from sqlalchemy import Table

from elstrada.spine.face import Spine

T = TypeVar("T")


def _always(_: object) -> bool:
    return True


def _one(_: object) -> int:
    return 1


class Kept(Generic[T]):
    """Answers again what it has read, as long as nobody has written to what it was read of.

    Where others may write too (a store of several nodes), it reads each time: whoever is sent away is
    away at once.
    """

    def __init__(
        self,
        spine: Spine,
        tables: tuple[Table, ...],
        most: int,
        *,
        worth: Callable[[T], bool] = _always,
        weight: Callable[[T], int] = _one,
    ) -> None:
        """
        Args:
            most: weight that is kept in all.
            worth: is this to be kept at all?
        """
        self._spine, self._tables, self._most = spine, tables, most
        self._worth, self._weight = worth, weight
        self._kept: OrderedDict[Hashable, tuple[tuple[int, ...], T]] = OrderedDict()
        self._held = 0

    async def of(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """What ``read`` answers, or has answered to this key."""
        edition = self._spine.edition(self._tables)
        if edition is None:
            return await read()
        known = self._kept.get(key)
        if known is not None and known[0] == edition:
            self._kept.move_to_end(key)
            return known[1]
        # Of the edition before it was read: what is written meanwhile makes it old.
        value = await read()
        self._drop(key)
        if self._worth(value):
            self._kept[key] = edition, value
            self._held += self._weight(value)
        while self._held > self._most:
            self._drop(next(iter(self._kept)))
        return value

    def _drop(self, key: Hashable) -> None:
        old = self._kept.pop(key, None)
        if old is not None:
            self._held -= self._weight(old[1])
