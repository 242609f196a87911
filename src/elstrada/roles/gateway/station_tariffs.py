"""Keeps the tariffs by which stations of 2.1 price themselves in step with ours (I07).

A station was given a tariff of ours as its default; when that is replaced, or was while the station was away, it
is given the new one. What it comes to is no more than what it shows: we bill by our own tariff all the same.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from elstrada.model.admission import Admission
from elstrada.model.device import CommandResult, Protocol
from elstrada.model.ids import PartyId
from elstrada.model.mirror import ItemKind
from elstrada.model.tariff import Tariff
from elstrada.ocpp.v21 import messages as m
from elstrada.ocpp.v21.tariff import to_wire
from elstrada.roles.gateway.asking import asked
from elstrada.roles.station_limits import unfit
from elstrada.spine import tables as t
from elstrada.spine.face import Spine, SpineDown
from elstrada.spine.post import NobodyThere
from elstrada.tariffs.policy import OCPI_2_3_0

if TYPE_CHECKING:
    from elstrada.roles.gateway.gateway import Gateway
    from elstrada.roles.gateway.link import Link

AT_ONCE = 8
"""Stations that are given a tariff at the same time."""
OLD_TARIFF = "prices by an old tariff"
"""Finding of a station: it cannot be given the new one."""
_MOST = 1_000
_OURS = re.compile(r"(?P<tariff>.+)-[0-9a-f]{16}")
"""What a station calls a tariff that it has from us: our id and a hash of the content."""
_Edition = tuple[str, frozenset[tuple[datetime, int]]]
"""A connection, and what tells one state of its owner's tariffs from another."""


class _Assigned(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A tariff that a station has, as its mirror tells it."""

    tariff_id: str
    tariff_kind: str
    evse_ids: tuple[int, ...] | None = None


class StationTariffs:
    """Looks after the connected stations of one gateway."""

    def __init__(self, gateway: Gateway, spine: Spine) -> None:
        self._gateway, self._spine = gateway, spine
        self._looked: dict[str, _Edition] = {}
        """What each station was looked at for last, by stream."""
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def look(self) -> None:
        """Begin with the stations that have come, or whose owner's tariffs changed, since they were looked at.

        Raises:
            SpineDown: it is tried again.
        """
        links = [link for link in self._gateway.links() if _may_be_told(link)]
        editions = {owner: await self._edition(owner) for owner in {link.seat.owner for link in links}}
        before, self._looked = self._looked, {}
        for link in links:
            edition = (link.connection_id, editions[link.seat.owner])
            if before.get(link.stream) != edition:
                self._gateway.spawn(self._see_to(link))
            self._looked[link.stream] = edition

    async def _edition(self, owner: PartyId) -> frozenset[tuple[datetime, int]]:
        where = {"owner": str(owner), "party": str(owner)}
        rows = await self._spine.count(t.tariff, where, by=("last_updated",))
        return frozenset((row["last_updated"], row["count"]) for row in rows)  # type: ignore[misc]  # As counted.

    async def _see_to(self, link: Link) -> None:
        async with self._turns:
            try:
                await self._gateway.alone(link, self._bring_in_step(link))
            except SpineDown as down:
                self._gateway.spine_is_down(down)
                self._looked.pop(link.stream, None)

    async def _bring_in_step(self, link: Link) -> None:
        has = await self._defaults(link)
        renewed = False
        for one in has.values():
            found = _OURS.fullmatch(one.tariff_id)
            tariff = found and await self._tariff(link.seat.owner, found["tariff"])
            if not tariff:
                continue
            value, why = await self._fitting(link, tariff)
            if value.tariff_id in has:
                continue  # It has the new one, and may keep the old until that is valid.
            why = why or await self._given(link, value, one.evse_ids or (0,))
            if why:
                says = f"{one.tariff_id} of tariff {tariff.id}: {why}"
                self._gateway.findings.note(link.source, OLD_TARIFF, says)
            renewed = renewed or not why
        if renewed:
            # Which ones gave way to it, only the station knows (I07.FR.20 to 23).
            await asked(self._gateway, link, "GetTariffs", m.GetTariffsRequest(evse_id=0))

    async def _defaults(self, link: Link) -> Mapping[str, _Assigned]:
        where = {
            "owner": str(link.seat.owner),
            "station_id": link.seat.station_id,
            "kind": ItemKind.TARIFF.value,
        }
        rows = await self._spine.find(t.station_item, where, order=("key",), limit=_MOST)
        told = (msgspec.json.decode(str(row["document"]), type=_Assigned) for row in rows)
        default = m.TariffKindEnumType.DEFAULT_TARIFF.value
        return {one.tariff_id: one for one in told if one.tariff_kind == default}

    async def _tariff(self, owner: PartyId, tariff_id: str) -> Tariff | None:
        row = await self._spine.get(t.tariff, owner=str(owner), party=str(owner), tariff_id=tariff_id)
        return None if row is None else msgspec.json.decode(str(row["document"]), type=Tariff)

    async def _fitting(self, link: Link, tariff: Tariff) -> tuple[m.TariffType, str]:
        """A tariff in the station's words, and why the station would not come to our prices with it; empty: it would."""
        silence = OCPI_2_3_0.takes_silence_for_no_tax(tariff.party.country_code)
        value, losses = to_wire(tariff, silence_is_no_tax=silence)
        lost = next((f"{loss.pointer}: {loss.note}" for loss in losses if loss.misleads), "")
        return value, lost or await unfit(self._spine, link.seat.owner, link.seat.station_id, value)

    async def _given(self, link: Link, value: m.TariffType, evse_ids: tuple[int, ...]) -> str:
        """Give it to a station; why that did not work, empty if it did."""
        try:
            for evse_id in evse_ids:
                request = m.SetDefaultTariffRequest(evse_id=evse_id, tariff=value)
                done = await asked(self._gateway, link, "SetDefaultTariff", request)
                if done.result is not CommandResult.ACCEPTED:
                    return f"{done.result.value} {done.detail}".strip()
        except NobodyThere:
            return "it is connected elsewhere"
        return ""


def _may_be_told(link: Link) -> bool:
    accepted = link.seat.state.registered is Admission.ACCEPTED
    return link.protocol == Protocol.OCPP21 and accepted and link.settling.done and not link.ending
