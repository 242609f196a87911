"""A driver's reservation, from the retailer's command line to the socket of a foreign station: two whole processes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from installation import CPO, EMSP, Installation, Json, Nursery, serving, wait_for
from market import CARD, STATION_21, STATION_201, Market, catalogue, location, open_market
from ocpp.routing import on
from ocpp_stations import Station21, Station201, plugged_in


class Reserving(Station201):
    @on("ReserveNow")
    def on_reserve(self, **asked: Any) -> Any:
        return self._call_result.ReserveNow(status=self._commanded("ReserveNow", **asked))

    @on("CancelReservation")
    def on_cancel(self, **asked: Any) -> Any:
        return self._call_result.CancelReservation(status=self._commanded("CancelReservation", **asked))


class Reserving21(Reserving, Station21):
    pass


@pytest.fixture(scope="module")
def market(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    folder = tmp_path_factory.mktemp("reservations")
    with ExitStack() as stack:
        cpo, emsp = (
            stack.enter_context(serving(Installation(folder / party.role, nursery, (party,))))
            for party in (CPO, EMSP)
        )
        made = open_market(cpo, emsp)
        place = location(datetime.now(UTC))
        for evse in place["evses"]:
            evse["capabilities"] = ["RESERVABLE"]
        cpo.told("location", "put", "-", stdin=json.dumps(place))
        yield made


def reserve(market: Market, evse: str, *more: str) -> Json:
    words = (
        "partner",
        "reserve",
        "elstrada-laddning",
        "--location",
        "HARBOUR",
        "--evse",
        evse,
        "--token",
        CARD,
    )
    return market.emsp.told(*words, "--minutes", "30", *more)


def status_at_the_retailer(market: Market, uid: str) -> str:
    place = catalogue(market.emsp)
    assert place is not None
    return next(evse["status"] for evse in place["evses"] if evse["uid"] == uid)


def sessions_at_the_retailer(market: Market, evse: str) -> list[str]:
    rows = market.emsp.rows("select status, document from roamed_session order by started_at")
    return [str(row["status"]) for row in rows if json.loads(row["document"])["evse_uid"] == evse]


async def so(holds: Any, what: str) -> None:
    await asyncio.to_thread(wait_for, holds, what)


@pytest.mark.parametrize(
    ("kind", "name", "evse"), [(Reserving, STATION_201, "E201"), (Reserving21, STATION_21, "E21")]
)
async def test_a_driver_reserves_comes_and_charges(
    market: Market, kind: type[Reserving], name: str, evse: str
) -> None:
    url, password = market.cpo.stations_url, market.passwords[name]
    async with plugged_in(kind, name, url, password) as station:
        await station.boot()
        await station.status("Available")
        made = await asyncio.to_thread(reserve, market, evse)
        assert made["state"] == "ACCEPTED"
        asked, details = station.commands.get_nowait()
        assert asked == "ReserveNow"
        assert details["id_token"] == {"id_token": CARD, "type": "ISO14443"}
        assert str(details["id"]) != made["reservation_id"], "R-57"
        await station.status("Reserved")
        await so(lambda: status_at_the_retailer(market, evse) == "RESERVED", "RESERVED on the map")
        await so(lambda: sessions_at_the_retailer(market, evse) == ["RESERVATION"], "the reservation")
        answer = await station.event(
            "Started",
            f"T-{evse}",
            datetime.now(UTC),
            1_000,
            "Authorized",
            id_token={"id_token": CARD, "type": "ISO14443"},
            reservation_id=details["id"],
        )
        assert answer.id_token_info["status"] == "Accepted"
        await so(lambda: sessions_at_the_retailer(market, evse) == ["ACTIVE"], "one session, now active")
        (line,) = market.cpo.told("station", "reservations", "--station", name, "--ended")
        assert line["state"] == "USED"
        assert line["made_for"] == "SE*RET"


async def test_the_operator_takes_a_reservation_back_and_the_retailer_is_told(market: Market) -> None:
    url, password = market.cpo.stations_url, market.passwords[STATION_201]
    async with plugged_in(Reserving, STATION_201, url, password) as station:
        await station.event("Ended", "T-E201", datetime.now(UTC), 2_000, "StopAuthorized")
        await station.status("Available")
        made = await asyncio.to_thread(reserve, market, "E201")
        (line,) = await asyncio.to_thread(
            market.cpo.told, "station", "reservations", "--station", STATION_201
        )
        number = str(line["number"])
        await asyncio.to_thread(market.cpo.told, "station", "unreserve", STATION_201, number)

        def told() -> bool:
            listed = market.emsp.told("partner", "reservations", "--ended")
            states = {one["reservation_id"]: one["state"] for one in listed}
            return states[made["reservation_id"]] == "CANCELED_RESERVATION"

        await so(told, "the retailer's knowledge of it")


async def test_the_driver_cancels(market: Market) -> None:
    url, password = market.cpo.stations_url, market.passwords[STATION_201]
    async with plugged_in(Reserving, STATION_201, url, password) as station:
        made = await asyncio.to_thread(reserve, market, "E201")
        over = await asyncio.to_thread(market.emsp.told, "partner", "unreserve", made["reservation_id"])
        assert over["state"] == "CANCELED"
        assert [station.commands.get_nowait()[0] for _ in range(2)] == ["ReserveNow", "CancelReservation"]
        again = await asyncio.to_thread(market.emsp.run, "partner", "unreserve", made["reservation_id"])
        assert again.code == 1
        assert "CANCELED" in again.stderr


async def test_a_station_that_is_occupied_says_so_to_the_driver(market: Market) -> None:
    url, password = market.cpo.stations_url, market.passwords[STATION_201]
    async with plugged_in(Reserving, STATION_201, url, password) as station:
        station.answers["ReserveNow"] = "Occupied"
        words = ("--location", "HARBOUR", "--evse", "E201", "--token", CARD, "--minutes", "5")
        outcome = await asyncio.to_thread(market.emsp.run, "partner", "reserve", "elstrada-laddning", *words)
        assert outcome.code == 5
        assert "EVSE_OCCUPIED" in outcome.stderr
