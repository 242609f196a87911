"""Local authorization lists of foreign stations are kept in step: a whole process and the command line (D01)."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from installation import Installation, Nursery, Party, serving
from ocpp.routing import on
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v201 import call as call201
from ocpp_stations import Station16, Station201, plugged_in

CONTRACT, FLEET = "SEELSC00000001", "FLEET"


class Lists:
    """A station's list as the standard has it: a version, and what each message does to it."""

    version = 0
    most = 3
    enabled = True
    lies = False
    """Says that it took a list, and keeps none."""

    def take(self, version: int, kind: str, entries: list[dict[str, Any]], token: str, info: str) -> str:
        assert len(entries) <= self.most
        assert version > 0
        self.sent.append((kind, len(entries)))
        if kind == "Differential" and version <= self.version:
            return "VersionMismatch"
        if self.lies:
            return "Accepted"
        if kind == "Full":
            self.held.clear()
        for entry in entries:
            if entry.get(info) is None:
                assert kind == "Differential"
                del self.held[_name(entry[token])]
            else:
                self.held[_name(entry[token])] = entry[info]
        self.version = version
        return "Accepted"


def _name(token: Any) -> str:
    return token if isinstance(token, str) else f"{token['type']}:{token['id_token']}"


class Listed16(Lists, Station16):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.held: dict[str, Any] = {}
        self.sent: list[tuple[str, int]] = []

    @on("GetConfiguration")
    def on_get_configuration(self, key: list[str] | None = None) -> result16.GetConfiguration:
        told = {"LocalAuthListEnabled": str(self.enabled).lower(), "SendLocalListMaxLength": str(self.most)}
        keys = [{"key": name, "readonly": True, "value": value} for name, value in told.items()]
        return result16.GetConfiguration(configuration_key=keys, unknown_key=["LocalAuthListMaxLength"])

    @on("GetLocalListVersion")
    def on_version(self) -> result16.GetLocalListVersion:
        return result16.GetLocalListVersion(list_version=self.version)

    @on("SendLocalList")
    def on_list(
        self,
        list_version: int,
        update_type: str,
        local_authorization_list: list[dict[str, Any]] | None = None,
    ) -> result16.SendLocalList:
        entries = local_authorization_list or []
        return result16.SendLocalList(
            status=self.take(list_version, update_type, entries, "id_tag", "id_tag_info")
        )


class Listed201(Lists, Station201):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.held: dict[str, Any] = {}
        self.sent: list[tuple[str, int]] = []

    @on("GetVariables")
    def on_get_variables(self, get_variable_data: list[dict[str, Any]]) -> Any:
        told = {"Enabled": "true", "ItemsPerMessage": str(self.most), "BytesPerMessage": "700"}
        results = [
            {**one, "attribute_status": "Accepted", "attribute_value": told[one["variable"]["name"]]}
            if one["variable"]["name"] in told
            else {**one, "attribute_status": "UnknownVariable"}
            for one in get_variable_data
        ]
        return self._call_result.GetVariables(get_variable_result=results)

    @on("GetLocalListVersion")
    def on_version(self) -> Any:
        return self._call_result.GetLocalListVersion(version_number=self.version)

    @on("SendLocalList")
    def on_list(
        self,
        version_number: int,
        update_type: str,
        local_authorization_list: list[dict[str, Any]] | None = None,
    ) -> Any:
        entries = local_authorization_list or []
        return self._call_result.SendLocalList(
            status=self.take(version_number, update_type, entries, "id_token", "id_token_info")
        )


