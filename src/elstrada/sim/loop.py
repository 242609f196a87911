"""An event loop whose time is virtual: when nothing is ready it jumps to the next timer.

The same program on it does the same every time, in as little real time as its computing takes.
"""

from __future__ import annotations

import asyncio
import math
import operator
import random
import selectors
from collections import deque
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

_Result = TypeVar("_Result")
_arguments_of = operator.attrgetter("_args")


class Stuck(Exception):
    """Nothing is ready and no timer runs: the world would wait for ever."""


class NoRealWorld(Exception):
    """Something in the simulator reached for a socket or a thread."""


class _VirtualSelector(selectors.BaseSelector):
    """Where a loop waits. Waiting costs virtual time only."""

    def __init__(self) -> None:
        self.now = 0.0
        self.horizon_s = math.inf
        self.shut = False
        self.before_waiting = _nothing

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck("nothing is ready and no timer runs; some coroutine waits for what will never come")
        self.now += max(timeout, 0.0)
        if self.now > self.horizon_s:
            self.horizon_s = math.inf  # So that what still runs can be ended.
            raise Stuck("the world goes on and on; what it waits for never comes")
        self.before_waiting()
        return []

    def register(
        self, fileobj: FileDescriptorLike, events: int, data: object = None
    ) -> selectors.SelectorKey:
        if self.shut:
            raise NoRealWorld("the simulator has no sockets: give the role a virtual hand of sim/network.py")
        descriptor = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        return selectors.SelectorKey(fileobj, descriptor, events, data)

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        raise KeyError(fileobj)

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        return {}


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, without sockets and threads.

    Args:
        shuffle: a seed; callbacks that are ready at the same time then run in an order drawn from it,
            which explores interleavings that a real loop would show once in a million runs.
        horizon_s: a world that lasts longer is stuck.
    """

    def __init__(self, shuffle: str | None = None, horizon_s: float = math.inf) -> None:
        self._virtual = _VirtualSelector()
        super().__init__(self._virtual)
        self._virtual.shut = True
        self._virtual.horizon_s = horizon_s
        # asyncio has no public name for it.
        self._now_ready: deque[asyncio.Handle] = vars(self)["_ready"]
        if shuffle is not None:
            self._order = random.Random(shuffle)  # noqa: S311  Repeating is its purpose.
            self._virtual.before_waiting = self._shuffle

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._virtual.now

    def run_in_executor(self, executor: object, func: object, *args: object) -> asyncio.Future[object]:  # type: ignore[override]
        raise NoRealWorld("the simulator has no threads")

    def _shuffle(self) -> None:
        """Change the order of what is ready, but never that of one future's callbacks.

        Theirs is promised and may be built upon; that of different futures and tasks is an accident.
        """
        ready = self._now_ready
        if len(ready) < 2:
            return
        groups: dict[int, list[asyncio.Handle]] = {}
        for handle in ready:
            arguments: tuple[object, ...] = _arguments_of(handle) or (handle,)
            callback_of_future = issubclass(type(arguments[0]), asyncio.Future)
            groups.setdefault(id(arguments[0] if callback_of_future else handle), []).append(handle)
        order = list(groups.values())
        self._order.shuffle(order)
        ready.clear()
        ready.extend(handle for group in order for handle in group)


def run(
    world: Coroutine[object, object, _Result], shuffle: str | None = None, horizon_s: float = math.inf
) -> _Result:
    """Run a coroutine to its end in virtual time.

    Raises:
        Stuck: it waits for what will never come.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(shuffle, horizon_s)) as runner:
        return runner.run(world)


def _nothing() -> None:
    """Before waiting, where nobody shuffles."""
