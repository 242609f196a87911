"""What an operator sees of sessions that end oddly, of commands, and of what a meter lacks."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from desk_book import StepClock, done

from elstrada.model import facts as f
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.ids import PartyId, station_stream
from elstrada.model.metering import MeterLack
from elstrada.model.unended import Presumed
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.roles.desk.paging import Page
from elstrada.spine.face import Append, Work

CPO = PartyId("SE", "ELS")


async def recorded(desk: Desk, *facts: f.StationFact) -> None:
    stream = station_stream(CPO, "S1")
    version = (await desk.spine.load(stream)).version
    await desk.spine.commit(Work((Append(stream, version, facts),)))


async def stocked(desk: Desk) -> None:
    await done(desk, "party put", party=str(CPO), roles=["CPO"], name="Nord", currency="SEK")
    await done(desk, "station add", station="S1")


async def told(desk: Desk, verb: str, **values: object) -> list[dict[str, Any]]:
    lines = await done(desk, verb, **values)
    assert isinstance(lines, tuple), lines
    return [msgspec.structs.asdict(line) for line in lines]


@pytest.mark.rule(18)
def test_a_presumed_end_is_marked_until_the_true_one_comes(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await stocked(desk)
        at = clock.now()
        started = f.SessionStarted("s1", "7", "k", 1, 1, at, meter_wh=1_000)
        presumed = f.SessionEnded("s1", at, energy_wh=2_000, presumed=Presumed.SILENCE)
        await recorded(desk, started, presumed)
        (line,) = await told(desk, "session list")
        assert (line["ended_at"], line["presumed"], line["energy_wh"]) == (at, "SILENCE", 2_000)
        await recorded(desk, f.SessionReopened("s1", at))
        (line,) = await told(desk, "session list", running=True)
        assert (line["ended_at"], line["presumed"]) == (None, None)
        await recorded(desk, presumed, f.SessionEnded("s1", at + timedelta(hours=1), energy_wh=9_000))
        (line,) = await told(desk, "session list")
        assert (line["presumed"], line["energy_wh"]) == (None, 9_000)

    asyncio.run(steps())


@pytest.mark.rule(33)
def test_a_command_that_led_to_nothing_says_so_beside_its_one_result(desk: Desk) -> None:
    async def steps() -> None:
        await stocked(desk)
        await recorded(
            desk,
            f.CommandRequested("k1", CommandName.START, CPO),
            f.CommandAnswered("k1", CommandResult.ACCEPTED, "Accepted"),
            f.RemoteStartLapsed("k1", 180),
        )
        (line,) = await told(desk, "station commands", station="S1")
        assert (line["name"], line["asked_by"], line["result"]) == ("START", "SE*ELS", "ACCEPTED")
        assert line["detail"] == "accepted, but no session began within 180 s"

    asyncio.run(steps())


@pytest.mark.rule(27)
def test_what_a_meter_lacks_is_told_by_session(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await stocked(desk)
        at = clock.now()
        lacks = (MeterLack.NO_END, MeterLack.NONE_WITHIN)
        await recorded(
            desk,
            f.SessionStarted("s1", "7", "k", 1, 1, at),
            f.SessionCompleted("s1", at, at, 0, meter_lacks=lacks),
            f.SessionStarted("s2", "8", "l", 1, 1, at),
            f.SessionCompleted("s2", at, at, 5_000),
            f.SessionStarted("s3", "9", "m", 1, 1, at),
        )
        lines = await told(desk, "station meter", station="S1")
        assert [(one["session_id"], one["meter_lacks"]) for one in lines] == [
            ("s2", ""),
            ("s1", "NO_END NONE_WITHIN"),
        ]

    asyncio.run(steps())


@pytest.mark.parametrize("verb", ["station commands", "station meter"])
def test_a_station_that_there_is_not_is_missing(desk: Desk, verb: str) -> None:
    async def steps() -> None:
        await stocked(desk)
        answer = await done(desk, verb, station="S2")
        assert isinstance(answer, Refusal)
        assert answer.kind is Kind.MISSING

    asyncio.run(steps())


@pytest.mark.rule(17)
def test_rule_17_what_fits_no_session_is_listed_newest_first_in_pages(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await stocked(desk)
        at = clock.now()
        body = '{"type":"EndSession","transaction_id":"-1"}'
        late = f.StrayReported(
            "EndSession", "7", at, body, session_id="s1", energy_wh=9_000, completed_wh=2_000
        )
        await recorded(desk, f.StrayReported("EndSession", "-1", at, body), late)
        first = await done(desk, "session strays", station="S1", limit=1)
        assert isinstance(first, Page)
        (line,) = first
        assert (line.transaction_id, line.session_id, line.energy_wh, line.completed_wh) == (
            "7",
            "s1",
            9_000,
            2_000,
        )
        (line,) = await told(desk, "session strays", station="S1", after=first.next)
        assert (line["at"], line["station"], line["kind"], line["transaction_id"]) == (
            at,
            "S1",
            "EndSession",
            "-1",
        )
        assert bytes(line["body"]).decode() == body
        of_all = await told(desk, "session strays")
        assert [line["transaction_id"] for line in of_all] == ["7", "-1"]
        refusal = await done(desk, "session strays", station="NOBODY")
        assert isinstance(refusal, Refusal)
        assert refusal.kind is Kind.MISSING

    asyncio.run(steps())
