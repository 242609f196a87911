"""A session without a price gets its CDR when its place and tariff are there (P4: never guessed, never lost)."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from desk_book import StepClock
from test_desk_retries import CPO, had, run, with_an_unrated_session

from elstrada.model.ids import PartyId
from elstrada.roles.desk.face import Desk
from elstrada.roles.rater import Rater
from elstrada.roles.unrated import UnratedWatch
from elstrada.spine import tables as t
from elstrada.spine.face import Delete, SpineDown, Work


class Counted(Rater):
    """Counts its tries; ``fault`` is what comes of them."""

    tries = 0
    fault: Exception | None = None

    async def again(self, owner: PartyId, session_id: str) -> Work:
        self.tries += 1
        if self.fault is not None:
            raise self.fault
        return await super().again(owner, session_id)


def test_a_session_is_rated_once_its_place_is_known_by_nobodys_doing(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await with_an_unrated_session(desk, clock)
        watch = UnratedWatch(desk.spine, Rater(desk.spine))
        assert await watch.round() == 0
        await had(desk, "station place", station="S1", place=["1=L1/E1"])
        assert await watch.round() == 1
        (row,) = await desk.spine.find(t.cdr)
        assert (row["cdr_id"], row["total_before_taxes"]) == ("s1", 40)
        assert await desk.spine.find(t.finding) == []
        assert await watch.round() == 0

    run(steps)


def test_a_try_in_vain_writes_nothing_and_is_not_made_before_a_record_changed(
    desk: Desk, clock: StepClock
) -> None:
    async def steps() -> None:
        await with_an_unrated_session(desk, clock)
        rater = Counted(desk.spine)
        watch = UnratedWatch(desk.spine, rater)
        (before,) = await desk.spine.find(t.finding)
        assert [await watch.round() for _ in range(3)] == [0, 0, 0]
        assert rater.tries == 1
        assert await desk.spine.find(t.finding) == [before]
        await had(desk, "station place", station="S1", place=["1=L1/E1"])
        await watch.round()
        assert rater.tries == 2

    run(steps)


def test_another_reason_is_told(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await with_an_unrated_session(desk, clock)
        await had(desk, "station place", station="S1", place=["1=L1/E1"])
        key = {"owner": str(CPO), "party": str(CPO), "tariff_id": "T1"}
        await desk.spine.commit(Work(writes=(Delete(t.tariff, key),)))
        await UnratedWatch(desk.spine, Rater(desk.spine)).round()
        (found,) = await desk.spine.find(t.finding)
        assert "has no place" not in str(found["sample"])

    run(steps)


def test_a_fault_at_one_session_and_a_store_that_is_down_end_no_round_for_ever(
    desk: Desk, clock: StepClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def steps() -> None:
        await with_an_unrated_session(desk, clock)
        rater = Counted(desk.spine)
        rater.fault = KeyError("a fault")
        assert await UnratedWatch(desk.spine, rater).round() == 0
        assert "session s1 of SE*ELS cannot be rated" in caplog.text
        rater.fault = SpineDown("gone")
        job = asyncio.create_task(UnratedWatch(desk.spine, rater).run(0.0))
        for _ in range(100):
            await asyncio.sleep(0)
        assert rater.tries > 2
        assert not job.done()
        job.cancel()
        with suppress(asyncio.CancelledError):
            await job

    run(steps)
