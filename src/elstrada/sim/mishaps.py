"""Faults, as they befall a world: each is well again after its time."""

from __future__ import annotations

import contextlib

from elstrada.sim.clock import SimClock
from elstrada.sim.installation import Installation
from elstrada.sim.network import Lines
from elstrada.sim.plans import Fault, FaultKind, Wipe
from elstrada.sim.stations import VirtualStation
from elstrada.sim.trace import Trace
from elstrada.sim.web import Traffic, Web
from elstrada.spine.face import SpineDown

_STORE = {
    FaultKind.STORE_SLOW: "slow",
    FaultKind.STORE_DOWN: "down",
    FaultKind.STORE_DOUBTFUL: "doubtful",
}


class Mishaps:
    """Makes things go wrong, and well again."""

    def __init__(
        self,
        clock: SimClock,
        trace: Trace,
        *,
        lines: Lines,
        web: Web,
        stations: list[VirtualStation],
        cpo: Installation,
        emsp: Installation,
    ) -> None:
        self._clock, self._trace, self._lines, self._web = clock, trace, lines, web
        self._stations, self._cpo, self._emsp = stations, cpo, emsp

    async def befall(self, fault: Fault) -> None:
        await self._clock.sleep(fault.at_s)
        station = self._stations[fault.station % len(self._stations)]
        hit = self._emsp if fault.at_emsp else self._cpo
        self._trace.note("world", f"{fault.kind.value} {station.station_id} {hit.name} {fault.lasts_s:.0f} s")
        match fault.kind:
            case FaultKind.CUT:
                self._lines.cut(station.station_id)
            case FaultKind.DEAD:
                self._lines.go_dead(station.station_id)
            case FaultKind.POWER:
                await self._cut_power(station, fault.lasts_s)
            case FaultKind.CRASH:
                await self._crash(hit, fault.lasts_s)
            case FaultKind.STORE_SLOW | FaultKind.STORE_DOWN | FaultKind.STORE_DOUBTFUL:
                with hit.weather.turned(_STORE[fault.kind]):
                    await self._clock.sleep(fault.lasts_s)
            case FaultKind.PEER_OUTAGE:
                with self._web.closed(hit.url):
                    await self._clock.sleep(fault.lasts_s)
            case FaultKind.PEER_BAD:
                with self._web.worse(Traffic(bad=0.3, slow=0.2)):
                    await self._clock.sleep(fault.lasts_s)

    async def wipe(self, wipe: Wipe) -> None:
        await self._clock.sleep(wipe.at_s)
        station = self._stations[wipe.station]
        how = "for good" if wipe.lasts_s is None else f"{wipe.lasts_s:.0f} s"
        self._trace.note("world", f"memory lost {station.station_id} {how}")
        self._lines.go_dead(station.station_id)
        station.wipe(for_good=wipe.lasts_s is None)
        if wipe.lasts_s is not None:
            await self._clock.sleep(wipe.lasts_s)
            station.power_on()

    async def _cut_power(self, station: VirtualStation, lasts_s: float) -> None:
        if station.powered:
            self._lines.go_dead(station.station_id)
            station.power_off()
            await self._clock.sleep(lasts_s)
            station.power_on()

    async def _crash(self, installation: Installation, lasts_s: float) -> None:
        """Kill a node, and start it again until it stands."""
        if not installation.up:
            return
        installation.kill()
        await self._clock.sleep(lasts_s)
        while not installation.up:
            with contextlib.suppress(SpineDown):
                await installation.start()
            await self._clock.sleep(1)
