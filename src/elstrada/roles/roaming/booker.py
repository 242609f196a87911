"""The booker: our eMSP books at partners' locations.

What is wished is a record before it is asked. A request may be sent again by its request_id, and gets the same
answer, so that a lost answer is no harm; what the partner tells later comes as a push, and is kept likewise.
Source: OCPI 2.3.0 mod_bookings 1.1.
"""

from __future__ import annotations

import contextlib
from datetime import datetime

import msgspec

from elstrada.model.booking import Booking, BookingRequest
from elstrada.model.ids import PartyId
from elstrada.model.party import Peer
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.client import Declined, Outcome, Received, describe, object_of
from elstrada.ocpi.patch import is_older
from elstrada.ocpi.scalars import same
from elstrada.ocpi.versions import language
from elstrada.roles.roaming.conduct import source
from elstrada.roles.roaming.line import Line
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.rows import roamed_booking_row
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Row, RowMoved, Work

ASKED, REFUSED = "ASKED", "REFUSED"
"""States of a booking of ours beside OCPI's: nothing was answered yet; the partner would not even decide."""
_LONGEST_DETAIL = 500
_TRIES = 5


class Asked(msgspec.Struct, frozen=True):
    """How it went to ask."""

    row: Row
    problem: str = ""
    """Why there is no booking in the answer; empty: there is."""
    unreachable: bool = False


class Booker:
    """Asks partners for bookings."""

    def __init__(self, means: Means, line: Line) -> None:
        self._means, self._line = means, line

    async def request(self, peer: Peer, cpo: PartyId, request: BookingRequest, before: Row | None) -> Asked:
        """Ask for a booking, another form of it, or none any more.

        Args:
            before: its record, if it was asked for before.
        """
        words = language(peer.version).bookings
        if words is None:
            return Asked(before or {}, f"OCPI {peer.version} has no bookings")
        row = await self._wished(peer, cpo, request, before)
        outcome = await self._line.tell(
            peer,
            "post_booking",
            to=cpo,
            body=words.write_request(request),
            timeout_s=self._means.waits.long_answer_s,
        )
        if not isinstance(outcome, Received):
            return await self._failed(row, outcome)
        try:
            booking = words.booking.read(object_of(outcome, words.booking.wire), cpo).value
            if booking.party != cpo or not same(booking.request_id, request.request_id):
                raise Mismatch("that is another booking - at `$.request_id`")
        except Mismatch as problem:
            self._means.findings.note(source(peer.owner, peer.id), "booking unreadable", str(problem))
            return Asked(row, f"its answer cannot be read: {problem}")
        return Asked(await self._told(peer, row, booking, outcome.message))

    async def _wished(self, peer: Peer, cpo: PartyId, request: BookingRequest, before: Row | None) -> Row:
        row: Row = {
            "owner": str(peer.owner),
            "party": str(cpo),
            "request_id": request.request_id,
            "booking_id": None,
            "peer_id": peer.id,
            "location_id": request.location_id,
            "booking_location_id": request.booking_location_id or "",
            "token_ref": self._means.keys.token_ref(request.tokens[0].uid),
            "state": ASKED,
            "detail": "",
            "starts_at": request.period.start,
            "ends_at": request.period.end,
            "request": msgspec.json.encode(request).decode(),
            "document": None,
            "last_updated": None,
            "changed_at": self._means.clock.now(),
        }
        if before is not None:
            row = {**before, "request": row["request"]}
        expected: Row = {} if before is None else {"state": before["state"]}
        await self._means.spine.commit(Work(writes=(Put(t.roamed_booking, row, expected),)))
        return row

    async def _failed(self, row: Row, outcome: Outcome) -> Asked:
        """The partner refused to decide, or nobody knows what it decided: then it may be asked again."""
        says = describe(outcome)
        refused = isinstance(outcome, Declined)
        state = REFUSED if refused and row["document"] is None else row["state"]
        cells = {"state": state, "detail": says[:_LONGEST_DETAIL], "changed_at": self._means.clock.now()}
        put = Put(t.roamed_booking, {**row, **cells}, {"state": row["state"], "document": row["document"]})
        with contextlib.suppress(RowMoved):  # It was told meanwhile: that is newer.
            await self._means.spine.commit(Work(writes=(put,)))
        return Asked({**row, **cells}, says, unreachable=not refused)

    async def _told(self, peer: Peer, row: Row, booking: Booking, says: str) -> Row:
        """Keep the answer, unless a push that is newer was faster."""
        key = {name: row[name] for name in ("owner", "party", "request_id")}
        for _ in range(_TRIES):
            known = await self._means.spine.get(t.roamed_booking, **key) or row
            last = known["last_updated"]
            now, ref_of = self._means.clock.now(), self._means.keys.token_ref
            if isinstance(last, datetime) and is_older(booking.last_updated, last, now):
                return known
            told = roamed_booking_row(peer.owner, peer.id, booking, ref_of, now, known)
            told = {**told, "detail": says[:_LONGEST_DETAIL]}
            expected = {"state": known["state"], "document": known["document"]}
            try:
                await self._means.spine.commit(Work(writes=(Put(t.roamed_booking, told, expected),)))
            except RowMoved:
                continue
            return told
        return row
