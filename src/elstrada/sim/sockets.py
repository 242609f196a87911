"""The hardware of a virtual station: sockets with their meters, and what is plugged into them."""

from __future__ import annotations

import asyncio
from datetime import datetime

import msgspec

from elstrada.sim.curve import Curve
from elstrada.sim.station_book import Charged, Payload


class Socket(msgspec.Struct, kw_only=True, eq=False):
    """One EVSE."""

    evse_id: int
    power_w: int
    phases: int = 3
    """0 for direct current."""
    register_wh: int = 0
    """What the meter shows while nothing flows."""
    status: str = "Available"
    operative: bool = True
    charge: Charge | None = None
    car: Car | None = None
    """A car that is plugged in and waits for a remote start."""

    @property
    def free(self) -> bool:
        return self.charge is None and self.car is None and self.operative and self.status == "Available"


class Car(msgspec.Struct, kw_only=True, eq=False):
    """A car at a plug, and what its driver is up to."""

    curve: Curve
    stay_s: float
    started: asyncio.Event


class Charge(msgspec.Struct, kw_only=True, eq=False):
    """A session under way."""

    socket: Socket
    truth: Charged
    curve: Curve
    began: datetime | None = None
    """When energy began to flow, by the world's clock."""
    over: asyncio.Event
    reason: str = "EVDisconnected"
    seq_no: int = 0
    remote_start_id: int | None = None
    full: bool = False
    samples: list[Payload] = []
    """What was sampled, for StopTransaction's transactionData."""

    def elapsed_s(self, now: datetime) -> float:
        """How long energy has flowed."""
        return (now - self.began).total_seconds() if self.began is not None else 0.0

    def register_wh(self, now: datetime) -> int:
        return self.truth.meter_start_wh + self.curve.energy_wh(self.elapsed_s(now))

    def stop(self, reason: str) -> None:
        """Let it end, for this reason; the first reason holds."""
        if not self.over.is_set():
            self.reason = reason
            self.over.set()
