"""The commander: our eMSP has a peer's station do something, and hears how it ended.

A command is sent once and never again (DESIGN 5.4); its result comes to an address made for it alone
(R-53). A session that follows after all is accepted like any other (R-55).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import msgspec

from elstrada.model.answers import Noted
from elstrada.model.asks import EndCommand
from elstrada.model.booking import BookingRequest
from elstrada.model.ids import PartyId
from elstrada.model.location import Evse
from elstrada.model.party import Peer
from elstrada.model.token import Token
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.client import Received, describe
from elstrada.ocpi.endpoints import join
from elstrada.ocpi.language import Resulted, Start
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v221 import commands as wire
from elstrada.ocpi.v221 import translate
from elstrada.ocpi.v221.commands import ResponseType, ResultType, StopSession
from elstrada.ocpi.versions import endpoint, language, module_url
from elstrada.roles.roaming.booker import Asked, Booker
from elstrada.roles.roaming.conduct import source
from elstrada.roles.roaming.line import Line
from elstrada.roles.roaming.means import Means
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Delete, Put, Row, RowMoved, Where, Work
from elstrada.spine.post import Letter, NobodyThere, NoReply, Post

_LONGEST_S = 120.0
_MOST_AWAITED = 10_000
_LONGEST_DETAIL = 512
_KEPT_FOR = timedelta(days=90)
_MOST_FORGOTTEN = 100
ASKED, CANCELED = "ASKED", "CANCELED"
"""States of a reservation of ours, beside OCPI's own words for how a command ends."""
_LATER = {
    # Whoever asked is gone, and its node with it.
    *((ASKED, result.value) for result in ResultType),
    (ResultType.ACCEPTED.value, ResultType.CANCELED_RESERVATION.value),
    (ResultType.TIMEOUT.value, ResultType.ACCEPTED.value),
    (ResultType.TIMEOUT.value, ResultType.CANCELED_RESERVATION.value),
}
"""What may still be told of a reservation, after what was last known of it."""
_POST_S = 5.0


_Body = Callable[[str], msgspec.Struct]
"""Makes a command's body, given the address for its result."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation that we want to have at a partner's station."""

    cpo: PartyId
    token: Token
    """Ours, and we have authorized it."""
    location_id: str
    evse_uid: str | None
    """None: any of the location's."""
    expires_at: datetime


class Ended(msgspec.Struct, frozen=True):
    """How a command ended."""

    result: ResultType | ResponseType
    detail: str = ""


