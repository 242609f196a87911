"""What servers and load of the walk agree on."""

from __future__ import annotations

PASSWORD = "a-machine-made-password"
TOKEN = "04A1B2C3"
METERS = 4
"""MeterValues per session, beside its start and stop."""


def names(stations: int) -> list[str]:
    return [f"ST{number:05}" for number in range(stations)]
