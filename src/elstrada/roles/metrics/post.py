"""Post that counts: how many asks, how they ended, how long they took."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Iterable

from prometheus_client.metrics_core import Metric

from elstrada.roles.metrics.words import histogram, total
from elstrada.spine.post import Handler, Letter, NobodyThere, NoReply, Post, Release

_SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class CountedPost:
    """A post as it is, and what was asked through it."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._outcomes: dict[str, int] = dict.fromkeys(("answered", "nobody_there", "no_reply"), 0)
        self._seconds = [0] * (len(_SECONDS) + 1)
        self._summed = 0.0

    def serve(self, address: str, handler: Handler) -> Release:
        return self._post.serve(address, handler)

    async def ask(self, address: str, ask: Letter, *, timeout_s: float) -> Letter:
        now = asyncio.get_running_loop().time
        began, outcome = now(), "answered"
        try:
            return await self._post.ask(address, ask, timeout_s=timeout_s)
        except NobodyThere:
            outcome = "nobody_there"
            raise
        except NoReply:
            outcome = "no_reply"
            raise
        finally:
            self._outcomes[outcome] += 1
            self._seconds[bisect_left(_SECONDS, now() - began)] += 1
            self._summed += now() - began

    def gather(self) -> Iterable[Metric]:
        """The post's metrics."""
        outcomes = {(outcome,): count for outcome, count in self._outcomes.items()}
        yield total("post_asks", "Asks of other roles, by how they ended.", outcomes, ("outcome",))
        told = [((), self._seconds, self._summed)]
        yield histogram("post_ask_seconds", "How long an ask of another role took.", _SECONDS, told)