class Commander:
    """Gives commands to CPO peers."""

    def __init__(self, means: Means, line: Line, post: Post) -> None:
        self._means, self._line, self._post = means, line, post
        self._booker = Booker(means, line)
        self._under_way = 0

    async def start(
        self,
        peer: Peer,
        cpo: PartyId,
        token: Token,
        location_id: str,
        evse: Evse,
        connector_id: str,
        reference: str | None = None,
    ) -> Ended:
        """Have a session started. The token is ours and we have authorized it.

        The connector is named wherever the version can, because some EVSEs demand it (R-60).

        Args:
            reference: of the authorization; by default a new one.
        """
        return await self._command(
            peer,
            cpo,
            "start_session",
            lambda url: language(peer.version).commands.write_start(
                Start(
                    response_url=url,
                    token=token,
                    location_id=location_id,
                    evse_uid=evse.uid,
                    connector_id=connector_id,
                    authorization_reference=reference or self._means.chance.uuid(),
                )
            ),
        )

    async def stop(self, peer: Peer, cpo: PartyId, session_id: str) -> Ended:
        """Have a session of one of our drivers stopped."""
        return await self._command(
            peer, cpo, "stop_session", lambda url: StopSession(response_url=url, session_id=session_id)
        )

    async def reserve(self, peer: Peer, wish: Wish) -> tuple[str, Ended]:
        """Have an EVSE kept for a token; returns the reservation's id, and how that ended."""
        number = self._means.chance.uuid()
        if not language(peer.version).commands.cancels_reservations:
            why = f"OCPI {peer.version} has no command that would cancel it"
            return number, Ended(ResponseType.NOT_SUPPORTED, why)
        owner = str(peer.owner)
        row: Row = {
            "owner": owner,
            "reservation_id": number,
            "peer_id": peer.id,
            "party": str(wish.cpo),
            "location_id": wish.location_id,
            "evse_uid": wish.evse_uid,
            "token_ref": self._means.keys.token_ref(wish.token.uid),
            "state": ASKED,
            "detail": "",
            "expires_at": wish.expires_at,
            "changed_at": self._means.clock.now(),
        }
        writes = (Put(t.roamed_reservation, row, {}), *await self._forgotten(owner))
        await self._means.spine.commit(Work(writes=writes))
        ended = await self._command(
            peer,
            wish.cpo,
            "reserve_now",
            lambda url: wire.ReserveNow(
                response_url=url,
                token=translate.token_to_wire(wish.token).value,
                expiry_date=Instant(wish.expires_at),
                reservation_id=number,
                location_id=wish.location_id,
                evse_uid=wish.evse_uid,
                authorization_reference=self._means.chance.uuid(),
            ),
            number,
        )
        await self._became(row, ended.result.value, ended.detail)
        return number, ended

    async def cancel(self, peer: Peer, row: Row) -> Ended:
        """Have a reservation of ours cancelled.

        Args:
            row: its record.
        """
        number = str(row["reservation_id"])
        ended = await self._command(
            peer,
            PartyId.parse(str(row["party"])),
            "cancel_reservation",
            lambda url: wire.CancelReservation(response_url=url, reservation_id=number),
        )
        if ended.result is ResultType.ACCEPTED:
            await self._became(row, CANCELED, "by us")
        elif ended.result is ResultType.UNKNOWN_RESERVATION:
            await self._became(row, ended.result.value, ended.detail)
        return ended

    async def book(self, peer: Peer, cpo: PartyId, request: BookingRequest, before: Row | None) -> Asked:
        """Ask for a booking, another form of it, or none any more."""
        return await self._booker.request(peer, cpo, request, before)

    async def _forgotten(self, owner: str) -> list[Delete]:
        """Those that are over for so long that nobody will ask for them."""
        old = Between(high=self._means.clock.now() - _KEPT_FOR)
        where: Where = {"owner": owner, "expires_at": old}
        rows = await self._means.spine.find(
            t.roamed_reservation, where, order=("expires_at",), limit=_MOST_FORGOTTEN
        )
        keys = [{"owner": owner, "reservation_id": row["reservation_id"]} for row in rows]
        return [Delete(t.roamed_reservation, key) for key in keys]

    async def _became(self, row: Row, state: str, detail: str) -> bool:
        """Note what has become of a reservation of ours, unless somebody did since ``row`` was read."""
        told = {"state": state, "detail": detail[:_LONGEST_DETAIL], "changed_at": self._means.clock.now()}
        write = Put(t.roamed_reservation, {**row, **told}, {"state": row["state"]})
        try:
            await self._means.spine.commit(Work(writes=(write,)))
        except RowMoved:
            return False
        return True

    async def _of_reservation(self, peer: Peer, command_id: str, told: EndCommand) -> bool:
        """The CPO tells of a reservation that was made before: it has cancelled it, or has it after all."""
        owner = str(peer.owner)
        row = await self._means.spine.get(t.roamed_reservation, owner=owner, reservation_id=command_id)
        if row is None or row["peer_id"] != peer.id:
            return False
        if (str(row["state"]), told.result) not in _LATER:
            return False
        self._means.findings.note(source(peer.owner, peer.id), f"reservation {told.result}", command_id)
        return await self._became(row, told.result, told.detail)

    async def heard(self, peer: Peer, command_id: str, result: Resulted) -> bool:
        """A peer tells how a command ended, at any node. Only the peer that was asked may, and only once."""
        told = EndCommand(result.result, result.detail[:_LONGEST_DETAIL])
        try:
            await self._post.ask(_address(peer, command_id), told, timeout_s=_POST_S)
        except (NobodyThere, NoReply):
            return await self._of_reservation(peer, command_id, told)
        return True

    async def _command(
        self, peer: Peer, cpo: PartyId, name: str, body: _Body, command_id: str | None = None
    ) -> Ended:
        if self._under_way >= _MOST_AWAITED:
            return Ended(ResponseType.REJECTED, "too many commands are under way")
        command_id = command_id or self._means.chance.uuid()
        result: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        release = self._post.serve(_address(peer, command_id), partial(_hear, result))
        self._under_way += 1
        try:
            outcome = await self._line.tell(peer, name, to=cpo, body=body(self._url(peer, name, command_id)))
            if not isinstance(outcome, Received):
                return Ended(ResponseType.REJECTED, describe(outcome))
            try:
                response = language(peer.version).commands.read_response(outcome.data)
            except Mismatch as problem:
                return Ended(ResponseType.REJECTED, str(problem))
            if response.result != ResponseType.ACCEPTED:
                known = response.result in frozenset(ResponseType)
                detail = response.detail[:_LONGEST_DETAIL]
                return Ended(ResponseType(response.result) if known else ResponseType.REJECTED, detail)
            told_s = _LONGEST_S if response.timeout_s is None else float(response.timeout_s)
            async with asyncio.timeout(min(max(told_s, 1.0), _LONGEST_S)):
                return await result
        except TimeoutError:
            return Ended(ResultType.TIMEOUT, "the peer told no result in time")
        finally:
            self._under_way -= 1
            release()

    def _url(self, peer: Peer, name: str, command_id: str) -> str:
        assert peer.version is not None, "a registered peer has a version"
        results = endpoint(peer.version, "command_result")
        base = module_url(results, peer.version, self._means.public_url)
        return join(base, name.upper(), command_id)


def _address(peer: Peer, command_id: str) -> str:
    """Where the result of a command is awaited. It names the peer: no other one's word arrives there."""
    return f"command/{peer.owner}/{peer.id}/{command_id}"


async def _hear(result: asyncio.Future[Ended], letter: Letter) -> Letter:
    if not isinstance(letter, EndCommand):
        raise TypeError(f"a command is told how it ended, not {type(letter).__name__}")
    if result.done():
        raise NobodyThere("the command has ended already")
    known = letter.result in frozenset(ResultType)
    # 2.1.1 may say UNKNOWN_SESSION here, which later versions say in the first answer alone.
    detail = letter.detail if known else letter.detail or letter.result[:_LONGEST_DETAIL]
    result.set_result(Ended(ResultType(letter.result) if known else ResultType.FAILED, detail))
    return Noted()
