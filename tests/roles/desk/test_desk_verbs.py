"""The operator's verbs: what they store, what they show, and what they refuse."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from desk_book import StepClock, contracts, done

from elstrada.charging.remote import LATE
from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command
from elstrada.model.cdr import Cdr, CdrLocation
from elstrada.model.cost import Cost, CostLine, Price, TaxAmount
from elstrada.model.device import CommandName, CommandResult, Station
from elstrada.model.facts import CdrIssued, CdrReceived, CommandAnswered, CommandRequested, StationConnected
from elstrada.model.ids import PartyId, cdr_stream, station_address
from elstrada.model.location import GeoLocation
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import Dimension, PriceComponent, Tariff, TariffElement
from elstrada.model.token import AuthMethod
from elstrada.model.waits import Waits
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.roles.desk.table import NOUNS, params_of, verb_named, verbs_of
from elstrada.roles.desk.tariffs import StoredTariff, TariffLine
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, Work
from elstrada.spine.post import Letter, LocalPost
from elstrada.spine.sqlite import SqliteSpine

ROOT = Path(__file__).parents[4]
IRVE = ROOT / "shared" / "data" / "locations" / "fr_irve_statique_29109.jsonl.gz"
NDW = ROOT / "shared" / "data" / "locations" / "nl_ndw_ocpi_2_2_1_excerpt.json"

CPO = {"party": "SE*ELS", "roles": ["CPO"], "name": "Elstrada Nord", "currency": "SEK"}
EMSP = {"party": "SE*RET", "roles": ["EMSP"], "name": "Retail AB", "currency": "SEK"}
TARIFF: dict[str, Any] = {
    "id": "T1",
    "currency": "SEK",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 4.5, "vat": 25, "step_size": 1}]}],
}
EVSE: dict[str, Any] = {
    "uid": "E1",
    "evse_id": "SE*ELS*E1",
    "status": "AVAILABLE",
    "last_updated": "2026-01-01T00:00:00Z",
    "connectors": [
        {
            "id": "1",
            "standard": "IEC_62196_T2",
            "format": "SOCKET",
            "power_type": "AC_3_PHASE",
            "max_voltage": 230,
            "max_amperage": 32,
            "max_electric_power": 22000,
            "last_updated": "2026-01-01T00:00:00Z",
        }
    ],
}
LOCATION: dict[str, Any] = {
    "id": "L1",
    "publish": True,
    "address": "Storgatan 1",
    "city": "Umeå",
    "country": "SWE",
    "coordinates": {"latitude": "63.82500", "longitude": "20.26300"},
    "time_zone": "Europe/Stockholm",
    "evses": [EVSE],
}


def run(steps: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(steps())


def as_file(document: object) -> str:
    """A file's content as JSON parameters carry it."""
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return msgspec.to_builtins(raw)


async def stocked(desk: Desk) -> None:
    await done(desk, "party put", **CPO)
    await done(desk, "party put", **EMSP)


def refusal(answer: object, kind: Kind) -> Refusal:
    assert isinstance(answer, Refusal), answer
    assert answer.kind is kind, answer
    return answer


def test_every_verb_is_found_by_its_name_under_its_noun() -> None:
    names = [verb.name for noun in NOUNS for verb in verbs_of(noun)]
    assert len(names) == len(set(names)) > 20
    for name in names:
        verb = verb_named(name)
        assert verb is not None
        assert verb.says
        assert verb.params.__struct_config__.forbid_unknown_fields, name
    assert verb_named("station fly") is None
    assert verb_named("") is None


def test_our_parties_are_put_and_listed(desk: Desk) -> None:
    async def steps() -> None:
        await stocked(desk)
        changed = await done(desk, "party put", **{**CPO, "name": "Elstrada Norr"})
        listed = await done(desk, "party list")
        assert isinstance(listed, tuple)
        assert [line.party for line in listed] == ["SE*ELS", "SE*RET"]
        assert listed[0] == changed

    run(steps)


