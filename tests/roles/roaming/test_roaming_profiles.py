"""Charging profiles and preferences between a CPO and an eMSP (R-52 to R-54, R-59, P5; OCPI mod_charging_profiles)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import openapi
import pytest
from roaming_world import (
    ELS,
    EVIL,
    RET,
    START,
    STATION,
    Node,
    StationDouble,
    World,
    aio,
    at_station,
    call,
    furnished,
    known,
    location,
    started,
)

from elstrada.model import facts as f
from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.ids import PartyId, session_stream
from elstrada.model.mirror import ItemKind
from elstrada.model.notices import Notice, NoticeKind
from elstrada.model.party import BusinessDetails, PartyRole, Role
from elstrada.model.preferences import ChargingPreferences, PreferencesAnswer, ProfileType
from elstrada.model.profile import Period, Profile, Schedule
from elstrada.model.waits import Waits
from elstrada.ocpi.versions import TABLES
from elstrada.roles.roaming.peers import Secrets
from elstrada.roles.roaming.results import PROFILE_RESULTS
from elstrada.roles.roaming.rows import location_row
from elstrada.roles.roaming.steering import MOST_ASKED
from elstrada.roles.roaming.steersman import NO_ANSWER, AtPartner, Steered
from elstrada.roles.roaming.wiring import wire
from elstrada.spine import tables as t
from elstrada.spine.face import Put
from elstrada.spine.memory import MemorySpine

VERSIONS = ["2.2.1", "2.3.0"]
NIGHT = Schedule(
    unit="A",
    periods=(Period(start_s=0, limit=Decimal("6.0")), Period(start_s=3600, limit=Decimal("16.0"))),
    start=START,
    duration_s=7200,
    min_rate=Decimal("6.0"),
)
ALLOWED = json.dumps(
    {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": "2026-02-03T12:00:00Z",
        "chargingSchedule": {
            "duration": 900,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}],
        },
    }
)
"""What a station of OCPP 1.6 says that it allows."""
BODY: dict[str, Any] = {
    "charging_profile": {
        "charging_rate_unit": "A",
        "charging_profile_period": [{"start_period": 0, "limit": 6}],
    },
    "response_url": "https://ret.example/ocpi/2.2.1/emsp/chargingprofiles/set/x",
}
PATH, WISHES = "{}/cpo/chargingprofiles/S1", "{}/cpo/sessions/S1/charging_preferences"


class Charging(StationDouble):
    """A station that knows its commands' fields, and answers each action in its own way."""

    def __init__(self, world: World, result: CommandResult | None) -> None:
        super().__init__(world, result)
        self.responses = {"GetCompositeSchedule": ALLOWED}

    async def decide(self, ask: Command) -> CommandDone:
        done = await super().decide(ask)
        return CommandDone(done.result, done.detail, self.responses.get(ask.action or "", "{}"))

    def fields(self, number: int = -1) -> tuple[str, dict[str, Any]]:
        asked = self.asked[number]
        return str(asked.action), json.loads(asked.payload or "")


async def charging(*versions: str, world: World | None = None) -> World:
    """A session of the eMSP's driver goes on at an EVSE of the CPO's that can be steered, and is known to both."""
    world = await furnished(world or World(versions=versions or tuple(TABLES)))
    able = ("CHARGING_PREFERENCES_CAPABLE", "CHARGING_PROFILE_CAPABLE")
    evse = msgspec.structs.replace(location().evses[0], capabilities=able)
    await world.els.put(Put(t.location, location_row(ELS, location(evses=(evse,)), "own")))
    await at_station(world, f.StationConnected("ocpp1.6", "c1", "n1"), started(world))
    await world.settle()
    assert await world.ret.spine.find(t.roamed_session)
    return world


async def at(world: World, session_id: str = "S1") -> AtPartner:
    return AtPartner(await world.els_at_ret(), ELS, session_id)


async def set_(world: World) -> Steered:
    return await world.ret.roaming.steersman.set(await at(world), NIGHT)


def version_of(world: World) -> str:
    return world.ret.means.versions[-1]


