"""Which virtual station speaks which version of OCPP, and how one is made by its plan."""

from __future__ import annotations

import random

from elstrada.sim.clock import SimClock
from elstrada.sim.plans import StationPlan
from elstrada.sim.sockets import Socket
from elstrada.sim.station16 import Station16
from elstrada.sim.station21 import Station21
from elstrada.sim.station201 import Station201
from elstrada.sim.stations import VirtualStation
from elstrada.sim.wire import Dial

KINDS: dict[str, type[VirtualStation]] = {"1.6": Station16, "2.0.1": Station201, "2.1": Station21}


def planned(
    plan: StationPlan, password: str, *, dial: Dial, clock: SimClock, chance: random.Random
) -> VirtualStation:
    """The station of a plan, still without power."""
    sockets = tuple(
        Socket(evse_id=n, power_w=power_w, phases=0 if power_w >= 50_000 else 3, register_wh=register_wh)
        for n, (power_w, register_wh) in enumerate(zip(plan.sockets_w, plan.registers_wh, strict=True), 1)
    )
    return KINDS[plan.version](
        plan.id,
        password,
        sockets,
        habits=plan.habits,
        dial=dial,
        clock=clock,
        chance=chance,
        profile=plan.profile,
    )
