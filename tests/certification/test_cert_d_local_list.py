"""D: the station's own list of tokens, as the operator sends it (part 6 section 3.5)."""

from __future__ import annotations

import json

import pytest
from cert_csms import VALID, VALID2, Csms
from cert_station import Json, Station
from cert_visit import card

from elstrada.model.device import CommandResult

case = pytest.mark.case
KNOWN = {"idToken": card(VALID), "idTokenInfo": {"status": "Accepted"}}
KNOWN2 = {"idToken": card(VALID2), "idTokenInfo": {"status": "Accepted"}}
FORGOTTEN = {"idToken": card(VALID2)}


async def version(csms: Csms, station: Station, number: int) -> None:
    asked, end = await csms.calls(station, "GetLocalListVersion", {}, versionNumber=number)
    assert asked == {}
    assert end.result is CommandResult.ACCEPTED


async def send(csms: Csms, station: Station, kind: str, number: int, *entries: Json) -> Json:
    given: Json = {"updateType": kind, "versionNumber": number}
    if entries:
        given["localAuthorizationList"] = list(entries)
    asked, end = await csms.calls(station, "SendLocalList", given, status="Accepted")
    assert asked == given
    assert end.result is CommandResult.ACCEPTED
    return asked


@case("TC_D_01_CSMS")
async def test_a_whole_list_is_sent(csms: Csms, station: Station):
    await version(csms, station, 1)
    asked = await send(csms, station, "Full", 2, KNOWN, KNOWN2)
    tokens = [entry["idToken"]["idToken"] for entry in asked["localAuthorizationList"]]
    assert len(set(tokens)) == 2


@case("TC_D_02_CSMS")
async def test_additions_are_sent(csms: Csms, station: Station):
    await version(csms, station, 1)
    await send(csms, station, "Differential", 2, KNOWN2)


@case("TC_D_03_CSMS")
async def test_removals_are_sent(csms: Csms, station: Station):
    asked = await send(csms, station, "Differential", 2, FORGOTTEN)
    assert all("idTokenInfo" not in entry for entry in asked["localAuthorizationList"])


@case("TC_D_04_CSMS")
async def test_the_list_is_emptied(csms: Csms, station: Station):
    assert "localAuthorizationList" not in await send(csms, station, "Full", 2)


@pytest.mark.parametrize(
    "number",
    [pytest.param(7, marks=case("TC_D_08_CSMS")), pytest.param(0, marks=case("TC_D_09_CSMS"))],
)
async def test_the_lists_version_is_asked_for(csms: Csms, station: Station, number: int):
    await version(csms, station, number)


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"versionNumber": 0}, "/versionNumber"),
        ({"versionNumber": -1}, "/versionNumber"),
        ({"versionNumber": 2, "localAuthorizationList": [KNOWN, KNOWN2, KNOWN]}, "/localAuthorizationList/2"),
    ],
)
async def test_a_list_without_sense_is_not_sent_d01_fr_06_and_18(
    csms: Csms, station: Station, given: Json, pointer: str
):
    """Version 0 says that there is no list, and each token stands there once."""
    payload = json.dumps({"updateType": "Full", **given})
    end = await csms.does("station call", station=station.name, action="SendLocalList", payload=payload)
    assert end.kind == "invalid", end
    assert [problem.pointer for problem in end.problems] == [pointer]