# --- preferences ------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("wish", "answer"),
    [
        ({}, PreferencesAnswer.ACCEPTED),
        ({"departure_time": START + timedelta(hours=8)}, PreferencesAnswer.ACCEPTED),
        ({"profile_type": ProfileType.CHEAP}, PreferencesAnswer.PROFILE_TYPE_NOT_SUPPORTED),
        ({"profile_type": ProfileType.FAST}, PreferencesAnswer.PROFILE_TYPE_NOT_SUPPORTED),
        ({"departure_time": START - timedelta(hours=1)}, PreferencesAnswer.NOT_POSSIBLE),
        ({"discharge_allowed": True}, PreferencesAnswer.DEPARTURE_REQUIRED),
        (
            {"discharge_allowed": True, "departure_time": START + timedelta(hours=8)},
            PreferencesAnswer.ENERGY_NEED_REQUIRED,
        ),
        (
            # 920 V and 200 A give no more than 184 kWh in an hour.
            {"departure_time": START + timedelta(hours=1), "energy_need_kwh": Decimal(185)},
            PreferencesAnswer.NOT_POSSIBLE,
        ),
        (
            {"departure_time": START + timedelta(hours=1), "energy_need_kwh": Decimal(184)},
            PreferencesAnswer.ACCEPTED,
        ),
    ],
)
def test_a_drivers_wish_is_answered_as_far_as_we_can_do_anything_about_it_and_recorded(
    version: str, wish: dict[str, Any], answer: PreferencesAnswer
) -> None:
    @aio
    async def check() -> None:
        world = await charging(version)
        wanted = ChargingPreferences(**({"profile_type": ProfileType.REGULAR} | wish))
        told = await world.ret.roaming.steersman.prefer(await at(world), wanted)
        assert told.answer is answer
        [fact] = [one.fact for one in await world.els.spine.facts(session_stream(ELS, "S1"))]
        assert fact == f.SessionPreferred("S1", RET, wanted, answer)
        [row] = await world.els.spine.find(t.session_preference)
        assert (row["session_id"], row["party"], row["answer"]) == ("S1", "SE*RET", answer.value)

    check()


@pytest.mark.parametrize("version", VERSIONS)
def test_r59_preferences_at_an_evse_without_the_capability_are_404_and_2001(version: str) -> None:
    @aio
    async def check() -> None:
        world = await furnished(World(versions=(version,)))
        await at_station(world, started(world))
        answer = await world.as_ret("PUT", WISHES.format(version), {"profile_type": "REGULAR"})
        assert (answer.status, answer.code) == (404, 2001)
        assert await world.els.spine.find(t.session_preference) == []

    check()


@aio
async def test_a_wish_that_is_told_again_is_no_news() -> None:
    world = await charging()
    wish = {"profile_type": "REGULAR", "energy_need": 12.5}
    for _ in range(3):
        answer = await world.as_ret("PUT", WISHES.format("2.3.0"), wish)
        assert (answer.status, answer.data) == (200, "ACCEPTED")
    assert len(await world.els.spine.facts(session_stream(ELS, "S1"))) == 1


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"profile_type": "SUNNY"},
        {"profile_type": "REGULAR", "energy_need": -1},
        {"profile_type": "REGULAR", "departure_time": "soon"},
    ],
)
def test_a_wish_that_cannot_be_read_is_2001(wish: dict[str, Any]) -> None:
    @aio
    async def check() -> None:
        world = await charging()
        answer = await world.as_ret("PUT", WISHES.format("2.3.0"), wish)
        assert (answer.status, answer.code) == (200, 2001)

    check()


@aio
async def test_a_session_that_ended_can_grant_no_wish() -> None:
    world = await charging()
    await at_station(world, f.SessionEnded("S1", START + timedelta(minutes=5)))
    answer = await world.as_ret("PUT", WISHES.format("2.3.0"), {"profile_type": "REGULAR"})
    assert answer.data == "NOT_POSSIBLE"


# --- set, get, clear --------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_profile_reaches_the_station_and_its_answer_the_emsp(version: str) -> None:
    @aio
    async def check() -> None:
        world = await charging(version)
        station = Charging(world, CommandResult.ACCEPTED)
        assert (await set_(world)).done
        action, fields = station.fields()
        assert action == "SetChargingProfile"
        assert fields["connectorId"] == 1
        profile = fields["csChargingProfiles"]
        assert profile["chargingProfilePurpose"] == "TxProfile"
        assert (profile["chargingProfileKind"], profile["transactionId"]) == ("Absolute", 7)
        assert profile["chargingSchedule"] == {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 6.0},
                {"startPeriod": 3600, "limit": 16.0},
            ],
            "startSchedule": "2026-02-03T12:00:00.000Z",
            "duration": 7200,
            "minChargingRate": 6.0,
        }
        assert station.asked[0].session_id == "S1"
        assert await world.els.spine.find(t.callback) == []
        [row] = await world.ret.spine.find(t.roamed_profile)
        assert (row["state"], row["party"]) == ("ACCEPTED", "SE*ELS")
        assert msgspec.json.decode(str(row["wanted"]), type=Schedule) == NIGHT

    check()


