"""Network profiles over real sockets: the desk's verb, a station's slots, and a station that falls back (B09, B10)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import ocpp.v21
import pytest
from ocpp.routing import on
from ocpp.v21 import call as call21
from test_foreign_stations import CPO, House, running
from test_profiles import Limiting16, Limiting201, done, inhabited

from elstrada.model.settling import SettleRules
from elstrada.roles.desk.face import Kind, Refusal
from elstrada.roles.desk.network import NetworkEnd
from elstrada.roles.desk.table import verb_named
from elstrada.roles.gateway.networks import FELL_BACK
from nats_server import until

OLD, NEW = "ws://old.example/ocpp", "wss://new.example/ocpp"
SECRETS = ("h0rse-battery", "correct-st4ple", "4711")
APN = json.dumps(
    {
        "apn": "internet.example",
        "apnAuthentication": "PAP",
        "apnPassword": SECRETS[0],
        "simPin": int(SECRETS[2]),
    }
)
VPN = json.dumps(
    {"server": "vpn.example", "user": "st", "password": SECRETS[0], "key": SECRETS[1], "type": "IKEv2"}
)


class Networked201(Limiting201):
    """It has two slots and an order; it boots by what it is told to."""

    def remember(self, store: dict[str, Any]) -> None:
        self.store = store
        self.answers = "Accepted"
        self.tells = True
        self.orders = "RebootRequired"

    @on("GetVariables")
    def on_variables(self, get_variable_data: list[dict[str, Any]]) -> Any:
        values = {
            "NetworkConfigurationPriority": self.store["order"],
            "ActiveNetworkProfile": self.store["by"],
        }
        results = [
            {"attributeStatus": "Accepted", "attributeValue": values[one["variable"]["name"]], **_place(one)}
            if self.tells
            else {"attributeStatus": "UnknownVariable", **_place(one)}
            for one in get_variable_data
        ]
        return self._call_result.GetVariables(get_variable_result=results)

    @on("SetNetworkProfile")
    def on_profile(self, configuration_slot: int, connection_data: dict[str, Any]) -> Any:
        if self.answers == "Accepted":
            self.store[configuration_slot] = connection_data
        return self._call_result.SetNetworkProfile(status=self.answers)

    @on("SetVariables")
    def on_set_variables(self, set_variable_data: list[dict[str, Any]]) -> Any:
        (one,) = set_variable_data
        if self.orders != "Rejected":
            self.store["order"] = one["attribute_value"]
        result = {"attributeStatus": self.orders, **_place(one)}
        return self._call_result.SetVariables(set_variable_result=[result])

    @on("Reset")
    def on_reset(self, type: str) -> Any:
        return self._call_result.Reset(status="Accepted")


class Networked21(Networked201):
    _call, _call_result, _ocpp_version = ocpp.v21.call, ocpp.v21.call_result, "2.1"
    calls = call21


def _place(one: dict[str, Any]) -> dict[str, Any]:
    return {"component": {"name": one["component"]["name"]}, "variable": {"name": one["variable"]["name"]}}


KINDS: dict[str, tuple[str, type[Any]]] = {
    "ST201": ("ocpp2.0.1", Networked201),
    "ST21": ("ocpp2.1", Networked21),
}
EACH = pytest.mark.parametrize("name", sorted(KINDS))


class Scene:
    def __init__(self, home: House, name: str) -> None:
        self.home, self.name = home, name
        self.store: dict[str, Any] = {"order": "1", "by": "1"}
        home.gateway.settle_rules = SettleRules(quiet_s=0.2)

    @asynccontextmanager
    async def visit(self) -> AsyncIterator[Any]:
        protocol, kind = KINDS[self.name]
        async with self.home.dial(self.name, protocol) as socket:
            station = kind(self.name, socket)
            station.remember(self.store)
            async with running(station):
                await station.begin()
                yield station
        await until(lambda: not self.home.gateway.sockets())

    async def set(self, **values: object) -> Any:
        given = {"slot": 2, "url": NEW, "security_profile": 2, "interface": "Wireless0"} | values
        return await done(self.home, "station network", station=self.name, **given)

    def fell_back(self) -> int:
        return self.home.findings.unsaved(f"station:{CPO}/{self.name}", FELL_BACK)


@asynccontextmanager
async def scene(folder: Path, name: str) -> AsyncIterator[Scene]:
    async with inhabited(folder) as home:
        yield Scene(home, name)


@EACH
async def test_a_profile_is_put_into_a_free_slot_and_tried_first_and_the_old_one_stays(
    tmp_path: Path, name: str
) -> None:
    async with scene(tmp_path, name) as here, here.visit():
        end = await here.set(first=True)
        assert isinstance(end, NetworkEnd), end
        assert (end.stored, end.priority, end.reboot) == (True, (2, 1), "NEEDED")
        assert here.store["order"] == "2,1"
        wanted = {
            "ocpp_csms_url": NEW,
            "ocpp_interface": "Wireless0",
            "ocpp_transport": "JSON",
            "security_profile": 2,
            "message_timeout": 30,
        }
        assert here.store[2] == wanted | ({"ocpp_version": "OCPP20"} if name == "ST201" else {})
        lines = await done(here.home, "station networks", station=name)
        assert [(line.slot, line.place, line.active, line.ours, line.url) for line in lines] == [
            (1, 2, True, False, None),
            (2, 1, False, True, NEW),
        ]
        shown = verb_named("station networks").show
        assert shown is not None
        assert f"slot 2  tried as number 1, {NEW}, security profile 2, interface Wireless0" in shown(lines)


@EACH
async def test_a_station_that_comes_back_by_the_old_profile_is_a_finding_and_by_the_new_one_none(
    tmp_path: Path, name: str
) -> None:
    async with scene(tmp_path, name) as here:
        async with here.visit():
            end = await here.set(first=True, reset=True)
            assert end.reboot == "ACCEPTED"
        async with here.visit():
            await until(lambda: here.fell_back() == 1)
        here.store["by"] = "2"
        async with here.visit():
            lines: Any = ()
            while not any(line.active and line.slot == 2 for line in lines):
                lines = await done(here.home, "station networks", station=name)
            assert here.fell_back() == 1


def _all_bytes(folder: Path) -> bytes:
    """The database, with its log."""
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


@EACH
async def test_no_password_key_or_pin_is_in_any_fact_or_record(tmp_path: Path, name: str) -> None:
    async with scene(tmp_path, name) as here, here.visit():
        end = await here.set(apn=APN, vpn=VPN)
        assert isinstance(end, NetworkEnd), end
        told = here.store[2]
        assert (told["apn"]["apn_password"], told["vpn"]["key"]) == SECRETS[:2], "the station has them"
        (line,) = [line for line in end.networks if line.slot == 2]
        assert (line.apn, line.vpn) == ("internet.example", "vpn.example")
        refused = await here.set(apn=APN.replace(SECRETS[0], SECRETS[0] * 40))
        assert isinstance(refused, Refusal)
        assert refused.kind is Kind.INVALID
        assert SECRETS[0] not in repr(refused)
    kept = _all_bytes(tmp_path)
    assert b"internet.example" in kept
    for secret in SECRETS[:2]:
        assert secret.encode() not in kept
    assert b'simPin\\":4711' not in kept
    assert b'simPin":4711' not in kept


@EACH
@pytest.mark.parametrize(
    ("values", "kind", "says"),
    [
        ({"slot": 1}, Kind.CONFLICT, "it would have nothing to fall back to"),
        ({"url": "https://new.example"}, Kind.USAGE, "expected an address like wss://"),
        ({"url": "wss://st:pw@new.example"}, Kind.USAGE, "no user and no password"),
        ({"url": OLD}, Kind.USAGE, "with security profile 2 a station comes by wss://"),
        ({"security_profile": None}, Kind.USAGE, "expected --security-profile"),
        ({"interface": None}, Kind.USAGE, "expected --interface"),
        ({"interface": "Pigeon"}, Kind.INVALID, "/connectionData/ocppInterface"),
        ({"apn": "{"}, Kind.INVALID, "expected a JSON object"),
        ({"apn": "{}"}, Kind.INVALID, "/connectionData/apn"),
        ({"url": None}, Kind.USAGE, "expected --url, --first, or both"),
        ({"reset": True}, Kind.USAGE, "--reset goes with --first"),
        ({"slot": 7, "url": None, "first": True}, Kind.MISSING, "nothing is known of slot 7"),
    ],
)
async def test_what_would_keep_a_station_away_or_has_no_sense_is_not_sent(
    tmp_path: Path, name: str, values: dict[str, object], kind: Kind, says: str
) -> None:
    async with scene(tmp_path, name) as here, here.visit():
        refused = await here.set(**values)
        assert isinstance(refused, Refusal), refused
        assert (refused.kind, says in refused.says) == (kind, True), refused
        assert here.store == {"order": "1", "by": "1"}


async def test_a_profile_below_what_is_demanded_is_not_sent(tmp_path: Path) -> None:
    async with scene(tmp_path, "ST201") as here, here.visit():
        await done(here.home, "station secure", station="ST201", minimum_profile=2)
        refused = await here.set(url=OLD, security_profile=1)
        assert isinstance(refused, Refusal)
        assert "it would lower the security profile to 1; at least 2 is demanded" in refused.says


@EACH
async def test_what_a_station_answers_is_explained_and_its_order_stays(tmp_path: Path, name: str) -> None:
    async with scene(tmp_path, name) as here, here.visit() as station:
        for station.answers, means in (
            ("Rejected", "does not take the profile"),
            ("Failed", "could not store"),
        ):
            refused = await here.set(first=True)
            assert isinstance(refused, Refusal)
            assert refused.kind is Kind.REFUSED
            assert means in refused.hint
            assert "nothing has changed" in refused.hint
            assert here.store == {"order": "1", "by": "1"}
        station.answers, station.orders = "Accepted", "Rejected"
        refused = await here.set(first=True)
        assert isinstance(refused, Refusal)
        assert "the profile is stored, but ST" in refused.says
        station.tells = False
        refused = await here.set(first=True)
        assert isinstance(refused, Refusal)
        assert "does not tell by which network profile it comes" in refused.says


async def test_a_station_of_1_6_has_no_network_profiles(tmp_path: Path) -> None:
    async with inhabited(tmp_path) as home, home.dial("ST16", "ocpp1.6") as socket:
        station = Limiting16("ST16", socket)
        async with running(station):
            await station.begin()
            refused = await done(
                home,
                "station network",
                station="ST16",
                slot=2,
                url=NEW,
                security_profile=2,
                interface="Wired0",
            )
            assert isinstance(refused, Refusal)
            assert refused.says == "ST16 speaks ocpp1.6, which has no network profiles"
            assert refused.hint == "stations of ocpp2.0.1 and ocpp2.1 have them"
