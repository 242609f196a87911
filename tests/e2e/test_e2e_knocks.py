"""How often somebody may guess is a setting: a whole process, and raw handshakes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from installation import CPO, Installation, Nursery, serving
from ocpp_stations import Station16, plugged_in
from raw_socket import RawSocket, Refused

SETTINGS = (
    "stations.knocks.failures_per_station = 2",
    "stations.knocks.failures_per_station_a_minute = 1",
    "stations.knocks.failures_per_address = 4",
    "stations.knocks.failures_per_address_a_minute = 1",
)


async def _status(url: str, station: str, password: str) -> int:
    try:
        (await RawSocket.dial(url, station, password, "ocpp1.6")).abort()
    except Refused as refused:
        return refused.status
    return 101


async def test_guesses_are_held_back_as_the_settings_say_and_no_station_is(
    tmp_path: Path, nursery: Nursery
) -> None:
    office = Installation(tmp_path, nursery, (CPO,), SETTINGS)
    with serving(office):
        passwords = [
            (await asyncio.to_thread(office.done, "station add", station=name))["password"]
            for name in ("CP1", "CP2")
        ]
        url = office.stations_url
        await asyncio.sleep(4)  # Until the gateway knows them; each try before that would be a failure.
        async with plugged_in(Station16, "CP1", url, passwords[0]) as station:
            assert await station.boot() == "Accepted"
        async with plugged_in(Station16, "CP2", url, passwords[1]):
            pass
        wrong = [await _status(url, "CP2", "wrong-password-of-somebody") for _ in range(4)]
        assert wrong == [401, 401, 429, 429]
        assert await _status(url, "CP2", passwords[1]) == 429, "not even with the right one, before its time"
        assert await _status(url, "CP1", passwords[0]) == 101
        others = [await _status(url, f"NOBODY{n}", "wrong-password-of-somebody") for n in range(6)]
        assert others[-1] == 429
        assert await _status(url, "CP1", passwords[0]) == 101, "it was let in from there before"