@aio
async def test_a_profile_without_a_start_begins_with_the_charging() -> None:
    world = await charging()
    station = Charging(world, CommandResult.ACCEPTED)
    relative = msgspec.structs.replace(NIGHT, start=None)
    assert (await world.ret.roaming.steersman.set(await at(world), relative)).done
    profile = station.fields()[1]["csChargingProfiles"]
    assert profile["chargingProfileKind"] == "Relative"
    assert "startSchedule" not in profile["chargingSchedule"]


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_active_is_asked_of_the_station(version: str) -> None:
    @aio
    async def check() -> None:
        world = await charging(version)
        station = Charging(world, CommandResult.ACCEPTED)
        ended = await world.ret.roaming.steersman.get(await at(world), 900)
        active = Schedule(
            unit="A", periods=(Period(start_s=0, limit=Decimal("10.0")),), start=START, duration_s=900
        )
        assert ended == Steered("ACCEPTED", "", active)
        assert station.fields() == ("GetCompositeSchedule", {"connectorId": 1, "duration": 900})
        [row] = await world.ret.spine.find(t.roamed_profile)
        assert msgspec.json.decode(str(row["active"]), type=Schedule) == active

    check()


@aio
async def test_a_station_that_tells_no_schedule_has_none_to_show() -> None:
    world = await charging()
    station = Charging(world, CommandResult.ACCEPTED)
    station.responses["GetCompositeSchedule"] = '{"status": "Accepted"}'
    assert await world.ret.roaming.steersman.get(await at(world), 900) == Steered("REJECTED")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_profile_is_taken_back(version: str) -> None:
    @aio
    async def check() -> None:
        world = await charging(version)
        station = Charging(world, CommandResult.ACCEPTED)
        await set_(world)
        number = station.fields()[1]["csChargingProfiles"]["chargingProfileId"]
        assert (await world.ret.roaming.steersman.clear(await at(world))).done
        assert station.fields() == ("ClearChargingProfile", {"id": number})
        [row] = await world.ret.spine.find(t.roamed_profile)
        assert (row["state"], row["wanted"]) == ("CLEARED", None)
        station.result = CommandResult.UNKNOWN
        assert (await world.ret.roaming.steersman.clear(await at(world))).state == "UNKNOWN"

    check()


@pytest.mark.parametrize(
    ("station", "result"),
    [
        (CommandResult.REJECTED, "REJECTED"),
        (CommandResult.NOT_SUPPORTED, "REJECTED"),
        (CommandResult.TIMEOUT, "REJECTED"),
        (CommandResult.UNKNOWN, "UNKNOWN"),
    ],
)
def test_whatever_the_station_says_the_emsp_hears_one_of_the_three_words(
    station: CommandResult, result: str
) -> None:
    @aio
    async def check() -> None:
        world = await charging()
        Charging(world, station)
        assert (await set_(world)).state == result
        assert [row["set_at"] for row in await world.els.spine.find(t.steering)] == [None]

    check()


def test_every_end_of_a_call_has_its_word() -> None:
    assert set(PROFILE_RESULTS) == set(CommandResult)


@aio
async def test_r52_each_result_is_posted_bare_to_an_address_of_its_kind() -> None:
    world = await charging()
    Charging(world, CommandResult.ACCEPTED)
    await set_(world)
    await world.ret.roaming.steersman.get(await at(world), 900)
    await world.ret.roaming.steersman.clear(await at(world))
    posts = world.net.requests("POST", "emsp/chargingprofiles/")
    kinds = [sent.path.split("/")[-2] for sent in posts]
    assert kinds == ["set", "active", "clear"]
    bodies = [json.loads(sent.body) for sent in posts]
    assert (bodies[0], bodies[2]) == ({"result": "ACCEPTED"}, {"result": "ACCEPTED"})
    assert bodies[1]["profile"]["charging_profile"]["charging_profile_period"] == [
        {"start_period": 0, "limit": 10.0}
    ]
    assert all(sum(name.startswith("ocpi-") for name in sent.headers) == 4 for sent in posts)


