"""Reservations and types of tokens, to the letter of each version's official schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec
import pytest
from ocpp_samples import NOW, conforms

from elstrada.model import asks
from elstrada.model.device import CommandName, CommandResult, StationOrder
from elstrada.model.ids import PartyId
from elstrada.model.reservation import Reservation
from elstrada.model.token import NO_AUTHORIZATION, AdditionalInfo
from elstrada.ocpp.table import ReadCall, Sendable, Unsendable
from elstrada.ocpp.versions import OCPP16, OCPP21, OCPP201, VERSIONS, Version

ALL = pytest.mark.parametrize("version", VERSIONS.values(), ids=lambda version: version.protocol)
IN_2X = pytest.mark.parametrize("version", [OCPP201, OCPP21], ids=lambda version: version.protocol)
ONE = Reservation(
    id=2**31 - 1,
    evse_id=3,
    token_ref="r1",
    group_ref="0123456789abcdef0123456789",
    made_for=PartyId("SE", "RET"),
    command_id="k1",
    session_id="s1",
    reserved_at=NOW,
    expires_at=datetime(2026, 3, 1, 18, 30, tzinfo=UTC),
)


def order(one: Reservation = ONE, **changes: object) -> StationOrder:
    given: dict[str, object] = {"name": CommandName.RESERVE, "token_uid": "04A1B2C3", "reservation": one}
    return StationOrder(**(given | changes))  # type: ignore[arg-type]


def sent(version: Version, wanted: StationOrder) -> dict[str, object]:
    written = version.write_order(wanted)
    assert isinstance(written, Sendable), written
    assert conforms(version.protocol, f"{written.action}Request", written.payload), written.payload
    return json.loads(written.payload)


@ALL
def test_a_reservation_says_for_whom_until_when_and_under_which_number(version: Version) -> None:
    told = sent(version, order())
    if version is OCPP16:
        assert told == {
            "connectorId": 3,
            "expiryDate": "2026-03-01T18:30:00.000Z",
            "idTag": "04A1B2C3",
            "parentIdTag": "0123456789abcdef0123",
            "reservationId": 2**31 - 1,
        }
    else:
        assert told == {
            "id": 2**31 - 1,
            "evseId": 3,
            "expiryDateTime": "2026-03-01T18:30:00.000Z",
            "idToken": {"idToken": "04A1B2C3", "type": "ISO14443"},
            "groupIdToken": {"idToken": "0123456789abcdef0123456789", "type": "Central"},
        }


@ALL
def test_a_cancellation_names_the_number(version: Version) -> None:
    told = sent(version, StationOrder(name=CommandName.CANCEL_RESERVATION, reservation=ONE))
    assert told == {"reservationId": 2**31 - 1}


@ALL
@pytest.mark.parametrize(
    ("status", "result"),
    [
        ("Accepted", CommandResult.ACCEPTED),
        ("Faulted", CommandResult.INOPERATIVE),
        ("Unavailable", CommandResult.INOPERATIVE),
        ("Occupied", CommandResult.OCCUPIED),
        ("Rejected", CommandResult.REJECTED),
        ("Perhaps", CommandResult.FAILED),
    ],
)
def test_each_answer_means_what_it_says(version: Version, status: str, result: CommandResult) -> None:
    payload = json.dumps({"status": status}).encode()
    assert version.read_reply("k1", CommandName.RESERVE, payload).result is result


@ALL
@pytest.mark.parametrize(
    ("status", "result"), [("Accepted", CommandResult.ACCEPTED), ("Rejected", CommandResult.UNKNOWN)]
)
def test_who_rejects_a_cancellation_keeps_no_such_reservation(
    version: Version, status: str, result: CommandResult
) -> None:
    payload = json.dumps({"status": status}).encode()
    assert version.read_reply("k1", CommandName.CANCEL_RESERVATION, payload).result is result


ANY = msgspec.structs.replace(ONE, evse_id=0, connector_type="cType2")


@IN_2X
def test_2x_reserves_a_type_of_connector(version: Version) -> None:
    told = sent(version, order(ANY))
    assert told["connectorType"] == "cType2"
    assert "evseId" not in told


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        (OCPP16, order(ANY)),
        (OCPP16, order(token_uid="X" * 21)),
        (OCPP201, order(token_uid="X" * 37)),
        (OCPP201, order(token_additional=(AdditionalInfo("X" * 37, "T"),))),
        (OCPP201, order(msgspec.structs.replace(ANY, connector_type="cMagic"))),
        (OCPP21, order(token_uid="X" * 256)),
        (OCPP16, order(token_uid=None)),
        (OCPP201, order(token_uid=None)),
        (OCPP16, StationOrder(name=CommandName.START, token_uid="", token_type=NO_AUTHORIZATION)),
    ],
)
def test_what_a_version_has_no_words_for_is_not_sent(version: Version, wanted: StationOrder) -> None:
    assert isinstance(version.write_order(wanted), Unsendable)


def test_2_1_has_an_open_list_of_connectors() -> None:
    told = sent(OCPP21, order(msgspec.structs.replace(ANY, connector_type="cNACS")))
    assert told["connectorType"] == "cNACS"


# --- types of tokens --------------------------------------------------------------------------------------

TYPES = {
    "Central": "APP_USER",
    "eMAID": "EMAID",
    "ISO14443": "RFID",
    "ISO15693": "RFID",
    "KeyCode": "KeyCode",
    "Local": "Local",
    "MacAddress": "MacAddress",
}
TYPES_21 = TYPES | {"EVCCID": "EVCCID", "NEMA": "NEMA", "VIN": "VIN"}
"""And DirectPayment, which is no driver's token: see test_ocpp_translate."""
_UID = {"ISO15693": "E0040100123456AB"}
EVERY = [(OCPP201, kind) for kind in TYPES] + [(OCPP21, kind) for kind in TYPES_21]


@pytest.mark.parametrize(("version", "kind"), EVERY, ids=[f"{v.protocol}-{kind}" for v, kind in EVERY])
def test_every_type_of_token_goes_through_the_model_and_back(version: Version, kind: str) -> None:
    uid = _UID.get(kind, "04A1B2C3")
    shown = {"idToken": {"idToken": uid, "type": kind}}
    read = version.read_call("Authorize", json.dumps(shown).encode(), NOW, lenient=False)
    assert isinstance(read, ReadCall)
    assert isinstance(read.ask, asks.Authorize)
    assert read.ask.token.type == TYPES_21[kind]

    start = StationOrder(
        name=CommandName.START,
        token_uid=uid,
        token_type=read.ask.token.type,
        remote_start_id=5,
        token_additional=(AdditionalInfo("P-17", "ParkingTicket"),),
    )
    more = [{"additionalIdToken": "P-17", "type": "ParkingTicket"}]
    for name in (CommandName.START, CommandName.RESERVE):
        told = sent(version, msgspec.structs.replace(start, name=name, reservation=ONE))
        assert told["idToken"] == {"idToken": uid, "type": kind, "additionalInfo": more}


@IN_2X
def test_a_start_may_need_no_token(version: Version) -> None:
    start = StationOrder(
        name=CommandName.START, token_uid="", token_type=NO_AUTHORIZATION, remote_start_id=5, evse_id=1
    )
    assert sent(version, start)["idToken"] == {"idToken": "", "type": "NoAuthorization"}


def test_a_type_that_2_0_1_does_not_know_is_shown_to_it_as_one_of_a_back_office() -> None:
    told = sent(OCPP201, order(token_type="VIN"))
    assert told["idToken"] == {"idToken": "04A1B2C3", "type": "Central"}
