"""A driver roams, and it lands on her electricity bill: foreign stations, real HTTP, the command line.

Everything runs three times: with both parties in one process, and with each in a process and a folder of
its own, which share nothing but the network; there once more in OCPI 2.1.1.
"""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from installation import CPO, EMSP, Installation, Installed, Json, Nursery, serving, wait_for
from market import (
    ASKING_CARD,
    CARD,
    CONTRACT,
    CUSTOMER,
    LOST_CARD,
    PLAN,
    STATION_16,
    STATION_21,
    STATION_201,
    SUPPLY,
    Market,
    catalogue,
    open_market,
)
from ocpp_stations import SILENCE, Station16, Station21, Station201, plugged_in

OLD = "two processes, OCPI 2.1.1"


@pytest.fixture(scope="module", params=["one process", "two processes", OLD])
def market(
    request: pytest.FixtureRequest, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Market]:
    folder = tmp_path_factory.mktemp("market")
    with ExitStack() as stack:
        if request.param == "one process":
            cpo = emsp = stack.enter_context(serving(Installation(folder, nursery, starter=Installed())))
        else:
            settings = ('ocpi.versions = ["2.1.1"]',) if request.param == OLD else ()
            cpo, emsp = (
                stack.enter_context(serving(Installation(folder / party.role, nursery, (party,), settings)))
                for party in (CPO, EMSP)
            )
        yield open_market(cpo, emsp)


