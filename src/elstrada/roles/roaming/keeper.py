"""The keeper: has stations keep EVSEs for who booked them, and sees what becomes of bookings by time.

Everything is looked at anew each round, and what was asked of a station is a record made before: after a
crash, or on another node, it is seen from the log whether the station keeps the EVSE.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta

import msgspec

from elstrada.charging.booking_hours import window
from elstrada.charging.bookings import Answer, Books, fulfilled, given_up, kept_from, uses
from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command, PresentedToken
from elstrada.model.booking import Booked, Booking, BookingState
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.ids import PartyId
from elstrada.model.reservation import ReservationWish
from elstrada.model.token import Token, TokenIdentity, Whitelist
from elstrada.roaming.news import Kind
from elstrada.roles.gateway import reach
from elstrada.roles.roaming.booking_books import (
    HELD,
    RELEASE,
    Kept,
    booked_of,
    books_of,
    change_booking,
    kept,
    plan_of,
)
from elstrada.roles.roaming.changes import marks_of_change
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.stock import Seat, Stock
from elstrada.roles.side_by_side import side_by_side
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Cell, Delete, Put, Row, RowMoved, SpineDown, StreamMoved, Where, Work
from elstrada.spine.paging import pages
from elstrada.spine.post import NobodyThere, NoReply, Post

ASKED, IMPOSSIBLE = "ASKED", "IMPOSSIBLE"
"""Beside HELD and RELEASE: the station was asked and has not answered; it cannot keep EVSEs."""
NOT_KEPT = "booking-not-kept"
"""Code of its findings; their source is the station."""
_AGAIN = timedelta(minutes=1)
_SPARE_S = 3
_MOST = 1000
_SESSIONS = 100
_KEPT_FOR = timedelta(days=90)
_IMPOSSIBLE = frozenset({CommandResult.NOT_SUPPORTED})


class Keeper:
    """Looks after the living bookings at our locations."""

    def __init__(self, means: Means, stock: Stock, post: Post) -> None:
        self._means, self._stock, self._post = means, stock, post
        self._housekept: datetime | None = None

    async def run(self, every_s: float) -> None:
        """Look until cancelled."""
        while True:
            with contextlib.suppress(SpineDown):
                await self.settle()
            await asyncio.sleep(every_s)

    async def settle(self) -> None:
        """Do all that is due."""
        now = self._means.clock.now()
        where: Where = {"ended_at": None, "opens_at": Between(high=now + timedelta(microseconds=1))}
        rows = await self._means.spine.find(t.booking, where, order=("opens_at",), limit=_MOST)
        # One after the other, the earlier first: a session fulfils one booking alone.
        waiting = [row for row in sorted(rows, key=_start) if not await self._look(row)]
        await side_by_side(self._hold, waiting)
        where = {"hold": RELEASE, "hold_next_at": Between(high=now + timedelta(microseconds=1))}
        papers = await self._means.spine.find(t.booking_paper, where, limit=_MOST)
        await side_by_side(self._release, papers)
        if self._housekept is None or now - self._housekept >= _AGAIN:
            self._housekept = now
            await self._turn_days(now)
            await self._forget(now)

    # --- one booking ----------------------------------------------------------------------------------

    async def _look(self, row: Row) -> bool:
        """Has anything become of it?"""
        owner, booked = PartyId.parse(str(row["owner"])), booked_of(row)
        session_id = await self._session(owner, booked)

        def become(known: Kept, _: Books) -> Answer | None:
            now = self._means.clock.now()
            if session_id is not None and known.booked.state is BookingState.RESERVED:
                return fulfilled(known.booked, known.booking, session_id, now)
            return given_up(known.booked, known.booking, now)

        try:
            return await change_booking(self._means.spine, owner, booked.id, become) is not None
        except (RowMoved, StreamMoved):
            return True  # Somebody else was at it; the next round sees.

    async def _session(self, owner: PartyId, booked: Booked) -> str | None:
        """The session of its driver at its EVSE."""
        seat = await self._seat(owner, booked)
        if seat is None or booked.state is not BookingState.RESERVED:
            return None
        where = {"owner": str(owner), "station_id": seat.station_id}
        rows = await self._means.spine.find(t.session, where, order=("-first_version",), limit=_SESSIONS)
        for row in rows:
            started_at = row["started_at"]
            if (
                row["evse_id"] == seat.evse_id
                and isinstance(started_at, datetime)
                and uses(booked, str(row["token_ref"]), booked.evse_uid or "", started_at)
                and not await self._is_used(owner, row)
            ):
                return str(row["session_id"])
        return None

    async def _is_used(self, owner: PartyId, session: Row) -> bool:
        """Has the session fulfilled another booking?"""
        where = {"owner": str(owner), "session_id": session["session_id"]}
        return bool(await self._means.spine.find(t.booking, where, limit=1))

    async def _seat(self, owner: PartyId, booked: Booked) -> Seat | None:
        if booked.evse_uid is None:
            return None
        return await self._stock.seat(owner, booked.location_id, booked.evse_uid)

    # --- at the station -------------------------------------------------------------------------------

    async def _hold(self, row: Row) -> None:
        """Have the station keep the EVSE, unless it does, cannot, or was asked a moment ago."""
        owner, booked = PartyId.parse(str(row["owner"])), booked_of(row)
        spine, now = self._means.spine, self._means.clock.now()
        _, books = await books_of(spine, owner, booked.location_id)
        known = await kept(spine, owner, booked.id)
        current = books.get(booked.id)
        if known is None or current is None or current.state is not BookingState.RESERVED:
            return
        hold, next_at = known.paper["hold"], known.paper["hold_next_at"]
        if hold in (HELD, RELEASE, IMPOSSIBLE) or now < kept_from(books, current):
            return
        if isinstance(next_at, datetime) and now < next_at:
            return
        seat = await self._seat(owner, current)
        if hold == ASKED and await self._was_kept(owner, known.paper):
            return
        if seat is None:
            await self._note(known.paper, hold=None, says=f"EVSE {current.evse_uid} stands at no station")
            return
        await self._ask(owner, known._replace(booked=current), seat)

    async def _was_kept(self, owner: PartyId, paper: Row) -> bool:
        """Did the station take what we asked for without our hearing of it?"""
        where = {"owner": str(owner), "command_id": paper["command_id"]}
        rows = await self._means.spine.find(t.reservation, where, limit=1)
        if not rows or rows[0]["ended_at"] is not None:
            return False
        await self._note(paper, hold=HELD, number=rows[0]["number"])
        return True

    async def _ask(self, owner: PartyId, known: Kept, seat: Seat) -> None:
        booked, now, waits = known.booked, self._means.clock.now(), self._means.waits
        command_id = self._means.chance.uuid()
        command = Command(
            command_id=command_id,
            name=CommandName.RESERVE,
            asked_by=booked.made_for,
            evse_id=seat.evse_id,
            token=await self._token(owner, known.booking, booked),
            authorization_reference=booked.authorization_reference,
            reservation=ReservationWish(expires_at=booked.given_up_at, booking_id=booked.id),
            deadline_s=waits.command_s,
            asked_at=now,
        )
        asked: dict[str, Cell] = {
            "hold": ASKED,
            "hold_next_at": now + timedelta(seconds=waits.command_s + _SPARE_S) + _AGAIN,
            "hold_until": booked.given_up_at,
            "station_id": seat.station_id,
            "command_id": command_id,
            "number": None,
        }
        paper = await self._write(known.paper, asked)
        if paper is None:
            return  # Another node is at it, or the booking has changed.
        answer = await self._told(owner, seat.station_id, command)
        match answer.result:
            case CommandResult.ACCEPTED if await self._was_kept(owner, paper):
                pass
            case CommandResult.ACCEPTED | CommandResult.TIMEOUT:
                pass  # The log will tell.
            case result:
                hold = IMPOSSIBLE if result in _IMPOSSIBLE else None
                says = answer.detail or result.value
                await self._note(paper, hold=hold, says=says)

    async def _release(self, paper: Row) -> None:
        """Have the station keep an EVSE no longer: the booking was cancelled, or is another now."""
        owner, now = PartyId.parse(str(paper["owner"])), self._means.clock.now()
        where = {"owner": str(owner), "command_id": paper["command_id"]}
        rows = await self._means.spine.find(t.reservation, where, limit=1)
        until = paper["hold_until"]
        is_over = not rows or rows[0]["ended_at"] is not None
        if is_over and isinstance(until, datetime) and (rows or until <= now):
            await self._note(paper, hold=None)
            return
        if not rows:  # Perhaps it was asked a moment ago.
            command = await self._means.spine.get(
                t.command, owner=str(owner), command_id=paper["command_id"] or ""
            )
            answered = command is not None and command["result"] is not None
            await self._note(paper, hold=None if answered else RELEASE)
            return
        number = rows[0]["number"]
        assert isinstance(number, int), "a reservation has a number"
        command = Command(
            command_id=self._means.chance.uuid(),
            name=CommandName.CANCEL_RESERVATION,
            asked_by=owner,
            reservation_id=number,
            deadline_s=self._means.waits.command_s,
            asked_at=now,
        )
        answer = await self._told(owner, str(paper["station_id"]), command)
        done = answer.result in (CommandResult.ACCEPTED, CommandResult.UNKNOWN)
        await self._note(paper, hold=None if done else RELEASE, says="" if done else answer.result.value)

    async def _told(self, owner: PartyId, station_id: str, command: Command) -> CommandDone:
        timeout_s = command.deadline_s + _SPARE_S
        spine = self._means.spine
        try:
            answer = await reach.command(spine, self._post, owner, station_id, command, timeout_s=timeout_s)
        except NobodyThere:
            return CommandDone(CommandResult.OFFLINE, "the station is not connected")
        except NoReply:
            return CommandDone(CommandResult.TIMEOUT)
        assert isinstance(answer, CommandDone), "a Command is answered by how it ended"
        return answer

    async def _token(self, owner: PartyId, booking: Booking, booked: Booked) -> PresentedToken:
        """The booking's token: our record of it, or as much as the booking says."""
        identity: TokenIdentity = booking.tokens[0]
        key = {"party": str(identity.party), "uid": identity.uid, "type": identity.type}
        row = await self._means.spine.get(t.token, owner=str(owner), **key)
        token = (
            Token(
                party=identity.party,
                uid=identity.uid,
                type=identity.type,
                contract_id=identity.contract_id,
                issuer=str(identity.party),
                valid=True,
                whitelist=Whitelist.NEVER,
                last_updated=booking.last_updated,
            )
            if row is None
            else msgspec.json.decode(str(row["document"]), type=Token)
        )
        return PresentedToken(identity.uid, identity.type, booked.token_refs[0], token)

    async def _note(self, paper: Row, *, hold: str | None, number: Cell = None, says: str = "") -> None:
        if says:
            source = f"station:{paper['owner']}/{paper['station_id'] or '-'}"
            self._means.findings.note(source, NOT_KEPT, f"booking {paper['booking_id']}: {says}")
        again = None if hold in (HELD, IMPOSSIBLE) else self._means.clock.now() + _AGAIN
        if hold is None and not says:
            again = None
        await self._write(paper, {"hold": hold, "hold_next_at": again, "number": number})

    async def _write(self, paper: Row, cells: dict[str, Cell]) -> Row | None:
        """The record with these cells; None: somebody else has changed it."""
        key = {name: paper[name] for name in ("owner", "made_for", "request_id")}
        names = ("hold", "command_id", "hold_next_at", "document")
        expected = {name: paper[name] for name in names}
        try:
            await self._means.spine.commit(Work(writes=(Put(t.booking_paper, key | cells, expected),)))
        except RowMoved:
            return None
        return {**paper, **cells}

    # --- what time does -------------------------------------------------------------------------------

    async def _turn_days(self, now: datetime) -> None:
        """A new day is in the calendars: those who keep copies are told."""
        spine = self._means.spine
        for party in await spine.find(t.party, limit=_MOST):
            owner = PartyId.parse(str(party["party"]))
            where: Where = {"owner": str(owner), "party": str(owner)}
            async for rows in pages(spine, t.booking_location, where):
                for row in rows:
                    last = row["last_updated"]
                    assert isinstance(last, datetime), "the column is a time"
                    if last < window(plan_of(row), now).start:
                        await self._raise(owner, row, now)

    async def _raise(self, owner: PartyId, row: Row, now: datetime) -> None:
        name = str(row["booking_location_id"])
        marks = await marks_of_change(self._means.spine, now, owner, Kind.BOOKING_LOCATION, name)
        key = {"owner": str(owner), "party": str(owner), "booking_location_id": name}
        put = Put(t.booking_location, {**key, "last_updated": now}, {"last_updated": row["last_updated"]})
        with contextlib.suppress(RowMoved):
            await self._means.spine.commit(Work(writes=(put, *marks)))

    async def _forget(self, now: datetime) -> None:
        """What is personal of bookings goes some time after their end."""
        spine, old = self._means.spine, Between(high=now - _KEPT_FOR)
        papers = await spine.find(t.booking_paper, {"ended_at": old}, order=("ended_at",), limit=100)
        keys = [
            Delete(t.booking_paper, {name: row[name] for name in ("owner", "made_for", "request_id")})
            for row in papers
        ]
        for party in await spine.find(t.party, limit=_MOST):
            where = {"owner": party["party"], "ends_at": old}
            rows = await spine.find(t.roamed_booking, where, order=("ends_at",), limit=100)
            keys += [
                Delete(t.roamed_booking, {name: row[name] for name in ("owner", "party", "request_id")})
                for row in rows
            ]
        await spine.commit(Work(writes=tuple(keys)))


def _start(row: Row) -> datetime:
    starts_at = row["starts_at"]
    assert isinstance(starts_at, datetime), "the column is a time"
    return starts_at
