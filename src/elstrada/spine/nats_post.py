"""Post between nodes, as request and reply over NATS.

Nothing is stored: an ask reaches who serves its address now, or nobody. Whoever is at another node is
told of at once by NATS itself (no responders); whoever does not answer, by the deadline.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error, NoRespondersError

from elstrada.spine.ending import ended
from elstrada.spine.letters import (
    Answered,
    Asked,
    Failed,
    Nobody,
    Reply,
    Unreadable,
    node_of,
    read_asked,
    read_reply,
    subject_of,
    subjects_at,
    write,
)
from elstrada.spine.nats_line import PREFIX, NatsLine, flushed, subscribed
from elstrada.spine.post import MOST_AT_ONCE, Handler, Letter, LocalPost, NobodyThere, NoReply, Release

log = logging.getLogger(__name__)

LONGEST_WAIT_S = 600.0
_MOST_SERVED_AT_ONCE = 10_000
"""Asks of other nodes that are being served here, of all addresses."""
_MOST_WAITING = 1_000
"""Asks that have come and are not looked at yet; NATS drops more."""
_REPLY_S = 10.0
"""How long a reply waits for the connection to come back."""
_PAUSE_S = 1.0
_LEAVING_S = 2.0


class NatsPost:
    """Post of one node. What is served here is answered here; the rest is asked of other nodes."""

    def __init__(self, line: NatsLine, node_id: str, *, prefix: str = PREFIX) -> None:
        """
        Args:
            node_id: of this node alone: asks of ``@<node_id>/...`` come here.
            prefix: of all subjects; installations that share a NATS have different ones.
        Raises:
            ValueError: the node's id is empty, too long or has a slash.
        """
        if node_of(f"@{node_id}/x") != (node_id, "x"):
            raise ValueError(f"{node_id!r} is no id of a node: a slash ends it in an address")
        self._line, self._node_id, self._prefix = line, node_id, prefix
        self._local = LocalPost()
        self._mine = subjects_at(prefix, node_id)
        self._waiting: Counter[str] = Counter()
        self._serving: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._announced = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._heard_by: Client | None = None
        self._subscriptions: dict[str, Subscription] = {}

    async def start(self) -> None:
        """Begin to take asks of other nodes, once there is a connection."""
        self._line.on_connect(self._look_again)
        self._keeper = asyncio.get_running_loop().create_task(self._keep_subscribed())

    async def close(self) -> None:
        """Be found no more, answer what was asked before, for two seconds at most, and end."""
        if self._keeper is not None:
            await ended(self._keeper)
        await self._be_found_no_more()
        if self._serving:
            await asyncio.wait(self._serving, timeout=_LEAVING_S)
        await ended(*self._serving)

    async def announced(self) -> None:
        """Wait until other nodes can reach all that is served here now."""
        await self._announced.wait()

    def serve(self, address: str, handler: Handler) -> Release:
        """See ``Post``.

        Raises:
            ValueError: the address is none, or is at another node.
        """
        node, _ = node_of(address)
        if node not in (None, self._node_id):
            raise ValueError(f"{address} is not at this node, {self._node_id}: it cannot be served here")
        subject_of(self._prefix, address)
        end = self._local.serve(address, handler)
        self._settle(address)

        def release() -> None:
            end()
            self._settle(address)

        return release

    async def ask(self, address: str, ask: Letter, *, timeout_s: float) -> Letter:
        """See ``Post``.

        Raises:
            ValueError: the address is none, or the letter too long; bugs of the caller.
        """
        if self._local.serves(address):
            return await self._local.ask(address, ask, timeout_s=timeout_s)
        subject = subject_of(self._prefix, address)
        if node_of(address)[0] == self._node_id:
            raise NobodyThere(f"nobody serves {address}")
        if self._waiting[address] >= MOST_AT_ONCE:
            raise NoReply(f"{address} has {MOST_AT_ONCE} asks under way already")
        content = write(Asked(address, timeout_s, ask))
        self._waiting[address] += 1
        try:
            reply = await self._requested(subject, content, timeout_s)
        except NoRespondersError:
            raise NobodyThere(f"nobody serves {address}") from None
        except TimeoutError:
            text = f"{address} gave no answer to {type(ask).__name__} in {timeout_s} s"
            raise NoReply(text + self._why()) from None
        except (Error, Unreadable) as error:
            raise NoReply(f"{address}: {type(error).__name__}: {error}") from None
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]
        return _letter(reply)

    async def _requested(self, subject: str, content: bytes, timeout_s: float) -> Reply:
        async with asyncio.timeout(timeout_s):
            client = await self._line.client()
            message = await client.request(subject, content, timeout=timeout_s)
        return read_reply(message.data)

    def _why(self) -> str:
        state = self._line.state
        return "" if state.connected else f": not connected to NATS ({state.last_error or 'not yet'})"

    # --- being asked --------------------------------------------------------------------------------------

    async def _received(self, message: Msg) -> None:
        if len(self._serving) >= _MOST_SERVED_AT_ONCE:
            await self._reply(
                message, Failed(f"node {self._node_id} serves {_MOST_SERVED_AT_ONCE} asks already")
            )
            return
        task = asyncio.get_running_loop().create_task(self._serve(message))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, message: Msg) -> None:
        try:
            asked = read_asked(message.data)
            if subject_of(self._prefix, asked.address) != message.subject:
                raise Unreadable(f"an ask of {asked.address!r} came by another's subject")
        except (Unreadable, ValueError) as problem:
            log.warning("an ask on %s was not read: %s", message.subject, problem)
            await self._reply(message, Failed(f"node {self._node_id} cannot read it: {problem}"[:500]))
            return
        await self._reply(message, await self._answer(asked))

    async def _answer(self, asked: Asked) -> Reply:
        timeout_s = min(max(asked.timeout_s, 0.0), LONGEST_WAIT_S)
        try:
            return Answered(await self._local.ask(asked.address, asked.letter, timeout_s=timeout_s))
        except NobodyThere as nobody:
            return Nobody(str(nobody))
        except NoReply as silence:
            return Failed(str(silence))

    async def _reply(self, message: Msg, reply: Reply) -> None:
        try:
            content = write(reply)
        except ValueError as problem:
            log.error("an answer on %s cannot travel: %s", message.subject, problem)
            content = write(Failed(str(problem)))
        try:
            async with asyncio.timeout(_REPLY_S):
                await (await self._line.client()).publish(message.reply, content)
        except (TimeoutError, Error) as error:
            log.warning("a reply on %s did not go out: %s", message.subject, error)

    # --- being found --------------------------------------------------------------------------------------

    def _settle(self, address: str) -> None:
        """Subscribe or unsubscribe, where an address is not among those that are always heard."""
        if node_of(address)[0] is None:
            self._look_again()

    def _look_again(self) -> None:
        self._announced.clear()
        self._changed.set()

    async def _keep_subscribed(self) -> None:
        """Have NATS know what is served here, whatever becomes of the connection."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            client = await self._line.client()
            try:
                await self._subscribe(client)
            except (TimeoutError, Error) as error:
                log.warning("what is served here is not known to NATS yet: %s", error)
                await asyncio.sleep(_PAUSE_S)
                self._changed.set()

    async def _be_found_no_more(self) -> None:
        """Have NATS know it before the connection ends, lest an ask be sent into nothing meanwhile."""
        client, subscriptions = self._heard_by, list(self._subscriptions.values())
        self._subscriptions = {}
        if client is None or not client.is_connected:
            return
        for subscription in subscriptions:
            await _unsubscribed(subscription)
        try:
            await flushed(client)
        except (TimeoutError, Error) as error:
            log.debug("leaving: %s", error)  # With the connection, the subscriptions end too.

    async def _subscribe(self, client: Client) -> None:
        if client is not self._heard_by:
            # A new connection knows nothing; on the old one, made anew, the library subscribes again itself.
            self._heard_by, self._subscriptions = client, {}
        wanted = {self._mine} | {
            subject_of(self._prefix, address)
            for address in self._local.addresses()
            if node_of(address)[0] is None
        }
        for subject in self._subscriptions.keys() - wanted:
            await _unsubscribed(self._subscriptions.pop(subject))
        for subject in sorted(wanted - self._subscriptions.keys()):
            self._subscriptions[subject] = await subscribed(
                client, subject, self._received, most=_MOST_WAITING
            )
        await flushed(client)
        if not self._changed.is_set():
            self._announced.set()


async def _unsubscribed(subscription: Subscription) -> None:
    try:
        await subscription.unsubscribe()
    except Error as error:
        log.debug("unsubscribing: %s", error)  # With its connection, the subscription is gone too.


def _letter(reply: Reply) -> Letter:
    match reply:
        case Answered(letter):
            return letter
        case Nobody(text):
            raise NobodyThere(text)
        case Failed(text):
            raise NoReply(text)
