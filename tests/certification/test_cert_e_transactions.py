"""E: a transaction may start and stop at any of six points, and the CSMS follows (part 6 section 3.6)."""

from __future__ import annotations

import pytest
from cert_csms import EXPIRED, UNKNOWN, Csms, accepted
from cert_station import Station, now
from cert_visit import Visit, card, meter

case = pytest.mark.case


async def plugged(visit: Visit) -> None:
    """Authorized and plugged in, where neither starts a transaction."""
    assert (await visit.authorize())["status"] == "Accepted"
    await visit.station.tell("Occupied", visit.evse)


async def ended(csms: Csms, visit: Visit, reason: str) -> None:
    """The operator sees the one session, and that it has ended for this reason."""
    session = await csms.session(visit.station)
    assert session["transaction_id"] == visit.transaction_id
    assert session["ended_at"] is not None
    assert session["completed_at"] is not None, "no event is missing"
    assert session["reason"] == reason


# --- start points ------------------------------------------------------------------------------------


@case("TC_E_01_CSMS")
async def test_a_transaction_starts_when_the_power_path_is_closed(csms: Csms, station: Station):
    visit = Visit(station)
    await plugged(visit)
    state = {"chargingState": "SuspendedEVSE"}
    answer = await visit.event("ChargingStateChanged", shows=card(), place=True, **state)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    assert (await csms.session(station))["charging"] is False
    await visit.event("ChargingStateChanged", chargingState="Charging")
    assert (await csms.session(station))["charging"] is True
    await csms.shows(station, (1, "Occupied"), (2, "Available"))


@case("TC_E_02_CSMS")
async def test_a_transaction_starts_when_energy_flows(csms: Csms, station: Station):
    visit = Visit(station)
    await plugged(visit)
    state = {"chargingState": "Charging"}
    answer = await visit.event("ChargingStateChanged", shows=card(), place=True, **state)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    session = await csms.session(station)
    assert (session["evse_id"], session["connector_id"], session["charging"]) == (1, 1, True)