async def test_a_charge_at_a_foreign_1_6_station_becomes_a_line_on_the_bill(market: Market) -> None:
    evening, now = market.evening, datetime.now(UTC)
    async with plug_in(market, Station16, STATION_16) as station:
        await station.status("Available")
        await until(lambda: evse_status(market, "E16") == "AVAILABLE", "AVAILABLE in the eMSP's catalogue")
        assert await station.authorize(CARD) == "Accepted"
        number = await station.begin(CARD, evening - timedelta(minutes=30), 1_000)
        await station.status("Charging")
        await station.measure(number, evening, 4_000)
        session = await until(lambda: followed(market, STATION_16, "3"), "the eMSP's live copy at 3 kWh")
        assert session["status"] == "ACTIVE"
        await station.measure(number, evening + timedelta(minutes=10), 6_000)
        await until(lambda: followed(market, STATION_16, "5"), "the eMSP's live copy at 5 kWh")
        assert evse_status(market, "E16") == "CHARGING"
        await station.end(number, now, 8_500)
        await station.status("Available")
        issued = await until(lambda: cdr_of(market, STATION_16), "the CDR, accepted by the eMSP")
        await until(lambda: evse_status(market, "E16") == "AVAILABLE", "AVAILABLE again")

    # 3.000 kWh at 3.00, 4.500 kWh at 4.50, once 5.00: 9.00 + 20.25 + 5.00, and VAT of 25 %.
    assert Decimal(issued["total_energy"]) == Decimal("7.5")
    assert Decimal(issued["total_before_taxes"]) == Decimal("34.25")
    assert after_taxes(market, issued) == "42.81"
    explained = await asyncio.to_thread(explained_in, market.cpo, issued["cdr_id"])
    begun = (evening - timedelta(minutes=30) + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M")
    turned = (evening + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M")
    assert f"{begun}  once 5.00 SEK, VAT 25 %" in explained
    assert f"{begun}  3 kWh at 3.00 SEK/kWh = 9.00 SEK, VAT 25 %" in explained
    assert f"{turned}  4.5 kWh at 4.50 SEK/kWh = 20.25 SEK, VAT 25 %" in explained
    assert "Total before tax: 34.25 SEK" in explained
    assert "Total: 42.81 SEK" in explained

    line = await asyncio.to_thread(billed, market, issued["cdr_id"])
    # Her plan: the cost, 10 % of it, 0.10 a kWh and 1.00 a session: 34.25 + 3.425 + 0.75 + 1.00.
    assert (line["net"], line["vat_percent"], line["vat"], line["gross"]) == ("39.43", "25", "9.86", "49.29")
    assert line["quantity_kwh"] == "7.500"
    assert line["currency"] == "SEK"
    assert (line["contract_id"], line["customer_id"], line["article"]) == (CONTRACT, CUSTOMER, PLAN)
    assert (line["supply_point_id"], line["cpo"], line["evse_id"]) == (SUPPLY, "SE*ELS", "SE*ELS*E16")
    assert line["place"] == "Norra hamnen, Luleå"
    assert line["start_utc"] == (evening - timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_a_charge_at_a_foreign_2_0_1_station_is_authorized_by_the_emsp_in_real_time(
    market: Market,
) -> None:
    evening, now = market.evening, datetime.now(UTC)
    async with plug_in(market, Station201, STATION_201) as station:
        await station.status("Available")
        # whitelist NEVER; the CPO's own copy of this card may not decide.
        assert await station.authorize(ASKING_CARD) == "Accepted"
        card = {"id_token": {"id_token": ASKING_CARD, "type": "ISO14443"}}
        answer = await station.event(
            "Started", "tx-201", evening - timedelta(minutes=30), 500, "Authorized", **card
        )
        assert answer.id_token_info["status"] == "Accepted"
        await station.status("Occupied")
        await station.event("Updated", "tx-201", evening, 2_500, "MeterValuePeriodic")
        session = await until(lambda: followed(market, STATION_201, "2"), "the eMSP's live copy at 2 kWh")
        assert session["status"] == "ACTIVE"
        assert session["auth_method"] == "AUTH_REQUEST"
        await until(lambda: evse_status(market, "E201") == "CHARGING", "CHARGING in the eMSP's catalogue")
        await station.event("Ended", "tx-201", now, 6_500, "EVDeparted")
        await station.status("Available")
        issued = await until(lambda: cdr_of(market, STATION_201), "the CDR, accepted by the eMSP")

    # 2.000 kWh at 3.00, 4.000 kWh at 4.50, once 5.00.
    assert Decimal(issued["total_energy"]) == 6
    assert Decimal(issued["total_before_taxes"]) == Decimal("29.00")
    assert after_taxes(market, issued) == "36.25"
    line = await asyncio.to_thread(billed, market, issued["cdr_id"])
    # 29.00 + 2.90 + 0.60 + 1.00
    assert (line["net"], line["vat"], line["gross"]) == ("33.50", "8.38", "41.88")


async def test_a_charge_at_a_foreign_2_1_station_is_billed_as_well_and_its_operator_may_call_it(
    market: Market,
) -> None:
    evening, now = market.evening, datetime.now(UTC)
    async with plug_in(market, Station21, STATION_21) as station:
        await station.status("Available")
        assert await station.authorize(CARD) == "Accepted"
        card = {"id_token": {"id_token": CARD, "type": "ISO14443"}}
        await station.event("Started", "tx-21", evening - timedelta(minutes=30), 500, "Authorized", **card)
        await station.event("Updated", "tx-21", evening, 2_500, "MeterValuePeriodic")
        told = await called(market, STATION_21, "Reset", '{"type":"OnIdle","evseId":1}')
        assert (told.code, told.json["result"], told.json["response"]) == (
            0,
            "ACCEPTED",
            {"status": "Accepted"},
        )
        assert await told_by(station) == ("Reset", {"type": "OnIdle"})
        wrong = await called(market, STATION_21, "Reset", '{"type":"Soft"}')
        assert (wrong.code, wrong.json["problems"][0]["pointer"]) == (6, "/type")
        await station.event("Ended", "tx-21", now, 6_500, "EVDeparted")
        issued = await until(lambda: cdr_of(market, STATION_21), "the CDR, accepted by the eMSP")

    # As at the 2.0.1 station: 2.000 kWh at 3.00, 4.000 kWh at 4.50, once 5.00.
    assert Decimal(issued["total_before_taxes"]) == Decimal("29.00")
    away = await called(market, STATION_21, "Reset", '{"type":"OnIdle"}')
    assert (away.code, "OFFLINE" in away.json["says"]) == (4, True)


async def test_a_blocked_card_and_an_unknown_one_are_refused_by_both_kinds_of_station(market: Market) -> None:
    async with plug_in(market, Station16, STATION_16) as old, plug_in(market, Station201, STATION_201) as new:
        assert await old.authorize(LOST_CARD) == "Blocked"
        assert await new.authorize(LOST_CARD) == "Blocked"
        assert await old.authorize("NOBODYS") == "Invalid"
        assert await new.authorize("NOBODYS") in {"Invalid", "Unknown"}


async def test_a_remote_start_and_stop_frame_a_session_that_is_billed_as_well(market: Market) -> None:
    async with plug_in(market, Station16, STATION_16) as station:
        ordered = await commanded(market, STATION_16, "START", "--evse", "1", "--token", CARD)
        assert (ordered.code, ordered.json["result"]) == (0, "ACCEPTED")
        assert await told_by(station) == ("RemoteStartTransaction", {"id_tag": CARD})
        begun = datetime.now(UTC)
        number = await station.begin(CARD, begun, 10_000)
        session = await until(lambda: followed(market, STATION_16, "0"), "the eMSP's copy")
        # 2.1.1 has no word for a command.
        assert session["auth_method"] == ("AUTH_REQUEST" if is_old(market) else "COMMAND")
        ordered = await commanded(market, STATION_16, "STOP", "--session", session["id"])
        assert ordered.code == 0
        assert await told_by(station) == ("RemoteStopTransaction", {"transaction_id": number})
        await station.end(number, begun + timedelta(seconds=1), 11_000)
        await until(lambda: cdr_of_session(market, session["id"]), "the CDR, accepted by the eMSP")
        again = await commanded(market, STATION_16, "STOP", "--session", session["id"])
        assert (again.code, "UNKNOWN" in again.json["says"]) == (5, True)


COMMANDS_16: list[tuple[tuple[str, ...], tuple[str, dict[str, Any]]]] = [
    (("RESET",), ("Reset", {"type": "Soft"})),
    (("RESET", "--hard"), ("Reset", {"type": "Hard"})),
    (("UNLOCK", "--evse", "1"), ("UnlockConnector", {"connector_id": 1})),
    (("TRIGGER", "--message", "Heartbeat"), ("TriggerMessage", {"message": "Heartbeat"})),
    (("CHANGE_AVAILABILITY", "--inoperative"), ("ChangeAvailability", {"type": "Inoperative"})),
    (("CHANGE_AVAILABILITY", "--evse", "1"), ("ChangeAvailability", {"type": "Operative"})),
]
COMMANDS_201: list[tuple[tuple[str, ...], tuple[str, dict[str, Any]]]] = [
    (("RESET",), ("Reset", {"type": "OnIdle"})),
    (("UNLOCK", "--evse", "1", "--connector", "1"), ("UnlockConnector", {"evse_id": 1, "connector_id": 1})),
]


async def test_commands_reach_the_station_and_its_answer_is_the_exit_code(market: Market) -> None:
    async with plug_in(market, Station16, STATION_16) as old, plug_in(market, Station201, STATION_201) as new:
        for station, table in ((old, COMMANDS_16), (new, COMMANDS_201)):
            for arguments, received in table:
                outcome = await commanded(market, station.id, *arguments)
                assert (outcome.code, outcome.json["result"]) == (0, "ACCEPTED"), arguments
                assert await told_by(station) == received
        old.answers["ChangeAvailability"] = "Scheduled"
        outcome = await commanded(market, STATION_16, "CHANGE_AVAILABILITY", "--inoperative")
        assert (outcome.code, outcome.json["result"]) == (0, "SCHEDULED")
        old.answers["Reset"] = "Rejected"
        outcome = await commanded(market, STATION_16, "RESET")
        assert (outcome.code, outcome.json["kind"]) == (5, "refused")
        assert "REJECTED" in outcome.json["says"]
        # This station knows no TriggerMessage: it answers with a CALLERROR.
        outcome = await commanded(market, STATION_201, "TRIGGER", "--message", "Heartbeat")
        assert outcome.code == 5, outcome


@pytest.mark.rule(32)
async def test_a_station_that_is_away_or_silent_is_unreachable(market: Market) -> None:
    outcome = await commanded(market, STATION_16, "RESET")
    assert (outcome.code, "OFFLINE" in outcome.json["says"]) == (4, True)
    async with plug_in(market, Station16, STATION_16) as station:
        station.answers["Reset"] = SILENCE
        outcome = await commanded(market, STATION_16, "RESET", "--deadline-s", "1")
        assert (outcome.code, "TIMEOUT" in outcome.json["says"]) == (7, True)


# --- what the tests look at -----------------------------------------------------------------------


@asynccontextmanager
async def plug_in(market: Market, kind: Any, name: str) -> AsyncIterator[Any]:
    """A station that has booted: before its first answer the log does not say who speaks for it, so it is away."""
    async with plugged_in(kind, name, market.cpo.stations_url, market.passwords[name]) as station:
        assert await station.boot() == "Accepted"
        yield station


async def until(holds: Callable[[], Any], what: str) -> Any:
    """``wait_for`` without holding up the stations, which live on this loop."""
    return await asyncio.to_thread(wait_for, holds, what)


async def commanded(market: Market, station: str, *arguments: str) -> Any:
    return await asyncio.to_thread(market.cpo.run, "station", "command", station, *arguments, "--json")


async def called(market: Market, station: str, action: str, fields: str) -> Any:
    return await asyncio.to_thread(market.cpo.run, "station", "call", station, action, fields, "--json")


async def told_by(station: Any) -> tuple[str, dict[str, Any]]:
    """The next command that a station took."""
    return await asyncio.wait_for(station.commands.get(), 10)


def evse_status(market: Market, uid: str) -> str:
    """In the eMSP's catalogue."""
    found = catalogue(market.emsp) or {"evses": []}
    return next(evse["status"] for evse in found["evses"] if evse["uid"] == uid)


def followed(market: Market, station: str, kwh: str) -> Json | None:
    """The eMSP's copy of the session that runs at a station, once it tells of so much energy."""
    query = "select session_id from session where station_id = ? and ended_at is null"
    running = {row["session_id"] for row in market.cpo.rows(query, station)}
    copies = market.emsp.rows("select document from roamed_session where owner = 'SE*RET'")
    sessions = [json.loads(row["document"]) for row in copies]
    return next(
        (one for one in sessions if one["id"] in running and Decimal(one["kwh"]) == Decimal(kwh)), None
    )


def cdr_of(market: Market, station: str) -> Json | None:
    """The CDR of the station's last session, once the eMSP has accepted it."""
    query = "select session_id from session where station_id = ? order by first_version desc limit 1"
    return cdr_of_session(market, market.cpo.rows(query, station)[0]["session_id"])


def is_old(market: Market) -> bool:
    return any("2.1.1" in line for line in market.emsp.settings)


def after_taxes(market: Market, cdr: Json) -> str:
    """The CDR's cost with its tax, which in 2.1.1 the eMSP is not told: then the CPO's own figure."""
    if not is_old(market):
        return f"{Decimal(cdr['total_after_taxes']):.2f}"
    assert cdr["total_after_taxes"] is None
    issued = market.cpo.told("cdr", "list", "--party", "SE*ELS")
    return next(
        f"{Decimal(line['total_after_taxes']):.2f}" for line in issued if line["cdr_id"] == cdr["cdr_id"]
    )


def cdr_of_session(market: Market, session_id: str) -> Json | None:
    # In 2.1.1 only the CPO knows of which session it is.
    issued = market.cpo.told("cdr", "list", "--party", "SE*ELS")
    ids = [line["cdr_id"] for line in issued if line["session_id"] == session_id]
    accepted = market.emsp.told("cdr", "list", "--party", "SE*RET", "--state", "ACCEPTED")
    return next((line for line in accepted if line["cdr_id"] in ids), None)


def explained_in(cpo: Installation, cdr_id: str) -> str:
    outcome = cpo.run("cdr", "explain", cdr_id)
    assert outcome.code == 0, outcome.stderr
    return outcome.stdout


def billed(market: Market, cdr_id: str) -> dict[str, str]:
    """The line of the exported CSV."""
    outcome = market.emsp.run("bill", "export")
    assert outcome.code == 0, outcome.stderr
    lines = list(csv.DictReader(outcome.stdout.splitlines(), delimiter=";"))
    (line,) = [line for line in lines if line["record"] == "LINE" and line["cdr_id"] == cdr_id]
    return line
