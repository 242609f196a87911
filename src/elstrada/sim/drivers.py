"""Drivers: they come, present a token, draw energy, linger and leave."""

from __future__ import annotations

import random

import msgspec

from elstrada.sim.curve import Curve, ac_curve, dc_curve
from elstrada.sim.sockets import Socket


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """What one driver wants of a socket."""

    curve: Curve
    stay_s: float
    """From plug to unplug; the car may be full before."""


HOUR_WEIGHTS = (2, 1, 1, 1, 1, 3, 8, 14, 16, 14, 13, 14, 16, 15, 14, 15, 18, 20, 18, 14, 10, 8, 5, 3)
"""How many drivers come in each local hour, in proportion."""


def short_visit(chance: random.Random, socket: Socket) -> Visit:
    """A visit that fits a simulated hour: 1 to 10 minutes."""
    stay_s = chance.uniform(60, 600)
    most_wh = max(int(socket.power_w * stay_s / 3600), 200)
    return visit(chance, socket, energy_wh=chance.randint(100, most_wh), stay_s=stay_s)


def visit(chance: random.Random, socket: Socket, *, energy_wh: int, stay_s: float) -> Visit:
    """A visit with so much energy wanted; what the stay is too short for is not drawn."""
    if socket.phases == 0:
        begin = chance.randint(8, 50)
        return Visit(
            curve=dc_curve(energy_wh, socket.power_w, begin, chance.randint(begin + 5, 95)), stay_s=stay_s
        )
    phases = chance.choice((1, 3, 3))
    power_w = socket.power_w if phases == 3 else min(socket.power_w // 3, 7_400)
    return Visit(curve=ac_curve(energy_wh, power_w, phases), stay_s=stay_s)
