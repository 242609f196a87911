"""Sessions at a driver's own charger say that he is to get the electricity back (OCPI mod_cdrs; V52)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from desk_book import StepClock, done
from test_desk_credits import cdr_named
from test_desk_retries import CPO, EMSP, LOCATION, TARIFF, UID, as_file, had, refused, run, with_a_driver

from elstrada.model.facts import SessionCompleted, SessionEnded, SessionStarted
from elstrada.model.ids import station_stream
from elstrada.model.token import Token, Whitelist
from elstrada.roles.desk.face import Desk, Kind
from elstrada.roles.rater import Rater
from elstrada.roles.roaming.rows import token_row
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, Work


async def with_a_wallbox(desk: Desk, *, publish: bool = False) -> None:
    """A station at somebody's home, and a driver with contract C17."""
    await had(desk, "party put", party="SE*ELS", roles=["CPO"], name="Elstrada Nord", currency="SEK")
    await had(desk, "party put", party="SE*RET", roles=["EMSP"], name="Retail AB", currency="SEK")
    await had(desk, "tariff put", file=as_file(TARIFF))
    await had(desk, "location put", file=as_file({**LOCATION, "publish": publish}))
    await had(desk, "station add", station="S1", place=["1=L1/E1"])
    await with_a_driver(desk)


async def charged(desk: Desk, clock: StepClock, session_id: str, token_ref: str) -> bool:
    """An hour with 10 kWh; is it said to be paid back?"""
    stream = station_stream(CPO, "S1")
    start, version = clock.at, await desk.spine.version(stream)
    clock.step(hours=1)
    facts = (
        SessionStarted(session_id, session_id, session_id, 1, 1, start, token_ref, EMSP, meter_wh=0),
        SessionEnded(session_id, start + timedelta(hours=1), meter_wh=10_000),
        SessionCompleted(session_id, start, start + timedelta(hours=1), 10_000),
    )
    position = await desk.spine.commit(Work((Append(stream, version, facts),)))
    await desk.spine.commit(await Rater(desk.spine).handle(await desk.spine.read(position - len(facts))))
    return (await cdr_named(desk, session_id)).home_charging_compensation


def test_sessions_of_the_contract_whose_home_it_is_are_to_be_paid_back(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await with_a_wallbox(desk)
        await with_a_known_token(desk, clock)
        mine = desk.keys.token_ref(UID)
        assert not await charged(desk, clock, "s1", mine)
        told: Any = await done(desk, "station home", station="S1", contract="c17")
        assert (told.evse, told.location, told.evse_uid, told.contract) == (1, "L1", "E1", "c17")
        assert await charged(desk, clock, "s2", mine)
        assert not await charged(desk, clock, "s3", desk.keys.token_ref("A GUEST"))
        card: Any = await done(desk, "station show", station="S1")
        assert card.homes == ("1=c17",)
        await had(desk, "station home", station="S1")
        assert not await charged(desk, clock, "s4", mine)

    run(steps)


def test_a_station_placed_anew_stays_the_home_charger_it_was_where_it_stays(
    desk: Desk, clock: StepClock
) -> None:
    async def steps() -> None:
        await with_a_wallbox(desk)
        await with_a_known_token(desk, clock)
        await had(desk, "station home", station="S1", contract="C17")
        await had(desk, "station place", station="S1", place=["1=L1/E1"])
        assert await charged(desk, clock, "s1", desk.keys.token_ref(UID))
        await had(desk, "station place", station="S1", place=["2=L1/E1"])
        await had(desk, "station place", station="S1", place=["1=L1/E1"])
        assert not await charged(desk, clock, "s2", desk.keys.token_ref(UID))

    run(steps)


def test_v52_a_published_evse_is_nobodys_home(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await with_a_wallbox(desk, publish=True)
        answer = await done(desk, "station home", station="S1", contract="C17")
        refused(answer, Kind.CONFLICT, "location L1 is published")
        await had(desk, "station home", station="S1")  # To say that it is nobody's is always right.
        refused(await done(desk, "station home", station="S9", contract="C"), Kind.MISSING, "no station 'S9'")
        missing = await done(desk, "station home", station="S1", evse=3, contract="C17")
        refused(missing, Kind.MISSING, "EVSE 3 of station S1 has no place")

    run(steps)


async def with_a_known_token(desk: Desk, clock: StepClock) -> None:
    """The CPO has the eMSP's token, as roaming brings it."""
    token = Token(
        party=EMSP,
        uid=UID,
        contract_id="C17",
        issuer="Retail AB",
        valid=True,
        whitelist=Whitelist.ALWAYS,
        last_updated=clock.at,
    )
    row = token_row(CPO, token, desk.keys.token_ref(UID))
    await desk.spine.commit(Work(writes=(Put(t.token, row),)))
