"""The routing log: who asked the hub for what, whom it went to, what became of it and how long it took.

It is for people and for figures, not for money: it is written now and then, bounded, and losable.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from datetime import datetime

from elstrada.model.http import HttpResponse
from elstrada.model.ids import PartyId
from elstrada.ocpi.body import BadJson
from elstrada.ocpi.codes import is_success
from elstrada.ocpi.envelope import open_envelope
from elstrada.ocpi.server import Refusal, Result
from elstrada.roaming.routing import Barred, Decision, Forward
from elstrada.roles.roaming.means import Means
from elstrada.spine import tables as t
from elstrada.spine.face import Delete, Put, SpineDown, Work

MOST_KEPT = 20_000
"""Lines per hub."""
_MOST_WAITING, _AT_ONCE, _LONGEST_DETAIL = 5_000, 200, 200
_MOST_COUNTED = 2_000
_NOBODY = "-"


class Entry:
    """One line while it is being written."""

    def __init__(self, hub: PartyId, peer_id: str, method: str, at: datetime) -> None:
        self.hub, self.peer_id, self.method, self.at = hub, peer_id, method[:8], at
        self.sender: PartyId | None = None
        self.receiver: PartyId | None = None
        self.module, self.decision = _NOBODY, "unread"

    def decided(self, decision: Decision) -> None:
        """Note what the hub has decided."""
        self.decision = type(decision).__name__.lower()
        if not isinstance(decision, Barred):
            self.sender = decision.sender
        if isinstance(decision, Forward):
            self.receiver = decision.receiver


class Journal:
    """Keeps the log, and counts."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._waiting: list[Put] = []
        self.counted: Counter[tuple[str, str, str]] = Counter()
        """Since the process began, by hub, decision and outcome."""

    def note(self, entry: Entry, answer: HttpResponse | Result) -> None:
        """Write a line when there is time."""
        outcome, detail = _outcome(answer)
        key = (str(entry.hub), entry.decision, outcome)
        if key in self.counted or len(self.counted) < _MOST_COUNTED:
            self.counted[key] += 1
        if len(self._waiting) >= _MOST_WAITING:
            return
        now = self._means.clock.now()
        row = {
            "owner": str(entry.hub),
            "exchange_id": self._means.chance.uuid(),
            "at": entry.at,
            "sender": str(entry.sender) if entry.sender else entry.peer_id,
            "receiver": str(entry.receiver) if entry.receiver else _NOBODY,
            "module": entry.module,
            "method": entry.method,
            "decision": entry.decision,
            "outcome": outcome,
            "ms": max(0, int((now - entry.at).total_seconds() * 1000)),
            "detail": detail[:_LONGEST_DETAIL],
        }
        self._waiting.append(Put(t.hub_exchange, row, {}))

    async def flush(self) -> None:
        """Write what waits, and forget what is too old to keep."""
        while self._waiting:
            batch, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            try:
                await self._means.spine.commit(Work(writes=tuple(batch)))
            except SpineDown:
                self._waiting = batch + self._waiting
                return
            for hub in {str(put.row["owner"]) for put in batch}:
                await self._forget(hub)

    async def run(self, every_s: float) -> None:
        """Flush until cancelled, and once more then."""
        try:
            while True:
                await asyncio.sleep(every_s)
                await self.flush()
        finally:
            with contextlib.suppress(SpineDown):
                await self.flush()

    async def _forget(self, hub: str) -> None:
        rows = await self._means.spine.find(
            t.hub_exchange, {"owner": hub}, order=("-at",), limit=2 * _AT_ONCE, offset=MOST_KEPT
        )
        old = tuple(Delete(t.hub_exchange, {"owner": hub, "exchange_id": row["exchange_id"]}) for row in rows)
        if old:
            await self._means.spine.commit(Work(writes=old))


def _outcome(answer: HttpResponse | Result) -> tuple[str, str]:
    """How it ended, in a word and in some more."""
    if isinstance(answer, Refusal):
        return answer.why.name.lower(), answer.message
    if not isinstance(answer, HttpResponse):
        return "done", ""
    if not answer.body.strip():
        return "done", ""
    try:
        opened = open_envelope(answer.body)
    except BadJson as problem:
        return "garbled", str(problem)
    if answer.status < 300 and is_success(opened.status_code):
        return "done", ""
    return "declined", f"HTTP {answer.status}, OCPI {opened.status_code}"
