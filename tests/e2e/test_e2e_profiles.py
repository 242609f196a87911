"""A retailer has a say in how its driver charges at a foreign station: two whole processes, real HTTP, real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from installation import CPO, EMSP, Installation, Json, Nursery, Outcome, serving, wait_for
from market import CARD, STATION_16, STATION_21, STATION_201, Market, location, open_market
from ocpp.routing import on
from ocpp_stations import Station16, Station21, Station201, plugged_in

ABLE = ["CHARGING_PREFERENCES_CAPABLE", "CHARGING_PROFILE_CAPABLE"]


class Steered(Station201):
    """Holds one limit in A, and tells it."""

    limit: float = 32.0

    @on("SetChargingProfile")
    def on_set(self, **asked: Any) -> Any:
        (schedule,) = asked["charging_profile"]["charging_schedule"]
        status = self._commanded("SetChargingProfile", **asked)
        if status == "Accepted":
            self.limit = float(schedule["charging_schedule_period"][0]["limit"])
        return self._call_result.SetChargingProfile(status=status)

    @on("ClearChargingProfile")
    def on_clear(self, **asked: Any) -> Any:
        status = self._commanded("ClearChargingProfile", **asked)
        self.limit = 32.0
        return self._call_result.ClearChargingProfile(status=status)

    @on("GetCompositeSchedule")
    def on_composite(self, evse_id: int, duration: int, **_: Any) -> Any:
        schedule = {
            "evse_id": evse_id,
            "duration": duration,
            "schedule_start": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "charging_rate_unit": "A",
            "charging_schedule_period": [{"start_period": 0, "limit": self.limit}],
        }
        return self._call_result.GetCompositeSchedule(status="Accepted", schedule=schedule)


class Steered21(Steered, Station21):
    pass


class Steered16(Station16):
    """The same in 1.6."""

    limit: float = 32.0

    @on("SetChargingProfile")
    def on_set(self, **asked: Any) -> Any:
        profile = asked["cs_charging_profiles"]
        status = self._commanded("SetChargingProfile", **asked)
        if status == "Accepted":
            self.limit = float(profile["charging_schedule"]["charging_schedule_period"][0]["limit"])
        return self._call_result.SetChargingProfile(status=status)

    @on("ClearChargingProfile")
    def on_clear(self, **asked: Any) -> Any:
        status = self._commanded("ClearChargingProfile", **asked)
        self.limit = 32.0
        return self._call_result.ClearChargingProfile(status=status)

    @on("GetCompositeSchedule")
    def on_composite(self, connector_id: int, duration: int, **_: Any) -> Any:
        schedule = {
            "duration": duration,
            "charging_rate_unit": "A",
            "charging_schedule_period": [{"start_period": 0, "limit": self.limit}],
        }
        return self._call_result.GetCompositeSchedule(
            status="Accepted",
            connector_id=connector_id,
            schedule_start=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            charging_schedule=schedule,
        )


@pytest.fixture(scope="module", params=["2.2.1", "2.3.0"])
def market(
    request: pytest.FixtureRequest, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Market]:
    folder, setting = tmp_path_factory.mktemp("profiles"), f'ocpi.versions = ["{request.param}"]'
    with ExitStack() as stack:
        cpo, emsp = (
            stack.enter_context(serving(Installation(folder / party.role, nursery, (party,), (setting,))))
            for party in (CPO, EMSP)
        )
        made = open_market(cpo, emsp)
        place = location(datetime.now(UTC))
        for evse in place["evses"]:
            evse["capabilities"] = ABLE
        cpo.told("location", "put", "-", stdin=json.dumps(place))
        yield made


async def until(holds: Callable[[], Any], what: str) -> Any:
    return await asyncio.to_thread(wait_for, holds, what)


async def told(home: Installation, *words: str, stdin: str = "") -> Json:
    return await asyncio.to_thread(home.told, *words, stdin=stdin)


async def run(home: Installation, *words: str) -> Outcome:
    return await asyncio.to_thread(home.run, *words)


def session_at_the_retailer(market: Market, evse: str) -> str | None:
    rows = market.emsp.rows("select session_id, document from roamed_session where status = 'ACTIVE'")
    found = [row["session_id"] for row in rows if json.loads(row["document"])["evse_uid"] == evse]
    return found[0] if found else None


def active_at_the_retailer(market: Market, session: str) -> str | None:
    listed = market.emsp.told("partner", "limits")
    found = next((one for one in listed if one["session_id"] == session), None)
    active = None if found is None else found["active"]
    return None if active is None else str(active["periods"][0]["limit"])


async def begin(station: Station16 | Station201, evse: str) -> None:
    await station.boot()
    await station.status("Available")
    if isinstance(station, Station16):
        await station.begin(CARD, datetime.now(UTC), 1_000)
    else:
        token = {"id_token": CARD, "type": "ISO14443"}
        await station.event("Started", f"T-{evse}", datetime.now(UTC), 1_000, "Authorized", id_token=token)


@pytest.mark.parametrize(
    ("kind", "name", "evse"),
    [(Steered16, STATION_16, "E16"), (Steered, STATION_201, "E201"), (Steered21, STATION_21, "E21")],
)
async def test_a_retailer_limits_asks_and_releases_its_drivers_session(
    market: Market, kind: type[Steered16] | type[Steered], name: str, evse: str
) -> None:
    url, password = market.cpo.stations_url, market.passwords[name]
    async with plugged_in(kind, name, url, password) as station:
        await begin(station, evse)
        session = await until(lambda: session_at_the_retailer(market, evse), "the session")

        limited = await told(market.emsp, "partner", "limit", session, "--amperes", "6.5")
        assert (limited["state"], limited["wanted"]["periods"][0]["limit"]) == ("ACCEPTED", "6.5")
        assert station.commands.get_nowait()[0] == "SetChargingProfile"
        assert station.limit == 6.5

        asked = await told(market.emsp, "partner", "schedule", session, "--duration-s", "600")
        assert (asked["active"]["periods"][0]["limit"], asked["active"]["duration_s"]) == ("6.5", 600)

        # The operator has a say, too, and the retailer hears what is active then.
        fields: Json = {"chargingProfileCriteria": {"evseId": 1}}
        if kind is Steered16:
            fields = {"connectorId": 1}
        await told(market.cpo, "station", "call", name, "ClearChargingProfile", json.dumps(fields))
        await until(lambda: active_at_the_retailer(market, session) == "32.0", "news of what is active")

        card = await told(market.cpo, "session", "show", session)
        assert card["steered_by"] == ["SE*RET"]
        listed = await run(market.emsp, "partner", "limits")
        assert f"session {session} at SE*ELS: ACCEPTED" in listed.stdout
        assert "active: 32.0 A from " in listed.stdout
        released = await told(market.emsp, "partner", "unlimit", session)
        assert (released["state"], released["wanted"]) == ("CLEARED", None)
        assert station.limit == 32.0

        station.answers["SetChargingProfile"] = "Rejected"
        refused = await run(market.emsp, "partner", "limit", session, "--watts", "9000")
        assert refused.code == 5
        assert "REJECTED" in refused.stderr

        wish = await told(market.emsp, "partner", "prefer", session, "REGULAR", "--energy-kwh", "12.5")
        assert wish["answer"] == "ACCEPTED"
        unable = await told(market.emsp, "partner", "prefer", session, "CHEAP")
        assert unable["answer"] == "PROFILE_TYPE_NOT_SUPPORTED"
        shown = await run(market.cpo, "session", "show", session)
        assert "CHEAP, told by SE*RET; answered PROFILE_TYPE_NOT_SUPPORTED" in shown.stdout