@aio
async def test_r53_two_requests_at_once_get_their_own_results() -> None:
    world = await charging()
    station = Charging(world, CommandResult.ACCEPTED)
    ended = await asyncio.gather(set_(world), world.ret.roaming.steersman.get(await at(world), 900))
    assert [one.state for one in ended] == ["ACCEPTED", "ACCEPTED"]
    assert [one.active is None for one in ended] == [True, False]
    assert {str(one.action) for one in station.asked} == {"SetChargingProfile", "GetCompositeSchedule"}


# --- what is not taken ------------------------------------------------------------------------------


@aio
async def test_a_unit_that_the_station_does_not_take_is_converted_or_refused() -> None:
    world = await charging()
    station = Charging(world, CommandResult.ACCEPTED)
    units = {
        "name": "ChargingScheduleAllowedChargingRateUnit",
        "attributes": [{"type": "Actual", "value": "Power"}],
    }
    key = {"owner": str(ELS), "station_id": STATION, "kind": ItemKind.VARIABLE.value, "key": units["name"]}
    await world.els.put(Put(t.station_item, {**key, "document": json.dumps(units), "reported_at": START}))
    # Of DC nobody knows what an ampere is in watts.
    assert (await set_(world)).state == "NOT_SUPPORTED"
    plug = msgspec.structs.replace(
        location().evses[0].connectors[0], power_type="AC_3_PHASE", max_voltage=230, max_amperage=32
    )
    evse = msgspec.structs.replace(
        location().evses[0], connectors=(plug,), capabilities=("CHARGING_PROFILE_CAPABLE",)
    )
    await world.els.put(Put(t.location, location_row(ELS, location(evses=(evse,)), "own")))
    assert (await set_(world)).done
    schedule = station.fields()[1]["csChargingProfiles"]["chargingSchedule"]
    assert schedule["chargingRateUnit"] == "W"
    assert [one["limit"] for one in schedule["chargingSchedulePeriod"]] == [4140.0, 11040.0]


@aio
async def test_a_limit_that_the_operator_set_is_not_overruled() -> None:
    world = await charging()
    station = Charging(world, CommandResult.ACCEPTED)
    by_hand = Profile(
        id=7_700_012,
        evse_id=1,
        stack_level=0,
        purpose="TxProfile",
        kind="Absolute",
        transaction_id="7",
        source="CSO",
        schedules=(NIGHT,),
        wire=msgspec.Raw(b"{}"),
    )
    key = {
        "owner": str(ELS),
        "station_id": STATION,
        "kind": ItemKind.CHARGING_PROFILE.value,
        "key": "7700012",
    }
    document = msgspec.json.encode(by_hand).decode()
    await world.els.put(Put(t.station_item, {**key, "document": document, "reported_at": START}))
    assert (await set_(world)).state == "REJECTED"
    assert station.asked == []
    assert (await world.els.found())["peer:SE*ELS/ret", "profile not put"] == 1


@aio
async def test_requests_that_come_too_often_are_refused_until_a_minute_has_passed() -> None:
    world = await charging()
    station = Charging(world, CommandResult.ACCEPTED)
    said = [(await set_(world)).state for _ in range(MOST_ASKED + 2)]
    assert said == ["ACCEPTED"] * MOST_ASKED + ["TOO_OFTEN"] * 2
    assert len(station.asked) == MOST_ASKED
    world.clock.pass_by(seconds=61)
    assert (await set_(world)).done


@aio
async def test_an_evse_without_the_capability_supports_no_profiles() -> None:
    world = await furnished()
    await at_station(world, f.StationConnected("ocpp1.6", "c1", "n1"), started(world))
    await world.settle()
    assert (await set_(world)).state == "NOT_SUPPORTED"


@aio
async def test_a_session_that_is_over_or_unknown_takes_no_profile() -> None:
    world = await charging()
    nowhere = await world.ret.roaming.steersman.set(await at(world, "S9"), NIGHT)
    assert nowhere.state == "UNKNOWN_SESSION"
    await at_station(world, f.SessionEnded("S1", START + timedelta(minutes=5)))
    assert (await set_(world)).state == "REJECTED"


@aio
async def test_a_session_of_another_ocpp_version_takes_no_profile_of_this_one() -> None:
    world = await charging()
    await at_station(world, started(world, "S2", transaction_id="T-2", start_key="k-2"))
    await world.settle()
    assert (await world.ret.roaming.steersman.set(await at(world, "S2"), NIGHT)).state == "REJECTED"


