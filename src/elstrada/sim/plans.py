"""What a seed means: the stations of a world, their characters, and the faults that will befall it.

Plans are plain data, drawn before anything runs, so that a failing world can be run again with less.
"""

from __future__ import annotations

import random
from enum import StrEnum

import msgspec

from elstrada.sim.habits import HONEST, Habits
from elstrada.sim.station_clock import ClockHabit


class StationPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One station."""

    id: str
    version: str
    """1.6 or 2.0.1."""
    sockets_w: tuple[int, ...]
    """Power of each socket; 50 kW and more is direct current."""
    registers_wh: tuple[int, ...]
    habits: Habits
    visits: int
    """Drivers who come in the time of the world."""
    remote_visits: int
    """Drivers who start with their app."""


class FaultKind(StrEnum):
    CUT = "line cut"
    DEAD = "line goes dead"
    POWER = "power cut"
    CRASH = "node killed"
    STORE_SLOW = "store slow"
    STORE_DOWN = "store cannot commit"
    STORE_DOUBTFUL = "store commits, but does not say so"
    PEER_OUTAGE = "peer out of reach"
    PEER_BAD = "peer and way unreliable"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something that goes wrong, and then is well again."""

    at_s: float
    kind: FaultKind
    lasts_s: float
    station: int = 0
    """Index of the station it befalls, where it befalls one."""
    at_emsp: bool = False
    """Where it befalls a node: the eMSP's, else the CPO's."""


class WorldPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A whole world."""

    seed: int
    span_s: float
    """How long drivers come and faults happen; then all is well, and the world settles."""
    stations: tuple[StationPlan, ...]
    faults: tuple[Fault, ...]
    commands: int
    """Commands that the operator gives."""


_AC_W = (11_000, 22_000)
_DC_W = (50_000, 150_000, 300_000)
_LASTS_S: dict[FaultKind, tuple[float, float]] = {
    FaultKind.CUT: (0, 0),
    FaultKind.DEAD: (0, 0),
    FaultKind.POWER: (5, 600),
    FaultKind.CRASH: (1, 90),
    FaultKind.STORE_SLOW: (10, 120),
    FaultKind.STORE_DOWN: (1, 60),
    FaultKind.STORE_DOUBTFUL: (1, 30),
    FaultKind.PEER_OUTAGE: (10, 400),
    FaultKind.PEER_BAD: (60, 900),
}
_WEIGHTS: dict[FaultKind, int] = dict.fromkeys(FaultKind, 2) | {
    FaultKind.CUT: 5,
    FaultKind.DEAD: 4,
    FaultKind.POWER: 3,
    # What tells a follower whose effects and cursor part company from a true one.
    FaultKind.CRASH: 4,
    FaultKind.STORE_DOUBTFUL: 4,
}


def world_plan(seed: int) -> WorldPlan:
    """Draw a world."""
    chance = random.Random(f"world/{seed}")  # noqa: S311  Repeating is its purpose.
    span_s = chance.uniform(300, 1_500)
    stations = tuple(_station(chance, number) for number in range(chance.randint(2, 12)))
    calm = chance.random() < 0.05
    faults = (
        () if calm else tuple(_fault(chance, span_s, len(stations)) for _ in range(chance.randint(1, 16)))
    )
    return WorldPlan(
        seed=seed,
        span_s=span_s,
        stations=stations,
        faults=tuple(sorted(faults, key=lambda fault: fault.at_s)),
        commands=chance.randint(0, 8),
    )


def _station(chance: random.Random, number: int) -> StationPlan:
    version = chance.choice(("1.6", "2.0.1"))
    sockets = chance.choice((1, 1, 2))
    powers = _DC_W if chance.random() < 0.3 else _AC_W
    return StationPlan(
        id=f"V{number + 1:02d}",
        version=version,
        sockets_w=tuple(chance.choice(powers) for _ in range(sockets)),
        registers_wh=tuple(chance.randrange(1_000, 9_000_000) for _ in range(sockets)),
        habits=_habits(chance, version),
        visits=chance.randint(1, 4),
        remote_visits=chance.choice((0, 0, 1)),
    )


def _habits(chance: random.Random, version: str) -> Habits:
    """Half the stations are honest; the rest have a few of the quirks that are met in the field."""
    sample_every_s = chance.choice((30.0, 60.0, 180.0))
    honest = msgspec.structs.replace(HONEST, sample_every_s=sample_every_s)
    if chance.random() < 0.5:
        return honest

    def sometimes(part: float = 0.3) -> bool:
        return chance.random() < part

    old, new = version == "1.6", version != "1.6"
    return msgspec.structs.replace(
        honest,
        clock=chance.choice(list(ClockHabit)),
        new_id_on_resend=sometimes(0.5),
        repeats=0.3 if sometimes() else 0.0,
        keeps_refused=sometimes(0.5),
        boots_on_reconnect=sometimes(),
        starts_offline=sometimes(0.8),
        stops_refused=sometimes(0.8),
        sends_data_with_stop=old and sometimes(),
        forgets_transaction=old and sometimes(0.15),
        forgets_to_name_transaction=old and sometimes(0.15),
        reorders=new and sometimes(0.6),
        seq_always_zero=new and sometimes(0.2),
        cable_first=new and sometimes(),
        drops_updates=new and sometimes(0.2),
    )


def _fault(chance: random.Random, span_s: float, stations: int) -> Fault:
    kind = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    return Fault(
        at_s=chance.uniform(5, span_s),
        kind=kind,
        lasts_s=chance.uniform(*_LASTS_S[kind]),
        station=chance.randrange(stations),
        at_emsp=chance.random() < 0.3,
    )