@pytest.mark.parametrize(
    ("name", "values", "kind", "says", "pointer"),
    [
        ("party put", {**CPO, "party": "S*ELS"}, Kind.USAGE, "not a party id: 'S*ELS'", "/party"),
        ("party put", {**CPO, "roles": []}, Kind.USAGE, "at least one role", "/roles"),
        ("party put", {**CPO, "roles": ["KING"]}, Kind.USAGE, "invalid enum value 'KING'", "/roles/0"),
        ("party put", {**CPO, "currency": "kr"}, Kind.USAGE, "matching regex", "/currency"),
        ("party put", {**CPO, "colour": "red"}, Kind.USAGE, "unknown field `colour`", ""),
        ("party put", {"party": "SE*ELS"}, Kind.USAGE, "missing required field `roles`", ""),
        ("station add", {"station": "a/b"}, Kind.USAGE, "not a station's identity", "/station"),
        ("station add", {"station": "S1", "party": "SE*RRR"}, Kind.MISSING, "there are: SE*ELS", "/party"),
        ("station add", {"station": "S1", "place": ["1:L1"]}, Kind.USAGE, "not a place", "/place/0"),
        ("station add", {"station": "S1", "place": ["1=L9/E1"]}, Kind.MISSING, "no location L9", ""),
        ("station adopt", {"station": "S1"}, Kind.MISSING, "no unknown station 'S1'", ""),
        ("station command", {"station": "S1", "command": "RESET"}, Kind.UNREACHABLE, "running server", ""),
        ("partner add", {"partner": "x"}, Kind.UNREACHABLE, "needs a running server", ""),
        ("token add", {"uid": "", "contract": "C"}, Kind.USAGE, "not a token's uid: 0 characters", "/uid"),
        ("token add", {"uid": "x" * 37, "contract": "C"}, Kind.USAGE, "37 characters", "/uid"),
        (
            "token add",
            {"uid": "A1", "contract": "C", "party": "SE*ELS"},
            Kind.CONFLICT,
            "SE*ELS is no eMSP",
            "/party",
        ),
        (
            "contract put",
            {"id": "C1", "customer": "K1", "plan": "P1", "supply_point": "735999100000000001"},
            Kind.MISSING,
            "no customer 'K1'",
            "",
        ),
        (
            "plan put",
            {"id": "P", "name": "P", "mode": "FIXED_PER_KWH", "price_per_kwh": "-1"},
            Kind.USAGE,
            "not a price: -1",
            "/price_per_kwh",
        ),
        (
            "plan put",
            {"id": "P", "name": "P", "mode": "FIXED_PER_KWH", "markup_percent": "5"},
            Kind.USAGE,
            "has no mark-up",
            "/markup_percent",
        ),
        ("customer put", {"id": "a b", "name": "X"}, Kind.USAGE, "not a customer's number", "/id"),
        ("cdr explain", {"cdr": "none"}, Kind.MISSING, "no CDR 'none'", "/cdr"),
        ("bill export", {"month": "2026-13"}, Kind.USAGE, "matching regex", "/month"),
        ("bill export", {"time_zone": "Mars/Base"}, Kind.USAGE, "not a time zone", "/time_zone"),
        ("import irve", {"file": as_file(b"a,b\n")}, Kind.INVALID, "the file is not IRVE", ""),
        ("import ocpi", {"file": as_file(b"[]")}, Kind.INVALID, "no OCPI Location", ""),
        ("import ocpi", {"file": as_file(b"[")}, Kind.INVALID, "not JSON", ""),
        ("tariff put", {"file": as_file([])}, Kind.INVALID, "expected one tariff", ""),
    ],
)
def test_wrong_input_is_refused_with_what_where_and_what_was_expected(
    desk: Desk, name: str, values: dict[str, Any], kind: Kind, says: str, pointer: str
) -> None:
    async def steps() -> None:
        await stocked(desk)
        if name == "import irve":
            values.setdefault("party", "SE*RET")
        if name == "import ocpi":
            values.setdefault("party", "SE*RET")
        found = refusal(await done(desk, name, **values), kind)
        assert says in found.says
        assert found.pointer == pointer

    run(steps)


def test_without_a_party_and_with_several_the_operator_is_told_which_there_are(desk: Desk) -> None:
    async def steps() -> None:
        found = refusal(await done(desk, "station add", station="S1"), Kind.MISSING)
        assert "no party with the role CPO yet" in found.says
        await stocked(desk)
        await done(desk, "party put", party="NO*ELS", roles=["CPO"], name="Elstrada Vest")
        found = refusal(await done(desk, "station add", station="S1"), Kind.USAGE)
        assert "NO*ELS, SE*ELS" in found.says

    run(steps)


def test_a_stations_password_is_shown_once_and_kept_only_as_a_hash(desk: Desk) -> None:
    """T1, T5: at least 128 bits; OCPP 2.0.1 takes 16 to 40 characters."""

    async def steps() -> None:
        await stocked(desk)
        await done(desk, "location put", file=as_file(LOCATION))
        new: Any = await done(desk, "station add", station="S1", place=["1=L1/E1"])
        assert 32 <= len(new.password) <= 40
        row = await desk.spine.get(t.station, owner="SE*ELS", station_id="S1")
        assert row is not None
        assert row["password_hash"] == desk.keys.station_hash("S1", new.password.encode())
        assert new.password not in str(row)
        station = msgspec.json.decode(str(row["document"]), type=Station)
        assert [(place.evse_id, place.evse_uid) for place in station.places] == [(1, "E1")]
        refusal(await done(desk, "station add", station="S1"), Kind.CONFLICT)
        missing = refusal(await done(desk, "station add", station="S2", place=["1=L1/E7"]), Kind.MISSING)
        assert "no EVSE with the uid E7" in missing.says
        (line,) = await listed(desk, "station list")
        assert (line.station, line.connected, line.places) == ("S1", False, 1)

    run(steps)


async def listed(desk: Desk, name: str, /, **values: object) -> tuple[Any, ...]:
    found = await done(desk, name, **values)
    assert isinstance(found, tuple), found
    return found


