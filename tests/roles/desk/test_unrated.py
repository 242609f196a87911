"""A session without a price gets its CDR when its tariff is there (P4: never guessed, never lost)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import msgspec
import pytest
from desk_book import StepClock
from test_desk_retries import CPO, TARIFF, as_file, had, run, with_an_unrated_session

from elstrada.model.facts import MeterSampled
from elstrada.model.ids import PartyId, station_stream
from elstrada.model.quantity import MeterSample
from elstrada.roles.desk.face import Desk
from elstrada.roles.rater import Rater
from elstrada.roles.unrated import UnratedWatch
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Delete, Recorded, SpineDown, Work
from elstrada.spine.memory import MemorySpine


class Counted(Rater):
    """Counts its tries; ``fault`` is what comes of them."""

    tries = 0
    fault: Exception | None = None

    async def again(self, owner: PartyId, session_id: str) -> Work:
        self.tries += 1
        if self.fault is not None:
            raise self.fault
        return await super().again(owner, session_id)


async def without_a_tariff(desk: Desk, clock: StepClock) -> None:
    """A session at a station that has its place, and whose connector's tariff is not there."""
    await with_an_unrated_session(desk, clock)
    await had(desk, "station place", station="S1", place=["1=L1/E1"])
    key = {"owner": str(CPO), "party": str(CPO), "tariff_id": "T1"}
    await desk.spine.commit(Work(writes=(Delete(t.tariff, key),)))
    clock.step(minutes=5)


def test_a_session_is_rated_once_its_tariff_is_known_by_nobodys_doing(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await without_a_tariff(desk, clock)
        watch = UnratedWatch(desk.spine, Rater(desk.spine))
        assert await watch.round() == 0
        (found,) = await desk.spine.find(t.finding)
        assert "no tariff is valid" in str(found["sample"]), "the reason is another now"
        await had(desk, "tariff put", file=as_file(TARIFF))
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
        await without_a_tariff(desk, clock)
        rater = Counted(desk.spine)
        watch = UnratedWatch(desk.spine, rater)
        await watch.round()
        (before,) = await desk.spine.find(t.finding)
        await had(desk, "tariff put", file=as_file({**TARIFF, "id": "T2"}))
        assert [await watch.round() for _ in range(3)] == [0, 0, 0]
        assert rater.tries == 2
        assert await desk.spine.find(t.finding) == [before]

    run(steps)


def test_a_station_that_may_have_been_moved_since_is_left_to_who_knows(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await with_an_unrated_session(desk, clock)
        clock.step(minutes=5)
        await had(desk, "station place", station="S1", place=["1=L1/E1"])
        assert await UnratedWatch(desk.spine, Rater(desk.spine)).round() == 0
        assert await desk.spine.find(t.cdr) == []
        await had(desk, "cdr retry", cdr="s1", session=True)

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


def test_a_session_of_long_ago_is_tried_without_reading_what_its_station_said_since(
    desk: Desk, clock: StepClock
) -> None:
    class Watched(MemorySpine):
        read_of_it = 0

        async def facts(self, stream: str, after_version: int = 0, limit: int = 10_000) -> list[Recorded]:
            found = await super().facts(stream, after_version, limit)
            self.read_of_it += len(found) if stream == station_stream(CPO, "S1") else 0
            return found

    async def steps() -> None:
        spine = Watched(clock)
        living = msgspec.structs.replace(desk, spine=spine)
        await with_an_unrated_session(living, clock)
        since = tuple(
            MeterSampled(1, 1, (MeterSample(clock.at + timedelta(minutes=minute), 10_000),))
            for minute in range(3_000)
        )
        stream = station_stream(CPO, "S1")
        await spine.commit(Work((Append(stream, await spine.version(stream), since),)))
        spine.read_of_it = 0
        assert await UnratedWatch(spine, Rater(spine)).round() == 0
        assert spine.read_of_it < 1_000

    run(steps)