@pytest.mark.parametrize(
    "change",
    [
        {"charging_profile_period": []},
        {"charging_profile_period": [{"start_period": 60, "limit": 6}]},
        {"charging_profile_period": [{"start_period": 0, "limit": 6}, {"start_period": 0, "limit": 7}]},
        {"charging_profile_period": [{"start_period": 0, "limit": -6}]},
        {"charging_profile_period": [{"start_period": 0, "limit": 6}] * 2000},
        {"charging_rate_unit": "kW"},
        {"duration": 0},
        {"duration": -1},
        {"duration": 10**12},
        {"min_charging_rate": -1},
    ],
)
def test_a_profile_that_means_nothing_is_2001(change: dict[str, Any]) -> None:
    @aio
    async def check() -> None:
        world = await charging()
        body = BODY | {"charging_profile": BODY["charging_profile"] | change}
        answer = await world.as_ret("PUT", PATH.format("2.3.0"), body)
        assert (answer.status, answer.code) == (200, 2001)
        assert await world.els.spine.find(t.callback) == []

    check()


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"duration": "900"},
        {"response_url": BODY["response_url"]},
        {"duration": "0", "response_url": BODY["response_url"]},
        {"duration": "9" * 40, "response_url": BODY["response_url"]},
        {"duration": "900", "response_url": "https://elsewhere.example/x"},
    ],
)
def test_a_question_for_what_is_active_needs_a_sane_duration_and_an_address_of_the_peers(
    query: dict[str, str],
) -> None:
    @aio
    async def check() -> None:
        world = await charging()
        answer = await world.as_ret("GET", PATH.format("2.3.0"), query=query)
        assert (answer.status, answer.code) == (200, 2001)
        assert world.net.requests("POST", "elsewhere.example") == []

    check()


@aio
async def test_2_1_1_has_no_words_for_it() -> None:
    world = await furnished(World(versions=("2.1.1",)))
    assert not [one for one in TABLES["2.1.1"] if one.module == "chargingprofiles"]
    assert (await set_(world)).state == "NOT_SUPPORTED"
    wish = ChargingPreferences(profile_type=ProfileType.REGULAR)
    assert (await world.ret.roaming.steersman.prefer(await at(world), wish)).answer is None


@pytest.mark.skipif(openapi.FILES is None, reason="OCPI_OPENAPI names no copy of the official OpenAPI files")
@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_said_of_how_a_session_charges_is_judged_by_the_official_files(version: str) -> None:
    @aio
    async def check() -> None:
        world = await charging(version)
        Charging(world, CommandResult.ACCEPTED)
        openapi.judged.clear()
        await set_(world)
        await world.ret.roaming.steersman.get(await at(world), 900)
        await world.ret.roaming.steersman.clear(await at(world))
        await _other_limit(world, "C-1", ELS)
        wanted = ChargingPreferences(
            profile_type=ProfileType.REGULAR,
            departure_time=START + timedelta(hours=8),
            energy_need_kwh=Decimal("12.5"),
        )
        await world.ret.roaming.steersman.prefer(await at(world), wanted)
        said = {
            "/".join(schema.split(f"/{version}/modules/")[1].split("/")[:2]).partition("#")[0]
            + " "
            + schema.rpartition("/paths/")[2].split("/")[1]
            for schema in openapi.judged
            if "/paths/" in schema
        }
        receiver, sender = (
            "chargingprofiles/receiver-interface.yaml",
            "chargingprofiles/sender-interface.yaml",
        )
        assert said >= {
            f"{receiver} put",
            f"{receiver} get",
            f"{receiver} delete",
            f"{sender} put",
            "sessions/sender-interface.yaml put",
        }

    check()


# --- whose business it is ---------------------------------------------------------------------------


async def _stranger(world: World, *roles: Role) -> tuple[Node, str]:
    """A third party that is registered with the CPO; and the token that it shows there."""
    evil = Node(world.net, world.clock, "evil.example", MemorySpine(world.clock), Waits(), tuple(TABLES))
    await evil.party(EVIL, *roles)
    token_a = await world.els.roaming.registrar.invite(ELS, "evil")
    peer = await evil.roaming.registrar.register(EVIL, "els", world.els.versions_url, token_a)
    return evil, known(await evil.roaming.peers.token_out(peer))


