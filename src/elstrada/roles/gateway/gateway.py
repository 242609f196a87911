"""The front of the gateway: who is let in, which socket speaks for which station, and commands by post."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec

from elstrada.charging.trust import claimed, may_enter
from elstrada.model import asks
from elstrada.model.answers import CommandDone
from elstrada.model.device import CommandResult
from elstrada.model.ids import PartyId, station_stream
from elstrada.net.face import Admitted, Chance, Clock, Knock, Refused, StationSocket
from elstrada.ocpp.connection import Answers
from elstrada.ocpp.versions import VERSIONS, negotiate
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.link import SERVICE_RESTART, Link
from elstrada.roles.gateway.roll import Roll
from elstrada.roles.gateway.seat import Authorizer, Seat
from elstrada.roles.gateway.tally import GatewayTally
from elstrada.roles.gateway.tokens import Tokens
from elstrada.roles.keys import Keys
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Row, Spine, SpineDown, StreamMoved
from elstrada.spine.post import Letter, Post, Release

log = logging.getLogger(__name__)

REFRESH_S = 1.0
TICK_S = 2.0
SWEEP_S = 10.0
DOWN_FOR = timedelta(seconds=5)
"""How long newcomers are sent away after the store failed."""
_AT_ONCE = 100
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Gateway:
    """Holds the stations' sockets (``net.face.Doorman``) and is the only writer of their streams."""

    def __init__(
        self,
        spine: Spine,
        keys: Keys,
        clock: Clock,
        chance: Chance,
        authorizer: Authorizer,
        findings: Findings,
        post: Post,
        parties: tuple[PartyId, ...],
    ) -> None:
        self.clock, self.chance, self.findings = clock, chance, findings
        self.tokens = Tokens(spine, keys, clock)
        self.roll = Roll(spine, clock)
        self._spine, self._keys, self._authorizer, self._parties = spine, keys, authorizer, parties
        self._post = post
        self._links: dict[str, Link] = {}
        self._seats: dict[str, Seat] = {}
        self._releases: dict[str, Release] = {}
        self._answers: dict[str, Answers] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self.tally = GatewayTally()
        self._down_until = _EPOCH
        self._leaving = False
        self._left = asyncio.Event()
        """Set whenever a station's socket is gone."""

    # --- life -------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Learn the roll, note that nobody is connected yet, and begin to keep time."""
        await self.roll.refresh()
        await self._nobody_is_here()
        self._keepers = [
            asyncio.create_task(self._every(REFRESH_S, self.roll.keep)),
            asyncio.create_task(self._every(TICK_S, self._tick)),
        ]

    async def sweep(self) -> None:
        """Let time pass for stations that are away, until cancelled: one gateway of an installation at a time."""
        await self._every(SWEEP_S, self._sweep)

    async def drain(self, *, per_second: float, within_s: float) -> None:
        """Admit nobody more, and let the stations go, spread so that they do not all return at once (F22).

        Each is told once the call it has in hand is answered; its next calls are left to the next gateway.

        Args:
            within_s: how long to wait for calls in hand and goodbyes, once the last station was told.
        """
        self._leaving = True
        began = asyncio.get_running_loop().time()
        for number, link in enumerate(list(self._links.values())):
            ahead_s = began + number / per_second - asyncio.get_running_loop().time()
            if ahead_s > 0:
                await asyncio.sleep(ahead_s)
            link.leave(SERVICE_RESTART, "service restart")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._nobody_left()

    async def stop(self) -> None:
        """Close every socket once its call in hand is answered; admit nobody more."""
        self._leaving = True
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for _ in range(100):
            if not any(link.busy for link in self._links.values()):
                break
            await asyncio.sleep(0.02)
        for link in list(self._links.values()):
            link.close(SERVICE_RESTART, "service restart")
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _nobody_left(self) -> None:
        while self._links:
            self._left.clear()
            await self._left.wait()

    def sockets(self) -> Counter[str]:
        """Stations connected, by OCPP version."""
        return Counter(link.protocol for link in self._links.values())

    @property
    def ready(self) -> bool:
        """May stations come?"""
        return not self._leaving and self.clock.now() >= self._down_until

    # --- the door ---------------------------------------------------------------------------------------

    def admit(self, knock: Knock) -> Admitted | Refused:
        """Decide on a knock by what is in memory (T1)."""
        if not self.ready:
            return Refused(503, {"retry-after": "10"})
        entry = claimed(knock.path, knock.headers.get("authorization"))
        if isinstance(entry, str):
            return self._refused(knock, entry)
        known = self.roll.credentials(entry.station_id, self._owner_in(knock.path))
        credential = may_enter(entry, known, self._keys.station_hash)
        offered = knock.headers.get("sec-websocket-protocol", "")
        if credential is None:
            if known:
                return self._refused(knock, f"wrong password for {entry.station_id}")
            self.roll.knocked_unknown(entry.station_id, knock.remote, offered, "not on the roll")
            return Refused(404)
        version = negotiate([name.strip() for name in offered.split(",")])
        if version is None:
            self.findings.note(
                f"station:{credential.owner}/{credential.station_id}",
                "no common subprotocol",
                offered or "none offered",
            )
        return Admitted(credential.owner, credential.station_id, version and version.protocol.value)

    def opened(self, socket: StationSocket, admitted: Admitted) -> Link:
        """A station's socket is open: it speaks for the station from now on (rule 1)."""
        assert admitted.protocol is not None, "the network closes a socket without a subprotocol"
        owner = PartyId.parse(admitted.owner)
        seat = Seat(owner, admitted.station_id, self._spine, self.clock, self.chance, self._authorizer)
        record = self.roll.station(admitted.owner, admitted.station_id)
        link = Link(
            self,
            socket,
            VERSIONS[admitted.protocol],
            seat,
            connection_id=self.chance.uuid(),
            lenient=record is None or record.lenient,
        )
        self.tally.opened += 1
        before = self._links.get(seat.stream)
        self._links[seat.stream] = link
        if before is not None:
            before.close(SERVICE_RESTART, "a newer connection of this station took over")
        self._spawn(self._take_over(seat, link, admitted.protocol))
        return link

    def left(self, link: Link, answers: Answers | None) -> None:
        """A link's socket is gone."""
        stream = link.stream
        if self._links.get(stream) is link:
            del self._links[stream]
            self._left.set()
            if answers:
                self._answers[stream] = answers
            self._spawn(self._disconnect(stream, link))

    def answers_of(self, seat: Seat) -> Answers | None:
        """The answers a station's last connection gave, for a call that comes again (rule 12)."""
        return self._answers.pop(seat.stream, None)

    def spine_is_down(self, why: str) -> None:
        """The store cannot commit: send newcomers away for a while (P8)."""
        log.warning("the store is down: %s", why)
        self._down_until = self.clock.now() + DOWN_FOR

    # --- by post ----------------------------------------------------------------------------------------

    async def _asked(self, seat: Seat, letter: Letter) -> Letter:
        """Someone asks this station something: only commands come by post. Each has one result (P5)."""
        if not isinstance(letter, asks.Command):
            raise TypeError(f"a station takes commands by post, not {type(letter).__name__}")
        if letter.token is not None:
            token = await self.tokens.presented(str(seat.owner), letter.token)
            letter = msgspec.structs.replace(letter, token=token)
        answer = await seat.ask(letter)
        done = answer or CommandDone(CommandResult.REJECTED, "this command is under way already")
        assert isinstance(done, CommandDone), "a command is answered by how it ended"
        self.tally.command(letter.name, done.result)
        return done

    # --- parts ------------------------------------------------------------------------------------------

    def _refused(self, knock: Knock, why: str) -> Refused:
        self.findings.note(f"address:{knock.remote}", "refused at the door", why)
        return Refused(401, {"www-authenticate": 'Basic realm="stations"'})

    def _owner_in(self, path: str) -> str | None:
        """The owner, if the path names one before the identity."""
        segments = path.strip("/").split("/")
        names = {str(party) for party in self._parties}
        return next((segment for segment in segments[:-1] if segment in names), None)

    async def _seat(self, owner: PartyId, station_id: str) -> Seat:
        """A seat for a station that is away, made for a moment."""
        seat = Seat(owner, station_id, self._spine, self.clock, self.chance, self._authorizer)
        await seat.load()
        return seat

    async def _take_over(self, seat: Seat, link: Link, protocol: str) -> None:
        """Load a station's state and become its only writer; then let it speak."""
        try:
            for _ in range(5):
                await seat.load()
                with contextlib.suppress(StreamMoved):
                    await seat.ask(asks.Connect(protocol=protocol, connection_id=link.connection_id))
                    break
            else:
                link.close(SERVICE_RESTART, "served elsewhere")
                return
        except SpineDown as down:
            self.spine_is_down(str(down))
            link.close(1013, "try again later")
            return
        if link.closed_for is not None:
            await self._say_gone(seat, link)
            return
        seat.teller, seat.connection_id = link.tell, link.connection_id
        self._seats[seat.stream] = seat
        self._releases[seat.stream] = self._post.serve(seat.stream, partial(self._asked, seat))
        link.begin()

    async def _disconnect(self, stream: str, link: Link) -> None:
        if self._seats.get(stream) is not link.seat:
            return  # It never spoke, or another has taken over.
        del self._seats[stream]
        self._releases.pop(stream)()
        await self._say_gone(link.seat, link)

    async def _say_gone(self, seat: Seat, link: Link) -> None:
        reason = (link.closed_for or "")[:200]
        with contextlib.suppress(SpineDown, StreamMoved):
            await seat.ask(asks.Disconnect(connection_id=link.connection_id, reason=reason))

    async def _nobody_is_here(self) -> None:
        """At the start: whoever the log believes connected is not, until it comes again."""
        for party in self._parties:
            rows = await self._spine.find(t.station_state, {"owner": str(party)}, limit=1_000_000)
            believed = [row for row in rows if row["connection_id"] is not None]
            for first in range(0, len(believed), _AT_ONCE):
                # Together, so that they share commits.
                await asyncio.gather(
                    *(self._is_gone(party, row) for row in believed[first : first + _AT_ONCE])
                )

    async def _is_gone(self, party: PartyId, row: Row) -> None:
        seat = await self._seat(party, str(row["station_id"]))
        await seat.ask(asks.Disconnect(connection_id=str(row["connection_id"]), reason="the node ended"))

    async def _tick(self) -> None:
        """Let time pass for the stations that wait for something."""
        for seat in [seat for seat in self._seats.values() if seat.state.waits]:
            try:
                await seat.ask(asks.Tick())
            except StreamMoved:
                link = self._links.get(seat.stream)
                if link is not None and link.seat is seat:
                    link.close(SERVICE_RESTART, "served elsewhere")

    async def _sweep(self) -> None:
        """The same for stations that are away: their ended sessions and open commands."""
        now = self.clock.now()
        streams: set[tuple[str, str]] = set()
        for owner in sorted(str(party) for party in self._parties):
            ended = {"owner": owner, "completed_at": None, "ended_at": Between(_EPOCH, now)}
            open_ = {
                "owner": owner,
                "result": None,
                "requested_at": Between(_EPOCH, now - timedelta(minutes=1)),
            }
            for row in (*await self._spine.find(t.session, ended), *await self._spine.find(t.command, open_)):
                streams.add((owner, str(row["station_id"])))
        for owner, station_id in sorted(streams):
            party = PartyId.parse(owner)
            if station_stream(party, station_id) not in self._links:
                with contextlib.suppress(StreamMoved):
                    await (await self._seat(party, station_id)).ask(asks.Tick())

    async def _every(self, seconds: float, do: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await do()
            except SpineDown as down:
                self.spine_is_down(str(down))
            except Exception:
                # One station's trouble must not end the care for all others.
                log.exception("%s failed; it is tried again", do.__name__)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
