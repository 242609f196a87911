"""Callbacks: each command we took for a peer gets exactly one result, also after a crash (P5, R-54).

What we owe is a record, made before the command is accepted and removed by whoever is about to send
the result: so it is sent once, and by one. The station's own answer is a fact (``CommandAnswered``);
after a restart the result is taken from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import datetime, timedelta

import msgspec

from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command
from elstrada.model.device import CommandResult
from elstrada.model.ids import PartyId, station_stream
from elstrada.model.party import Peer
from elstrada.roles.gateway import reach
from elstrada.roles.roaming import steering
from elstrada.roles.roaming.conduct import source
from elstrada.roles.roaming.line import Line
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.peers import Peers
from elstrada.roles.roaming.reaper import Reaper
from elstrada.roles.roaming.reservers import Reservers
from elstrada.roles.roaming.results import ResultKind, answered, kind_of, telling
from elstrada.spine import tables as t
from elstrada.spine.face import Delete, Put, Row, RowMoved, SpineDown, Work
from elstrada.spine.post import NobodyThere, NoReply, Post

log = logging.getLogger(__name__)

_POST_SPARE_S, _RESULT_SPARE_S = 3, 5
"""Beyond what a station has (``Waits.command_s``): for its node to answer, and for the result to reach the peer."""
_MOST_OWED = 1000
UNTOLD = "command result untold"
"""Code of its findings; their source is the peer."""


class Callbacks:
    """Has commands done and tells the peer how they ended."""

    def __init__(self, means: Means, peers: Peers, line: Line, post: Post) -> None:
        self._means, self._peers, self._line, self._post = means, peers, line, post
        self.station_s = means.waits.command_s
        """How long a station has for a command."""
        self.result_s = self.station_s + _RESULT_SPARE_S
        """What we tell the peer: the result comes by then."""
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self.reservers = Reservers(means, peers, line)
        self.reaper = Reaper(means, peers)

    async def take(
        self, peer: Peer, station_id: str, command: Command, url: str, kind: ResultKind | None = None
    ) -> None:
        """Owe the peer a result, and have the command done in the background.

        Args:
            kind: of the result; None: a command's.
        Raises:
            SpineDown: nothing was taken.
        """
        now = self._means.clock.now()
        due_at = now + timedelta(seconds=self.result_s)
        command = msgspec.structs.replace(command, asked_at=now)
        owed: Row = {
            "owner": str(peer.owner),
            "command_id": command.command_id,
            "peer_id": peer.id,
            "asked_by": str(command.asked_by),
            "url": url,
            "due_at": due_at,
            **(await self._concern(peer, station_id, command, kind)),
        }
        writes = [Put(t.callback, owed, {})]
        if command.reservation is not None:
            told = {name: owed[name] for name in ("owner", "command_id", "peer_id", "asked_by", "url")}
            writes.append(Put(t.reserver, {**told, "expires_at": command.reservation.expires_at}, {}))
        await self._means.spine.commit(Work(writes=tuple(writes)))
        task = asyncio.ensure_future(self._do(peer, station_id, command, owed))
        self._under_way[command.command_id] = task
        task.add_done_callback(lambda _: self._under_way.pop(command.command_id, None))

    async def _concern(self, peer: Peer, station_id: str, command: Command, kind: ResultKind | None) -> Row:
        """What a result of this kind needs beside how the command ends."""
        if kind is None:
            return {"kind": None, "station_id": None, "session_id": None, "since": None}
        since = await self._means.spine.version(station_stream(peer.owner, station_id))
        return {
            "kind": kind.value,
            "station_id": station_id,
            "session_id": command.session_id,
            "since": since,
        }

    async def settle(self) -> None:
        """Pay what a former life of this node still owes: the station's answer, or TIMEOUT once due."""
        rows = await self._means.spine.find(t.callback, limit=_MOST_OWED)
        left = [owed for owed in rows if str(owed["command_id"]) not in self._under_way]
        # Side by side: a peer that hangs, or a debt that cannot be understood, holds up nobody else's result.
        ends = await asyncio.gather(*map(self._settle, left), return_exceptions=True)
        for owed, end in zip(left, ends, strict=True):
            if isinstance(end, SpineDown):
                raise end
            if isinstance(end, Exception):
                log.error("command %s cannot be answered to its peer", owed["command_id"], exc_info=end)
                who = source(PartyId.parse(str(owed["owner"])), str(owed["peer_id"]))
                self._means.findings.note(who, UNTOLD, f"{type(end).__name__}: {end}"[:300])
        await self.reservers.settle()
        await self.reaper.reap()

    async def run(self, every_s: float) -> None:
        """Settle until cancelled."""
        while True:
            with contextlib.suppress(SpineDown):
                await self.settle()
            await asyncio.sleep(every_s)

    def stop(self) -> None:
        """What is under way is left to another node, or to the next life."""
        for task in list(self._under_way.values()):
            task.cancel()

    async def _do(self, peer: Peer, station_id: str, command: Command, owed: Row) -> None:
        # While the store is down nothing can be done or claimed: ``settle`` tells it later.
        with contextlib.suppress(SpineDown):
            answer = await self._answer(peer, station_id, command)
            await self._tell(peer, owed, command.name, answer)

    async def _answer(self, peer: Peer, station_id: str, command: Command) -> CommandDone:
        try:
            answer = await reach.command(
                self._means.spine,
                self._post,
                peer.owner,
                station_id,
                command,
                timeout_s=command.deadline_s + _POST_SPARE_S,
            )
        except NobodyThere:
            return CommandDone(CommandResult.OFFLINE, "the station is not connected")
        except NoReply:
            return CommandDone(CommandResult.TIMEOUT)
        assert isinstance(answer, CommandDone), "a Command is answered by how it ended"
        return answer

    async def _settle(self, owed: Row) -> None:
        owner = PartyId.parse(str(owed["owner"]))
        peer = await self._peers.get(owner, str(owed["peer_id"]))
        if peer is None:
            await self._claim(owed)
            return
        known = await self._means.spine.get(t.command, owner=str(owner), command_id=owed["command_id"])
        if known is not None and known["result"] is not None:
            await self._tell(peer, owed, str(known["name"]), await answered(self._means, owed, known))
        elif isinstance(due_at := owed["due_at"], datetime) and due_at <= self._means.clock.now():
            await self._tell(peer, owed, "", CommandDone(CommandResult.TIMEOUT))

    async def _tell(self, peer: Peer, owed: Row, name: str, done: CommandDone) -> None:
        told = await telling(self._means, peer, owed, name, done)
        if told.accepted and kind_of(owed) is ResultKind.SET:
            await steering.took(self._means, owed)
        if not await self._claim(owed):
            return
        to, url = PartyId.parse(str(owed["asked_by"])), str(owed["url"])
        await self._line.tell(peer, told.endpoint, to=to, url=url, body=told.body)

    async def _claim(self, owed: Row) -> bool:
        """Take the debt away; only who succeeds may pay it. Commands are never retried (DESIGN 5.4)."""
        key = {"owner": owed["owner"], "command_id": owed["command_id"]}
        try:
            await self._means.spine.commit(Work(writes=(Delete(t.callback, key, {"url": owed["url"]}),)))
        except RowMoved:
            return False
        return True