def test_an_unknown_station_is_adopted_and_forgotten_as_unknown(desk: Desk) -> None:
    async def steps() -> None:
        await stocked(desk)
        now = desk.clock.now()
        knock = {"station_id": "S7", "remote": "127.0.0.1", "protocols": "ocpp1.6", "reason": "unknown"}
        row = {**knock, "count": 3, "first_at": now, "last_at": now}
        await desk.spine.commit(Work(writes=(Put(t.unknown_station, row),)))
        (line,) = await listed(desk, "station unknown")
        assert (line.station, line.count) == ("S7", 3)
        new: Any = await done(desk, "station adopt", station="S7")
        assert new.password
        assert await listed(desk, "station unknown") == ()
        assert len(await listed(desk, "station list")) == 1

    run(steps)


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (CommandResult.ACCEPTED, None),
        (CommandResult.SCHEDULED, None),
        (CommandResult.REJECTED, Kind.REFUSED),
        (CommandResult.NOT_SUPPORTED, Kind.REFUSED),
        (CommandResult.TIMEOUT, Kind.UNKNOWN),
    ],
)
def test_a_command_goes_by_post_and_ends_as_the_station_says(
    desk: Desk, result: CommandResult, kind: Kind | None
) -> None:
    """P5: one command, one result."""

    async def steps() -> None:
        heard: list[Letter] = []

        async def station(ask: Letter) -> Letter:
            heard.append(ask)
            return CommandDone(result, "as it said")

        post = LocalPost()
        post.serve(station_address("n1", PartyId("SE", "ELS"), "S1", "c1"), station)
        connected = Append("station/SE*ELS/S1", 0, (StationConnected("ocpp1.6", "c1", "n1"),))
        await desk.spine.commit(Work(appends=(connected,)))
        living = msgspec.structs.replace(desk, post=post)
        await stocked(living)
        await done(living, "station add", station="S1")
        found: Any = await done(living, "station command", station="S1", command="RESET", hard=True)
        (command,) = heard
        assert isinstance(command, Command)
        assert (command.name, command.hard, str(command.asked_by)) == ("RESET", True, "SE*ELS")
        if kind is None:
            assert (found.command_id, found.result) == (command.command_id, result)
        else:
            assert result.value in refusal(found, kind).says

    run(steps)


async def _answered(desk: Desk, answer: CommandDone) -> Refusal:
    """What the operator is told of a command that ended so at the gateway."""

    async def gateway(_: Letter) -> Letter:
        return answer

    post = LocalPost()
    post.serve(station_address("n1", PartyId("SE", "ELS"), "S1", "c1"), gateway)
    connected = Append("station/SE*ELS/S1", 0, (StationConnected("ocpp1.6", "c1", "n1"),))
    await desk.spine.commit(Work(appends=(connected,)))
    living = msgspec.structs.replace(desk, post=post)
    await stocked(living)
    await done(living, "station add", station="S1")
    found = await done(living, "station command", station="S1", command="RESET")
    assert isinstance(found, Refusal)
    return found


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ('{"HeartbeatInterval": 900}', "HeartbeatInterval: expected a text in quotes, got a number"),
        ('{"A": "1", "WebSocketPingInterval": null}', "WebSocketPingInterval: expected a text in quotes"),
        ("[1]", "it is no JSON object"),
    ],
)
def test_a_value_that_is_no_text_is_named_by_its_key(desk: Desk, values: str, says: str) -> None:
    async def steps() -> None:
        living = msgspec.structs.replace(desk, post=LocalPost())
        await stocked(living)
        await done(living, "station add", station="S1")
        told = refusal(await done(living, "station configure", station="S1", values=values), Kind.INVALID)
        assert says in told.says
        assert "900" not in told.says

    run(steps)


def test_what_is_given_for_a_text_is_not_repeated(desk: Desk) -> None:
    verb = verb_named("token add")
    assert verb is not None
    wrong = params_of(verb, {"uid": 1234567, "contract": "SERETC00000017"})
    assert isinstance(wrong, Refusal)
    assert "1234567" not in wrong.says
    assert "--uid: " in wrong.says


def test_what_was_erased_of_a_customer_is_said_to_be(desk: Desk) -> None:
    async def steps() -> None:
        await stocked(desk)
        await done(desk, "station add", station="S1")
        key = {"owner": "SE*ELS", "station_id": "S1", "kind": "CUSTOMER_INFORMATION"}
        now = desk.clock.now()
        report = {**key, "request_id": 77, "whole": False, "parts": "[0]", "last": 0, "items": 1}
        report |= {"began_at": now, "complete_at": now}
        item = {**key, "key": "77/00000", "document": '"Bob"', "reported_at": now}
        await desk.spine.commit(Work(writes=(Put(t.station_report, report), Put(t.station_item, item))))
        told: Any = await done(desk, "station customer", station="S1", request=77)
        assert told.text == "Bob"
        await done(desk, "station forget", station="S1", kind="CUSTOMER_INFORMATION")
        gone = refusal(await done(desk, "station customer", station="S1", request=77), Kind.MISSING)
        assert "was erased here" in gone.says

    run(steps)


