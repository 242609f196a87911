"""P: what no standard says (part 6 section 3.17)."""

from __future__ import annotations

import pytest
from cert_csms import Csms
from cert_station import Station, now
from cert_visit import Visit

case = pytest.mark.case
CUSTOM = {"vendorId": "com.example", "anything": [1, {"is": "kept"}]}


@case("TC_P_02_CSMS")
async def test_an_unknown_vendor_is_told_so(station: Station):
    told = await station.call("DataTransfer", vendorId="com.example", messageId="Ping", data={"x": 1})
    assert told["status"] in ("UnknownVendorId", "UnknownMessageId", "Rejected")


@case("TC_P_03_CSMS")
async def test_custom_data_is_never_a_reason_to_refuse(csms: Csms, station: Station):
    """The station's record says that it is held to the letter of its schema."""
    status = {"connectorStatus": "Occupied", "evseId": 1, "connectorId": 1}
    told = await station.call("StatusNotification", timestamp=now(), customData=CUSTOM, **status)
    assert told == {}
    visit = Visit(station)
    told = await station.call(
        "TransactionEvent",
        eventType="Started",
        timestamp=now(),
        triggerReason="CablePluggedIn",
        seqNo=0,
        transactionInfo={"transactionId": visit.transaction_id, "customData": CUSTOM},
        customData=CUSTOM,
    )
    assert told == {}
    await csms.shows(station, (1, "Occupied"), (2, "Available"))
    assert (await csms.session(station))["transaction_id"] == visit.transaction_id
