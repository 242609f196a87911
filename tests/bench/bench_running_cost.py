"""How much of a core running costs take: ``python tests/bench/bench_running_cost.py``.

Sessions that have run for an hour with a reading a minute, by a time-of-use tariff, each asked for its cost
after each new reading. The store is in memory: what a real one takes for its reads comes on top. Processor time.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "roles"))

from test_roles_rater import ALL, OWNER, START, STREAM, put_tariff
from test_running_cost import BY

from elstrada.model.facts import MeterSampled, SessionCompleted, SessionStarted
from elstrada.model.quantity import MeterSample
from elstrada.roles.rating import Rating
from elstrada.spine.face import Append, Work
from elstrada.spine.memory import MemorySpine

SESSIONS = 10_000
"""Running at once, each refreshed once a minute."""
MEASURED = 200
"""Of them: all cost the same."""
BEFORE, REFRESHES = 60, 20


class Hand:
    """A clock that is put."""

    time = datetime(2026, 3, 3, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


def facts_of(number: int, minute: int) -> MeterSampled | SessionStarted:
    session_id, at = f"s{number}", START + timedelta(minutes=minute)
    if minute == 0:
        return SessionStarted(session_id, str(number), f"k{number}", 1, 1, at, None, None, meter_wh=100_000)
    sample = MeterSample(at, 100_000 + 117 * minute, 6_500 + 100 * (minute % 7))
    return MeterSampled(1, 1, (sample,), session_id=session_id)


async def refreshed() -> float:
    """Seconds of processor time of one refresh."""
    clock = Hand()
    spine = MemorySpine(clock)
    await spine.start()
    await spine.commit(Work(writes=(*ALL, put_tariff(BY))))
    spent = 0.0
    for number in range(MEASURED):
        stream, rating = STREAM, Rating(spine)
        version = await spine.version(stream)
        begun = tuple(facts_of(number, minute) for minute in range(BEFORE))
        await spine.commit(Work((Append(stream, version, begun),)))
        for minute in range(BEFORE, BEFORE + REFRESHES + 1):
            at = START + timedelta(minutes=minute)
            version = await spine.version(stream)
            await spine.commit(Work((Append(stream, version, (facts_of(number, minute),)),)))
            reached = SessionCompleted(f"s{number}", START, at, 117 * minute)
            before = time.process_time()
            await rating.so_far(OWNER, "CP1", reached, at)
            spent += time.process_time() - before if minute > BEFORE else 0
    return spent / MEASURED / REFRESHES


if __name__ == "__main__":
    best = min(asyncio.run(refreshed()) for _ in range(3))
    share = best * SESSIONS / 60
    print(f"{best * 1e6:.0f} us a refresh; {SESSIONS:,} sessions once a minute: {share:.1%} of a core")
