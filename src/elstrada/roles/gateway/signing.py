"""Has signed what stations ask for, and gives it to them.

Source: OCPP 2.0.1 and 2.1 part 2, A02 and A03; OCPP 1.6 security whitepaper, the same use cases.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from elstrada.model import asks
from elstrada.model.answers import CommandDone
from elstrada.model.certificates import SignedCertificate
from elstrada.model.device import CommandName, CommandResult
from elstrada.roles.gateway.papers import Papers
from elstrada.roles.signing.chain import signed_chain
from elstrada.roles.signing.face import Asked, NotNow, NotSigned
from elstrada.roles.signing.requests import read_request
from elstrada.roles.signing.signers import Signer, Signers
from elstrada.spine.ending import ended
from elstrada.spine.face import Row, SpineDown, StreamMoved
from elstrada.spine.post import NobodyThere

if TYPE_CHECKING:
    from elstrada.roles.gateway.gateway import Gateway
    from elstrada.roles.gateway.link import Link

log = logging.getLogger(__name__)

GIVE_S = 60
"""How long a station may take to look at its new certificate."""
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 3600.0
MOST_ATTEMPTS = 20
"""Over all connections; with the waits between them, more than half a day."""
AT_ONCE = 16
"""Requests that the authority has in hand."""
FINDING = "certificate request refused"

_TAKEN = frozenset({CommandResult.ACCEPTED})
_NOT_TAKEN = frozenset({CommandResult.REJECTED, CommandResult.NOT_SUPPORTED, CommandResult.UNKNOWN})


class _Work(NamedTuple):
    """What is done for one connection of a station."""

    link: Link
    news: asyncio.Event
    """Set when there is something new to do, or the socket is gone."""
    task: asyncio.Task[None]


class Signing:
    """One per gateway. What is asked for stands in the record, so that any later connection brings it to an end."""

    def __init__(self, gateway: Gateway, papers: Papers, signers: Signers, organization: str | None) -> None:
        self._gateway, self._papers = gateway, papers
        self._signers, self._organization = signers, organization
        self._running: dict[str, _Work] = {}
        """The last of each station's connections that was worked for, by stream."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def judged(self, link: Link, ask: asks.SignCertificate) -> asks.SignCertificate:
        """Look at a request, and write it down if it will be signed."""
        seat = link.seat
        signer = self._signers.of(ask.kind, link.protocol)
        found = signer if isinstance(signer, str) else await self._read(link, ask.csr, signer)
        if isinstance(found, str):
            self._gateway.findings.note(link.source, FINDING, found)
            return msgspec.structs.replace(ask, fault=found)
        await self._papers.asked(seat.owner, seat.station_id, ask.kind, ask.csr, ask.wire_id)
        public = found.request.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return msgspec.structs.replace(ask, key=hashlib.sha256(public).hexdigest())

    async def _read(self, link: Link, csr: str, signer: Signer) -> Asked | str:
        """Look at a request; the text says why it is not signed."""
        seat, leaf = link.seat, signer.leaf
        known = await self._gateway.mirror.secc_ids(seat.owner, seat.station_id) if leaf.is_for_cars else ()
        # What one station says it is called may not be what another is known by.
        mine = [name for name in known if not self._gateway.roll.credentials(name, None)]
        return read_request(csr, seat.station_id, self._organization, leaf, mine)

    def nudge(self, link: Link, asked: str | None = None) -> None:
        """A station has come, or has asked: see whether something waits for it.

        Args:
            asked: for a certificate of this kind, on this connection: it is not kept waiting.
        """
        if self._signers.nobody:
            return
        if asked is not None:
            link.settling.renew(_giving(asked))
        before = self._running.get(link.stream)
        if before is not None and before.link is link:
            before.news.set()
        else:
            news = asyncio.Event()
            if asked is not None:
                news.set()
            task = asyncio.create_task(self._serve(link, news, before))
            self._running[link.stream] = _Work(link, news, task)
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def left(self, link: Link) -> None:
        """A station's socket is gone: what is not done waits for the next."""
        running = self._running.get(link.stream)
        if running is not None and running.link is link:
            running.news.set()

    async def stop(self) -> None:
        """Leave everything as it is written down."""
        await ended(*self._tasks)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            log.error("a certificate request could not be worked on", exc_info=problem)

    async def _serve(self, link: Link, news: asyncio.Event, before: _Work | None) -> None:
        """Work until nothing waits for the station, or it is gone.

        Args:
            before: what is done for its last connection: a certificate that was taken there just now
                is not given again here.
        """
        try:
            if before is not None:
                await asyncio.wait((before.task,))
            await link.settling.wait(unless=news)
            while not link.ending:
                news.clear()
                wait_s = await self._round(link)
                if wait_s is None:
                    if news.is_set():
                        continue
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await news.wait()
        finally:
            if self._running[link.stream].link is link:
                del self._running[link.stream]

    async def _round(self, link: Link) -> float | None:
        """Try each request once; how long to wait before the next round, None if nothing waits any more."""
        waits: list[float] = []
        try:
            for row in await self._papers.open(link.seat.owner, link.seat.station_id):
                wait_s = await self._try(link, row)
                if wait_s is not None:
                    waits.append(wait_s)
        except SpineDown as down:
            self._gateway.spine_is_down(down)
            return FIRST_WAIT_S
        return min(waits, default=None)

    async def _try(self, link: Link, row: Row) -> float | None:
        """Bring one request further; how long to wait before it is tried again, None if it is over."""
        attempts = row["attempts"]
        assert isinstance(attempts, int)
        if attempts >= MOST_ATTEMPTS:
            await self._refuse(link, row, f"given up after {attempts} attempts")
            return None
        backoff_s = min(FIRST_WAIT_S * 2**attempts, LONGEST_WAIT_S)
        try:
            signed = row if row["chain"] is not None else await self._signed(link, row)
            if signed is None:
                return 0.0  # It has asked anew meanwhile.
            if not link.settling.once(_giving(str(row["kind"]))):
                return None  # It did not answer: it is given on the next connection, or if it asks again.
            if await self._given(link, signed):
                return None
        except NotSigned as why:
            await self._refuse(link, row, str(why))
            return None
        except NotNow as why:
            self._gateway.findings.note(link.source, "certificate cannot be signed now", str(why))
            backoff_s = max(backoff_s, why.after_s)
        await self._papers.tried(row)
        return backoff_s

    async def _signed(self, link: Link, row: Row) -> Row | None:
        """Have a request signed.

        Raises:
            NotSigned, NotNow: as ``Authority.sign``.
        """
        signer = self._signers.of(str(row["kind"]), link.protocol)
        # What was right when it was asked for may not be any more, by another setting.
        if isinstance(signer, str):
            raise NotSigned(signer)
        asked = await self._read(link, str(row["csr"]), signer)
        if isinstance(asked, str):
            raise NotSigned(asked)
        async with self._turn:
            given = await signer.authority.sign(asked, self._gateway.clock.now())
        return await self._papers.issued(row, signed_chain(asked, given, self._gateway.clock.now()))

    async def _given(self, link: Link, row: Row) -> bool:
        """Give a station what was signed; False if it is not known to have it."""
        wire_id = row["wire_id"]
        assert wire_id is None or isinstance(wire_id, int)
        command = asks.Command(
            command_id=self._gateway.chance.uuid(),
            name=CommandName.INSTALL_SIGNED,
            asked_by=link.seat.owner,
            certificate=SignedCertificate(str(row["chain"]), str(row["kind"]), wire_id),
            deadline_s=GIVE_S,
            asked_at=self._gateway.clock.now(),
        )
        try:
            done = await self._gateway.decided(link, command)
        except (NobodyThere, StreamMoved):
            return False
        assert isinstance(done, CommandDone), "a command is answered by how it ended"
        if done.result in _TAKEN:
            await self._papers.taken(row)
        elif done.result in _NOT_TAKEN:
            # The station asks again only when it is told to (A02.FR.20).
            await self._refuse(link, row, f"the station answered {done.detail or done.result.value}")
        else:
            return False
        return True

    async def _refuse(self, link: Link, row: Row, why: str) -> None:
        self._gateway.findings.note(link.source, FINDING, why)
        log.warning("%s: its certificate request comes to nothing: %s", link.source, why)
        await self._papers.refused(row, why)


def _giving(kind: str) -> str:
    return f"certificate {kind}"
