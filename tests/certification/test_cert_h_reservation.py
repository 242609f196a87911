"""H: reservations (part 6 section 3.9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from cert_csms import GROUP, VALID, Csms
from cert_station import Json, Station
from cert_visit import card

from elstrada.model.device import CommandResult

case = pytest.mark.case
_ids = count(1)


def reservation(*, evse: int | None = 1, minutes: float = 30, **more: Json) -> Json:
    """What the operator asks for; EVSE None is any."""
    ends = datetime.now(UTC) + timedelta(minutes=minutes)
    place = {} if evse is None else {"evseId": evse}
    return {
        "id": next(_ids),
        "expiryDateTime": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "idToken": card(VALID),
        **place,
        **more,
    }


async def reserve(
    csms: Csms,
    station: Station,
    wanted: Json,
    status: str = "Accepted",
    result: CommandResult = CommandResult.ACCEPTED,
) -> int:
    """Send a ReserveNow. Returns the reservation's id."""
    asked, end = await csms.calls(station, "ReserveNow", wanted, status=status)
    assert asked == wanted
    assert end.result is result
    return wanted["id"]


async def reserved(csms: Csms, station: Station, **more: Json) -> int:
    """Reusable state Reserved, of EVSE 1."""
    number = await reserve(csms, station, reservation(**more))
    await station.tell("Reserved")
    await csms.shows(station, (1, "Reserved"), (2, "Available"))
    return number


async def updated(csms: Csms, station: Station, number: int, status: str) -> None:
    told = await station.call("ReservationStatusUpdate", reservationId=number, reservationUpdateStatus=status)
    assert told == {}
    (notice,) = await csms.done("station notices", station=station.name, kind="RESERVATION")
    assert (notice.status, notice.subject) == (status, str(number))


@case("TC_H_01_CSMS")
async def test_an_evse_is_reserved(csms: Csms, station: Station):
    await reserved(csms, station)


@case("TC_H_07_CSMS")
async def test_a_reservation_that_nobody_used_ends(csms: Csms, station: Station):
    number = await reserved(csms, station, minutes=0.05)
    await station.tell("Available")
    await updated(csms, station, number, "Expired")
    await csms.shows(station, (1, "Available"), (2, "Available"))


@case("TC_H_08_CSMS")
async def test_any_evse_is_reserved(csms: Csms, station: Station):
    wanted = reservation(evse=None)
    assert not {"evseId", "connectorType"} & wanted.keys()
    await reserve(csms, station, wanted)


@case("TC_H_14_CSMS")
async def test_as_many_reservations_as_evses_reserve_them_all(csms: Csms, station: Station):
    for _ in (1, 2):
        await reserve(csms, station, reservation(evse=None))
    for evse in (1, 2):
        await station.tell("Reserved", evse)
    await csms.shows(station, (1, "Reserved"), (2, "Reserved"))


@case("TC_H_15_CSMS")
async def test_a_kind_of_connector_is_reserved(csms: Csms, station: Station):
    await reserve(csms, station, reservation(evse=None, connectorType="cType2"))
    await station.tell("Reserved")
    await csms.shows(station, (1, "Reserved"), (2, "Available"))


@case("TC_H_17_CSMS")
async def test_a_reservation_is_cancelled(csms: Csms, station: Station):
    number = await reserved(csms, station)
    asked, end = await csms.calls(station, "CancelReservation", {"reservationId": number}, status="Accepted")
    assert asked == {"reservationId": number}
    assert end.result is CommandResult.ACCEPTED
    await station.tell("Available")
    await csms.shows(station, (1, "Available"), (2, "Available"))


@case("TC_H_19_CSMS")
async def test_an_evse_is_reserved_for_a_group(csms: Csms, station: Station):
    await reserved(csms, station, groupIdToken={"idToken": GROUP, "type": "Central"})


@case("TC_H_20_CSMS")
async def test_a_fault_ends_a_reservation(csms: Csms, station: Station):
    number = await reserved(csms, station)
    await station.tell("Faulted")
    await updated(csms, station, number, "Removed")
    await csms.shows(station, (1, "Faulted"), (2, "Available"))


@case("TC_H_22_CSMS")
async def test_a_station_that_takes_no_reservations(csms: Csms, station: Station):
    await reserve(csms, station, reservation(), "Rejected", CommandResult.REJECTED)
