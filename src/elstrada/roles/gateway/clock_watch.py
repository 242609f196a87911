"""A station's clock, as the times in its messages show it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from elstrada.charging.clock import judged, with_reading
from elstrada.model import asks
from elstrada.model.clock import ClockReading
from elstrada.ocpp.clock import LIVE, ahead_ms
from elstrada.ocpp.connection import CallReceived
from elstrada.spine.face import SpineDown, StreamMoved

if TYPE_CHECKING:
    from elstrada.roles.gateway.gateway import Gateway
    from elstrada.roles.gateway.link import Link

CLOCK_WRONG, CLOCK_RIGHT = "clock wrong", "clock right again"


class ClockWatch:
    """The latest readings of one station's clock."""

    __slots__ = ("_gateway", "_link", "_readings")

    def __init__(self, gateway: Gateway, link: Link) -> None:
        self._gateway, self._link = gateway, link
        self._readings: tuple[ClockReading, ...] = ()

    def read(self, call: CallReceived, now: datetime) -> None:
        """Look at the time in a message, and have it decided what the latest say together."""
        ahead = ahead_ms(call.action, call.payload.decode(), now)
        if ahead is None:
            return
        reading = ClockReading(now, round(ahead / 1000))
        readings = with_reading(self._readings, reading, live=call.action in LIVE)
        if readings is self._readings:
            return
        self._readings = readings
        if judged(self._link.seat.state.wrong_clock, readings) is not None:
            self._gateway.spawn(self._judge(readings))

    async def _judge(self, readings: tuple[ClockReading, ...]) -> None:
        before = self._link.seat.state.wrong_clock
        try:
            await self._link.seat.ask(asks.ReadClock(readings))
        except SpineDown as down:
            self._gateway.spine_is_down(down)
            return
        except StreamMoved:
            self._link.lost()
            return
        wrong = self._link.seat.state.wrong_clock
        if wrong is not None and wrong != before:
            self._link.strayed(CLOCK_WRONG, str(wrong))
        elif wrong is None and before is not None:
            self._link.strayed(CLOCK_RIGHT, f"it was {before}")
