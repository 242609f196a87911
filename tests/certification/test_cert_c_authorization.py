"""C: what the CSMS says of a token, by itself, with its group and as a master pass (part 6 section 3.4)."""

from __future__ import annotations

import pytest
from cert_csms import BLOCKED, EXPIRED, GROUP, KEYS, LONE, MASTER, MASTER_GROUP, UNKNOWN, VALID, VALID2, Csms
from cert_station import Json, Station
from cert_visit import Visit, card

from elstrada.model.device import CommandResult

case = pytest.mark.case


@pytest.mark.parametrize(
    ("uid", "statuses"),
    [
        pytest.param(UNKNOWN, ("Invalid", "Unknown"), marks=case("TC_C_02_CSMS")),
        pytest.param(BLOCKED, ("Blocked", "Invalid"), marks=case("TC_C_06_CSMS")),
        pytest.param(EXPIRED, ("Expired", "Invalid"), marks=case("TC_C_07_CSMS")),
    ],
)
async def test_a_token_that_may_not_charge_is_not_accepted(
    csms: Csms, station: Station, uid: str, statuses: tuple[str, ...]
):
    info = (await station.call("Authorize", idToken=card(uid)))["idTokenInfo"]
    assert info["status"] in statuses
    assert "groupIdToken" not in info


@pytest.mark.parametrize(
    ("uid", "statuses"),
    [
        pytest.param(VALID, ("Accepted",), marks=case("TC_C_08_CSMS")),
        pytest.param(UNKNOWN, ("Invalid", "Unknown"), marks=case("TC_C_20_CSMS")),
    ],
)
async def test_a_token_of_the_stations_cache_is_judged_again(
    csms: Csms, station: Station, uid: str, statuses: tuple[str, ...]
):
    visit = Visit(station)
    await visit.ev_connected()
    answer = await visit.event("Authorized", "Updated", shows=card(uid))
    assert answer["idTokenInfo"]["status"] in statuses
    assert ((await csms.session(station))["token_ref"] is not None) == (uid == VALID)


@pytest.mark.parametrize(
    ("status", "result"),
    [
        pytest.param("Accepted", CommandResult.ACCEPTED, marks=case("TC_C_37_CSMS")),
        pytest.param("Rejected", CommandResult.REJECTED, marks=case("TC_C_38_CSMS")),
    ],
)
async def test_a_stations_cache_is_cleared(csms: Csms, station: Station, status: str, result: CommandResult):
    asked, end = await csms.calls(station, "ClearCache", {}, status=status)
    assert asked == {}
    assert end.result is result


# --- groups ------------------------------------------------------------------------------------------


def of_group(info: Json, group: str = GROUP) -> None:
    """A token's info that accepts it and names its group, as `token list` shows it to the operator."""
    assert info["status"] == "Accepted"
    assert info["groupIdToken"] == {"idToken": KEYS.token_ref(group), "type": "Central"}


async def stopped_by(visit: Visit, uid: str) -> Json:
    """Another card stops the visit."""
    answer = await visit.event("StopAuthorized", shows=card(uid))
    visit.is_stopped = True
    return answer["idTokenInfo"]


@case("TC_C_39_CSMS", "TC_C_43_CSMS")
async def test_a_card_of_the_same_group_stops_what_another_began(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.ev_connected()
    of_group(await visit.authorize(VALID2))
    answer = await visit.event("Authorized", shows=card(VALID))
    of_group(answer["idTokenInfo"])
    visit.is_authorized = True
    await visit.charging()
    of_group(await visit.authorize(VALID2))
    of_group(await stopped_by(visit, VALID2))
    await visit.ev_disconnected()
    session = await csms.session(station)
    assert session["token_ref"] == KEYS.token_ref(VALID), "whoever began it pays"
    assert session["completed_at"] is not None


@case("TC_C_40_CSMS")
async def test_cards_of_a_group_in_the_local_list_are_judged_alike(csms: Csms, station: Station):
    """The station has authorized both by itself: the CSMS first hears of them in the transaction."""
    visit = Visit(station)
    await visit.ev_connected()
    of_group((await visit.event("Authorized", shows=card(VALID)))["idTokenInfo"])
    visit.is_authorized = True
    await visit.charging()
    of_group(await stopped_by(visit, VALID2))
    await visit.ev_disconnected()
    assert (await csms.session(station))["token_ref"] == KEYS.token_ref(VALID)


async def test_a_resent_start_names_the_group_again_and_a_card_without_one_names_none(
    csms: Csms, station: Station
):
    visit = Visit(station)
    answers = [await visit.event("Authorized", "Started", shows=card(VALID), seq_no=0) for _ in range(2)]
    for answer in answers:
        of_group(answer["idTokenInfo"])
    assert len(await csms.sessions(station)) == 1
    assert await visit.authorize(LONE) == {"status": "Accepted"}
    listed = {line.group_ref for line in await csms.done("token list")}
    assert listed == {KEYS.token_ref(GROUP), KEYS.token_ref(MASTER_GROUP), None}


# --- the master pass ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "evses",
    [
        pytest.param((1, 2), marks=case("TC_C_47_CSMS", "TC_C_49_CSMS")),
        pytest.param((2,), marks=case("TC_C_48_CSMS")),
    ],
)
async def test_a_master_pass_stops_the_transactions_it_is_meant_for(
    csms: Csms, station: Station, evses: tuple[int, ...]
):
    visits = {1: Visit(station, evse=1), 2: Visit(station, evse=2, uid=VALID2)}
    for visit in visits.values():
        await visit.charging()
    of_group(await visits[1].authorize(MASTER), MASTER_GROUP)
    for evse in evses:
        answer = await visits[evse].event(
            "StopAuthorized", "Ended", shows=card(MASTER), stoppedReason="MasterPass"
        )
        of_group(answer["idTokenInfo"], MASTER_GROUP)
    ends = {row["evse_id"]: row["reason"] for row in await csms.sessions(station)}
    assert ends == {1: "MasterPass" if 1 in evses else None, 2: "MasterPass"}
    tokens = [row["token_ref"] for row in await csms.sessions(station)]
    assert tokens == [KEYS.token_ref(VALID), KEYS.token_ref(VALID2)], "whoever began it pays"


@pytest.mark.parametrize(
    ("uid", "status"), [(VALID, "Accepted"), (BLOCKED, "Blocked"), (UNKNOWN, "Invalid"), (EXPIRED, "Invalid")]
)
async def test_an_end_is_told_of_the_token_that_ended_it(csms: Csms, station: Station, uid: str, status: str):
    """TransactionEventResponse: idTokenInfo is required where a token was presented; a partner is not asked."""
    visit = Visit(station)
    await visit.charging()
    for _ in range(2):
        answer = await visit.event("StopAuthorized", "Ended", shows=card(uid), seq_no=9)
        assert answer["idTokenInfo"]["status"] == status
    assert (await csms.session(station))["ended_at"] is not None
