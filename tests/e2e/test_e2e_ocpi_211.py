"""Platforms that are none of ours and speak OCPI 2.1.1: a whole process, real HTTP, a real station."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from foreign_peer import TOKEN_B, ForeignPeer, Heard
from installation import CPO, EMSP, Installation, Json, Nursery, serving, wait_for
from market import CARD, CONTRACT, CUSTOMER, PLAN, SUPPLY, let_be_odd, location, tariff
from ocpp_stations import Station16, plugged_in

ALL = 'ocpi.versions = ["2.1.1", "2.2.1", "2.3.0"]'
"""Offered beside the newer ones: the peer knows only the oldest."""
UID = "04AABBCCDD"


@pytest.fixture(scope="module")
def cpo(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with serving(Installation(tmp_path_factory.mktemp("cpo"), nursery, (CPO,), (ALL,))) as home:
        now = datetime.now(UTC)
        home.told("tariff", "put", "-", stdin=json.dumps(tariff(now - timedelta(minutes=20))))
        home.told("location", "put", "-", stdin=json.dumps(location(now)))
        yield home


@pytest.fixture(scope="module")
def emsp(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with serving(Installation(tmp_path_factory.mktemp("emsp"), nursery, (EMSP,), (ALL,))) as home:
        home.told("customer", "put", CUSTOMER, "--name", "Customer 1017")
        home.told("plan", "put", PLAN, "--name", "Roaming", "--mode", "COST_PLUS", "--markup-percent", "10")
        home.told(
            *("contract", "put", CONTRACT, "--customer", CUSTOMER, "--plan", PLAN),
            *("--supply-point", SUPPLY, "--valid-from", "2024-01-01"),
        )
        home.told("token", "add", CARD, "--contract", CONTRACT)
        yield home


async def until(holds: Callable[[], Any], what: str) -> Any:
    """``wait_for`` without holding up the station, which lives on this loop."""
    return await asyncio.to_thread(wait_for, holds, what)


def active(peer: ForeignPeer) -> list[Heard]:
    """What it was told of sessions that have begun; before that, of a start on its way, they are PENDING."""
    return [one for one in peer.told("PUT", "/sessions/SE/ELS/") if one.body["status"] == "ACTIVE"]


def token() -> Json:
    return {
        "uid": UID,
        "type": "RFID",
        "auth_id": "NLHACC00000042",
        "issuer": "Hostile",
        "valid": True,
        "whitelist": "ALLOWED",
        "last_updated": "2026-01-01T00:00:00Z",
    }


async def test_a_foreign_emsp_starts_and_stops_a_session_and_gets_its_cdr(cpo: Installation) -> None:
    added = cpo.told("station", "add", "DELTA-16", "--place", "1=HARBOUR/E16")
    with ForeignPeer("EMSP", version="2.1.1").register(cpo, "SE*ELS") as peer:
        place = (await until(lambda: peer.told("PUT", "/locations/SE/ELS/HARBOUR"), "the location"))[-1]
        assert place.headers["authorization"] == f"Token {TOKEN_B}", "as it is, not in base64"
        assert not [name for name in place.headers if name.startswith("ocpi-")]
        assert place.body["evses"][0]["connectors"][0]["tariff_id"] == "DAY-AND-EVENING"
        assert await until(lambda: peer.told("PUT", "/tariffs/SE/ELS/DAY-AND-EVENING"), "the tariff")
        status, answer = peer.asks(cpo, "PUT", f"tokens/NL/HAC/{UID}", token())
        assert (status, answer["status_code"]) == (201, 1000)

        async with plugged_in(Station16, "DELTA-16", cpo.stations_url, added["password"]) as station:
            assert await station.boot() == "Accepted"
            await station.status("Available")
            assert await station.authorize(UID) == "Accepted"
            start = {
                "response_url": f"{peer.url}/results/1",
                "token": token(),
                "location_id": "HARBOUR",
                "evse_uid": "E16",
            }
            _, answer = await asyncio.to_thread(peer.asks, cpo, "POST", "commands/START_SESSION", start)
            assert answer["data"] == {"result": "ACCEPTED"}
            assert await asyncio.wait_for(station.commands.get(), 10) == (
                "RemoteStartTransaction",
                {"id_tag": UID},
            )
            told = (await until(lambda: peer.told("POST", "/results/1"), "the result of the start"))[-1]
            assert told.body == {"result": "ACCEPTED"}

            begun = datetime.now(UTC) - timedelta(minutes=10)
            number = await station.begin(UID, begun, 1_000)
            session = (await until(lambda: active(peer), "the session"))[-1].body
            assert session["auth_id"] == "NLHACC00000042"
            assert [evse["uid"] for evse in session["location"]["evses"]] == ["E16"]
            stop = {"response_url": f"{peer.url}/results/2", "session_id": session["id"]}
            _, answer = await asyncio.to_thread(peer.asks, cpo, "POST", "commands/STOP_SESSION", stop)
            assert answer["data"] == {"result": "ACCEPTED"}
            assert (await asyncio.wait_for(station.commands.get(), 10))[0] == "RemoteStopTransaction"
            assert await until(lambda: peer.told("POST", "/results/2"), "the result of the stop")
            await station.end(number, datetime.now(UTC), 3_000)
            cdr = (await until(lambda: peer.told("POST", "/cdrs"), "the CDR"))[-1].body

        # 2 kWh at 4.50 and once 5.00, before VAT, which 2.1.1 does not tell.
        assert (Decimal(str(cdr["total_cost"])), cdr["total_energy"]) == (Decimal("14.00"), 2)
        assert (cdr["auth_id"], cdr["auth_method"]) == ("NLHACC00000042", "AUTH_REQUEST")
        _, listed = peer.asks(cpo, "GET", "cdrs")
        assert [entry["id"] for entry in listed["data"]] == [cdr["id"]]


def test_a_foreign_cpo_is_pulled_asks_and_is_billed(emsp: Installation) -> None:
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "voltage": 230,
        "amperage": 16,
        "tariff_id": "T9",
        "last_updated": "2026-01-01T00:00:00Z",
    }
    evse = {
        "uid": "E9",
        "evse_id": "NL*HAC*E9",
        "status": "AVAILABLE",
        "connectors": [connector],
        "last_updated": "2026-01-01T00:00:00Z",
    }
    place = {
        "id": "L9",
        "type": "ON_STREET",
        "address": "Havenstraat 9",
        "city": "Delft",
        "postal_code": "2613 VJ",
        "country": "NLD",
        "coordinates": {"latitude": "52.011600", "longitude": "4.357100"},
        "evses": [evse],
        "last_updated": "2026-01-01T00:00:00Z",
    }
    priced = {"price_components": [{"type": "ENERGY", "price": 0.40, "step_size": 1}]}
    offered = {
        "id": "T9",
        "currency": "SEK",
        "elements": [priced],
        "last_updated": "2026-01-01T00:00:00Z",
    }
    peer = ForeignPeer("CPO", version="2.1.1")
    peer.objects |= {"locations": [place], "tariffs": [offered]}
    with peer.register(emsp, "SE*RET"):
        query = "select document from location where owner = 'SE*RET' and location_id = 'L9'"
        wait_for(lambda: emsp.rows(query), "the eMSP's copy of the location")
        kept = json.loads(emsp.rows(query)[0]["document"])
        assert (kept["time_zone"], kept["evses"][0]["connectors"][0]["tariff_ids"]) == (
            "Europe/Amsterdam",
            ["T9"],
        )
        known = wait_for(lambda: peer.told("PUT", "/tokens/SE/RET/"), "the token")[-1]
        let_be_odd(emsp, "hostile-cpo")  # 25 kWh in an hour are more than 16 A give.
        assert (known.path, known.body["auth_id"]) == (f"/tokens/SE/RET/{CARD}", CONTRACT)

        _, answer = peer.asks(emsp, "POST", f"tokens/{CARD}/authorize", {"location_id": "L9"})
        assert answer["data"]["allowed"] == "ALLOWED"
        session = {
            "id": "S9",
            "start_datetime": "2026-02-03T10:00:00Z",
            "kwh": 0,
            "auth_id": CONTRACT,
            "auth_method": "AUTH_REQUEST",
            "location": place,
            "currency": "SEK",
            "status": "ACTIVE",
            "last_updated": "2026-02-03T10:00:00Z",
        }
        assert peer.asks(emsp, "PUT", "sessions/NL/HAC/S9", session)[0] == 201
        # no date, as every example of the standard has it.
        assert peer.asks(emsp, "PATCH", "sessions/NL/HAC/S9", {"kwh": 12.5})[1]["status_code"] == 1000
        cdr = {
            "id": "C9",
            "start_date_time": "2026-02-03T10:00:00Z",
            "stop_date_time": "2026-02-03T11:00:00Z",
            "auth_id": CONTRACT,
            "auth_method": "AUTH_REQUEST",
            "location": place,
            "currency": "SEK",
            "tariffs": [offered],
            "charging_periods": [
                {
                    "start_date_time": "2026-02-03T10:00:00Z",
                    "dimensions": [{"type": "ENERGY", "volume": 25}],
                }
            ],
            "total_cost": 10.00,
            "total_energy": 25,
            "total_time": 1,
            "last_updated": "2026-02-03T11:00:00Z",
        }
        strange = peer.asks(emsp, "POST", "cdrs", cdr | {"id": "C8", "auth_id": "NOBODY-S"})[1]
        assert (strange["status_code"], strange["status_message"]) == (
            2001,
            "auth_id: no token of ours has it",
        )
        assert peer.asks(emsp, "POST", "cdrs", cdr)[0] == 201
        assert peer.asks(emsp, "POST", "cdrs", cdr)[0] == 200, "the same again is no second one"
        line = wait_for(lambda: _accepted(emsp), "the CDR, accepted")
        assert Decimal(line["total_before_taxes"]) == 10
        exported = emsp.run("bill", "export")
        # Her plan: the cost and 10 % of it.
        assert exported.code == 0
        assert "11.00" in exported.stdout
        session_query = "select document from roamed_session where session_id = 'S9'"
        assert json.loads(emsp.rows(session_query)[0]["document"])["kwh"] == "12.5"


def _accepted(emsp: Installation) -> Json | None:
    accepted = emsp.told("cdr", "list", "--party", "SE*RET", "--state", "ACCEPTED")
    return accepted[0] if accepted else None
