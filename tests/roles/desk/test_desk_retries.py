"""What stood still for want of a record goes on by the operator's hand: the ways out of HELD and of no CDR."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import msgspec
from desk_book import StepClock, done

from elstrada.model.facts import (
    CdrIssued,
    CdrReceived,
    MeterSampled,
    SessionCompleted,
    SessionEnded,
    SessionStarted,
)
from elstrada.model.ids import PartyId, cdr_stream, contract_stream, station_stream
from elstrada.model.quantity import MeterSample
from elstrada.roles.biller import Biller
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.roles.rater import Rater
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Work

CPO, EMSP = PartyId("SE", "ELS"), PartyId("SE", "RET")
UID = "04A1B2C3D4E5F6"
TARIFF: dict[str, Any] = {
    "id": "T1",
    "currency": "SEK",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 4, "vat": 25, "step_size": 1}]}],
}
LOCATION: dict[str, Any] = {
    "id": "L1",
    "publish": True,
    "address": "Storgatan 1",
    "city": "Umeå",
    "country": "SWE",
    "coordinates": {"latitude": "63.82500", "longitude": "20.26300"},
    "time_zone": "Europe/Stockholm",
    "evses": [
        {
            "uid": "E1",
            "evse_id": "SE*ELS*E1",
            "status": "AVAILABLE",
            "last_updated": "2026-01-01T00:00:00Z",
            "connectors": [
                {
                    "id": "1",
                    "standard": "IEC_62196_T2",
                    "format": "SOCKET",
                    "power_type": "AC_3_PHASE",
                    "max_voltage": 230,
                    "max_amperage": 32,
                    "tariff_ids": ["T1"],
                    "last_updated": "2026-01-01T00:00:00Z",
                }
            ],
        }
    ],
}


def run(steps: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(steps())


def as_file(document: object) -> str:
    return msgspec.to_builtins(msgspec.json.encode(document))


def refused(answer: object, kind: Kind, says: str) -> None:
    assert isinstance(answer, Refusal), answer
    assert (answer.kind, says in answer.says) == (kind, True), answer


async def had(desk: Desk, name: str, /, **values: object) -> None:
    answer = await done(desk, name, **values)
    assert not isinstance(answer, Refusal), answer


async def with_an_unrated_session(desk: Desk, clock: StepClock) -> None:
    """An hour with 10 kWh at a station that was added without a place, seen by the rater."""
    await had(desk, "party put", party="SE*ELS", roles=["CPO"], name="Elstrada Nord", currency="SEK")
    await had(desk, "party put", party="SE*RET", roles=["EMSP"], name="Retail AB", currency="SEK")
    await had(desk, "tariff put", file=as_file(TARIFF))
    await had(desk, "location put", file=as_file(LOCATION))
    await had(desk, "station add", station="S1")
    start = clock.at
    clock.step(hours=1)
    facts = (
        SessionStarted("s1", "7", "k", 1, 1, start, desk.keys.token_ref(UID), EMSP, meter_wh=0),
        MeterSampled(1, 1, (MeterSample(start + timedelta(minutes=30), 5_000),), session_id="s1"),
        SessionEnded("s1", clock.at, meter_wh=10_000),
        SessionCompleted("s1", start, clock.at, 10_000),
    )
    await desk.spine.commit(Work((Append(station_stream(CPO, "S1"), 0, facts),)))
    await desk.spine.commit(await Rater(desk.spine).handle(await desk.spine.read(0)))


async def with_a_driver(desk: Desk) -> None:
    await had(desk, "customer put", id="4711", name="Anna")
    await had(desk, "plan put", id="P", name="Resa", mode="FIXED_PER_KWH", price_per_kwh="4.79")
    asked = {"customer": "4711", "plan": "P", "supply_point": "735999100000000010"}
    await had(desk, "contract put", id="C17", valid_from="2026-01-01", **asked)
    await had(desk, "token add", uid=UID, contract="C17")


def test_a_session_at_a_station_without_a_place_is_rated_when_it_has_one(
    desk: Desk, clock: StepClock
) -> None:
    async def steps() -> None:
        await with_an_unrated_session(desk, clock)
        again = {"cdr": "s1", "session": True}
        refused(await done(desk, "cdr retry", **again), Kind.CONFLICT, "EVSE 1 of station S1 has no place")
        assert await desk.spine.find(t.finding) != []
        before: Any = await desk.spine.get(t.station, owner="SE*ELS", station_id="S1")
        clock.step(minutes=1)
        placed: Any = await done(desk, "station place", station="S1", place=["1=L1/E1"])
        assert placed.places == ("1=L1/E1",)
        after: Any = await desk.spine.get(t.station, owner="SE*ELS", station_id="S1")
        assert after["password_hash"] == before["password_hash"]
        assert after["changed_at"] == clock.at  # So the gateway takes it in.
        line: Any = await done(desk, "cdr retry", **again)
        assert (line.state, line.session_id, line.total_before_taxes) == ("ISSUED", "s1", 40)
        assert await desk.spine.find(t.finding) == []
        refused(await done(desk, "cdr retry", **again), Kind.CONFLICT, "has its CDR already")

    run(steps)


def test_of_two_tries_at_once_one_makes_the_cdr_and_the_other_is_told(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await with_an_unrated_session(desk, clock)
        await had(desk, "station place", station="S1", place=["1=L1/E1"])
        answers = await asyncio.gather(*(done(desk, "cdr retry", cdr="s1", session=True) for _ in range(2)))
        (told,) = [answer for answer in answers if isinstance(answer, Refusal)]
        assert told.kind is Kind.CONFLICT
        assert len(await desk.spine.find(t.cdr)) == 1

    run(steps)


def test_a_held_cdr_is_billed_when_its_cause_is_mended(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await with_an_unrated_session(desk, clock)
        await done(desk, "station place", station="S1", place=["1=L1/E1"])
        rated: Any = await done(desk, "cdr retry", cdr="s1", session=True)
        (issued,) = await desk.spine.facts(cdr_stream(CPO, CPO, rated.cdr_id))
        assert isinstance(issued.fact, CdrIssued)
        received = Append(cdr_stream(EMSP, CPO, rated.cdr_id), 0, (CdrReceived(issued.fact.cdr, "a"),))
        position = await desk.spine.commit(Work((received,)))
        await desk.spine.commit(await Biller(desk.spine).handle(await desk.spine.read(position - 1)))
        line: Any = await done(desk, "cdr retry", cdr=rated.cdr_id)
        assert (line.owner, line.state) == ("SE*RET", "REJECTED")
        assert "V29 R" in line.findings
        await with_a_driver(desk)
        line = await done(desk, "cdr retry", cdr=rated.cdr_id)
        assert (line.owner, line.state, line.findings) == ("SE*RET", "ACCEPTED", "")
        assert len(await desk.spine.facts(contract_stream(EMSP, "C17"))) == 1
        refused(await done(desk, "cdr retry", cdr=rated.cdr_id), Kind.CONFLICT, "is not held")
        assert len(await desk.spine.facts(contract_stream(EMSP, "C17"))) == 1

    run(steps)


def test_what_cannot_be_tried_again_is_refused_with_the_reason(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await with_an_unrated_session(desk, clock)
        running = SessionStarted("s2", "8", "k2", 1, 1, clock.at, None, None, meter_wh=0)
        await desk.spine.commit(Work((Append(station_stream(CPO, "S1"), 4, (running,)),)))
        refused(await done(desk, "cdr retry", cdr="s2", session=True), Kind.CONFLICT, "not complete yet")
        refused(await done(desk, "cdr retry", cdr="s9", session=True), Kind.MISSING, "no session 's9'")
        refused(await done(desk, "cdr retry", cdr="c9"), Kind.MISSING, "no CDR 'c9'")

    run(steps)


def test_places_are_refused_that_are_none_and_stay_as_they_were(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await with_an_unrated_session(desk, clock)
        await done(desk, "station place", station="S1", place=["1=L1/E1"])
        before = await desk.spine.find(t.station)
        clock.step(minutes=1)
        cases = [
            (["1=L1/E7"], Kind.MISSING, "no EVSE with the uid E7"),
            (["one"], Kind.USAGE, "not a place"),
            (["1=L1/E1", "1=L1/E1"], Kind.USAGE, "two places"),
            ([], Kind.USAGE, "length >= 1"),
        ]
        for place, kind, says in cases:
            refused(await done(desk, "station place", station="S1", place=place), kind, says)
        missing = await done(desk, "station place", station="S9", place=["1=L1/E1"])
        refused(missing, Kind.MISSING, "no station 'S9'")
        assert await desk.spine.find(t.station) == before
        known = await done(desk, "station add", station="S1", place=["1=L1/E1"])
        assert isinstance(known, Refusal)
        assert "station place" in known.hint

    run(steps)