@pytest.mark.parametrize("version", VERSIONS)
def test_another_partys_session_is_not_known_to_a_stranger(version: str) -> None:
    @aio
    async def check() -> None:
        world = await charging()
        station = Charging(world, CommandResult.ACCEPTED)
        _, token = await _stranger(world, Role.EMSP)
        url = "https://evil.example/x"
        path = PATH.format(version)
        query = {"duration": "900", "response_url": url}
        answers = [
            await call(world.els, token, "PUT", path, BODY | {"response_url": url}),
            await call(world.els, token, "GET", path, query=query),
            await call(world.els, token, "DELETE", path, query=query),
        ]
        assert [one.data["result"] for one in answers] == ["UNKNOWN_SESSION"] * 3
        wish = await call(world.els, token, "PUT", WISHES.format(version), {"profile_type": "REGULAR"})
        assert wish.status == 404
        assert station.asked == []
        assert await world.els.spine.find(t.steering) == []
        assert await world.els.spine.find(t.session_preference) == []

    check()


async def _as_scsp(world: World, *roles: PartyRole) -> None:
    """Have the CPO know its peer by these roles."""
    before = await world.ret_at_els()
    after = msgspec.structs.replace(before, roles=roles)
    await world.els.roaming.peers.write(after, Secrets(), before=before)


BUSINESS = BusinessDetails("X")


@aio
async def test_an_scsp_in_the_emsps_credentials_may_steer_its_sessions() -> None:
    world = await charging()
    Charging(world, CommandResult.ACCEPTED)
    smart = PartyId("SE", "SMC")
    await _as_scsp(world, PartyRole(RET, Role.EMSP, BUSINESS), PartyRole(smart, Role.SCSP, BUSINESS))
    sender = {"ocpi-from-country-code": "SE", "ocpi-from-party-id": "SMC"}
    answer = await world.as_ret("PUT", PATH.format("2.3.0"), BODY, headers=sender)
    assert answer.data["result"] == "ACCEPTED"
    await _until(lambda: bool(world.net.requests("POST", "chargingprofiles/set/x")))
    [row] = await world.els.spine.find(t.steering)
    assert row["party"] == "SE*SMC"


@aio
async def test_an_scsp_of_nobody_may_steer_nothing() -> None:
    world = await charging()
    station = Charging(world, CommandResult.ACCEPTED)
    await _as_scsp(world, PartyRole(PartyId("SE", "SMC"), Role.SCSP, BUSINESS))
    answer = await world.as_ret("PUT", PATH.format("2.3.0"), BODY)
    assert answer.data["result"] == "UNKNOWN_SESSION"
    assert station.asked == []


@aio
async def test_r54_a_result_counts_once_from_whom_was_asked_and_of_its_kind() -> None:
    world = await charging()
    station = Charging(world, None)
    waiting = asyncio.ensure_future(set_(world))
    await station.heard.wait()
    [sent] = world.net.requests("PUT", "cpo/chargingprofiles")
    path = json.loads(sent.body)["response_url"].removeprefix("https://ret.example/ocpi/")
    stranger = await _another_cpo(world)
    assert (await call(world.ret, stranger, "POST", path, {"result": "ACCEPTED"})).status == 404
    # What is of another kind was not asked for, whatever its name.
    for kind in ("clear", "active"):
        other = path.replace("/set/", f"/{kind}/")
        assert (await world.as_els("POST", other, {"result": "ACCEPTED"})).status == 404
    assert not waiting.done()
    assert (await world.as_els("POST", path, {"result": "REJECTED"})).status == 200
    assert (await world.as_els("POST", path, {"result": "ACCEPTED"})).status == 404
    assert (await waiting).state == "REJECTED"


async def _another_cpo(world: World) -> str:
    """The token of a second connection to the same eMSP."""
    token_a = await world.ret.roaming.registrar.invite(RET, "els-2")
    peer = await world.els.roaming.registrar.register(ELS, "ret-2", world.ret.versions_url, token_a)
    return known(await world.els.roaming.peers.token_out(peer))


@aio
async def test_a_result_that_is_told_at_another_node_reaches_the_one_that_waits() -> None:
    world = await charging()
    station = Charging(world, None)
    waiting = asyncio.ensure_future(world.ret.roaming.steersman.get(await at(world), 900))
    await station.heard.wait()
    [sent] = world.net.requests("GET", "cpo/chargingprofiles")
    url = sent.path.partition("response_url=")[2].partition("&")[0]
    path = url.replace("%3A", ":").replace("%2F", "/").removeprefix("https://ret.example/ocpi/")
    world.ret.roaming = wire(world.ret.means, world.ret.post)
    active = {
        "start_date_time": "2026-02-03T12:00:00Z",
        "charging_profile": {
            "charging_rate_unit": "W",
            "charging_profile_period": [{"start_period": 0, "limit": 7400}],
        },
    }
    body = {"result": "ACCEPTED", "profile": active}
    assert (await world.as_els("POST", path, body)).status == 200
    told = (await waiting).active
    assert told is not None
    assert told.periods == (Period(start_s=0, limit=Decimal("7400.0")),)


