"""The commander: our eMSP has a peer's station do something, and hears how it ended.

A command is sent once and never again (DESIGN 5.4); its result comes to an address made for it alone
(R-53). A session that follows after all is accepted like any other (R-55).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import msgspec

from elstrada.model.answers import Noted
from elstrada.model.asks import EndCommand
from elstrada.model.ids import PartyId
from elstrada.model.location import Evse
from elstrada.model.party import Peer
from elstrada.model.token import Token
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.client import Received, describe, object_of
from elstrada.ocpi.endpoints import join, module_path
from elstrada.ocpi.v221 import commands as wire
from elstrada.ocpi.v221 import translate
from elstrada.ocpi.v221.commands import ResponseType, ResultType
from elstrada.ocpi.versions import PREFIX, endpoint
from elstrada.roles.roaming.line import Line
from elstrada.roles.roaming.means import Means
from elstrada.spine.post import Letter, NobodyThere, NoReply, Post

_LONGEST_S = 120.0
_MOST_AWAITED = 10_000
_LONGEST_DETAIL = 512
_POST_S = 5.0


_Body = Callable[[str], msgspec.Struct]
"""Makes a command's body, given the address for its result."""


class Ended(msgspec.Struct, frozen=True):
    """How a command ended."""

    result: ResultType | ResponseType
    detail: str = ""


class Commander:
    """Gives commands to CPO peers."""

    def __init__(self, means: Means, line: Line, post: Post) -> None:
        self._means, self._line, self._post = means, line, post
        self._under_way = 0

    async def start(
        self, peer: Peer, cpo: PartyId, token: Token, location_id: str, evse: Evse, connector_id: str
    ) -> Ended:
        """Have a session started. The token is ours and we have authorized it.

        The connector is always named, because some EVSEs demand it (R-60).
        """
        return await self._command(
            peer,
            cpo,
            "start_session",
            lambda url: wire.StartSession(
                response_url=url,
                token=translate.token_to_wire(token).value,
                location_id=location_id,
                evse_uid=evse.uid,
                connector_id=connector_id,
                authorization_reference=self._means.chance.uuid(),
            ),
        )

    async def stop(self, peer: Peer, cpo: PartyId, session_id: str) -> Ended:
        """Have a session of one of our drivers stopped."""
        return await self._command(
            peer, cpo, "stop_session", lambda url: wire.StopSession(response_url=url, session_id=session_id)
        )

    async def heard(self, peer: Peer, command_id: str, result: wire.CommandResult) -> bool:
        """A peer tells how a command ended, at any node. Only the peer that was asked may, and only once."""
        detail = result.message[0].text if result.message else ""
        told = EndCommand(result.result, detail[:_LONGEST_DETAIL])
        try:
            await self._post.ask(_address(peer, command_id), told, timeout_s=_POST_S)
        except (NobodyThere, NoReply):
            return False
        return True

    async def _command(self, peer: Peer, cpo: PartyId, name: str, body: _Body) -> Ended:
        if self._under_way >= _MOST_AWAITED:
            return Ended(ResponseType.REJECTED, "too many commands are under way")
        command_id = self._means.chance.uuid()
        result: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        release = self._post.serve(_address(peer, command_id), partial(_hear, result))
        self._under_way += 1
        try:
            outcome = await self._line.tell(peer, name, to=cpo, body=body(self._url(peer, name, command_id)))
            if not isinstance(outcome, Received):
                return Ended(ResponseType.REJECTED, describe(outcome))
            try:
                response = object_of(outcome, wire.CommandResponse)
            except Mismatch as problem:
                return Ended(ResponseType.REJECTED, str(problem))
            if response.result != ResponseType.ACCEPTED:
                known = response.result in frozenset(ResponseType)
                return Ended(ResponseType(response.result) if known else ResponseType.REJECTED)
            async with asyncio.timeout(min(max(float(response.timeout), 1.0), _LONGEST_S)):
                return await result
        except TimeoutError:
            return Ended(ResultType.TIMEOUT, "the peer told no result in time")
        finally:
            self._under_way -= 1
            release()

    def _url(self, peer: Peer, name: str, command_id: str) -> str:
        assert peer.version is not None, "a registered peer has a version"
        results = endpoint(peer.version, "command_result")
        base = f"{self._means.public_url}{PREFIX}/{peer.version}/{module_path(results)}"
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
    result.set_result(Ended(ResultType(letter.result) if known else ResultType.FAILED, letter.detail))
    return Noted()
