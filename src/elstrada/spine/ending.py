"""Ending tasks for certain."""

from __future__ import annotations

import asyncio
from typing import Any

_AGAIN_S = 5.0
"""After this long a task that was told to end is told again; tidying up takes less."""


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks, in this order, and wait until each has ended, in whatever way.

    To cancel once is not enough: before Python 3.12 ``asyncio.wait_for``, which libraries use, swallows a
    cancellation that comes in the same turn as what it waited for, and a loop around it goes on for ever.
    """
    living = list(tasks)
    while living:
        for task in living:
            task.cancel()
        await asyncio.wait(living, timeout=_AGAIN_S)
        living = [task for task in living if not task.done()]
    # Whoever ends a task wants nothing of it any more; asyncio warns of failures that nobody looked at.
    await asyncio.gather(*tasks, return_exceptions=True)