# --- crashes ----------------------------------------------------------------------------------------


async def _taken_then_crashed(world: World, method: str) -> str:
    """A request was taken, its station asked; then the node died. Returns the command's id."""
    station = Charging(world, None)
    query = {"duration": "900", "response_url": BODY["response_url"]} if method != "PUT" else {}
    body = BODY if method == "PUT" else None
    answer = await world.as_ret(method, PATH.format("2.2.1"), body, query=query)
    assert answer.data["result"] == "ACCEPTED"
    assert answer.data["timeout"] == 35
    await station.heard.wait()
    station.release()
    for task in list(world.els.roaming.callbacks._under_way.values()):
        task.cancel()
    await asyncio.sleep(0)
    world.els.roaming = wire(world.els.means, world.els.post)
    return station.asked[0].command_id


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("PUT", {"result": "ACCEPTED"}),
        ("DELETE", {"result": "ACCEPTED"}),
        (
            "GET",
            {
                "result": "ACCEPTED",
                "profile": {
                    "start_date_time": "2026-02-03T12:00:00Z",
                    "charging_profile": {
                        "duration": 900,
                        "charging_rate_unit": "A",
                        "start_date_time": "2026-02-03T12:00:00Z",
                        "charging_profile_period": [{"start_period": 0, "limit": 10.0}],
                    },
                },
            },
        ),
    ],
)
def test_p5_after_a_crash_the_stations_own_answer_is_told_once(method: str, result: dict[str, Any]) -> None:
    @aio
    async def check() -> None:
        world = await charging()
        command_id = await _taken_then_crashed(world, method)
        action = {"PUT": "SetChargingProfile", "DELETE": "ClearChargingProfile"}.get(
            method, "GetCompositeSchedule"
        )
        requested = f.CommandRequested(
            command_id, CommandName.CALL, RET, session_id="S1", action=action, payload="{}"
        )
        response = ALLOWED if method == "GET" else '{"status":"Accepted"}'
        answered = f.CommandAnswered(command_id, CommandResult.ACCEPTED, "Accepted", response)
        noise = tuple(f.MeterSampled(1, 1, ()) for _ in range(600))
        await at_station(world, *noise, requested, answered)
        lives = (world.els.roaming, wire(world.els.means, world.els.post))
        await asyncio.gather(*(life.callbacks.settle() for life in lives))
        await world.els.roaming.callbacks.settle()
        posts = world.net.requests("POST", "emsp/chargingprofiles/set/x")
        assert [json.loads(sent.body) for sent in posts] == [result]
        is_set = [row["set_at"] is not None for row in await world.els.spine.find(t.steering)]
        assert is_set == [method == "PUT"]

    check()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "GET"])
def test_p5_after_a_crash_without_an_answer_it_is_rejected_when_due_and_not_before(method: str) -> None:
    @aio
    async def check() -> None:
        world = await charging()
        await _taken_then_crashed(world, method)
        await world.els.roaming.callbacks.settle()
        assert world.net.requests("POST", "emsp/chargingprofiles/set/x") == []
        world.clock.pass_by(seconds=36)
        await world.els.roaming.callbacks.settle()
        await world.els.roaming.callbacks.settle()
        posts = world.net.requests("POST", "emsp/chargingprofiles/set/x")
        assert [json.loads(sent.body) for sent in posts] == [{"result": "REJECTED"}]
        assert await world.els.spine.find(t.callback) == []

    check()


@aio
async def test_an_emsp_that_hears_nothing_does_not_wait_for_ever() -> None:
    world = await charging()
    data = {"result": "ACCEPTED", "timeout": 1}
    envelope = {"status_code": 1000, "timestamp": "2026-02-03T12:00:00Z", "data": data}

    async def forgetful(_: HttpRequest) -> HttpResponse:
        return HttpResponse(200, {}, json.dumps(envelope).encode())

    world.net.hosts["els.example"] = forgetful
    assert (await set_(world)).state == NO_ANSWER
    [row] = await world.ret.spine.find(t.roamed_profile)
    assert row["state"] == NO_ANSWER


# --- news of what is active -------------------------------------------------------------------------

SET: dict[str, Any] = {"name": CommandName.CALL, "action": "SetChargingProfile", "payload": "{}"}