@case("TC_E_03_CSMS")
async def test_a_driver_plugs_in_and_then_shows_the_card(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.ev_connected()
    assert (await csms.session(station))["token_ref"] is None
    await visit.charging()
    session = await csms.session(station)
    assert session["token_ref"] is not None
    assert session["charging"] is True


@case("TC_E_04_CSMS")
async def test_a_driver_shows_the_card_and_then_plugs_in(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.charging()
    session = await csms.session(station)
    assert (session["evse_id"], session["charging"]) == (1, True)


@case("TC_E_09_CSMS")
async def test_a_transaction_starts_when_the_cable_is_in(csms: Csms, station: Station):
    await Visit(station).ev_connected()
    session = await csms.session(station)
    assert (session["evse_id"], session["token_ref"], session["ended_at"]) == (1, None, None)


@case("TC_E_10_CSMS")
async def test_a_transaction_starts_when_the_card_is_accepted(csms: Csms, station: Station):
    await Visit(station).authorized()
    session = await csms.session(station)
    assert session["token_ref"] is not None
    assert session["evse_id"] in (None, 0), "it is not known yet"


@case("TC_E_11_CSMS")
async def test_a_transaction_starts_with_a_signed_meter_value(csms: Csms, station: Station):
    visit = Visit(station)
    await plugged(visit)
    signed = meter(0.0, "Transaction.Begin", signed=True)
    answer = await visit.event("SignedDataReceived", shows=card(), place=True, meter_value=signed)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    await visit.event("ChargingStateChanged", chargingState="Charging")
    session = await csms.session(station)
    assert (session["meter_start_wh"], session["charging"]) == (0, True)


@case("TC_E_12_CSMS")
async def test_a_transaction_starts_when_a_car_is_on_the_bay(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.event("EVDetected")
    assert (await csms.session(station))["transaction_id"] == visit.transaction_id


@case("TC_E_38_CSMS")
async def test_a_car_that_is_not_ready_yet(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.authorized()
    await visit.ev_connected()
    await visit.event("ChargingStateChanged", chargingState="SuspendedEV")
    session = await csms.session(station)
    assert (session["charging"], session["ended_at"]) == (False, None)


# --- stop points -------------------------------------------------------------------------------------


@case("TC_E_07_CSMS", "TC_E_15_CSMS")
async def test_a_transaction_ends_when_its_driver_shows_the_card_again(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.charging()
    await visit.event("StopAuthorized", "Ended", stoppedReason="Local")
    await ended(csms, visit, "Local")


@case("TC_E_08_CSMS")
async def test_a_transaction_ends_when_energy_flows_no_more(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.stop_authorized()
    state = {"chargingState": "EVConnected", "stoppedReason": "Local"}
    await visit.event("ChargingStateChanged", "Ended", **state)
    await ended(csms, visit, "Local")


@case("TC_E_14_CSMS")
async def test_a_transaction_ends_when_the_cable_is_out(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.parked()
    await visit.ev_disconnected()
    await ended(csms, visit, "EVDisconnected")
    await csms.shows(station, (1, "Available"), (2, "Available"))


@case("TC_E_20_CSMS")
async def test_a_transaction_ends_when_the_cable_is_out_at_the_car(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.suspended()
    await visit.ev_disconnected()
    await ended(csms, visit, "EVDisconnected")


@case("TC_E_16_CSMS")
@pytest.mark.parametrize("uid", [UNKNOWN, EXPIRED])
async def test_a_transaction_with_a_token_that_is_not_accepted_ends(csms: Csms, station: Station, uid: str):
    visit = Visit(station)
    answer = await visit.event("Authorized", shows=card(uid))
    expected = {UNKNOWN: ("Invalid", "Unknown"), EXPIRED: ("Expired",)}
    assert answer["idTokenInfo"]["status"] in expected[uid]
    await visit.event("Deauthorized", "Ended", stoppedReason="DeAuthorized")
    await ended(csms, visit, "DeAuthorized")


@case("TC_E_17_CSMS")
async def test_a_transaction_ends_when_the_car_is_lost(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.suspended()
    await visit.left()
    await ended(csms, visit, "EVDisconnected")


@case("TC_E_19_CSMS")
async def test_a_transaction_ends_when_the_car_has_left_the_bay(csms: Csms, station: Station):
    """The cable out is only an update where the bay is the stop point."""
    visit = Visit(station)
    await visit.parked()
    await station.tell("Available")
    await visit.event("EVCommunicationLost", chargingState="Idle")
    await visit.event("EVDeparted", "Ended", stoppedReason="Local")
    await ended(csms, visit, "Local")


@case("TC_E_22_CSMS")
async def test_a_transaction_ends_when_the_car_takes_no_more(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.charging()
    state = {"chargingState": "SuspendedEV", "stoppedReason": "StoppedByEV"}
    await visit.event("ChargingStateChanged", "Ended", **state)
    await ended(csms, visit, "StoppedByEV")


@case("TC_E_39_CSMS")
async def test_a_transaction_ends_when_no_car_came_in_time(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.authorized()
    await visit.event("EVConnectTimeout", "Ended", stoppedReason="Timeout")
    await ended(csms, visit, "Timeout")


@case("TC_E_21_CSMS")
async def test_the_operator_stops_a_transaction(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.charging()
    session_id = (await csms.session(station))["session_id"]
    asked, end = await csms.commands(
        station, "STOP", "RequestStopTransaction", answer={"status": "Accepted"}, session=session_id
    )
    assert asked == {"transactionId": visit.transaction_id}
    accepted(end)
    await visit.event("RemoteStop", "Ended", stoppedReason="Remote")
    await ended(csms, visit, "Remote")


@case("TC_E_26_CSMS")
async def test_a_cable_that_is_out_for_a_while_ends_nothing(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.suspended()
    await visit.event("EVCommunicationLost", chargingState="Idle")
    await station.tell("Available")
    assert (await csms.session(station))["ended_at"] is None
    await visit.event("CablePluggedIn", chargingState="EVConnected")
    await visit.event("ChargingStateChanged", chargingState="Charging")
    session = await csms.session(station)
    assert (session["charging"], session["ended_at"]) == (True, None)


@case("TC_E_53_CSMS")
async def test_each_transaction_may_count_from_zero(csms: Csms, station: Station):
    visits = [Visit(station), Visit(station)]
    for visit in visits:
        await visit.charging()
        await visit.ev_disconnected()
    sessions = await csms.sessions(station)
    assert [one["transaction_id"] for one in sessions] == [visit.transaction_id for visit in visits]
    assert all(one["completed_at"] is not None for one in sessions)


# --- what waits at the station -----------------------------------------------------------------------


@case("TC_E_29_CSMS")
async def test_a_running_transaction_has_messages_waiting(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.charging()
    await csms.comes_back(station)
    about = {"transactionId": visit.transaction_id}
    answer = {"ongoingIndicator": True, "messagesInQueue": True}
    asked, _ = await csms.calls(station, "GetTransactionStatus", about, **answer)
    assert asked == about
    await visit.event("MeterValuePeriodic", meter_value=meter(1500), offline=True)
    assert (await csms.session(station))["ended_at"] is None


@case("TC_E_30_CSMS")
async def test_a_running_transaction_has_no_messages_waiting(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.charging()
    about = {"transactionId": visit.transaction_id}
    answer = {"ongoingIndicator": True, "messagesInQueue": False}
    asked, _ = await csms.calls(station, "GetTransactionStatus", about, **answer)
    assert asked == about


@case("TC_E_31_CSMS")
async def test_an_ended_transaction_is_complete_once_what_waited_has_come(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.charging()
    await csms.comes_back(station)
    status = {"evseId": 1, "connectorId": 1, "connectorStatus": "Available"}
    await station.call("StatusNotification", timestamp=now(), **status)
    first = visit.seq_no
    idle = {"chargingState": "Idle"}
    await visit.event("EVCommunicationLost", "Ended", seq_no=first + 2, offline=True, **idle)
    session = await csms.session(station)
    assert (session["ended_at"] is not None, session["completed_at"]) == (True, None)
    about = {"transactionId": visit.transaction_id}
    answer = {"ongoingIndicator": False, "messagesInQueue": True}
    asked, _ = await csms.calls(station, "GetTransactionStatus", about, **answer)
    assert asked == about
    await visit.event("StopAuthorized", seq_no=first, offline=True)
    assert (await csms.session(station))["completed_at"] is None
    parked = {"chargingState": "EVConnected"}
    await visit.event("ChargingStateChanged", seq_no=first + 1, offline=True, **parked)
    assert (await csms.session(station))["completed_at"] is not None


@case("TC_E_33_CSMS")
async def test_a_station_has_messages_waiting_of_some_transaction(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.charging()
    await csms.comes_back(station)
    asked, _ = await csms.calls(station, "GetTransactionStatus", {}, messagesInQueue=True)
    assert asked == {}
    await visit.event("MeterValuePeriodic", meter_value=meter(1500), offline=True)


@case("TC_E_34_CSMS")
async def test_a_station_has_no_messages_waiting(csms: Csms, station: Station):
    asked, _ = await csms.calls(station, "GetTransactionStatus", {}, messagesInQueue=False)
    assert asked == {}
