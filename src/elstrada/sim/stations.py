"""Virtual charging stations: what both OCPP versions have in common.

A station is hardware (``sockets``), memory that survives a power cut (sessions, the queue of
transaction messages, registers) and a life on the line (``station_line``), which a power cut ends.
"""

from __future__ import annotations

import asyncio
import random
from abc import abstractmethod
from collections.abc import Coroutine, Iterable

import msgspec

from elstrada.sim.clock import SimClock
from elstrada.sim.curve import Curve
from elstrada.sim.habits import Habits
from elstrada.sim.sockets import Car, Charge, Socket
from elstrada.sim.station_book import Charged, Kind, Payload
from elstrada.sim.station_clock import ClockHabit
from elstrada.sim.station_line import Speaker
from elstrada.sim.talk import Complaint, NoReply, Talk
from elstrada.sim.vices import MeterVice, billable, shown_wh
from elstrada.sim.wire import Badge, Dial, LineLost
from elstrada.spine.ending import ended

_FLICKER = ("Available", "Preparing", "Faulted", "Unavailable")


class VirtualStation(Speaker):
    """A charging station with one or more sockets."""

    def __init__(
        self,
        station_id: str,
        password: str,
        sockets: tuple[Socket, ...],
        *,
        habits: Habits,
        dial: Dial,
        clock: SimClock,
        chance: random.Random,
        profile: int = 1,
    ) -> None:
        badge = Badge(station_id, password, self.protocol, profile)
        super().__init__(badge, habits=habits, dial=dial, clock=clock, chance=chance)
        self.sockets = {socket.evse_id: socket for socket in sockets}
        self.powered = False
        self.gone = False
        """It will never be seen again."""
        self.former: list[Badge] = []
        """With what it came before."""
        self._errands: dict[asyncio.Task[object], None] = {}

    @property
    def station_id(self) -> str:
        return self.badge.station_id

    @property
    def charges(self) -> list[Charge]:
        """Sessions under way."""
        return [socket.charge for socket in self.sockets.values() if socket.charge is not None]

    def billable(self, truth: Charged) -> tuple[int, int]:
        """The least and the most energy in Wh with which a session may be completed, by what was told of it."""
        vice = self.habits.vices.meter
        if not truth.forgotten:
            least, most = billable(vice, truth)
            jumps = self.habits.clock is ClockHabit.JUMPING
            # In which order the registers were shown, a clock that jumps does not say.
            return (0 if jumps and least < most else least), most
        in_order = vice is MeterVice.TRUE and self.habits.clock is not ClockHabit.JUMPING
        return (self.book.known_wh(truth) if in_order else 0), truth.energy_wh

    def charge_of(self, truth: Charged) -> Charge | None:
        """The session under way that this is the truth of."""
        return next((charge for charge in self.charges if charge.truth is truth), None)

    def greetings(self) -> Iterable[tuple[str, Payload]]:
        return [told for socket in self.sockets.values() for told in self._statuses(socket)]

    def idle_values(self) -> Iterable[tuple[str, Payload]]:
        return [self.idle_value(socket) for socket in self.sockets.values() if socket.charge is None]

    # --- power ------------------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Start up: end what a power cut interrupted, then go on the line."""
        if self.powered or self.gone:
            return
        self.powered = True
        self.come_up()
        for socket in self.sockets.values():
            if socket.charge is not None:
                self._end(socket.charge)
            socket.status = "Available" if socket.operative else "Unavailable"

    def power_off(self) -> None:
        """Lose power: the line, the clock and whatever was in hand; sessions stop drawing energy."""
        self.powered = False
        self.go_down()
        now = self.clock.now()
        for socket in self.sockets.values():
            if socket.charge is not None:
                charge = socket.charge
                socket.register_wh = charge.register_wh(now)
                charge.truth.ended_at, charge.truth.meter_stop_wh = now, socket.register_wh
                charge.over.clear()
                charge.stop("PowerLoss")

    def wipe(self, *, for_good: bool) -> None:
        """Lose power, and with it all sessions and what waited to be told; the meters go on where they were."""
        self.power_off()
        for truth in {id(message.of): message.of for message in self.queue}.values():
            truth.forgotten = True
        for charge in self.charges:
            charge.truth.forgotten = True
            charge.socket.charge = None
        self.queue.clear()
        self.gone = for_good

    async def retire(self) -> None:
        """Switch off for good and leave nothing behind."""
        self.power_off()
        await ended(*(task for task in (self._life, *self._errands) if task is not None))

    # --- drivers ----------------------------------------------------------------------------------------

    async def charge(
        self, evse_id: int, token_uid: str, curve: Curve, stay_s: float, *, start_id: int | None = None
    ) -> Charged | None:
        """Charge a car from plug to unplug.

        Args:
            start_id: of the remote start that led to it; the operator has judged the token then.
        Returns:
            The session as the meter saw it, or None when there was none.
        """
        socket = self.sockets[evse_id]
        if not self.powered or (start_id is None and not socket.free):
            return None
        self._show(socket, "Preparing")
        early = self.habits.cable_first and start_id is None
        charge = self._begin(socket, token_uid, curve, start_id) if early else None
        if start_id is None and not await self._may_charge(token_uid, evse_id):
            self._refused(socket, charge)
            return charge and charge.truth
        if not self.powered or socket.charge is not charge:
            return charge and charge.truth  # The power was cut meanwhile.
        if charge is None:
            charge = self._begin(socket, token_uid, curve, start_id)
        else:
            self.tell_authorized(charge)
        charge.began = self.clock.now()
        self._show(socket, "Charging")
        await self._draw(charge, stay_s)
        if socket.charge is charge and self.powered:
            self._end(charge)
            self._show(socket, "Finishing")
            await self.clock.sleep(self.chance.uniform(1, 20))
        if socket.charge is None and self.powered:
            self._show(socket, "Available" if socket.operative else "Unavailable")
        return charge.truth

    async def wait_for_remote_start(self, evse_id: int, car: Car, patience_s: float) -> bool:
        """Plug a car in and wait until its session is started from afar."""
        socket = self.sockets[evse_id]
        if not self.powered or not socket.free:
            return False
        socket.car = car
        self._show(socket, "Preparing")
        started = await self.clock.happens_within(car.started, patience_s)
        if not started:
            socket.car = None
            self._show(socket, "Available")
        return started

    # --- what the operator may ask ------------------------------------------------------------------------

    def remote_start(self, evse_id: int | None, token_uid: str, start_id: int) -> bool:
        """Start a session for a car that waits; without one there is nothing to start."""
        waiting = [s for s in self.sockets.values() if s.car is not None and evse_id in (None, s.evse_id)]
        if not waiting:
            return False
        socket = waiting[0]
        car, socket.car = socket.car, None
        assert car is not None
        car.started.set()
        self.soon(self.charge(socket.evse_id, token_uid, car.curve, car.stay_s, start_id=start_id))
        return True

    def shown_wh(self, charge: Charge, kind: Kind, wh: int) -> int:
        """What is told of a register: what the meter shows, or what a vice makes of it."""
        truth, vice = charge.truth, self.habits.vices.meter
        return shown_wh(vice, kind, wh, truth.meter_start_wh, len(truth.sampled_wh))

    def remote_stop(self, transaction_id: str) -> bool:
        for charge in self.charges:
            if charge.truth.transaction_id == transaction_id:
                charge.stop("Remote")
                return True
        return False

    def take_password(self, password: str | bytes) -> None:
        """Come with another password from now on, which takes a new line."""
        self._come_with(msgspec.structs.replace(self.badge, password=password))

    def raise_profile(self, profile: int) -> None:
        """Come with a higher security profile from now on."""
        self._come_with(msgspec.structs.replace(self.badge, profile=profile))

    def reset(self, *, hard: bool) -> bool:
        """Start again: at once, or once the sessions have been ended in order."""
        self.soon(self._restart(hard=hard))
        return True

    def unlock(self, evse_id: int) -> bool | None:
        """Let go of the plug, which ends its session; None when there is no such plug."""
        socket = self.sockets.get(evse_id)
        if socket is None:
            return None
        if socket.charge is not None:
            socket.charge.stop("UnlockCommand")
        return True

    def set_operative(self, evse_id: int | None, *, operative: bool) -> bool:
        """Make sockets available or not; True when it must wait for a session to end."""
        chosen = [s for s in self.sockets.values() if not evse_id or s.evse_id == evse_id]
        for socket in chosen:
            socket.operative = operative
            if socket.charge is None and socket.car is None:
                self._show(socket, "Available" if operative else "Unavailable")
        return any(socket.charge is not None for socket in chosen)

    def trigger(self, message: str) -> bool:
        """Send a message now that would come later; False for one that is not sent on demand."""
        if message == "StatusNotification":
            for socket in self.sockets.values():
                self.remark(*self.asked_status_of(socket))
            return True
        if message == "Heartbeat":
            self.remark("Heartbeat", {})
        if message == "BootNotification":
            self.remark(*self.boot_call("Triggered"))
        return message in ("Heartbeat", "BootNotification")

    # --- the version's language -----------------------------------------------------------------------------

    @abstractmethod
    def status_of(self, socket: Socket) -> tuple[str, Payload]: ...

    def asked_status_of(self, socket: Socket) -> tuple[str, Payload]:
        """The status that a StatusNotification was asked for."""
        return self.status_of(socket)

    @abstractmethod
    def idle_value(self, socket: Socket) -> tuple[str, Payload]: ...

    @abstractmethod
    async def authorized(self, talk: Talk, token_uid: str, evse_id: int) -> bool: ...

    @abstractmethod
    def tell_start(self, charge: Charge) -> None: ...

    @abstractmethod
    def tell_authorized(self, charge: Charge) -> None: ...

    @abstractmethod
    def tell_sample(self, charge: Charge) -> None: ...

    @abstractmethod
    def tell_full(self, charge: Charge) -> None: ...

    @abstractmethod
    def tell_stop(self, charge: Charge) -> None: ...

    # --- parts ------------------------------------------------------------------------------------------

    def _show(self, socket: Socket, status: str) -> None:
        if socket.status != status:
            socket.status = status
            for told in self._statuses(socket):
                self.remark(*told)

    def _statuses(self, socket: Socket) -> list[tuple[str, Payload]]:
        """What is told of a socket's status; in a storm many others before it."""
        true, told = socket.status, list[tuple[str, Payload]]()
        for number in range(self.habits.vices.storm):
            socket.status = _FLICKER[number % len(_FLICKER)]
            told.append(self.status_of(socket))
        socket.status = true
        return [*told, self.status_of(socket)]

    def _begin(self, socket: Socket, token_uid: str, curve: Curve, start_id: int | None) -> Charge:
        now = self.clock.now()
        truth = Charged(
            station_id=self.station_id,
            evse_id=socket.evse_id,
            token_uid=token_uid,
            started_at=now,
            meter_start_wh=socket.register_wh,
        )
        charge = Charge(
            socket=socket, truth=truth, curve=curve, over=asyncio.Event(), remote_start_id=start_id
        )
        socket.charge = charge
        self.book.sessions.append(truth)
        self.tell_start(charge)
        return charge

    async def _draw(self, charge: Charge, stay_s: float) -> None:
        """Let energy flow, and say so, until the driver comes back or something else ends it."""
        leaves_s = charge.elapsed_s(self.clock.now()) + stay_s
        while True:
            left_s = leaves_s - charge.elapsed_s(self.clock.now())
            if left_s < 1:
                charge.stop("Local")
            if await self.clock.happens_within(charge.over, min(self.habits.sample_every_s, left_s)):
                return
            if left_s > self.habits.sample_every_s:
                self._sample(charge)

    def _sample(self, charge: Charge) -> None:
        charge.truth.sampled_wh.append(charge.register_wh(self.clock.now()))
        if not charge.full and charge.elapsed_s(self.clock.now()) >= charge.curve.seconds:
            charge.full = True
            self.tell_full(charge)
            self._show(charge.socket, "SuspendedEV")
        else:
            self.tell_sample(charge)

    def _end(self, charge: Charge) -> None:
        """Fix what the meter shows and tell the end."""
        charge.stop("Local")
        truth, socket = charge.truth, charge.socket
        if truth.meter_stop_wh is None:
            truth.ended_at = self.clock.now()
            truth.meter_stop_wh = socket.register_wh = charge.register_wh(truth.ended_at)
        truth.reason = charge.reason
        socket.charge = None
        self.tell_stop(charge)

    def _come_with(self, badge: Badge) -> None:
        self.former.append(self.badge)
        self.badge = badge
        if self._talk is not None:
            self.soon(self._redial(self._talk))

    async def _redial(self, talk: Talk) -> None:
        await self.clock.sleep(1)
        await talk.close()

    def _refused(self, socket: Socket, charge: Charge | None) -> None:
        if charge is not None and socket.charge is charge:
            charge.stop("DeAuthorized")
            self._end(charge)
        self._show(socket, "Available")

    async def _may_charge(self, token_uid: str, evse_id: int) -> bool:
        if self._talk is None:
            return self.habits.starts_offline
        try:
            return await self.authorized(self._talk, token_uid, evse_id)
        except (LineLost, NoReply, Complaint):
            return self.habits.starts_offline

    async def _restart(self, *, hard: bool) -> None:
        await self.clock.sleep(1)
        for charge in self.charges:
            charge.stop("HardReset" if hard else "SoftReset")
        await self.clock.sleep(0 if hard else 2)
        if self.powered:
            talk = self._talk
            self.power_off()
            if talk is not None:
                await talk.close()
            await self.clock.sleep(self.chance.uniform(5, 20))
            self.power_on()

    def soon(self, errand: Coroutine[object, object, object]) -> None:
        task: asyncio.Task[object] = asyncio.get_running_loop().create_task(errand)
        self._errands[task] = None
        task.add_done_callback(lambda done: self._errands.pop(done, None))
