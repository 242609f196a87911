"""Leading: work that one node does at a time, for as long as it holds the lease of that name."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine

from elstrada.spine.clock import Clock
from elstrada.spine.ending import ended
from elstrada.spine.face import Spine
from elstrada.spine.followers import Stopped
from elstrada.spine.lease import Lease, Terms

log = logging.getLogger(__name__)

Job = Callable[[], Coroutine[None, None, None]]
"""Begins the work anew; the work goes on until it is cancelled."""


class Leader:
    """A node's share of what must be done once.

    A job that fails is begun again, but for a follower that stopped at a fact which nobody can handle: its lease
    is kept all the same, for what stopped it here would stop it at the next node too.
    """

    def __init__(self, spine: Spine, clock: Clock, node: str, terms: Terms | None = None) -> None:
        self._spine, self._clock, self._node, self._terms = spine, clock, node, terms or Terms()
        self._leases: dict[str, Lease] = {}
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def held(self) -> list[str]:
        """Names of the leases that this node holds."""
        return [name for name, lease in self._leases.items() if lease.held]

    def holds(self, name: str) -> bool:
        """Does this node do the work of this name now?"""
        return name in self._leases and self._leases[name].held

    def lead(self, name: str, job: Job) -> None:
        """Do a job whenever this node holds the lease, until ``stop``."""
        assert name not in self._leases, "a lease is for one job"
        lease = self._leases[name] = Lease(self._spine, self._clock, name, self._node, self._terms)
        task = asyncio.get_running_loop().create_task(self._pursue(lease, job))
        task.add_done_callback(report)
        self._tasks.append(task)

    async def stop(self) -> None:
        """End every job, and let others have the leases at once."""
        await ended(*reversed(self._tasks))
        self._tasks = []
        await asyncio.gather(*(lease.release() for lease in self._leases.values()))

    async def _pursue(self, lease: Lease, job: Job) -> None:
        while True:
            if await lease.keep():
                await self._serve(lease, job)
            await asyncio.sleep(self._terms.look_s)

    async def _serve(self, lease: Lease, job: Job) -> None:
        """Do the job until the lease is lost; one that failed is begun again at the next renewal.

        But not a follower that stopped at a fact which it cannot handle: that is for people to look at.
        """
        tenure = lease.epoch
        working = self._begun(job)
        try:
            while lease.held and lease.epoch == tenure:
                await asyncio.sleep(min(self._terms.renew_s, lease.left_s))
                if lease.held:
                    await lease.keep()
                if _has_failed(working):
                    working = self._begun(job)
        finally:
            await ended(working)
        log.warning("the lease %s was lost", lease.name)

    @staticmethod
    def _begun(job: Job) -> asyncio.Task[None]:
        working = asyncio.get_running_loop().create_task(job())
        working.add_done_callback(report)
        return working


def _has_failed(task: asyncio.Task[None]) -> bool:
    """Has it ended by an error that may not come again?"""
    failure = task.exception() if task.done() and not task.cancelled() else None
    return failure is not None and not isinstance(failure, Stopped)


def report(task: asyncio.Task[None]) -> None:
    """A part that ended by itself has failed; the operator must read of it."""
    if not task.cancelled() and task.exception() is not None:
        log.error("a part of the node stopped", exc_info=task.exception())
