"""How much whoever is not let in yet may try, as the settings say."""

from __future__ import annotations

from elstrada.net.station_server import StationLimits
from elstrada.net.throttle import Rate
from elstrada.settings import StationsSection

_MINUTE_S = 60


def station_limits(told: StationsSection) -> StationLimits:
    """The limits of the stations' door."""
    knocks = told.knocks
    return StationLimits(
        compression=told.compression,
        opening_s=knocks.seconds,
        opening_sockets=knocks.waiting,
        opening_per_address=knocks.waiting_per_address,
        address_failures=Rate(knocks.failures_per_address, knocks.failures_per_address_a_minute / _MINUTE_S),
        identity_failures=Rate(knocks.failures_per_station, knocks.failures_per_station_a_minute / _MINUTE_S),
    )
