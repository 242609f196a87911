"""The limits of the stations' door: do they hold guessers back, and let stations in?"""

from __future__ import annotations

from collections.abc import Iterator

from elstrada.model.node import Part
from elstrada.roles.doctor.case import Case, Finding, warning
from elstrada.settings import KnocksSection

AREA = "stations"
MOST_GUESSES = 60
"""Passwords a minute that may be tried at one station: more than by hand."""


def examine_knocks(case: Case) -> Iterator[Finding]:
    """Of a node that stations connect to."""
    stations, knocks = case.config.stations, case.config.stations.knocks
    if Part.GATEWAY not in case.config.parts:
        return
    guesses = knocks.failures_per_station_a_minute
    if guesses > MOST_GUESSES:
        says = f"{guesses} passwords a minute may be tried at each station from one address"
        yield warning(
            AREA, says, f"set stations.knocks.failures_per_station_a_minute to {MOST_GUESSES} at most"
        )
    if knocks.waiting_per_address == knocks.waiting and not stations.tls_in_front:
        says = f"one address may take all {knocks.waiting} places of those who are not let in yet"
        yield warning(AREA, says, "set stations.knocks.waiting_per_address below stations.knocks.waiting")
    usual = KnocksSection()
    if stations.tls_in_front and (
        knocks.waiting_per_address <= usual.waiting_per_address
        or knocks.failures_per_address <= usual.failures_per_address
    ):
        says = (
            "stations.tls_in_front is set, so that all stations come from the proxy's address: what"
            " stations.knocks allows an address is for all of them together"
        )
        do = "raise stations.knocks.waiting_per_address and failures_per_address, and hold guessers back at the proxy"
        yield warning(AREA, says, do)
