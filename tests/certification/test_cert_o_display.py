"""O: messages on a station's display (part 6 section 3.16)."""

from __future__ import annotations

from itertools import count

import pytest
from cert_csms import Csms
from cert_station import Json, Station

from elstrada.model.device import CommandResult

case = pytest.mark.case
_ids = count(1)


def message(**more: Json) -> Json:
    text = {"format": "UTF8", "language": "sv", "content": "Stationen stängs kl. 22"}
    return {"id": next(_ids), "priority": "NormalCycle", "state": "Idle", "message": text, **more}


async def show(
    csms: Csms,
    station: Station,
    wanted: Json,
    status: str = "Accepted",
    result: CommandResult = CommandResult.ACCEPTED,
) -> None:
    before = await csms.items(station, "DISPLAY_MESSAGE")
    asked, end = await csms.calls(station, "SetDisplayMessage", {"message": wanted}, status=status)
    assert asked == {"message": wanted}
    assert end.result is result
    taken = {str(wanted["id"]): wanted} if status == "Accepted" else {}
    assert await csms.items(station, "DISPLAY_MESSAGE") == before | taken


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, marks=case("TC_O_01_CSMS")),
        pytest.param({"startDateTime": "2027-03-01T18:00:00Z"}, marks=case("TC_O_13_CSMS")),
        pytest.param({"endDateTime": "2027-03-01T22:00:00Z"}, marks=case("TC_O_14_CSMS")),
    ],
)
async def test_a_message_is_shown(csms: Csms, station: Station, more: Json):
    await show(csms, station, message(**more))


@case("TC_O_12_CSMS")
async def test_a_message_replaces_another(csms: Csms, station: Station):
    first = message()
    await show(csms, station, first)
    await show(csms, station, message(id=first["id"], priority="InFront"))


@pytest.mark.parametrize(
    ("status", "more"),
    [
        pytest.param("NotSupportedPriority", {"priority": "AlwaysFront"}, marks=case("TC_O_17_CSMS")),
        pytest.param("NotSupportedState", {"state": "Faulted"}, marks=case("TC_O_18_CSMS")),
        pytest.param(
            "NotSupportedMessageFormat",
            {"message": {"format": "HTML", "content": "<b>Hej</b>"}},
            marks=case("TC_O_19_CSMS"),
        ),
        pytest.param("Rejected", {}, marks=case("TC_O_26_CSMS")),
    ],
)
async def test_a_message_that_the_station_cannot_show(csms: Csms, station: Station, status: str, more: Json):
    await show(csms, station, message(**more), status, CommandResult.REJECTED)
