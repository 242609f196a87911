"""What a seed means: the stations of a world, their characters, and the faults that will befall it.

Plans are plain data, drawn before anything runs, so that a failing world can be run again with less.
"""

from __future__ import annotations

import random
from enum import StrEnum

import msgspec

from elstrada.model.unended import EndRules
from elstrada.model.waits import Looks
from elstrada.sim.habits import HONEST, Habits
from elstrada.sim.station_clock import ClockHabit
from elstrada.sim.vices import NONE, MeterVice, Vices


class StationPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One station."""

    id: str
    version: str
    """1.6, 2.0.1 or 2.1."""
    sockets_w: tuple[int, ...]
    """Power of each socket; 50 kW and more is direct current."""
    registers_wh: tuple[int, ...]
    habits: Habits
    visits: int
    """Drivers who come in the time of the world."""
    remote_visits: int
    """Drivers who start with their app."""
    profile: int = 1
    """Security profile with which it comes at first."""


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


class Wipe(msgspec.Struct, frozen=True, kw_only=True):
    """A station loses power and all that it remembers: of its sessions no end will ever be told."""

    at_s: float
    station: int
    """Index of the station it befalls."""
    lasts_s: float | None
    """Until it has power again; None: it is never seen again."""


class Hardening(msgspec.Struct, frozen=True, kw_only=True):
    """A station comes with more security from now on."""

    at_s: float
    station: int
    """Index of the station."""
    profile: int | None
    """Which it is raised to; None: the operator gives it a new password."""


SELDOM = Looks(
    roll_s=10.0,
    lists_s=10.0,
    tariffs_s=60.0,
    custody_s=4.0,
    ends_s=4.0,
    marks_s=3.0,
    callbacks_s=10.0,
    pulse_s=30.0,
    findings_s=30.0,
)
"""Looks that find nothing were two thirds of a world's cost. What one finds has waited longer, and more comes at once."""


class WorldPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A whole world."""

    seed: int
    span_s: float
    """How long drivers come and faults happen; then all is well, and the world settles."""
    stations: tuple[StationPlan, ...]
    faults: tuple[Fault, ...]
    commands: int
    """Commands that the operator gives."""
    wipes: tuple[Wipe, ...] = ()
    hardenings: tuple[Hardening, ...] = ()
    end_rules: EndRules = EndRules()
    """How long the operator waits for ends of sessions."""
    looks: Looks = Looks()
    """How often nodes look for work of their own."""


VERSIONS = ("1.6", "2.0.1", "2.1")
_VICES: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("meter", tuple(vice for vice in MeterVice if vice is not MeterVice.TRUE)),
    ("stops_again", (True,)),
    ("answers_late_s", (5.0, 40.0)),
    ("never_answers", (True,)),
    ("storm", (5, 15)),
    ("babbles", (True,)),
    ("boots_twice", (True,)),
    ("idle_values", (True,)),
    ("counts_ids", (True,)),
)
_VICES_16 = (*_VICES, ("misnames_stops", (0, -1, 2_000_000_000)))
_VICES_2 = (*_VICES, ("ends_first", (True,)))
"""What may be wrong with a station of a version, and how much."""
_UNTIMED = frozenset({ClockHabit.UNSET, ClockHabit.BROKEN, ClockHabit.JUMPING, ClockHabit.ZONELESS})
"""Clocks whose times are not believed, or contradict themselves."""
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
        hardenings=_hardenings(chance, span_s, stations),
        stations=stations,
        faults=tuple(sorted(faults, key=lambda fault: fault.at_s)),
        commands=chance.randint(0, 8),
        looks=Looks() if chance.random() < 0.1 else SELDOM,
    )


_SHORT = EndRules(contradicted_s=240, silent_s=900, grace_s=240)
"""A world lasts less than an hour."""


def forgetful_plan(seed: int) -> WorldPlan:
    """Draw a world in which stations forget their sessions, or are never seen again (rule 18).

    It has no power cuts besides: the sessions they interrupt end a while after their last news, and would be
    told from forgotten ones by nothing but waiting longer than a world lasts.
    """
    plan, chance = world_plan(seed), random.Random(f"wipes/{seed}")  # noqa: S311  Repeating is its purpose.
    chosen = chance.sample(range(len(plan.stations)), k=chance.randint(1, min(3, len(plan.stations))))
    wipes = tuple(
        Wipe(
            at_s=chance.uniform(60, plan.span_s),
            station=station,
            lasts_s=chance.choice((None, chance.uniform(5, 300))),
        )
        for station in chosen
    )
    faults = tuple(fault for fault in plan.faults if fault.kind is not FaultKind.POWER)
    return msgspec.structs.replace(plan, faults=faults, wipes=wipes, end_rules=_SHORT)


def _station(chance: random.Random, number: int) -> StationPlan:
    version = chance.choice(VERSIONS)
    sockets = chance.choice((1, 1, 2))
    powers = _DC_W if chance.random() < 0.3 else _AC_W
    sockets_w = tuple(chance.choice(powers) for _ in range(sockets))
    registers_wh = [chance.randrange(1_000, 9_000_000) for _ in range(sockets)]
    habits = _habits(chance, version)
    # A small register behind a false 0 might as well be what the session took.
    lifetime_wh = 10_000_000 if habits.vices.meter is MeterVice.FALSE_ZERO else 0
    return StationPlan(
        id=f"V{number + 1:02d}",
        version=version,
        sockets_w=sockets_w,
        registers_wh=tuple(wh + lifetime_wh for wh in registers_wh),
        habits=habits,
        visits=chance.randint(1, 4),
        remote_visits=chance.choice((0, 0, 1)),
        profile=chance.choice((1, 1, 2, 3)),
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
    habits = msgspec.structs.replace(
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
        vices=_vices(chance, old=old) if sometimes(0.7) else NONE,
    )
    if habits.clock in _UNTIMED:
        # When it began nobody could know, and a partner would rightly hold its CDR.
        vices = msgspec.structs.replace(habits.vices, ends_first=False)
        return msgspec.structs.replace(habits, vices=vices)
    return habits


def _vices(chance: random.Random, *, old: bool) -> Vices:
    """A few of what is wrong with stations in the field."""
    drawn = chance.sample(_VICES_16 if old else _VICES_2, k=chance.randint(1, 3))
    given = {name: value for name, values in drawn for value in [chance.choice(values)]}
    return msgspec.convert(given, Vices)


def _hardenings(
    chance: random.Random, span_s: float, stations: tuple[StationPlan, ...]
) -> tuple[Hardening, ...]:
    """Profiles that rise, and passwords that are changed."""
    chosen: list[Hardening] = []
    for number, station in enumerate(stations):
        at_s, what = chance.uniform(30, span_s), chance.random()
        if what < 0.15 and station.profile < 3:
            profile = chance.randint(station.profile + 1, 3)
            chosen.append(Hardening(at_s=at_s, station=number, profile=profile))
        elif what < 0.3 and station.profile < 3:
            chosen.append(Hardening(at_s=at_s, station=number, profile=None))
    return tuple(chosen)


def _fault(chance: random.Random, span_s: float, stations: int) -> Fault:
    kind = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    return Fault(
        at_s=chance.uniform(5, span_s),
        kind=kind,
        lasts_s=chance.uniform(*_LASTS_S[kind]),
        station=chance.randrange(stations),
        at_emsp=chance.random() < 0.3,
    )
