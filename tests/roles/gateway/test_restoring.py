"""Charging profiles that a station forgot are sent again, over real sockets (rule 31)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import ocpp.v21
import pytest
from ocpp.routing import after, on
from ocpp.v21 import call as call21
from test_foreign_stations import CPO, House, running
from test_profiles import Limiting, Limiting16, Limiting201, done, inhabited, limit, profiles
from websockets import ConnectionClosed

from elstrada.model.settling import SettleRules
from elstrada.roles.gateway.restoring import AGAIN, NOT_AGAIN
from elstrada.spine import tables as t
from nats_server import until

SOON = SettleRules(quiet_s=0.3)
STARTED = datetime.now(UTC).isoformat()


class Keeping(Limiting):
    """Profiles are kept from connection to connection, unless it forgets them."""

    def remember(self, kept: dict[int, dict[str, Any]]) -> None:
        self.kept = kept

    def take(self, profile: dict[str, Any]) -> str:
        answer = super().take(profile)
        if answer == "Accepted" and profile["charging_profile_purpose"] not in self.ignored:
            self.kept[profile.get("id") or profile["charging_profile_id"]] = profile
        return answer

    def compose(self) -> None:
        """What its profiles allow together: the lowest will do here."""
        schedules = [one["charging_schedule"] for one in self.kept.values()]
        firsts = [one[0] if isinstance(one, list) else one for one in schedules]
        limits = [Decimal(str(one["charging_schedule_period"][0]["limit"])) for one in firsts]
        self.applied = min(limits, default=Decimal(32))


class Keeping16(Keeping, Limiting16):
    @on("ClearChargingProfile")
    def on_clear(self, id: int) -> Any:
        self.kept.pop(id, None)
        return super().on_clear(id)

    @on("GetCompositeSchedule")
    def on_composite(self, connector_id: int, duration: int, **rest: Any) -> Any:
        self.compose()
        return super().on_composite(connector_id, duration, **rest)

    async def alive(self) -> None:
        await self.call(ocpp.v16.call.Heartbeat())


class Keeping201(Keeping, Limiting201):
    @on("ClearChargingProfile")
    def on_clear(self, charging_profile_id: int) -> Any:
        self.kept.pop(charging_profile_id, None)
        return super().on_clear(charging_profile_id)

    @on("GetCompositeSchedule")
    def on_composite(self, evse_id: int, duration: int, **rest: Any) -> Any:
        self.compose()
        return super().on_composite(evse_id, duration, **rest)

    @on("GetChargingProfiles")
    def on_asked(self, request_id: int, charging_profile: dict[str, Any], **_: Any) -> Any:
        found = self._found(charging_profile)
        return self._call_result.GetChargingProfiles(status="Accepted" if found else "NoProfiles")

    @after("GetChargingProfiles")
    async def tell(self, request_id: int, charging_profile: dict[str, Any], **_: Any) -> None:
        found = self._found(charging_profile)
        if found:
            report = self.calls.ReportChargingProfiles(
                request_id=request_id, charging_limit_source="CSO", evse_id=0, charging_profile=found
            )
            with suppress(ConnectionClosed):  # asked as it goes: then it tells nothing
                await self.call(report)

    def _found(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        return [self.kept[one] for one in wanted["charging_profile_id"] if one in self.kept]

    async def alive(self) -> None:
        await self.call(self.calls.Heartbeat())


class Keeping21(Keeping201):
    _call, _call_result, _ocpp_version = ocpp.v21.call, ocpp.v21.call_result, "2.1"
    calls = call21


KINDS: dict[str, tuple[str, type[Any]]] = {
    "ST16": ("ocpp1.6", Keeping16),
    "ST201": ("ocpp2.0.1", Keeping201),
    "ST21": ("ocpp2.1", Keeping21),
}
EACH = pytest.mark.parametrize("name", sorted(KINDS))


class Scene:
    """A station of one kind that comes again and again, and what it keeps meanwhile."""

    def __init__(self, home: House, name: str) -> None:
        self.home, self.name = home, name
        self.kept: dict[int, dict[str, Any]] = {}
        home.gateway.settle_rules = SOON

    @asynccontextmanager
    async def visit(self, *, boots: bool, **flags: Any) -> AsyncIterator[Any]:
        protocol, kind = KINDS[self.name]
        async with self.home.dial(self.name, protocol) as socket:
            station = kind(self.name, socket)
            station.remember(self.kept)
            for flag, value in flags.items():
                setattr(station, flag, value)
            async with running(station):
                await (station.begin() if boots else station.alive())
                yield station
        await until(lambda: not self.home.gateway.sockets())

    def found(self, code: str) -> int:
        return self.home.findings.unsaved(f"station:{CPO}/{self.name}", code)

    async def quiet(self) -> None:
        """Long enough that a profile would have been sent."""
        await asyncio.sleep(5 * SOON.quiet_s)


@asynccontextmanager
async def scene(folder: Path, name: str) -> AsyncIterator[Scene]:
    async with inhabited(folder) as home:
        yield Scene(home, name)


@pytest.mark.rule(31)
@EACH
@pytest.mark.parametrize("boots", [True, False])
async def test_a_limit_that_a_station_forgot_is_sent_again_as_it_was_and_checked(
    tmp_path: Path, name: str, boots: bool
) -> None:
    async with scene(tmp_path, name) as here:
        async with here.visit(boots=True) as station:
            end = await limit(here.home, name, amperes=10)
            (first,) = station.set
        here.kept.clear()
        async with here.visit(boots=boots) as station:
            await until(lambda: bool(here.kept))
            assert station.set == [first]
            await until(lambda: here.found(AGAIN) == 1)
            await here.quiet()
            assert (len(station.set), here.found(NOT_AGAIN)) == (1, 0)
            (kept,) = await profiles(here.home, name)
            assert kept.id == end.profile_id
        async with here.visit(boots=True) as station:
            await here.quiet()
            assert station.set == [], "it has it still"


@pytest.mark.rule(31)
@EACH
async def test_it_waits_until_the_station_has_settled(tmp_path: Path, name: str) -> None:
    async with scene(tmp_path, name) as here:
        async with here.visit(boots=True):
            await limit(here.home, name, amperes=10)
        here.kept.clear()
        here.home.gateway.settle_rules = SettleRules(quiet_s=1)
        async with here.visit(boots=True) as station:
            await asyncio.sleep(0.5)
            assert station.set == []
            await until(lambda: len(station.set) == 1)
            await here.quiet()  # It is asked what holds then.


@pytest.mark.rule(31)
@EACH
async def test_what_an_operator_took_back_is_never_sent_again(tmp_path: Path, name: str) -> None:
    async with scene(tmp_path, name) as here:
        async with here.visit(boots=True):
            await limit(here.home, name, amperes=10)
            await limit(here.home, name, release=True)
        async with here.visit(boots=True) as station:
            await here.quiet()
            assert station.set == []


@pytest.mark.rule(31)
@EACH
async def test_a_limit_that_is_not_taken_again_is_a_finding_and_tried_when_it_boots_next(
    tmp_path: Path, name: str
) -> None:
    async with scene(tmp_path, name) as here:
        async with here.visit(boots=True) as station:
            await limit(here.home, name, amperes=10)
            maximum = station.maximum
        here.kept.clear()
        async with here.visit(boots=True, refused={maximum}):
            await until(lambda: here.found(NOT_AGAIN) == 1)
        async with here.visit(boots=True, ignored={maximum}) as station:
            await until(lambda: here.found(NOT_AGAIN) == 2)
            assert len(station.set) == 1
        async with here.visit(boots=True):
            await until(lambda: bool(here.kept))


@pytest.mark.rule(31)
@EACH
@pytest.mark.parametrize("ends", [True, False])
async def test_a_profile_of_a_session_is_sent_again_only_if_the_session_goes_on(
    tmp_path: Path, name: str, ends: bool
) -> None:
    async with scene(tmp_path, name) as here:
        async with here.visit(boots=True) as station:
            transaction = await station.session()
            (row,) = await here.home.spine.find(t.session, {"station_id": name})
            end = await limit(here.home, name, amperes=6, session=str(row["session_id"]))
            assert end.purpose == "TxProfile"
        here.kept.clear()
        async with here.visit(boots=True) as station:
            if ends:
                await station.end(transaction)
                await here.quiet()
                assert station.set == []
            else:
                await until(lambda: len(station.set) == 1)
                assert str(station.set[0]["transaction_id"]) == transaction


@pytest.mark.rule(31)
@pytest.mark.parametrize("boots", [True, False])
async def test_a_station_that_does_not_tell_what_it_allows_is_sent_its_limit_when_it_booted(
    tmp_path: Path, boots: bool
) -> None:
    async with scene(tmp_path, "ST16") as here:
        async with here.visit(boots=True):
            await limit(here.home, "ST16", amperes=10)
        async with here.visit(boots=boots, tells_composite=False) as station:
            if boots:
                await until(lambda: len(station.set) == 1)
            await here.quiet()
            assert len(station.set) == int(boots)


@pytest.mark.rule(31)
async def test_a_profile_of_another_version_is_a_finding(tmp_path: Path) -> None:
    async with scene(tmp_path, "ST16") as here:
        async with here.visit(boots=True):
            await done(here.home, "station limit", station="ST16", amperes=10)
        here.kept.clear()
        KINDS["ST16"], before = KINDS["ST201"], KINDS["ST16"]
        try:
            async with here.visit(boots=True) as station:
                await until(lambda: here.found(NOT_AGAIN) == 1)
                assert station.set == []
        finally:
            KINDS["ST16"] = before
