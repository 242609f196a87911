"""Draining: a node stops taking work, and its stations go to others, before anything of it ends (F22)."""

from __future__ import annotations

import asyncio
import logging

from elstrada.roles.node import Node
from elstrada.roles.presence import Presence
from elstrada.roles.readiness import Readiness
from elstrada.settings import LimitsSection
from elstrada.spine.face import SpineDown

log = logging.getLogger(__name__)

_CLOSING_S = 20.0
"""For what follows the stations: HTTP requests in hand, leases, post, the last commits."""


async def drain(node: Node, readiness: Readiness, presence: Presence, limits: LimitsSection) -> None:
    """Be unready for as long as balancers need to see it, then send the stations away.

    Without other nodes there is nobody to wait for.
    """
    readiness.draining = True
    await presence.leave()
    if await _there_are_others(presence):
        await asyncio.sleep(limits.lame_duck_s)
    sockets = node.gateway.sockets().total()
    if sockets:
        log.info("sending %d stations away, %d a second", sockets, limits.drain_per_second)
    await node.drain(limits.drain_per_second, limits.stop_s)


def bound_s(node: Node, limits: LimitsSection) -> float:
    """Within how many seconds a node that drains now has ended, whatever happens."""
    stations_s = node.gateway.sockets().total() / limits.drain_per_second
    return limits.lame_duck_s + stations_s + 2 * limits.stop_s + _CLOSING_S


async def _there_are_others(presence: Presence) -> bool:
    try:
        return bool(await presence.others())
    except SpineDown:
        return True  # Nobody knows; then it is better to wait.
