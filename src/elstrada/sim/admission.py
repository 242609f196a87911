"""Who may connect as a station, after a world: P7, whoever comes with less than the station does is sent away."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from elstrada.model.device import Station
from elstrada.sim.demo_network import CPO
from elstrada.sim.network import Lines
from elstrada.sim.stations import VirtualStation
from elstrada.sim.wire import Badge
from elstrada.spine import tables as t
from elstrada.spine.memory import MemoryStore


def of_station(station: VirtualStation, lines: Lines, store: MemoryStore) -> list[str]:
    """The station itself may come again; nobody else, and not with less than it has shown."""
    name = station.station_id
    row = store.tables.get(t.station, (str(CPO), name))
    assert row is not None, "its record is there from the beginning"
    minimum = msgspec.json.decode(str(row["document"]), type=Station).security.minimum
    problems: list[str] = []
    if station.online and minimum != station.badge.profile:
        problems.append(f"P7 {name}: speaks with profile {station.badge.profile}, and {minimum} is demanded")
    if station.online and not lines.admits(station.badge):
        problems.append(f"P7 {name}: would not be let in again")
    if row["password_next_hash"] is None:
        problems += [
            f"P7 {name}: {who} is let in" for who, badge in _strangers(station) if lines.admits(badge)
        ]
    return problems


def _strangers(station: VirtualStation) -> list[tuple[str, Badge]]:
    badge = station.badge
    wrong = replace(badge, password="guessed", profile=min(badge.profile, 2))  # noqa: S106
    if not station.online:
        return [("a wrong password", wrong)]  # It may never have come with what it has now.
    lower = [replace(badge, profile=profile) for profile in range(1, badge.profile)]
    former = [old for old in station.former if old != badge]
    return [
        ("a wrong password", wrong),
        *((f"profile {one.profile}", one) for one in lower),
        *(("what it came with before", one) for one in former),
    ]