@pytest.mark.parametrize(
    ("result", "named", "told"),
    [
        (CommandResult.ACCEPTED, (), True),
        (CommandResult.UNKNOWN, (), True),
        (CommandResult.UNKNOWN, ("T1",), False),
        (CommandResult.REJECTED, (), False),
        (CommandResult.FAILED, ("T1", "T2"), False),
    ],
)
def test_tariffs_that_a_station_does_not_forget_are_a_refusal(
    desk: Desk, result: CommandResult, named: tuple[str, ...], told: bool
) -> None:
    """UNKNOWN is OCPP's NoTariff: where all were to go, there is none."""

    async def steps() -> None:
        async def gateway(ask: Letter) -> Letter:
            assert isinstance(ask, Command)
            clears = ask.action == "ClearTariffs"
            return CommandDone(result if clears else CommandResult.ACCEPTED, "1 of 2 not done: T1", "{}")

        post = LocalPost()
        post.serve(station_address("n1", PartyId("SE", "ELS"), "S1", "c1"), gateway)
        connected = Append("station/SE*ELS/S1", 0, (StationConnected("ocpp2.1", "c1", "n1"),))
        await desk.spine.commit(Work(appends=(connected,)))
        living = msgspec.structs.replace(desk, post=post)
        await stocked(living)
        await done(living, "station add", station="S1")
        end = await done(living, "station tariffs", station="S1", clear=True, tariff=list(named))
        if told:
            assert end == ()
        else:
            assert "ClearTariffs" in refusal(end, Kind.REFUSED).says
            assert "1 of 2 not done: T1" in refusal(end, Kind.REFUSED).says

    run(steps)


@pytest.mark.parametrize(
    ("result", "unsent", "kind", "says"),
    [
        (CommandResult.TIMEOUT, False, Kind.UNKNOWN, "nobody knows whether RESET was done: S1 was told"),
        (CommandResult.TIMEOUT, True, Kind.UNREACHABLE, "RESET was not sent to S1: TIMEOUT (why)"),
        (CommandResult.OFFLINE, True, Kind.UNREACHABLE, "RESET was not sent to S1: OFFLINE (why)"),
        (CommandResult.REJECTED, True, Kind.REFUSED, "RESET was not sent to S1: REJECTED (why)"),
        (CommandResult.REJECTED, False, Kind.REFUSED, "S1 answered RESET with REJECTED (why)"),
    ],
)
def test_what_was_sent_without_an_answer_is_unknown_and_what_was_not_sent_is_not_done(
    desk: Desk, result: CommandResult, unsent: bool, kind: Kind, says: str
) -> None:
    async def steps() -> None:
        told = await _answered(desk, CommandDone(result, "why", unsent=unsent))
        assert told.kind is kind
        assert says in told.says
        assert (kind is Kind.UNKNOWN) == ("before you repeat it" in told.hint)

    run(steps)


@pytest.mark.parametrize(
    ("result", "detail", "kind", "says"),
    [
        ("TIMEOUT", "no reply in time", Kind.UNKNOWN, "nobody knows"),
        ("TIMEOUT", LATE, Kind.UNREACHABLE, "RESET was not sent to S1"),
        ("OFFLINE", "the station is not connected", Kind.UNREACHABLE, "RESET was not sent to S1"),
        ("REJECTED", "x", Kind.REFUSED, "RESET was not done by S1: REJECTED (x)"),
    ],
)
def test_a_command_asked_for_again_is_told_from_its_record(
    desk: Desk, result: str, detail: str, kind: Kind, says: str
) -> None:
    async def steps() -> None:
        living = msgspec.structs.replace(desk, post=LocalPost())
        await stocked(living)
        await done(living, "station add", station="S1")
        asked = CommandRequested("command1", CommandName.RESET, PartyId("SE", "ELS"))
        ended = CommandAnswered("command1", CommandResult(result), detail)
        await desk.spine.commit(Work(appends=(Append("station/SE*ELS/S1", 0, (asked, ended)),)))
        again = await done(living, "station command", station="S1", command="RESET", command_id="command1")
        assert says in refusal(again, kind).says

    run(steps)


@pytest.mark.parametrize(("said", "deadline_s"), [({}, 7), ({"deadline_s": 2}, 2)])
def test_a_command_waits_as_configured_unless_it_says_how_long(
    desk: Desk, said: dict[str, int], deadline_s: int
) -> None:
    async def steps() -> None:
        heard: list[Letter] = []

        async def station(ask: Letter) -> Letter:
            heard.append(ask)
            return CommandDone(CommandResult.ACCEPTED)

        post = LocalPost()
        post.serve(station_address("n1", PartyId("SE", "ELS"), "S1", "c1"), station)
        connected = Append("station/SE*ELS/S1", 0, (StationConnected("ocpp1.6", "c1", "n1"),))
        await desk.spine.commit(Work(appends=(connected,)))
        living = msgspec.structs.replace(desk, post=post, waits=Waits(command_s=7))
        await stocked(living)
        await done(living, "station add", station="S1")
        await done(living, "station command", station="S1", command="RESET", **said)
        assert isinstance(heard[0], Command)
        assert heard[0].deadline_s == deadline_s

    run(steps)


