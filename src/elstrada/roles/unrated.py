"""Sessions that have no CDR for want of a tariff get it when that is there, without anybody's doing.

They stand in the findings of the rater. They are tried again when records that a price depends on may have
changed, and after a start. A try that comes to nothing writes nothing, unless the reason is another now.

Where a station stood, records tell of today alone. A session of a station whose record was changed since waits
for somebody who knows: it may have been moved meanwhile, and by another place's prices nobody charged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import datetime
from typing import cast

from elstrada.model.ids import PartyId
from elstrada.roles.rater import CODE, Rater, source_of
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Put, Row, RowMoved, Spine, SpineDown, StreamMoved, Where, Work
from elstrada.spine.paging import pages

RETRY_S = 900.0
_PRICED_BY = (t.tariff, t.former_tariff, t.station, t.location)
log = logging.getLogger(__name__)


class UnratedWatch:
    """Tries to rate again. One of an installation at a time."""

    def __init__(self, spine: Spine, rater: Rater) -> None:
        self._spine, self._rater = spine, rater
        self._seen: tuple[int, ...] | None = None
        """The edition of the records at the last round."""

    async def run(self, every_s: float = RETRY_S) -> None:
        """Try again until cancelled."""
        while True:
            try:
                await self.round()
            except SpineDown as down:
                log.warning("sessions without a price cannot be looked at now: %s", down)
            await asyncio.sleep(every_s)

    async def round(self) -> int:
        """Try every session that has no price, if it may have one by now; returns how many have it.

        What fails unexpectedly at one is logged, and the others have their turn.
        """
        edition = self._spine.edition(_PRICED_BY)
        if edition is not None and edition == self._seen:
            return 0
        rated = 0
        async for owner, session_id, row in self._unrated():
            try:
                rated += await self._tried(owner, session_id, row)
            except (StreamMoved, RowMoved):
                continue  # Somebody else was first.
            except SpineDown:
                raise
            except Exception:
                log.exception("session %s of %s cannot be rated", session_id, owner)
        self._seen = edition
        return rated

    async def _unrated(self) -> AsyncIterator[tuple[PartyId, str, Row]]:
        """Owner, session and finding."""
        for party in await self._spine.find(t.party, order=("party",)):
            owner = PartyId.parse(str(party["party"]))
            begin = source_of(owner, "")
            # All that begins with "session:<owner>/": 0 is the character after the slash.
            where: Where = {"source": Between(begin, f"{begin[:-1]}0"), "code": CODE}
            async for rows in pages(self._spine, t.finding, where):
                for row in rows:
                    yield owner, str(row["source"])[len(begin) :], row

    async def _tried(self, owner: PartyId, session_id: str, known: Row) -> bool:
        if not await self._stands_where_it_was(owner, session_id):
            return False
        work = await self._rater.again(owner, session_id)
        if work.appends or _says(work) not in (None, known["sample"]):
            await self._spine.commit(work)
        return bool(work.appends)

    async def _stands_where_it_was(self, owner: PartyId, session_id: str) -> bool:
        """Is the record of the session's station as it was when the session was complete?"""
        session = await self._spine.get(t.session, owner=str(owner), session_id=session_id)
        if session is None or session["completed_at"] is None:
            return False
        station = await self._spine.get(t.station, owner=str(owner), station_id=session["station_id"])
        if station is None:
            return False
        return cast(datetime, station["changed_at"]) <= cast(datetime, session["completed_at"])


def _says(work: Work) -> str | None:
    """The reason why there is still no price."""
    found = (write for write in work.writes if isinstance(write, Put) and write.row.get("code") == CODE)
    return next((cast(str, write.row["sample"]) for write in found), None)
