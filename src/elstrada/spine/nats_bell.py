"""The bell between nodes, on NATS JetStream.

A ring is published on the subject of its shard, and one stream keeps the newest ring of each. Who listens
hears it at once; who was away asks the stream on its return what was rung meanwhile. Rings can always be
made again from the log, so the stream lies in memory, without replicas: when it is lost it is made again,
and what was lost with it every follower finds when it looks by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from elstrada.spine.ending import ended
from elstrada.spine.nats_line import PREFIX, NatsLine, flushed, jetstream, subscribed

log = logging.getLogger(__name__)

MOST_SHARDS = 4_096
_ANSWER_S = 2.0
"""How long JetStream has to say that it keeps a ring."""
_PAUSE_S = 1.0
_REST_S = 0.01
"""Between two rings of one shard: followers that have just been woken need no second call."""


class BellCounts(msgspec.Struct):
    """What became of rings, in this process."""

    rung: int = 0
    """JetStream keeps them."""
    spared: int = 0
    """They were one with another that was not out yet."""
    lost: int = 0
    """JetStream did not take them; those who listened at that moment may have heard."""
    heard: int = 0
    """From other nodes."""


class NatsBell:
    """Rings for other nodes, and hears them (``bell.Bell``)."""

    def __init__(self, line: NatsLine, node_id: str, *, prefix: str = PREFIX) -> None:
        """
        Args:
            node_id: of this node alone: its own rings it need not hear.
            prefix: as of the ``NatsPost``.
        """
        self._line, self._me = line, node_id.encode()
        self._stream, self._subject = f"{prefix}-bell", f"{prefix}.bell"
        self.counts = BellCounts()
        self._mute, self._deaf = "", "it does not listen yet"
        """Why rings are not kept, and why they are not heard, in words."""
        self._heard: list[Callable[[int], None]] = []
        self._wanted: set[int] = set()
        self._ringing: dict[int, asyncio.Task[None]] = {}
        self._connected = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._heard_by: Client | None = None

    @property
    def trouble(self) -> str:
        """Why rings may not be heard, in words; empty when they are."""
        state = self._line.state
        if not state.connected:
            return f"not connected to NATS: {state.last_error or 'not yet'}"
        return "; ".join(filter(None, (self._mute, self._deaf)))

    @property
    def healthy(self) -> bool:
        """Are rings kept and heard?"""
        return not self.trouble

    async def start(self) -> None:
        """Begin to listen, once there is a connection."""
        self._line.on_connect(self._connected.set)
        self._keeper = asyncio.get_running_loop().create_task(self._keep_listening())

    async def close(self) -> None:
        """Ring and hear no more."""
        await ended(*self._ringing.values(), *([self._keeper] if self._keeper is not None else []))

    def ring(self, shard: int) -> None:
        """See ``Bell``. At most one ring of a shard is under way, and one more wanted."""
        assert 0 <= shard < MOST_SHARDS, f"there is no shard {shard}"
        if shard in self._wanted:
            self.counts.spared += 1
        self._wanted.add(shard)
        if shard not in self._ringing:
            self._ringing[shard] = asyncio.get_running_loop().create_task(self._ring(shard))

    def on_ring(self, heard: Callable[[int], None]) -> None:
        self._heard.append(heard)

    # --- ringing ------------------------------------------------------------------------------------------

    async def _ring(self, shard: int) -> None:
        """Publish until nothing new was wanted meanwhile."""
        try:
            while shard in self._wanted:
                # While the connection is away this waits, and all that is rung meanwhile is one ring.
                client = await self._line.client()
                self._wanted.discard(shard)
                await self._publish(client, shard)
                await asyncio.sleep(_REST_S)
        finally:
            del self._ringing[shard]

    async def _publish(self, client: Client, shard: int) -> None:
        try:
            await self._published(jetstream(client, _ANSWER_S), shard)
            self.counts.rung += 1
            self._mute = ""
        except (TimeoutError, Error) as error:
            self.counts.lost += 1
            self._mute = _told(self._mute, f"JetStream does not keep rings: {_words(error)}")
            await asyncio.sleep(_PAUSE_S)

    async def _published(self, stream: JetStreamContext, shard: int) -> None:
        """Ring once; where the stream is gone, make it and ring again."""
        subject = f"{self._subject}.{shard}"
        try:
            await stream.publish(subject, self._me, timeout=_ANSWER_S, stream=self._stream)
        except (TimeoutError, Error):
            await self._make_stream(stream)
            await stream.publish(subject, self._me, timeout=_ANSWER_S, stream=self._stream)

    async def _make_stream(self, stream: JetStreamContext) -> None:
        await stream.add_stream(  # pyright: ignore[reportUnknownMemberType]  The library types it in part.
            StreamConfig(
                name=self._stream,
                subjects=[f"{self._subject}.*"],
                retention=RetentionPolicy.LIMITS,
                storage=StorageType.MEMORY,
                num_replicas=1,
                max_msgs_per_subject=1,
                max_msgs=MOST_SHARDS,
                max_bytes=1024 * MOST_SHARDS,
                max_msg_size=1024,
                # A newer ring takes the place of the older one of its shard.
                discard=DiscardPolicy.OLD,
            )
        )

    # --- hearing ------------------------------------------------------------------------------------------

    async def _keep_listening(self) -> None:
        while True:
            await self._connected.wait()
            self._connected.clear()
            client = await self._line.client()
            try:
                await self._listen(client)
                self._deaf = ""
            except (TimeoutError, Error) as error:
                why = f"what was rung while away is not heard: {_words(error)}"
                self._deaf = _told(self._deaf, why)
                await asyncio.sleep(_PAUSE_S)
                self._connected.set()

    async def _listen(self, client: Client) -> None:
        """Hear what is rung from now on, and then what was rung before."""
        if client is not self._heard_by:
            await subscribed(client, f"{self._subject}.*", self._received, most=MOST_SHARDS)
            self._heard_by = client
        await flushed(client)
        stream = jetstream(client, _ANSWER_S)
        await self._make_stream(stream)
        kept = await stream.stream_info(self._stream, subjects_filter=f"{self._subject}.*")
        for subject in sorted(kept.state.subjects or {}):
            self._tell(subject)

    async def _received(self, message: Msg) -> None:
        if message.data != self._me:
            self._tell(message.subject)

    def _tell(self, subject: str) -> None:
        shard = self._shard_of(subject)
        if shard is not None:
            self.counts.heard += 1
            for heard in self._heard:
                heard(shard)

    def _shard_of(self, subject: str) -> int | None:
        """The shard of a subject; None for one that is not ours to understand."""
        text = subject.removeprefix(f"{self._subject}.")
        known = text.isascii() and text.isdecimal() and len(text) <= 4 and int(text) < MOST_SHARDS
        return int(text) if known else None


def _told(before: str, now: str) -> str:
    """The trouble as it is now; the log hears of it when it begins."""
    if not before:
        log.warning("%s", now)
    return now


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
