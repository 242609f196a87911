"""Notices stations that come back by another network profile than the one that they were to try first (B10)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from elstrada.charging.network import Networks
from elstrada.model.admission import Admission
from elstrada.model.device import CommandResult, Protocol
from elstrada.roles.gateway.asking import asked
from elstrada.roles.networks import QUESTION, networks_of
from elstrada.spine.face import Spine, SpineDown, StreamMoved
from elstrada.spine.post import NobodyThere

if TYPE_CHECKING:
    from elstrada.roles.gateway.gateway import Gateway
    from elstrada.roles.gateway.link import Link

log = logging.getLogger(__name__)

FELL_BACK = "came back by another network profile"
"""The finding."""
_ONCE = "networks"


class NetworkWatch:
    """Asks stations that booted, and whose profiles we set, by which one they came."""

    def __init__(self, gateway: Gateway, spine: Spine) -> None:
        self._gateway, self._spine = gateway, spine

    def booted(self, link: Link) -> None:
        """A station was told that it may work; only when it boots does it choose anew (B10.FR.03)."""
        if link.protocol != Protocol.OCPP16:
            link.settling.renew(_ONCE)
            self._gateway.spawn(self._look(link))

    async def _look(self, link: Link) -> None:
        await link.settling.wait()
        try:
            accepted = link.seat.state.registered is Admission.ACCEPTED
            if not link.ending and accepted and link.settling.once(_ONCE):
                await self._compare(link)
        except (NobodyThere, StreamMoved):
            pass  # It is connected elsewhere.
        except SpineDown as down:
            self._gateway.spine_is_down(down)
        except Exception:
            log.exception("%s could not be asked by which network it came", link.source)

    async def _compare(self, link: Link) -> None:
        owner, station_id = str(link.seat.owner), link.seat.station_id
        if not (await networks_of(self._spine, owner, station_id)).ours:
            return
        done = await asked(self._gateway, link, "GetVariables", QUESTION)
        if done.result is not CommandResult.ACCEPTED:
            return  # What it told before says nothing of this connection.
        known = await networks_of(self._spine, owner, station_id)
        if known.fell_back:
            assert known.active is not None, "else nobody knows by which it came"
            text = f"by {_place(known, known.active)}, though {_place(known, known.priority[0])} goes first"
            self._gateway.findings.note(link.source, FELL_BACK, text)


def _place(known: Networks, slot: int) -> str:
    profile = known.profiles.get(slot)
    return f"slot {slot}" + (f" ({profile.url})" if profile is not None and profile.url else "")