def test_a_command_that_cannot_be_given_is_refused_before_the_station_hears_of_it(desk: Desk) -> None:
    async def steps() -> None:
        living = msgspec.structs.replace(desk, post=LocalPost())
        await stocked(living)
        missing = refusal(await done(living, "station command", station="S1", command="RESET"), Kind.MISSING)
        assert "'S1'" in missing.says
        await done(living, "station add", station="S1")
        usage = refusal(await done(living, "station command", station="S1", command="START"), Kind.USAGE)
        assert usage.pointer == "/token"
        away = refusal(await done(living, "station command", station="S1", command="RESET"), Kind.UNREACHABLE)
        assert "OFFLINE" in away.says

    run(steps)


def test_a_token_is_stored_with_its_pseudonym_and_shown_without_its_uid(desk: Desk) -> None:
    """T21, T28."""

    async def steps() -> None:
        await stocked(desk)
        await contracts(desk, "SERETC00000017")
        line: Any = await done(desk, "token add", uid="04A2B3C4D5E6F7", contract="SERETC00000017")
        assert "04A2B3C4D5E6F7" not in str(line)
        assert line.uid == "…E6F7"
        assert line.ref == desk.keys.token_ref("04a2b3c4d5e6f7")
        identity = await desk.spine.get(t.identity, owner="SE*RET", ref=line.ref, party="SE*RET")
        assert identity is not None
        (again,) = await listed(desk, "token list", contract="SERETC00000017")
        assert again == line

    run(steps)


def test_a_uid_stands_for_one_contract_under_all_its_types(desk: Desk) -> None:
    """Facts know the uid's pseudonym alone: with two contracts, one would pay for the other."""

    async def steps() -> None:
        await stocked(desk)
        await contracts(desk, "C17", "C18")
        line: Any = await done(desk, "token add", uid="04A2B3C4", contract="C17")
        identity = await desk.spine.get(t.identity, owner="SE*RET", ref=line.ref, party="SE*RET")
        second = await done(desk, "token add", uid="04a2b3c4", contract="C18", type="APP_USER")
        refused = refusal(second, Kind.CONFLICT)
        assert refused.pointer == "/contract"
        assert "04a2b3c4" not in refused.says.lower()
        assert not isinstance(
            await done(desk, "token add", uid="04A2B3C4", contract="C17", type="APP_USER"), Refusal
        )
        assert await desk.spine.get(t.identity, owner="SE*RET", ref=line.ref, party="SE*RET") == identity
        blocked: Any = await done(desk, "token add", uid="04A2B3C4", contract="C17", blocked=True)
        assert not blocked.valid

    run(steps)


def test_a_token_of_a_contract_that_is_not_ours_is_refused_with_what_to_do(desk: Desk) -> None:
    async def steps() -> None:
        await stocked(desk)
        refused = refusal(await done(desk, "token add", uid="A1", contract="NOPE"), Kind.MISSING)
        assert "contract 'NOPE'" in refused.says
        assert "contract put" in refused.hint
        assert await desk.spine.find(t.token) == []

    run(steps)


def test_a_fixed_plan_without_any_price_is_refused(desk: Desk) -> None:
    async def steps() -> None:
        await stocked(desk)
        plan = {"id": "P1", "name": "El", "mode": "FIXED_PER_KWH"}
        assert refusal(await done(desk, "plan put", **plan), Kind.USAGE).pointer == "/price_per_kwh"
        assert not isinstance(await done(desk, "plan put", **plan, price_per_session="5"), Refusal)

    run(steps)


def test_a_customer_a_plan_and_a_contract_make_a_driver_who_can_be_billed(
    desk: Desk, clock: StepClock
) -> None:
    async def steps() -> None:
        await stocked(desk)
        await done(desk, "customer put", id="K1", name="Åsa Berg")
        plan: Any = await done(
            desk, "plan put", id="P1", name="El", mode="FIXED_PER_KWH", price_per_kwh="3.20"
        )
        assert plan.currency == "SEK"
        asked = {"id": "SERETC00000017", "customer": "K1", "plan": "P1"}
        # GS1: the check digit of 73599910000000001 is 0.
        contract: Any = await done(desk, "contract put", **asked, supply_point="735999100000000010")
        assert contract.valid_from == clock.at.date()
        wrong = await done(desk, "contract put", **asked, supply_point="735999100000000017")
        assert "check digit" in refusal(wrong, Kind.USAGE).says
        backwards = await done(
            desk, "contract put", **asked, supply_point="A1", valid_from="2026-05-01", valid_to="2026-04-01"
        )
        assert refusal(backwards, Kind.USAGE).pointer == "/valid_to"

    run(steps)