@pytest.fixture(scope="module")
def home(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    both = Party("SE*ELS", 'CPO", "EMSP', "Elstrada")
    with serving(Installation(tmp_path_factory.mktemp("lists"), nursery, (both,))) as home:
        home.told("customer", "put", "K1", "--name", "Customer")
        home.told("plan", "put", "P1", "--name", "P", "--mode", "FIXED_PER_KWH", "--price-per-kwh", "2")
        home.told(
            *("contract", "put", CONTRACT, "--customer", "K1", "--plan", "P1", "--supply-point", "1"),
            *("--valid-from", "2024-01-01", "--valid-to", "2199-06-30"),
        )
        for number in range(5):
            add(home, f"04A1B2C{number}", *(("--group", FLEET) if number == 0 else ()))
        add(home, "04FFFFFF", "--whitelist", "NEVER")
        add(home, "APP-USER-1", "--type", "APP_USER")
        yield home


def add(home: Installation, uid: str, *more: str) -> Any:
    return home.told("token", "add", uid, "--contract", CONTRACT, *more)


@asynccontextmanager
async def station(home: Installation, kind: Any, name: str, password: str, **has: Any) -> AsyncIterator[Any]:
    async with plugged_in(kind, name, home.stations_url, password) as station:
        for what, value in has.items():
            setattr(station, what, value)
        await station.boot()
        yield station


async def told(home: Installation, *words: str) -> Any:
    return await asyncio.to_thread(home.told, *words)


async def soon(what: Callable[[], bool]) -> None:
    for _ in range(300):
        if what():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("waited 30 s in vain")


CASES = [
    pytest.param(Listed16, "", {"04A1B2C0", "04A1B2C1", "04A1B2C2", "04A1B2C3", "04A1B2C4"}, id="1.6"),
    pytest.param(
        Listed201,
        "ISO14443:",
        {f"ISO14443:04A1B2C{number}" for number in range(5)},
        id="2.0.1",
    ),
]


@pytest.mark.rule(34)
@pytest.mark.parametrize(("kind", "prefix", "wanted"), CASES)
async def test_a_list_is_sent_in_parts_and_then_only_what_changes(
    home: Installation, kind: Any, prefix: str, wanted: set[str]
) -> None:
    """TC_D_01, TC_D_02, TC_D_09: whole, changed, and in step with the tokens within seconds."""
    name = f"L{kind.__name__}"
    password = (await told(home, "station", "add", name))["password"]
    async with station(home, kind, name, password) as one:
        card = await told(home, "station", "whitelist", name, "--tokens", "ALL", "--sync")
        assert set(one.held) == wanted
        assert [how for how, _ in one.sent] == ["Full"] + ["Differential"] * (len(one.sent) - 1)
        assert sum(count for _, count in one.sent) == 5
        assert (card["state"], card["entries"], card["version"]) == ("IN_STEP", 5, len(one.sent))
        assert card["their_version"] == one.version == card["version"]
        grouped = one.held[f"{prefix}04A1B2C0"]
        assert grouped["status"] == "Accepted"
        assert any(str(value).startswith("2199-07-01T00:00:00") for value in grouped.values())

        one.sent.clear()
        new = f"04BB00{len(wanted)}{kind.__name__[-1]}"
        await asyncio.to_thread(add, home, new)
        await soon(lambda: f"{prefix}{new}" in one.held)
        assert one.sent == [("Differential", 1)]

        await asyncio.to_thread(add, home, new, "--blocked")
        await soon(lambda: one.held[f"{prefix}{new}"]["status"] == "Blocked")
        await asyncio.to_thread(add, home, new, "--whitelist", "NEVER")
        await soon(lambda: f"{prefix}{new}" not in one.held)
        assert {how for how, _ in one.sent} == {"Differential"}
        # The same group that an Authorize tells: so one card may stop what another began.
        group = next(value for key, value in grouped.items() if key in ("parent_id_tag", "group_id_token"))
        assert group == await told_group(one)

        erase(home, "04A1B2C4")
        await soon(lambda: f"{prefix}04A1B2C4" not in one.held)
        assert "Full" in {how for how, _ in one.sent}  # Nobody knows the uid that had to be taken out.
        await told(home, "station", "whitelist", name, "--sync")  # The last part may be on its way.
        held, version = dict(one.held), one.version
    add(home, "04A1B2C4")
    async with station(home, kind, name, password, held=held, version=version) as one:
        await soon(lambda: f"{prefix}04A1B2C4" in one.held)
        assert one.sent == [("Differential", 1)]
    async with station(home, kind, name, password, version=version) as one:
        await soon(lambda: set(one.held) == wanted)  # It came back without its list.
        assert one.sent[0][0] == "Full"
        await told(home, "station", "whitelist", name, "--tokens", "NONE", "--sync")
        assert one.held == {}
        assert one.sent[-1][0] == "Differential"
    assert not home.rows("select 1 from log where body like '%04A1B2C%' or body like '%04BB00%'")
    assert not home.rows("select 1 from local_list where entries like '%04A1%'")


async def told_group(one: Any) -> Any:
    if isinstance(one, Station16):
        answer = await one.call(call16.Authorize(id_tag="04A1B2C0"))
        return answer.id_tag_info["parent_id_tag"]
    answer = await one.call(call201.Authorize(id_token={"id_token": "04a1b2c0", "type": "ISO14443"}))
    return answer.id_token_info["group_id_token"]


def erase(home: Installation, uid: str) -> None:
    """As an erasure does: the record is gone, and nobody knows the uid any more."""
    with contextlib.closing(sqlite3.connect(home.data / "elstrada.db", timeout=30)) as store, store:
        assert store.execute("delete from token where uid = ?", (uid,)).rowcount == 1


async def test_only_tokens_of_a_group_are_held_where_the_rule_says_so(home: Installation) -> None:
    password = (await told(home, "station", "add", "GROUPED"))["password"]
    async with station(home, Listed16, "GROUPED", password) as one:
        await told(home, "station", "whitelist", "GROUPED", "--group", FLEET, "--sync")
        assert set(one.held) == {"04A1B2C0"}
        await told(home, "station", "whitelist", "GROUPED", "--issuer", "DE*XXX", "--sync")
        assert one.held == {}


async def test_a_station_that_keeps_nothing_of_what_it_takes_is_not_in_step(home: Installation) -> None:
    """TC_D_08: what was taken is verified by GetLocalListVersion."""
    password = (await told(home, "station", "add", "LIAR"))["password"]
    async with station(home, Listed16, "LIAR", password, lies=True) as one:
        outcome = await asyncio.to_thread(
            home.run, "station", "whitelist", "LIAR", "--tokens", "ALL", "--sync", "--json"
        )
        assert (outcome.code, outcome.json["kind"]) == (5, "refused")
        assert "tells of 0" in outcome.json["says"]
        assert "FAILED" in home.run("station", "show", "LIAR").stdout
        one.lies = False
        card = await told(home, "station", "whitelist", "LIAR", "--full")
        assert (card["state"], len(one.held)) == ("IN_STEP", card["entries"])


async def test_a_list_that_is_switched_off_or_unknown_is_left_alone_and_said(home: Installation) -> None:
    for name, kind, state in (("OFF", Listed16, "DISABLED"), ("PLAIN", Station16, "NOT_SUPPORTED")):
        password = (await told(home, "station", "add", name))["password"]
        async with station(home, kind, name, password, enabled=False, sent=[]) as one:
            outcome = await asyncio.to_thread(
                home.run, "station", "whitelist", name, "--tokens", "ALL", "--sync", "--json"
            )
            assert outcome.code == 5, outcome
            assert (await told(home, "station", "whitelist", name))["state"] == state
            assert one.sent == []
