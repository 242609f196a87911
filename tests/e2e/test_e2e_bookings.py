"""A driver's booking, from the retailer's command line to a foreign station and back onto the CDR: two whole processes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from installation import CPO, EMSP, Installation, Nursery, serving, wait_for
from market import CARD, STATION_201, Market, open_market
from ocpp_stations import plugged_in
from test_e2e_reservations import Reserving, so


@pytest.fixture(scope="module")
def market(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    folder = tmp_path_factory.mktemp("bookings")
    with ExitStack() as stack:
        cpo, emsp = (
            stack.enter_context(serving(Installation(folder / party.role, nursery, (party,))))
            for party in (CPO, EMSP)
        )
        made = open_market(cpo, emsp)
        place = ("booking", "open", "QUAY", "--location", "HARBOUR", "--evse", "E201", "--increment", "1")
        cpo.told(*place, "--early-start", "60", "--no-show", "20")
        wait_for(lambda: emsp.told("partner", "slots", "elstrada-laddning"), "what is free, at the retailer")
        yield made


def booked_in(market: Market) -> str:
    """Book the EVSE from the next whole minute on; returns the request's id."""
    start = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=2)
    words = ("partner", "book", "elstrada-laddning", "--place", "QUAY", "--token", CARD)
    period = ("--since", start.isoformat(), "--until", (start + timedelta(minutes=30)).isoformat())
    line = market.emsp.told(*words, *period)
    assert line["state"] == "RESERVED", line
    return str(line["request_id"])


def state_of(market: Market, request_id: str) -> str:
    lines = market.emsp.told("partner", "bookings", "--ended")
    return next(str(line["state"]) for line in lines if line["request_id"] == request_id)


def booking_of_the_cdr(market: Market) -> str | None:
    rows = market.emsp.rows("select document from cdr")
    return json.loads(rows[0]["document"]).get("booking_id") if rows else None


async def test_a_driver_books_comes_and_charges_and_the_cdr_names_the_booking(market: Market) -> None:
    url, password = market.cpo.stations_url, market.passwords[STATION_201]
    async with plugged_in(Reserving, STATION_201, url, password) as station:
        await station.boot()
        await station.status("Available")
        request_id = await asyncio.to_thread(booked_in, market)
        await so(lambda: not station.commands.empty(), "the station's being asked to keep the EVSE")
        asked, details = station.commands.get_nowait()
        assert asked == "ReserveNow"
        assert details["id_token"] == {"id_token": CARD, "type": "ISO14443"}
        card = {"id_token": CARD, "type": "ISO14443"}
        answer = await station.event(
            "Started",
            "T-B",
            datetime.now(UTC),
            1_000,
            "Authorized",
            id_token=card,
            reservation_id=details["id"],
        )
        assert answer.id_token_info["status"] == "Accepted"
        await so(lambda: state_of(market, request_id) == "FULFILLED", "FULFILLED, at the retailer")
        await station.event("Ended", "T-B", datetime.now(UTC), 2_000, "StopAuthorized")
        await station.status("Available")
        await so(lambda: booking_of_the_cdr(market), "the CDR's booking")
        (line,) = market.cpo.told("booking", "list", "--ended")
        assert line["booking_id"] == booking_of_the_cdr(market)
        assert line["state"] == "FULFILLED"


async def test_a_booking_that_is_cancelled_is_released_at_the_station(market: Market) -> None:
    url, password = market.cpo.stations_url, market.passwords[STATION_201]
    async with plugged_in(Reserving, STATION_201, url, password) as station:
        await station.boot()
        await station.status("Available")
        request_id = await asyncio.to_thread(booked_in, market)
        await so(lambda: not station.commands.empty(), "the station's being asked to keep the EVSE")
        assert station.commands.get_nowait()[0] == "ReserveNow"
        await asyncio.to_thread(market.emsp.told, "partner", "unbook", request_id)
        await so(lambda: not station.commands.empty(), "the station's being asked to let it go")
        assert station.commands.get_nowait()[0] == "CancelReservation"
        assert state_of(market, request_id) == "CANCELED"


async def test_nothing_is_booked_twice_over_real_sockets(market: Market) -> None:
    first = await asyncio.to_thread(booked_in, market)
    with pytest.raises(AssertionError, match="REJECTED"):
        await asyncio.to_thread(booked_in, market)
    assert state_of(market, first) == "RESERVED"
