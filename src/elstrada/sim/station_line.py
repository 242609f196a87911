"""A virtual station's life on the line: dialling, booting, and a queue that loses nothing."""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Coroutine, Iterable

import msgspec

from elstrada.sim.clock import SimClock
from elstrada.sim.habits import Habits
from elstrada.sim.station_book import Book, Kind, Message, Outcome, Payload
from elstrada.sim.station_clock import StationClock
from elstrada.sim.talk import Complaint, NoReply, Talk
from elstrada.sim.vices import babble
from elstrada.sim.wire import Badge, Dial, LineLost
from elstrada.spine.ending import ended

MOST_ATTEMPTS = 50
"""After so many errors even a patient station gives a message up."""


class Speaker(ABC):
    """What talks. Transaction messages wait in ``queue``, which survives power cuts, until acknowledged."""

    protocol: str

    def __init__(
        self, badge: Badge, *, habits: Habits, dial: Dial, clock: SimClock, chance: random.Random
    ) -> None:
        self.badge, self.habits, self.clock, self.chance = badge, habits, clock, chance
        self.time = StationClock(clock, habits.clock)
        self.book = Book()
        self.queue: deque[Message] = deque()
        self._dial = dial
        self._remarks: deque[tuple[str, Payload]] = deque()
        """What is told once and not kept: statuses, events."""
        self._talk: Talk | None = None
        """Set while the operator listens: booted, and the line open."""
        self._life: asyncio.Task[None] | None = None
        self._work = asyncio.Event()
        self._booted = False
        self._ids = 0

    @property
    def online(self) -> bool:
        return self._talk is not None

    @property
    def drained(self) -> bool:
        """Has all that must be told been acknowledged?"""
        return not self.queue

    def message_id(self) -> str:
        if self.habits.vices.counts_ids:
            self._ids += 1
            return str(self._ids)
        return f"{self.chance.getrandbits(64):016x}"

    def keep(self, message: Message) -> None:
        """Put a transaction message into the queue that survives everything."""
        self.queue.append(message)
        self._work.set()

    def remark(self, action: str, payload: Payload) -> None:
        """Say something that is not kept when nobody listens."""
        if self.online:
            self._remarks.append((action, payload))
            self._work.set()

    def come_up(self) -> None:
        """Power is there: go on the line."""
        self.time.power_on()
        self._life = asyncio.get_running_loop().create_task(self._live())

    def go_down(self) -> None:
        """Power is gone: lose the line, and all that is not kept."""
        self._booted, self._talk = False, None
        self._remarks.clear()
        if self._life is not None:
            self._life.cancel()

    @abstractmethod
    def soon(self, errand: Coroutine[object, object, object]) -> None:
        """Do something beside the rest; it ends with the station."""

    # --- the version's language -----------------------------------------------------------------------------

    @abstractmethod
    def boot_call(self, reason: str) -> tuple[str, Payload]: ...

    @abstractmethod
    def greetings(self) -> Iterable[tuple[str, Payload]]:
        """What is told whenever a line has been opened."""

    @abstractmethod
    def idle_values(self) -> Iterable[tuple[str, Payload]]:
        """Registers of sockets at which nobody charges."""

    @abstractmethod
    def payload_of(self, message: Message) -> Payload:
        """A queued message as it goes out now."""

    @abstractmethod
    def acknowledged(self, message: Message, answer: Payload) -> None: ...

    @abstractmethod
    def answer(self, action: str, payload: Payload) -> Payload | None:
        """Serve a call of the operator; None when it is not known."""

    # --- the line -----------------------------------------------------------------------------------------

    async def _live(self) -> None:
        """Hold a line for as long as there is power."""
        while True:
            try:
                wire = await self._dial(self.badge)
            except LineLost:
                await self.clock.sleep(self.chance.uniform(*self.habits.back_off_s))
                continue
            vices = self.habits.vices
            talk = Talk(
                wire,
                self.answer,
                self.habits.patience_s,
                late_s=vices.answers_late_s,
                mute=vices.never_answers,
            )
            self._ids = 0
            try:
                await self._speak(talk)
            finally:
                self._talk = None
                await talk.close()
            await self.clock.sleep(self.chance.uniform(*self.habits.back_off_s))

    async def _speak(self, talk: Talk) -> None:
        """Make use of an open line until it is lost or falls silent."""
        try:
            await until_first(talk.listen(), self._talk_on(talk))
        except (LineLost, NoReply):
            self._talk = None

    async def _talk_on(self, talk: Talk) -> None:
        if not self._booted or self.habits.boots_on_reconnect:
            await self._boot(talk)
        self._talk = talk
        self._remarks.extend(self.greetings())
        self._work.set()
        works = [self._deliver_all(talk), self._beat(talk)]
        if self.habits.vices.babbles:
            works.append(self._babble(talk))
        if self.habits.vices.idle_values:
            works.append(self._tell_idle())
        await until_first(*works)

    async def _boot(self, talk: Talk) -> None:
        while True:
            action, payload = self.boot_call("PowerUp")
            try:
                answer = await talk.call(self.message_id(), action, payload)
            except Complaint:
                answer = {}
            if answer.get("status") == "Accepted":
                if self.habits.vices.boots_twice:
                    self._remarks.append((action, payload))
                self._booted = True
                self.time.told()
                return
            await self.clock.sleep(10)

    async def _beat(self, talk: Talk) -> None:
        while True:
            await self.clock.sleep(self.habits.heartbeat_s)
            await self._say(talk, "Heartbeat", {})
            self.time.told()

    async def _deliver_all(self, talk: Talk) -> None:
        while True:
            if self._remarks:
                await self._say(talk, *self._remarks.popleft())
            elif (message := self._next()) is not None:
                await self._deliver(talk, message)
            else:
                self._work.clear()
                await self._work.wait()

    async def _say(self, talk: Talk, action: str, payload: Payload) -> None:
        try:
            await talk.call(self.message_id(), action, payload)
        except Complaint:
            return  # Nothing depends on it.

    async def _babble(self, talk: Talk) -> None:
        frames = babble(old=self.protocol == "ocpp1.6")
        while True:
            await self.clock.sleep(self.chance.uniform(20, 120))
            await talk.say(self.chance.choice(frames))

    async def _tell_idle(self) -> None:
        while True:
            await self.clock.sleep(self.chance.uniform(60, 180))
            for action, payload in self.idle_values():
                self.remark(action, payload)

    def _next(self) -> Message | None:
        """What is told next, if anything may be told now."""
        due = [message for message in self.queue if not self._holds_back(message)]
        within = min(len(due), 4) if self.habits.reorders else 1
        return due[self.chance.randrange(within)] if due else None

    def _holds_back(self, message: Message) -> bool:
        """Is it a start that is not to be told before its end?"""
        if not self.habits.vices.ends_first or message.kind is not Kind.START:
            return False
        end_waits = any(other.of is message.of and other.kind is Kind.STOP for other in self.queue)
        return end_waits or message.of.ended_at is None

    async def _deliver(self, talk: Talk, message: Message) -> None:
        """Send a transaction message; it leaves the queue only once it is acknowledged."""
        anew = self.habits.new_id_on_resend or self.habits.vices.counts_ids
        if not message.message_id or (message.attempts and anew):
            message.message_id = self.message_id()
        message.attempts += 1
        self._note(Outcome.INVOKED, message)
        try:
            answer = await talk.call(message.message_id, message.action, self.payload_of(message))
        except (LineLost, NoReply):
            self._note(Outcome.UNKNOWN, message)
            raise
        except Complaint:
            self._note(Outcome.REFUSED, message)
            if message.attempts >= MOST_ATTEMPTS or not self.habits.keeps_refused:
                self.queue.remove(message)
            await self.clock.sleep(5)
            return
        self._note(Outcome.ACKNOWLEDGED, message, answer)
        self.queue.remove(message)
        self.acknowledged(message, answer)
        if not message.repeat and self.chance.random() < self.habits.repeats:
            self.queue.appendleft(msgspec.structs.replace(message, repeat=True))
        elif not message.repeat and self.habits.vices.stops_again and message.kind is Kind.STOP:
            self.soon(self._tell_again(message))

    async def _tell_again(self, message: Message) -> None:
        await self.clock.sleep(self.chance.uniform(5, 300))
        self.keep(msgspec.structs.replace(message, repeat=True, message_id="", attempts=0))

    def _note(self, outcome: Outcome, message: Message, answer: Payload | None = None) -> None:
        self.book.write(self.clock.now(), outcome, message, answer)


async def until_first(*works: Coroutine[object, object, None]) -> None:
    """Work at several things until the first ends or fails; the others are given up.

    A ``TaskGroup`` will not do: cancelled while one of its tasks fails, it tells of the failure and
    forgets that it was cancelled, and a station would live on after its power is cut.
    """
    tasks = [asyncio.get_running_loop().create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        over = [task for task in tasks if task.done()]
    finally:
        await ended(*tasks)
    for task in over:
        task.result()