async def _other_limit(world: World, command_id: str, asked_by: PartyId, **changes: Any) -> None:
    """Somebody had the station called, and it took it."""
    fields = SET | changes
    requested = f.CommandRequested(command_id, asked_by=asked_by, **fields)
    answered = f.CommandAnswered(command_id, CommandResult.ACCEPTED, "Accepted", '{"status":"Accepted"}')
    await at_station(world, requested, answered)
    await world.settle()


@pytest.mark.parametrize("version", VERSIONS)
def test_who_set_a_profile_hears_when_something_else_limits_the_session(version: str) -> None:
    @aio
    async def check() -> None:
        world = await charging(version)
        station = Charging(world, CommandResult.ACCEPTED)
        await set_(world)
        await _other_limit(world, "C-1", ELS)
        [told] = world.net.requests("PUT", "emsp/chargingprofiles/S1")
        profile = json.loads(told.body)
        assert profile["start_date_time"] == "2026-02-03T12:00:00Z"
        assert profile["charging_profile"]["charging_profile_period"] == [{"start_period": 0, "limit": 10.0}]
        assert station.fields() == ("GetCompositeSchedule", {"connectorId": 1, "duration": 900})
        [row] = await world.ret.spine.find(t.roamed_profile)
        assert msgspec.json.decode(str(row["active"]), type=Schedule).periods[0].limit == Decimal("10.0")
        assert row["state"] == "ACCEPTED", "what we asked for stays as it was"
        await world.settle()
        assert len(world.net.requests("PUT", "emsp/chargingprofiles/S1")) == 1, "the question is no news"

    check()


@aio
async def test_a_limit_from_outside_is_news_too() -> None:
    world = await charging()
    Charging(world, CommandResult.ACCEPTED)
    await set_(world)
    notice = Notice(kind=NoticeKind.CHARGING_LIMIT, at=START, status="Limited")
    await at_station(world, f.StationNoticed(notice))
    await world.settle()
    assert len(world.net.requests("PUT", "emsp/chargingprofiles/S1")) == 1


def test_nobody_is_told_without_need() -> None:
    @aio
    async def check(prepare: Callable[[World], Any], **changes: Any) -> None:
        world = await charging()
        Charging(world, CommandResult.ACCEPTED)
        await prepare(world)
        await _other_limit(world, "C-1", changes.pop("by", ELS), **changes)
        assert world.net.requests("PUT", "emsp/chargingprofiles/S1") == []

    async def nothing(_: World) -> None:
        pass

    async def ended(world: World) -> None:
        await set_(world)
        await at_station(world, f.SessionEnded("S1", START + timedelta(minutes=5)))

    check(nothing)  # It never set a profile.
    check(ended)
    check(set_, by=RET)  # It asked for it itself.
    check(set_, action="TriggerMessage")  # It limits nothing.


@aio
async def test_only_the_sessions_own_cpo_tells_what_is_active_and_nothing_older_replaces_newer() -> None:
    world = await charging()
    path = "2.3.0/emsp/chargingprofiles/S1"

    def active(at_: str, limit: int) -> dict[str, Any]:
        periods = [{"start_period": 0, "limit": limit}]
        profile = {"charging_rate_unit": "A", "charging_profile_period": periods}
        return {"start_date_time": at_, "charging_profile": profile}

    async def kept() -> Decimal | None:
        [row] = await world.ret.spine.find(t.roamed_profile)
        return msgspec.json.decode(str(row["active"]), type=Schedule).periods[0].limit

    assert (await world.as_els("PUT", path, active("2026-02-03T12:30:00Z", 8))).status == 200
    evil = Node(world.net, world.clock, "evil.example", MemorySpine(world.clock), Waits(), tuple(TABLES))
    await evil.party(EVIL, Role.CPO)
    token_a = await world.ret.roaming.registrar.invite(RET, "evil")
    peer = await evil.roaming.registrar.register(EVIL, "ret", world.ret.versions_url, token_a)
    token = await evil.roaming.peers.token_out(peer)
    assert (await call(world.ret, token, "PUT", path, active("2027-01-01T00:00:00Z", 1))).status == 404
    assert (
        await world.as_els("PUT", path.replace("S1", "S9"), active("2026-02-03T13:00:00Z", 1))
    ).status == 404
    assert (await world.as_els("PUT", path, active("2026-02-03T12:00:00Z", 32))).status == 200
    assert await kept() == Decimal("8.0")
    assert (await world.as_els("PUT", path, active("2026-02-03T12:45:00Z", 12))).status == 200
    assert await kept() == Decimal("12.0")


async def _until(holds: Callable[[], bool]) -> None:
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it does not come")
