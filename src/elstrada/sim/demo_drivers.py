"""The demo's drivers: when they come and what they want is drawn from real sessions (``distribution``)."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict, deque
from collections.abc import Coroutine
from zoneinfo import ZoneInfo

import msgspec

from elstrada.model.ids import PartyId
from elstrada.roles.node import Node
from elstrada.sim.app import start_session
from elstrada.sim.clock import SimClock
from elstrada.sim.demo_lands import SWEDEN
from elstrada.sim.demo_network import FIXED_PRICE, RETAILER, DemoNetwork, Post
from elstrada.sim.distribution import Visit, real_sessions
from elstrada.sim.drivers import visit
from elstrada.sim.sockets import Car
from elstrada.sim.stations import VirtualStation

VISITS_A_DAY = 5
"""To one EVSE, on average."""
FIRST = 0.3
"""Part of the EVSEs that are taken in the first half hour, so that the picture is full soon."""
BY_APP = 0.15
"""Part of the drivers who start with their app."""
MISHAP_EVERY_S = 45.0
"""Real seconds between two stations that lose power for a while."""
_HOUR_S = 3600.0


class _Place(msgspec.Struct, frozen=True):
    """One EVSE where somebody may charge."""

    station: VirtualStation
    evse_id: int
    evse_uid: str
    zone: ZoneInfo
    cpo: PartyId
    abroad: bool
    """Outside the retailer's country."""


class DemoDrivers:
    """All drivers of the demo. Whoever finds the EVSE of their choice taken drives on."""

    def __init__(
        self, network: DemoNetwork, stations: list[VirtualStation], node: Node, clock: SimClock, seed: int
    ) -> None:
        self._node, self._clock, self._stations = node, clock, stations
        self._chance = random.Random(f"drivers/{seed}")  # noqa: S311  Repeating is its purpose.
        self._places = _all_places(network, stations)
        abroad = {contract.id for contract in network.contracts if contract.plan_id == FIXED_PRICE.id}
        self._waiting: defaultdict[tuple[bool, bool], deque[str]] = defaultdict(deque)
        """Tokens nobody charges with at present, by (app, abroad); the one used longest ago comes first."""
        for token in network.tokens:
            self._waiting[token.type == "APP_USER", token.contract_id in abroad].append(token.uid)
        self._errands: dict[asyncio.Task[None], None] = {}
        self._distribution = real_sessions()

    def welcome(self, networks: list[DemoNetwork], stations: list[VirtualStation]) -> None:
        """Neighbours have come: their sites are there for all, and their customers charge here, with cards."""
        places = [place for network in networks for place in _all_places(network, stations)]
        self._places += places
        cards = [token.uid for network in networks for token in network.tokens if token.type == "RFID"]
        self._waiting[False, False].extendleft(cards)
        self._visit_first(places)
        self._visit_first([place for place in self._places if not place.abroad])

    async def come(self) -> None:
        """Let drivers come until cancelled."""
        try:
            self._visit_first(self._places)
            await asyncio.gather(self._rest(), self._mishaps())
        finally:
            for errand in list(self._errands):
                errand.cancel()
            await asyncio.gather(*self._errands, return_exceptions=True)

    def _visit_first(self, places: list[_Place]) -> None:
        for place in self._chance.sample(places, int(len(places) * FIRST)):
            self._send(self._charge(place, self._chance.uniform(0, _HOUR_S / 2)))

    async def _rest(self) -> None:
        """As many in each hour as really come in it."""
        while True:
            place = self._chance.choice(self._places)
            share = self._distribution.arrival_share(self._clock.now().astimezone(place.zone).hour)
            an_hour = max(share * VISITS_A_DAY * len(self._places), 0.1)
            await self._clock.sleep(self._chance.expovariate(an_hour / _HOUR_S))
            self._send(self._charge(place, 0))

    async def _mishaps(self) -> None:
        """Now and then a station loses its power, and ends its sessions when it is back."""
        while True:
            await asyncio.sleep(MISHAP_EVERY_S)
            self._send(self._power_cut(self._chance.choice(self._stations)))

    async def _power_cut(self, station: VirtualStation) -> None:
        station.power_off()
        await asyncio.sleep(10)
        station.power_on()

    async def _charge(self, place: _Place, later_s: float) -> None:
        """One driver, from arrival to departure."""
        by_app = self._chance.random() < BY_APP
        wanted = self._wanted(place)
        # Whoever travels has chosen the fixed price: a mark-up in SEK on a cost in EUR cannot be billed.
        pool = self._waiting[by_app, place.abroad]
        await self._clock.sleep(later_s)
        socket = place.station.sockets[place.evse_id]
        if not socket.free or not pool:
            return
        token_uid = pool.popleft()
        drawn = visit(self._chance, socket, energy_wh=wanted.energy_wh, stay_s=wanted.stay_s)
        try:
            if by_app:
                car = Car(curve=drawn.curve, stay_s=drawn.stay_s, started=asyncio.Event())
                await self._charge_by_app(place, token_uid, car)
            else:
                await place.station.charge(place.evse_id, token_uid, drawn.curve, drawn.stay_s)
        finally:
            pool.append(token_uid)

    async def _charge_by_app(self, place: _Place, token_uid: str, car: Car) -> None:
        waiting = asyncio.create_task(
            place.station.wait_for_remote_start(place.evse_id, car, 60 * self._clock.speed)
        )
        try:
            await start_session(self._node, RETAILER, place.cpo, token_uid, place.evse_uid)
            if await waiting:
                await self._clock.sleep(car.stay_s)
        finally:
            waiting.cancel()

    def _wanted(self, place: _Place) -> Visit:
        hour = self._clock.now().astimezone(place.zone).hour
        return self._distribution.draw_at(hour, self._chance.random(), self._chance.random())

    def _send(self, errand: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(errand)
        self._errands[task] = None
        task.add_done_callback(lambda done: self._errands.pop(done, None))


def _all_places(network: DemoNetwork, stations: list[VirtualStation]) -> list[_Place]:
    by_id = {station.station_id: station for station in stations}
    return [place for post in network.posts for place in _places(post, by_id)]


def _places(post: Post, stations: dict[str, VirtualStation]) -> list[_Place]:
    station, zone = stations[post.station.id], ZoneInfo(post.time_zone)
    abroad = post.time_zone != SWEDEN.time_zone
    cpo = post.station.owner
    return [
        _Place(station, place.evse_id, place.evse_uid, zone, cpo, abroad) for place in post.station.places
    ]
