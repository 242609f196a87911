"""Where the time of one MeterValues goes, step by step, without sockets and store.

    python tests/bench/bench_steps.py

Processor time in a tight loop, the best of five.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from elstrada.charging.state import StationState, evolve
from elstrada.charging.station import decide
from elstrada.model import asks
from elstrada.model.ids import Fresh, PartyId
from elstrada.net.chance import SystemChance
from elstrada.ocpp.connection import CallReceived, Connection
from elstrada.ocpp.versions import OCPP16
from elstrada.spine.batch import written
from elstrada.spine.face import Append, Work

LOOPS = 4_000
FRAME = (
    b'[2,"ST1-5","MeterValues",{"connectorId":1,"transactionId":7,"meterValue":[{"timestamp":'
    b'"2026-03-01T00:00:05Z","sampledValue":[{"value":"5","context":"Sample.Periodic",'
    b'"measurand":"Energy.Active.Import.Register","unit":"Wh"},'
    b'{"value":"7200","measurand":"Power.Active.Import","unit":"W"}]}]}]'
)


def steps() -> dict[str, Callable[[], object]]:
    """The steps in their order, each ready to be repeated."""
    now, chance = datetime.now(UTC), SystemChance()
    start = asks.StartSession(evse_id=1, connector_id=1, at=now, meter_wh=0)
    state = StationState(owner=PartyId("SE", "ELS"), station_id="ST1")
    for fact in decide(state, start, now, Fresh("S1", 7)).facts:
        state = evolve(state, fact, now)

    def receive() -> CallReceived:
        (call,) = Connection(OCPP16.dialect).receive(FRAME, now)
        assert isinstance(call, CallReceived)
        return call

    def answer() -> None:
        connection = Connection(OCPP16.dialect)
        connection.receive(FRAME, now)
        connection.answer(call.id, write())
        connection.frames_to_send()

    call = receive()
    read = OCPP16.read_call(call.action, call.payload, now)
    ask = read.ask  # type: ignore[union-attr]  # The frame conforms.
    assert isinstance(ask, asks.UpdateSession)
    decision = decide(state, ask, now, Fresh("S2", 8))
    noted = decision.answer
    assert noted is not None
    write = partial(OCPP16.write_answer, call.action, noted)
    assert len(decision.facts) == 1
    return {
        "a connection, receive: frame to call": receive,
        "read_call: payload to ask": lambda: OCPP16.read_call(call.action, call.payload, now),
        "fresh ids": chance.fresh,
        "decide": lambda: decide(state, ask, now, Fresh("S2", 8)),
        "evolve": lambda: evolve(state, decision.facts[0], now),
        "the work, its fact as text": lambda: written(
            Work((Append("station/SE*ELS/ST1", 1, decision.facts),))
        ),
        "a connection, receive, answer": answer,
    }


def cost_us(step: Callable[[], object]) -> float:
    def once() -> float:
        begun = time.process_time()
        for _ in range(LOOPS):
            step()
        return (time.process_time() - begun) / LOOPS * 1e6

    return min(once() for _ in range(5))


if __name__ == "__main__":
    for name, step in steps().items():
        print(f"{name:40} {cost_us(step):6.2f} us")
