"""Reservers: a partner whose reservation comes to nothing by our doing is told, once.

OCPI has the CPO call the address that came with RESERVE_NOW a second time, with CANCELED_RESERVATION. Who is to
be told is a record, made with the reservation and removed by whoever is about to tell.
Source: OCPI 2.2.1 mod_commands, Reservation canceled by the CPO.
"""

from __future__ import annotations

from datetime import datetime

from elstrada.model.ids import PartyId
from elstrada.model.location import DisplayText
from elstrada.model.reservation import ReservationState
from elstrada.ocpi.v221 import commands as wire
from elstrada.ocpi.v221.commands import ResultType
from elstrada.roles.roaming.line import Line
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.peers import Peers
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Delete, Row, RowMoved, Work

_PAGE, _MOST = 500, 100_000
_BY_OTHERS = frozenset({ReservationState.REMOVED.value, ReservationState.LOST.value})
"""Ends that are neither the partner's wish nor its driver's."""


class Reservers:
    """Looks after partners' reservations that may still come to nothing."""

    def __init__(self, means: Means, peers: Peers, line: Line) -> None:
        self._means, self._peers, self._line = means, peers, line

    async def settle(self) -> None:
        """Tell whose reservation was cancelled or lost, and forget those of whom nothing is to be told any more."""
        spine, after = self._means.spine, 0
        while after < _MOST:
            page = await spine.find(t.reserver, order=("owner", "command_id"), limit=_PAGE, offset=after)
            gone = 0
            for owner in {str(row["owner"]) for row in page}:
                gone += await self._of_owner(owner, [row for row in page if row["owner"] == owner])
            if len(page) < _PAGE:
                return
            after += len(page) - gone

    async def _of_owner(self, owner: str, page: list[Row]) -> int:
        """Returns how many were forgotten."""
        ids = AnyOf(tuple(str(row["command_id"]) for row in page))
        where = {"owner": owner, "command_id": ids}
        made = await self._means.spine.find(t.reservation, where, limit=len(page))
        told = await self._means.spine.find(t.command, where, limit=len(page))
        reservations = {row["command_id"]: row for row in made}
        results = {row["command_id"]: row["result"] for row in told}
        gone = 0
        for row in page:
            one = reservations.get(row["command_id"])
            if one is None:
                # Not answered yet; else refused, or another command has replaced it.
                answered = results.get(row["command_id"]) is not None
                gone += await self._forget(row) if answered or self._is_past(row) else False
            elif one["ended_at"] is not None:
                gone += await self._ended(row, one)
        return gone

    def _is_past(self, row: Row) -> bool:
        expires_at = row["expires_at"]
        assert isinstance(expires_at, datetime), "the column is a time"
        return expires_at <= self._means.clock.now()

    async def _ended(self, row: Row, one: Row) -> bool:
        if not await self._forget(row):
            return False
        ours = one["state"] == ReservationState.CANCELED.value and one["ended_by"] != row["asked_by"]
        peer = await self._peers.get(PartyId.parse(str(row["owner"])), str(row["peer_id"]))
        if peer is not None and (ours or one["state"] in _BY_OTHERS):
            detail = str(one["detail"] or "")
            body = wire.CommandResult(
                result=ResultType.CANCELED_RESERVATION.value,
                message=(DisplayText("en", detail[:512]),) if detail else (),
            )
            to, url = PartyId.parse(str(row["asked_by"])), str(row["url"])
            await self._line.tell(peer, "command_result", to=to, url=url, body=body)
        return True

    async def _forget(self, row: Row) -> bool:
        """Take the record away; only who succeeds may tell."""
        key = {"owner": row["owner"], "command_id": row["command_id"]}
        try:
            await self._means.spine.commit(Work(writes=(Delete(t.reserver, key, {"url": row["url"]}),)))
        except RowMoved:
            return False
        return True
