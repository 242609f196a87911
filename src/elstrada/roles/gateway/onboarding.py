"""Reads and sets up stations that the rule holds, and accepts those that took everything (rule 38)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from elstrada.charging.admission import set_up
from elstrada.model.admission import Admission, AdmittedBy, Make
from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command
from elstrada.model.configuring import SetResult
from elstrada.model.device import CommandName, CommandResult, Protocol
from elstrada.roles.gateway.admitting import admit
from elstrada.roles.gateway.configuring import Configured, configure, tell_all, told_all
from elstrada.spine.face import Spine, StreamMoved

if TYPE_CHECKING:
    from elstrada.roles.gateway.gateway import Gateway
    from elstrada.roles.gateway.link import Link

CALL_S = 30
TELL_ALL_S = 120
"""From the promise to tell everything to the last message of it."""


class Onboarder:
    """Works on one station at a time per stream; one that fails is tried again when it boots next."""

    def __init__(self, gateway: Gateway, spine: Spine, template: Mapping[str, str]) -> None:
        self._gateway, self._spine, self._template = gateway, spine, template
        self._at: set[str] = set()
        """Streams of stations that are being worked on."""

    async def take_in(self, link: Link) -> None:
        """Work on a station that was just told that it is held, if it is the rule that holds it."""
        seat = link.seat
        station = self._gateway.roll.station(str(seat.owner), seat.station_id)
        if station is None or link.stream in self._at:
            return
        held = station.admission
        if held.state is not Admission.PENDING or held.by is not AdmittedBy.RULE or held.make is None:
            return
        self._at.add(link.stream)
        try:
            await link.settling.wait()
            await self._take_in(link, held.make)
        except StreamMoved:
            link.lost()  # Whoever holds it now goes on when it boots there.
        finally:
            self._at.discard(link.stream)

    async def _take_in(self, link: Link, make: Make) -> None:
        unset, reboots = await self._set_up(link)
        seat, gateway = link.seat, self._gateway
        decided = await admit(
            self._spine,
            gateway.clock,
            seat.owner,
            seat.station_id,
            lambda before: set_up(before, make, unset),
        )
        await gateway.roll.refresh()
        if unset:
            gateway.findings.note(link.source, "held for its configuration", unset)
        elif decided is not None and decided.state is Admission.ACCEPTED:
            await self._have_it_boot(link, reboots=reboots)

    async def _set_up(self, link: Link) -> tuple[str, bool]:
        """Read it and set it up.

        Returns:
            What did not work, empty if all did; and whether something is in force after a reboot only.
        """
        seat, request_id = link.seat, self._gateway.chance.fresh().number

        async def call(action: str, fields: Mapping[str, object]) -> CommandDone:
            return await self._told(link, CommandName.CALL, action=action, payload=_json(fields))

        station = Configured(
            spine=self._spine,
            owner=seat.owner,
            station_id=seat.station_id,
            protocol=Protocol(link.protocol),
            call=call,
            quirks=link.quirks,
        )
        asked = await tell_all(station, request_id)
        if asked.result is not CommandResult.ACCEPTED:
            return f"its inventory was not read: {asked.result.value} {asked.detail}".strip(), False
        if not await told_all(station, request_id, TELL_ALL_S):
            return f"it did not tell its whole inventory in {TELL_ALL_S} s", False
        found = await configure(station, self._template)
        left = [f"{one.key} {one.result.value} ({one.detail})" for one in found if not one.done]
        reboots = any(one.result is SetResult.AFTER_REBOOT for one in found)
        unset = f"{len(left)} of {len(found)} values were not taken: {', '.join(left)}" if left else ""
        return unset, reboots

    async def _have_it_boot(self, link: Link, *, reboots: bool) -> None:
        """It learns that it is accepted when it boots, and what it was set to may need that too."""
        if reboots:
            done = await self._told(link, CommandName.RESET)
        else:
            done = await self._told(link, CommandName.TRIGGER, message="BootNotification")
        if done.result is not CommandResult.ACCEPTED:
            # It boots by itself after the interval it was given.
            self._gateway.findings.note(
                link.source, "does not boot when asked", done.detail or done.result.value
            )

    async def _told(
        self,
        link: Link,
        name: CommandName,
        *,
        message: str | None = None,
        action: str | None = None,
        payload: str | None = None,
    ) -> CommandDone:
        command = Command(
            command_id=self._gateway.chance.uuid(),
            name=name,
            asked_by=link.seat.owner,
            message=message,
            action=action,
            payload=payload,
            deadline_s=CALL_S,
        )
        done = await link.seat.ask(command)
        assert isinstance(done, CommandDone), "a command is answered by how it ended"
        return done


def _json(fields: Mapping[str, object]) -> str:
    return msgspec.json.encode(fields).decode()
