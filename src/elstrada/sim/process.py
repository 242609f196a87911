"""Processes of the world: tasks and timers that die together, as if the operating system had killed them."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Generator
from types import CoroutineType
from typing import ParamSpec, TypeVar

from elstrada.sim.loop import VirtualLoop

_Result = TypeVar("_Result")
_Parameters = ParamSpec("_Parameters")

_running: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


class Process:
    """One node's share of the loop.

    Whatever is started from within belongs to it, because tasks and timers inherit their context.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop), "only virtual time has processes within a process"
        self._loop = loop
        self._loop.set_task_factory(_noting_task)
        self._context = contextvars.copy_context()
        self._context.run(_running.set, self)
        self.tasks: dict[asyncio.Task[object], None] = {}

    def spawn(self, coroutine: Coroutine[object, object, _Result]) -> asyncio.Task[_Result]:
        """Start a task of this process."""
        return self._loop.create_task(coroutine, context=self._context.copy())

    def call(
        self, function: Callable[_Parameters, _Result], *args: _Parameters.args, **kwargs: _Parameters.kwargs
    ) -> _Result:
        """Call a function as this process."""
        return self._context.copy().run(function, *args, **kwargs)

    def kill(self) -> None:
        """End it without a word. Its hands (spine, sockets, HTTP) must look at ``alive`` and do nothing more."""
        self.alive = False
        for task in list(self.tasks):
            task.cancel()
        for timer in self._loop.timers():
            if timer.context.get(_running) is self:
                timer.cancel()


def _noting_task(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[object, object, _Result] | Generator[object, None, _Result],
    context: contextvars.Context | None = None,
) -> asyncio.Task[_Result]:
    """Make a task and enter it in the books of the process it belongs to."""
    assert isinstance(coroutine, CoroutineType), "asyncio's generators went with Python 3.11"
    task = asyncio.Task(coroutine, loop=loop, context=context)
    process = context.get(_running) if context is not None else _running.get()
    if process is not None:
        books = process.tasks
        books[task] = None  # type: ignore[index]  # A task of any result.
        task.add_done_callback(lambda done: books.pop(done, None))  # type: ignore[arg-type]
        if not process.alive:
            task.cancel()
    return task
