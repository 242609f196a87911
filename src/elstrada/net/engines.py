"""The station servers there are, by the name a setting chooses them with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from elstrada.net import stations, stations_fallback
from elstrada.net.doors import Tls
from elstrada.net.face import Clock, Doorman
from elstrada.net.station_server import StationLimits, StationServer


class Serve(Protocol):
    """Start listening for stations."""

    async def __call__(
        self,
        doorman: Doorman,
        *,
        host: str,
        port: int | None,
        clock: Clock,
        limits: StationLimits | None = None,
        tls: Tls | None = None,
    ) -> StationServer: ...


STATION_ENGINES: Mapping[str, Serve] = {
    "picows": stations.serve_stations,
    "websockets": stations_fallback.serve_stations,
}