def test_a_contract_that_is_put_again_still_covers_the_sessions_it_covered(
    desk: Desk, clock: StepClock
) -> None:
    """V30: the CDR of a session before the change may come after it, and would be held."""

    async def steps() -> None:
        await stocked(desk)
        await contracts(desk, "SERETC00000017")
        first = clock.at.date()
        clock.step(days=30)
        asked = {"id": "SERETC00000017", "customer": "K1", "plan": "P1", "supply_point": "A2"}
        changed: Any = await done(desk, "contract put", **asked)
        assert (changed.supply_point_id, changed.valid_from) == ("A2", first)
        moved: Any = await done(desk, "contract put", **asked, valid_from="2026-04-01")
        assert moved.valid_from.isoformat() == "2026-04-01"

    run(steps)


def test_a_tariff_is_stored_as_ours_with_the_time_of_its_change(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await stocked(desk)
        line: Any = await done(desk, "tariff put", file=as_file(TARIFF))
        assert (line.party, line.id, line.last_updated) == ("SE*ELS", "T1", clock.at)
        assert await listed(desk, "tariff list") == (as_listed(line),)

    run(steps)


def as_listed(stored: StoredTariff) -> TariffLine:
    """What was put, as a list tells it: without what is odd about it."""
    return TariffLine(*(getattr(stored, name) for name in TariffLine.__struct_fields__))


def dearer(**fields: object) -> str:
    component = {**TARIFF["elements"][0]["price_components"][0], "price": 9}
    return as_file({**TARIFF, "elements": [{"price_components": [component]}], **fields})


def test_what_a_tariff_was_before_is_kept_when_it_changes(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await stocked(desk)
        await done(desk, "tariff put", file=as_file(TARIFF))
        (before,) = await desk.spine.find(t.tariff)
        clock.step(hours=1)
        line: Any = await done(desk, "tariff put", file=dearer())
        assert line.last_updated == clock.at
        (former,) = await desk.spine.find(t.former_tariff)
        assert (former["document"], former["replaced_at"]) == (before["document"], clock.at)
        (now,) = await desk.spine.find(t.tariff)
        assert now["document"] != before["document"]

    run(steps)


def test_a_changed_tariff_must_be_newer_than_the_one_it_replaces(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await stocked(desk)
        dated = {"last_updated": "2026-02-01T00:00:00Z"}
        line: Any = await done(desk, "tariff put", file=as_file({**TARIFF, **dated}))
        for stale in (dated, {"last_updated": "2026-01-01T00:00:00Z"}):
            found = refusal(await done(desk, "tariff put", file=dearer(**stale)), Kind.CONFLICT)
            assert "not after 2026-02-01" in found.says
        assert await done(desk, "tariff put", file=as_file({**TARIFF, **dated})) == line  # The same again.
        assert await desk.spine.find(t.former_tariff) == []
        assert await listed(desk, "tariff list") == (as_listed(line),)

    run(steps)


@pytest.mark.parametrize(
    ("change", "pointer", "says"),
    [
        ({"elements": []}, "/elements", "at least one is required"),
        ({"currency": "SEKR"}, "/currency", "at most 3"),
        ({"country_code": "NO"}, "/country_code", "would be of SE*ELS"),
        ({"elements": [{"price_components": [{"type": "ENERGY", "step_size": 1}]}]}, "/elements", "price"),
        ({"elements": "none"}, "/elements", "expected `array`"),
        (
            {"elements": [{"price_components": [{"type": "LOVE", "price": 1, "step_size": 1}]}]},
            "/elements/0/price_components/0/type",
            "'LOVE' is none of",
        ),
        (
            {"elements": [{**TARIFF["elements"][0], "restrictions": {"start_time": "25:99"}}]},
            "/elements",
            "25:99",
        ),
    ],
)
def test_an_invalid_tariff_is_refused_with_a_pointer_to_each_fault_and_not_stored(
    desk: Desk, change: dict[str, Any], pointer: str, says: str
) -> None:
    async def steps() -> None:
        await stocked(desk)
        found = refusal(await done(desk, "tariff put", file=as_file({**TARIFF, **change})), Kind.INVALID)
        assert any(problem.pointer.startswith(pointer) and says in problem.says for problem in found.problems)
        assert await listed(desk, "tariff list") == ()

    run(steps)


def test_cdrs_are_listed_and_explained_step_by_step(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await stocked(desk)
        owner = PartyId("SE", "ELS")
        fact = CdrIssued(cdr=_cdr(owner), cost=_cost())  # type: ignore[call-arg]
        await desk.spine.commit(Work((Append(cdr_stream(owner, owner, "CDR1"), 0, (fact,)),)))
        (line,) = await listed(desk, "cdr list", state="issued")
        assert (line.cdr_id, str(line.total_after_taxes), line.currency) == ("CDR1", "56.25", "SEK")
        assert await listed(desk, "cdr list", until="2026-01-01T00:00:00Z") == ()
        told: Any = await done(desk, "cdr explain", cdr="CDR1")
        assert any("10 kWh at 4.50 SEK/kWh" in text for text in told.lines)
        assert told.lines[-1] == "Total: 56.25 SEK"
        verb = verb_named("cdr explain")
        assert verb is not None
        assert verb.show is not None
        assert verb.show(told).endswith("Total: 56.25 SEK")

    run(steps)


def test_the_documents_of_the_guide_are_accepted(desk: Desk, clock: StepClock) -> None:
    guide = Path(__file__).parents[3] / "docs" / "guide" / "first-charge"

    async def steps() -> None:
        await done(desk, "party put", party="SE*ELS", roles=["CPO"], name="Example Charging")
        for noun in ("tariff", "location"):
            document = (guide / f"{noun}.json").read_text()
            told: Any = await done(desk, f"{noun} put", file=as_file(json.loads(document)))
            assert told.id == json.loads(document)["id"]

    run(steps)


def test_a_received_cdr_is_explained_by_the_tariffs_it_carries(desk: Desk, clock: StepClock) -> None:
    start = datetime(2026, 3, 1, 9, tzinfo=UTC)
    tariff = Tariff(
        party=PartyId("SE", "ELS"),
        id="T1",
        currency="SEK",
        elements=(TariffElement((PriceComponent(Dimension.ENERGY, Decimal("4.40"), Decimal(25)),)),),
        last_updated=start,
    )
    period = ChargingPeriod(start, (PeriodDimension("ENERGY", Decimal(10)),))
    bare = _cdr(PartyId("SE", "ELS"))
    cdr = msgspec.structs.replace(bare, tariffs=(tariff,), charging_periods=(period,))

    async def steps() -> None:
        await stocked(desk)
        owner = PartyId("SE", "RET")
        for number, one in enumerate((cdr, msgspec.structs.replace(bare, id="CDR2"))):
            fact = CdrReceived(cdr=one, content_hash=str(number))
            await desk.spine.commit(Work((Append(cdr_stream(owner, cdr.party, one.id), 0, (fact,)),)))
        told: Any = await done(desk, "cdr explain", cdr="CDR1")
        assert any("10 kWh at 4.40 SEK/kWh" in text for text in told.lines)
        assert told.lines[-1] == "SE*ELS asks 45.00 SEK before taxes, 1.00 apart from this"
        refusal(await done(desk, "cdr explain", cdr="CDR2"), Kind.INVALID)

    run(steps)


def _cost() -> Cost:
    start = datetime(2026, 3, 1, 9, tzinfo=UTC)
    line = CostLine(
        dimension="ENERGY",
        start=start,
        tariff_id="T1",
        element=0,
        quantity=Decimal(10),
        measured=Decimal(10),
        unit_price=Decimal("4.50"),
        amount=Decimal(45),
        vat=Decimal(25),
    )
    total = Price(Decimal("45.00"), (TaxAmount("VAT", Decimal("11.25"), Decimal(25)),))
    return Cost(currency="SEK", total=total, lines=(line,))


def _cdr(owner: PartyId) -> Cdr:
    start = datetime(2026, 3, 1, 9, tzinfo=UTC)
    place = CdrLocation(
        id="L1",
        address="Storgatan 1",
        city="Umeå",
        country="SWE",
        coordinates=GeoLocation("63.82500", "20.26300"),
        evse_uid="E1",
        evse_id="SE*ELS*E1",
        connector_id="1",
        connector_standard="IEC_62196_T2",
        connector_format="SOCKET",
        connector_power_type="AC_3_PHASE",
    )
    return Cdr(
        party=owner,
        id="CDR1",
        start_date_time=start,
        end_date_time=start.replace(hour=10),
        session_id="X1",
        token_ref="r",
        token_party=PartyId("SE", "RET"),
        auth_method=AuthMethod.WHITELIST,
        cdr_location=place,
        time_zone="Europe/Stockholm",
        currency="SEK",
        charging_periods=(),
        total_cost=_cost().total,
        total_energy=Decimal(10),
        total_time=Decimal(1),
        last_updated=start,
    )


def test_the_bill_is_exported_for_a_month_of_local_time(desk: Desk) -> None:
    async def steps() -> None:
        await stocked(desk)
        export: Any = await done(desk, "bill export", month="2026-03")
        assert export.csv.startswith("record;line_id;")
        assert export.totals == ()

    run(steps)


# --- imports ----------------------------------------------------------------------------------------


def ocpi_file(*changes: Mapping[str, object]) -> str:
    whole = {**LOCATION, "country_code": "NL", "party_id": "ABC", "last_updated": "2026-01-01T00:00:00Z"}
    return as_file([{**whole, "id": f"L{number}", **change} for number, change in enumerate(changes)])


def with_connector(**change: object) -> dict[str, object]:
    connector = {**EVSE["connectors"][0], **change}
    return {"evses": [{**EVSE, "connectors": [connector]}]}


@pytest.mark.parametrize(
    ("change", "code", "severity", "field"),
    [
        ({"evses": None, "images": None, "owner": None}, None, None, None),
        ({"country_code": None}, "Q-13", "MENDED", "/country_code"),
        ({"party_id": None}, "Q-13", "MENDED", "/party_id"),
        ({"publish": None}, "Q-13", "MENDED", "/publish"),
        ({"last_updated": None}, "Q-13", "MENDED", "/last_updated"),
        ({"country_code": None, "evses": []}, "Q-13", "REJECTED", ""),
        ({"city": 7}, "Q-13", "REJECTED", "/city"),
        ({"city": None}, "Q-13", "REJECTED", ""),
        ({"city": "x" * 46}, "Q-13", "DOUBTFUL", "/city"),
        ({"coordinates": {"latitude": "0.0", "longitude": "0.0"}}, "Q-04", "REJECTED", "/coordinates"),
        ({"coordinates": {"latitude": "north", "longitude": "5.2"}}, "Q-04", "REJECTED", "/coordinates"),
        (
            with_connector(max_electric_power=7_360_000),
            "Q-01",
            "DOUBTFUL",
            "/evses/0/connectors/0/max_electric_power",
        ),
        (
            with_connector(max_electric_power=50_000),
            "Q-02",
            "DOUBTFUL",
            "/evses/0/connectors/0/max_electric_power",
        ),
        (
            with_connector(max_electric_power=None),
            "Q-03",
            "DOUBTFUL",
            "/evses/0/connectors/0/max_electric_power",
        ),
        ({"evses": [EVSE, {**EVSE, "uid": "E2"}]}, "Q-12", "DOUBTFUL", "/evses/1/evse_id"),
    ],
)
def test_a_location_of_an_access_point_is_taken_over_mended_or_rejected_with_the_reason(
    desk: Desk, change: dict[str, Any], code: str | None, severity: str | None, field: str | None
) -> None:
    async def steps() -> None:
        await stocked(desk)
        report: Any = await done(desk, "import ocpi", file=ocpi_file({}, change), party="SE*RET")
        found = [(defect.code, defect.severity, defect.field) for defect in report.defects if defect.row == 2]
        assert (code is None and not found) or (code, severity, field) in found
        rejected = severity == "REJECTED"
        assert (report.rows, report.points, report.rejected) == ((2, 1, 1) if rejected else (2, 2, 0))
        assert report.locations == report.points

    run(steps)


def test_the_newer_of_two_locations_with_one_id_stays(desk: Desk) -> None:
    """Q-12."""

    async def steps() -> None:
        await stocked(desk)
        file = ocpi_file({"id": "L", "name": "old"}, {"id": "L", "last_updated": "2026-02-01T00:00:00Z"})
        report: Any = await done(desk, "import ocpi", file=file, party="SE*RET")
        (defect,) = report.defects
        assert (defect.code, defect.row, report.rejected, report.locations) == ("Q-12", 1, 1, 1)

    run(steps)


def test_an_import_never_replaces_what_came_from_ourselves_or_a_peer(desk: Desk) -> None:
    async def steps() -> None:
        await stocked(desk)
        await done(desk, "location put", file=as_file(LOCATION))
        whole = {**LOCATION, "country_code": "SE", "party_id": "ELS", "last_updated": "2030-01-01T00:00:00Z"}
        report: Any = await done(
            desk, "import ocpi", file=as_file({"data": [whole], "status_code": 1000}), party="SE*ELS"
        )
        assert (report.locations, report.kept) == (0, ("SE*ELS/L1",))
        (line,) = await listed(desk, "location list")
        assert line.source == "own"

    run(steps)


def test_the_dutch_access_points_location_is_taken_over_whole(desk: Desk) -> None:
    if not NDW.exists():
        pytest.skip(f"no real location at {NDW}")

    async def steps() -> None:
        await stocked(desk)
        report: Any = await done(desk, "import ocpi", file=as_file(NDW.read_bytes()), party="SE*RET")
        assert (report.rows, report.locations, report.defects) == (1, 1, ())
        (line,) = await listed(desk, "location list", source="ocpi-file")
        assert (line.party, line.city, line.evses) == ("NL*NUO", "'s-Hertogenbosch", 2)

    run(steps)


def test_the_real_register_lands_in_the_store_once_however_often_it_is_imported(
    desk: Desk, tmp_path: Path
) -> None:
    """Acceptance: all rows in under 60 s, each taken over or its rejection explained."""
    if not IRVE.exists():
        pytest.skip(f"no real register at {IRVE}")

    async def steps() -> None:
        spine = SqliteSpine(tmp_path / "elstrada.db", desk.clock)
        await spine.start()
        stored = msgspec.structs.replace(desk, spine=spine)
        await stocked(stored)
        for _ in range(2):
            started = time.process_time()  # Not by the wall: other tests have the same cores.
            report: Any = await done(stored, "import irve", file=as_file(IRVE.read_bytes()), party="SE*RET")
            assert time.process_time() - started < 60
            assert (report.rows, report.points, report.rejected) == (29_109, 28_849, 260)
            explained = {defect.row for defect in report.defects if defect.severity == "REJECTED"}
            assert len(explained) == report.rejected
            assert report.locations == 5_548
        (count,) = await spine.count(t.location, {"owner": "SE*RET", "source": "irve"})
        assert count["count"] == 5_548
        await spine.close()

    run(steps)
