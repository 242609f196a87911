"""A cost is shown where it is known and wanted, and never at the price of an answer."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from elstrada.charging.registers import Shown
from elstrada.charging.state import SessionState
from elstrada.model.device import Protocol
from elstrada.model.facts import SessionCompleted, StrayReported
from elstrada.model.ids import PartyId
from elstrada.model.metering import MeterTold, RegisterTurn, TurnKind
from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.roles.findings import Findings
from elstrada.roles.gateway import costs as subject
from elstrada.roles.gateway import ends
from elstrada.roles.gateway.costs import Costs, has_final_cost, shows_running_cost
from elstrada.roles.running import so_far
from elstrada.spine.face import Row, SpineDown
from elstrada.spine.memory import MemorySpine

CPO = PartyId("SE", "ELS")
SOURCE = f"station:{CPO}/S1"
BEGAN = datetime(2026, 3, 1, 17, tzinfo=UTC)
AVAILABLE, ENABLED = "TariffCostCtrlr/Available[Cost]", "TariffCostCtrlr/Enabled[Cost]"


@pytest.mark.parametrize(
    ("protocol", "known", "shows"),
    [
        (Protocol.OCPP201, {}, False),
        (Protocol.OCPP201, {AVAILABLE: "true"}, True),
        (Protocol.OCPP201, {ENABLED: "True"}, True),
        (Protocol.OCPP201, {AVAILABLE: "true", ENABLED: "false"}, False),
        (Protocol.OCPP201, {AVAILABLE: "false"}, False),
        (Protocol.OCPP21, {}, False),
        (Protocol.OCPP21, {AVAILABLE: "true"}, False),
        (Protocol.OCPP21, {AVAILABLE: "true", ENABLED: "true"}, False),
        (Protocol.OCPP21, {AVAILABLE: "false", ENABLED: "false"}, True),
    ],
)
def test_a_station_is_told_the_running_cost_if_it_shows_what_we_reckon(
    protocol: str, known: dict[str, str], shows: bool
) -> None:
    """2.0.1: it shows costs. 2.1: it says that it does not reckon them itself."""
    assert shows_running_cost(protocol, known) is shows


def test_a_running_session_is_priced_up_to_its_latest_reading() -> None:
    at = BEGAN + timedelta(minutes=9)
    session = SessionState(
        session_id="s1",
        told=MeterTold(),
        started_at=BEGAN,
        meter_start_wh=1_000,
        last_wh=4_500,
        last_wh_at=at,
    )
    assert so_far(session) == SessionCompleted(
        session_id="s1", started_at=BEGAN, ended_at=at, energy_wh=3_500
    )


@pytest.mark.parametrize(
    "session",
    [
        SessionState(session_id="s1", told=MeterTold(), last_wh=1, last_wh_at=BEGAN),
        SessionState(session_id="s1", told=MeterTold(), started_at=BEGAN),
        SessionState(
            session_id="s1", told=MeterTold(), started_at=BEGAN, last_wh=1, last_wh_at=BEGAN, ended_at=BEGAN
        ),
    ],
    ids=["no start", "no reading", "ended"],
)
def test_what_is_not_known_to_run_is_not_priced(session: SessionState) -> None:
    assert so_far(session) is None


class Stalled(MemorySpine):
    """Its reads never end."""

    async def get(self, *_: object, **__: object) -> Row | None:
        await asyncio.Event().wait()
        raise AssertionError("never set")


class Down(MemorySpine):
    async def get(self, *_: object, **__: object) -> Row | None:
        raise SpineDown("away")


class Broken(MemorySpine):
    async def get(self, *_: object, **__: object) -> Row | None:
        raise RuntimeError("a mistake of ours")


@pytest.mark.parametrize(
    ("kind", "findings"), [(Stalled, 1), (Down, 0), (Broken, 1)], ids=["stalled", "down", "broken"]
)
async def test_whatever_happens_to_the_cost_the_answer_goes_out_without_it(
    kind: type[MemorySpine], findings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "FINAL_WITHIN_S", 0.05)
    clock = SystemClock()
    noted = Findings(MemorySpine(clock), clock)
    costs = Costs(kind(clock), clock, SystemChance(), noted)
    began = time.monotonic()
    assert await costs.final(CPO, "S1", "s1") is None
    assert time.monotonic() - began < 2
    assert noted.unsaved(SOURCE, "cost not told") == findings


async def test_a_session_is_looked_at_once_in_a_minute() -> None:
    class Hand:
        def __init__(self) -> None:
            self.time = BEGAN

        def now(self) -> datetime:
            return self.time

    clock = Hand()
    spine = MemorySpine(clock)
    costs = Costs(spine, clock, SystemChance(), Findings(spine, clock))
    session = SessionState(session_id="s1", told=MeterTold())
    assert costs.is_due(session)
    clock.time += timedelta(seconds=59)
    assert not costs.is_due(session)
    assert costs.is_due(SessionState(session_id="s2", told=MeterTold()))
    clock.time += timedelta(seconds=1)
    assert costs.is_due(session)


@pytest.mark.rule(25)
@pytest.mark.parametrize(("stop_wh", "told"), [(9_000, True), (0, False), (90_000_000, False)])
def test_no_final_cost_is_told_of_energy_that_is_not_believed(stop_wh: int, told: bool) -> None:
    session = SessionState(
        session_id="s1",
        told=MeterTold(),
        started_at=BEGAN,
        meter_start_wh=1_000,
        meter_stop_wh=stop_wh,
        ended_at=BEGAN + timedelta(hours=1),
        completed=True,
    )
    assert has_final_cost(session) is told


@pytest.mark.rule(25)
def test_energy_that_is_not_believed_is_a_finding_with_both_registers() -> None:
    clock = SystemClock()
    findings = Findings(MemorySpine(clock), clock)
    done = SessionCompleted("s1", BEGAN, BEGAN, 0, doubted_wh=12_000, begun_wh=99_990_000)
    samples: list[str] = []
    findings.note = lambda source, code, sample: samples.append(f"{source}: {code}: {sample}")  # type: ignore[method-assign]
    ends.note(findings, SOURCE, (done, SessionCompleted("s2", BEGAN, BEGAN, 0)))
    text = "its meter went from 99990000 Wh to 12000 Wh, which cannot be"
    assert samples == [f"{SOURCE}: energy doubted: session s1: {text}; 0 Wh count"]


@pytest.mark.rule(25)
def test_a_register_that_was_reset_is_a_finding_and_its_cost_is_not_told_as_final() -> None:
    turn = RegisterTurn(TurnKind.RESET, 706_000, 40)
    clock = SystemClock()
    findings = Findings(MemorySpine(clock), clock)
    ends.note(findings, SOURCE, (SessionCompleted("s1", BEGAN, BEGAN, 8_000, turn=turn),))
    assert findings.unsaved(SOURCE, "register fell and went on") == 1
    session = SessionState(
        session_id="s1",
        told=MeterTold(),
        started_at=BEGAN,
        meter_start_wh=700_000,
        peaks=(Shown(706_000, BEGAN + timedelta(minutes=10)),),
        low_wh=40,
        low_at=BEGAN + timedelta(minutes=20),
        meter_stop_wh=2_040,
        ended_at=BEGAN + timedelta(hours=1),
        completed=True,
    )
    assert session.turn == turn
    assert not has_final_cost(session)


def test_a_message_of_no_session_is_a_finding_on_its_station() -> None:
    clock = SystemClock()
    findings = Findings(MemorySpine(clock), clock)
    ends.note(findings, SOURCE, (StrayReported("EndSession", "987654", BEGAN, "{}"),))
    assert findings.unsaved(SOURCE, "message of no session") == 1
