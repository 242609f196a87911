"""An event loop whose time is virtual: when nothing is ready it jumps to the next timer.

The same program on it does the same every time, in as little real time as its computing takes.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import math
import random
import selectors
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

import msgspec

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

_Result = TypeVar("_Result")

_AT_ONCE_S = 1e-9
"""Timers that are no further apart are due at the same time."""
_MANY_TIMERS = 100
"""With more of them than this, those that were cancelled are not kept until they are due."""


class Stuck(Exception):
    """Nothing is ready and no timer runs: the world would wait for ever."""


class NoRealWorld(Exception):
    """Something in the simulator reached for a socket or a thread."""


class _NoSelector(selectors.BaseSelector):
    """Takes the pipe that a loop of asyncio makes for itself, and no socket after that."""

    def __init__(self) -> None:
        self.shut = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        raise NoRealWorld("a virtual loop waits for nothing but its timers")

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


class _Call(msgspec.Struct, eq=False):
    """What is to be called, once. To asyncio it is a ``Handle``, of which it needs no more than this."""

    context: contextvars.Context
    function: Callable[..., object] | None
    """None once it is cancelled."""
    arguments: tuple[object, ...]

    def cancel(self) -> None:
        self.function, self.arguments = None, ()

    def cancelled(self) -> bool:
        return self.function is None


class Timer(_Call, eq=False):
    """What is to be called at a time. To asyncio it is a ``TimerHandle``."""

    at: float
    loop: VirtualLoop
    waits: bool = True
    """It is not due yet."""

    def cancel(self) -> None:
        if self.waits and self.function is not None:
            self.loop.timers_cancelled += 1
        super().cancel()

    def when(self) -> float:
        return self.at


class _Due(float):
    """When a timer is due: a float, so that a heap of them is put in order without calling Python."""

    __slots__ = ("timer",)
    timer: Timer


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, without sockets and threads.

    A world is some 20,000 turns of it, so it does each by itself, in few steps: the order is asyncio's.

    Args:
        shuffle: a seed; callbacks that are ready at the same time then run in an order drawn from it,
            which explores interleavings that a real loop would show once in a million runs.
        horizon_s: a world that lasts longer is stuck.
    """

    def __init__(self, shuffle: str | None = None, horizon_s: float = math.inf) -> None:
        self._now = 0.0
        self._horizon_s = horizon_s
        self._soon: deque[_Call] = deque()
        self._heap: list[_Due] = []
        self.timers_cancelled = 0
        """How many, since they were last thrown away."""
        self._order = None if shuffle is None else random.Random(shuffle)  # noqa: S311  Repeating is its purpose.
        selector = _NoSelector()
        super().__init__(selector)
        selector.shut = True

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def timers(self) -> Iterator[Timer]:
        """All that are not due yet, in no order."""
        return (due.timer for due in self._heap)

    def run_in_executor(self, executor: object, func: object, *args: object) -> asyncio.Future[object]:  # type: ignore[override]
        raise NoRealWorld("the simulator has no threads")

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: object, context: contextvars.Context | None = None
    ) -> _Call:
        self._see_open()
        call = _Call(contextvars.copy_context() if context is None else context, callback, args)
        self._soon.append(call)
        return call

    call_soon_threadsafe = call_soon  # type: ignore[assignment]  # There is one thread.

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: object,
        context: contextvars.Context | None = None,
    ) -> Timer:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: object,
        context: contextvars.Context | None = None,
    ) -> Timer:
        self._see_open()
        timer = Timer(contextvars.copy_context() if context is None else context, callback, args, when, self)
        due = _Due(when)
        due.timer = timer
        heapq.heappush(self._heap, due)
        return timer

    def _see_open(self) -> None:
        if self.is_closed():
            raise RuntimeError("the world is over; what should still be called?")

    def _run_once(self) -> None:  # type: ignore[override]
        """One turn: what is ready is called, and what becomes ready meanwhile is left for the next.

        asyncio has no public name for it.
        """
        soon, heap = self._soon, self._heap
        self._forget_cancelled()
        if len(soon) > 1 and self._order is not None:
            self._shuffle(self._order)
        elif not soon:
            self._jump()
        end = self._now + _AT_ONCE_S
        while heap and heap[0] < end:
            timer = heapq.heappop(heap).timer
            timer.waits = False
            soon.append(timer)
        for _ in range(len(soon)):
            call = soon.popleft()
            if call.function is not None:
                try:
                    call.context.run(call.function, *call.arguments)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as broken:  # noqa: BLE001  As asyncio does.
                    problem = {"message": f"Exception in callback {call.function}", "exception": broken}
                    self.call_exception_handler(problem)

    def _jump(self) -> None:
        """Let the time pass until the next timer is due."""
        if not self._heap:
            raise Stuck("nothing is ready and no timer runs; some coroutine waits for what will never come")
        self._now += max(self._heap[0] - self._now, 0.0)
        if self._now > self._horizon_s:
            self._horizon_s = math.inf  # So that what still runs can be ended.
            raise Stuck("the world goes on and on; what it waits for never comes")

    def _forget_cancelled(self) -> None:
        """Throw cancelled timers away: the foremost, or all when they are half of many, as asyncio does."""
        heap = self._heap
        if len(heap) > _MANY_TIMERS and 2 * self.timers_cancelled > len(heap):
            heap[:] = [due for due in heap if due.timer.function is not None]
            heapq.heapify(heap)
            self.timers_cancelled = 0
            return
        while heap and heap[0].timer.function is None:
            heapq.heappop(heap)
            self.timers_cancelled -= 1

    def _shuffle(self, order: random.Random) -> None:
        """Change the order of what is ready, but never that of one future's callbacks.

        Theirs is promised and may be built upon; that of different futures and tasks is an accident.
        """
        groups: dict[int, list[_Call]] = {}
        for call in self._soon:
            first = call.arguments[0] if call.arguments else None
            of_a_future = issubclass(type(first), asyncio.Future)
            groups.setdefault(id(first if of_a_future else call), []).append(call)
        shuffled = list(groups.values())
        order.shuffle(shuffled)
        self._soon.clear()
        self._soon.extend(call for group in shuffled for call in group)


def run(
    world: Coroutine[object, object, _Result], shuffle: str | None = None, horizon_s: float = math.inf
) -> _Result:
    """Run a coroutine to its end in virtual time.

    Raises:
        Stuck: it waits for what will never come.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(shuffle, horizon_s)) as runner:
        return runner.run(world)
