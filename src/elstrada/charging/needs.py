"""The schedule that answers a car's needs: all that the limits allow and the car can take, as early as possible.

Source: OCPP 2.0.1 and 2.1 part 2, K15 to K18. It is no optimum of price or load: whoever plans those lowers the
limits, and this follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from itertools import pairwise
from math import ceil
from typing import NamedTuple

import msgspec

from elstrada.charging.composite import DEFAULT_PHASES, Moment, NotComparable, Piece, Supply, composite
from elstrada.model.needs import Needs, NoPlan, Plan
from elstrada.model.profile import Abilities, Period, Profile, RateUnit, Schedule

FIRST_PLAN = 7_900_000
"""Numbers of plans begin here: one for each EVSE, so that a new plan replaces the last (K01.FR.05)."""
DAY = timedelta(days=1)
"""How far a plan goes where the car does not say when it leaves (ISO 15118-2 §8.5.2.15)."""
MOST = timedelta(days=7)
MOST_STEPS = 96
"""Changes of the limits that a plan looks at: a day of quarter hours. Where there are more, it ends before."""
MOST_PERIODS = 1024
"""OCPP 2.0.1 part 2, ChargingScheduleType."""
MOST_AC_A = Decimal(80)
"""More than this no pilot allows (IEC 61851-1, table A.8): what holds where nobody says less."""
_TENTH = Decimal("0.1")


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What holds at the EVSE. None: nobody says."""

    profiles: tuple[Profile, ...]
    """In the station; a plan of ours for the session does not count."""
    abilities: Abilities = Abilities()
    supply: Supply | None = None
    max_a: Decimal | None = None
    """The most it gives, per phase."""
    max_w: Decimal | None = None


class _Step(NamedTuple):
    start_s: int
    seconds: int
    limit: Decimal


def plan_id(evse_id: int) -> int:
    """The number of the profile that holds an EVSE's plan."""
    return FIRST_PLAN + evse_id


def plan(needs: Needs, room: Room, moment: Moment, now: datetime) -> Plan | NoPlan:
    """Make a schedule that begins now.

    Args:
        moment: for whom; its unit does not matter: what car and station prefer is used.
    Returns:
        Never more at any instant than ``composite`` allows and car and EVSE take, in tenths. Where the periods
        suffice, no schedule within these gives more energy; where they do not, none of so few periods does.
    """
    found = _in_some_unit(needs, room, moment, now)
    if isinstance(found, NoPlan) and (room.max_a, room.max_w) != (None, None):
        # What the EVSE gives at most in a unit that tells nothing here, it keeps to by itself.
        return _in_some_unit(needs, msgspec.structs.replace(room, max_a=None, max_w=None), moment, now)
    return found


def _in_some_unit(needs: Needs, room: Room, moment: Moment, now: datetime) -> Plan | NoPlan:
    """In the first unit in which all that is known can be compared."""
    why = "the station takes limits in no known unit"
    for unit in _units(needs, room.abilities):
        try:
            found = _in_unit(needs, room, moment._replace(unit=unit, supply=room.supply), now)
        except NotComparable as problem:
            found = NoPlan(str(problem))
        if isinstance(found, Plan):
            return found
        why = found.why
    return NoPlan(why)


def _units(needs: Needs, abilities: Abilities) -> Iterable[RateUnit]:
    order = (RateUnit.W, RateUnit.A) if needs.is_dc else (RateUnit.A, RateUnit.W)
    return (unit for unit in order if abilities.units is None or unit in abilities.units)


def _in_unit(needs: Needs, room: Room, moment: Moment, now: datetime) -> Plan | NoPlan:
    top = _top(needs, room, moment.unit)
    if top is None:
        return NoPlan(f"neither the car nor the EVSE says how many {moment.unit} it takes at most")
    start = now.replace(microsecond=0)
    end = needs.departure if needs.departure and needs.departure > start else start + DAY
    seconds = max(int((min(end, start + MOST) - start).total_seconds()), 1)
    pieces = composite(room.profiles, moment, start, seconds)
    steps = _steps(pieces, start, seconds, top, _least(needs, room, moment.unit))
    steps = _at_most(steps, _most_periods(needs, room.abilities))
    periods = tuple(Period(start_s=one.start_s, limit=one.limit, phases=needs.phases) for one in steps)
    duration_s = steps[-1].start_s + steps[-1].seconds
    energy_wh = _energy(needs, room, moment.unit, steps)
    return Plan(
        schedule=Schedule(unit=moment.unit.value, periods=periods, start=start, duration_s=duration_s),
        energy_wh=energy_wh,
        missing_wh=None
        if energy_wh is None or needs.energy_wh is None
        else max(needs.energy_wh - energy_wh, 0),
    )


def _most_periods(needs: Needs, abilities: Abilities) -> int:
    told = [one for one in (needs.max_periods, abilities.max_periods) if one is not None]
    return max(min([*told, MOST_PERIODS]), 1)


# --- what car and EVSE take -------------------------------------------------------------------------


def _top(needs: Needs, room: Room, unit: RateUnit) -> Decimal | None:
    """The most that both take, as far as they say.

    Raises:
        NotComparable: the EVSE says it in the other unit, and nobody knows the voltage.
    """
    other = room.max_w if unit is RateUnit.A else room.max_a
    if other is not None and (needs.is_dc or _volts(needs, room) is None):
        raise NotComparable("what the EVSE gives at most is in another unit, and the voltage is not known")
    tops = [*_tops_in_a(needs, room)] if unit is RateUnit.A else [*_tops_in_w(needs, room)]
    if not tops and not needs.is_dc:
        volts = _volts(needs, room)
        tops = [MOST_AC_A] if unit is RateUnit.A else [MOST_AC_A * volts] if volts else []
    return min(tops, default=None)


def _tops_in_a(needs: Needs, room: Room) -> Iterable[Decimal]:
    yield from (one for one in (needs.max_a, room.max_a) if one is not None)
    volts = None if needs.is_dc else _volts(needs, room)
    if volts:
        yield from (one / volts for one in (needs.max_w, room.max_w) if one is not None)


def _tops_in_w(needs: Needs, room: Room) -> Iterable[Decimal]:
    yield from (one for one in (needs.max_w, room.max_w) if one is not None)
    if needs.max_a is not None and needs.max_voltage is not None:
        yield needs.max_a * needs.max_voltage * (1 if needs.is_dc else needs.phases or DEFAULT_PHASES)
    volts = None if needs.is_dc else _volts(needs, room)
    if volts and room.max_a is not None:
        yield room.max_a * volts


def _least(needs: Needs, room: Room, unit: RateUnit) -> Decimal:
    """With less the car does not charge; 0: it does not say."""
    volts = None if needs.is_dc else _volts(needs, room)
    if unit is RateUnit.A:
        return needs.min_a or (needs.min_w / volts if needs.min_w and volts else Decimal(0))
    return needs.min_w or (needs.min_a * volts if needs.min_a and volts else Decimal(0))


def _volts(needs: Needs, room: Room) -> Decimal | None:
    """W per A of an AC charge; None: nobody knows the voltage."""
    if room.supply is None:
        return None
    return Decimal(room.supply.voltage * min(needs.phases or DEFAULT_PHASES, room.supply.phases))


def _energy(needs: Needs, room: Room, unit: RateUnit, steps: Iterable[_Step]) -> int | None:
    watts = Decimal(1) if unit is RateUnit.W else None if needs.is_dc else _volts(needs, room)
    if watts is None:
        return None
    return int(sum((one.limit * one.seconds for one in steps), Decimal(0)) * watts / 3600)


# --- steps ------------------------------------------------------------------------------------------


def _steps(
    pieces: Sequence[Piece], start: datetime, seconds: int, top: Decimal, least: Decimal
) -> list[_Step]:
    """What may be given from when on. Periods begin at whole seconds: what changes within one, has its lowest there."""
    begins = [(one.start - start).total_seconds() for one in pieces]
    if len(pieces) > MOST_STEPS:
        seconds = min(max(int(begins[MOST_STEPS]), 1), seconds)
    spans = [
        (int(begin), ceil(end), _takable(piece, top, least))
        for piece, begin, end in zip(pieces, begins, [*begins[1:], float(seconds)], strict=True)
        if begin < seconds
    ]
    marks = sorted({at for begin, end, _ in spans for at in (begin, min(end, seconds))} | {0, seconds})
    steps = list[_Step]()
    for begin, end in pairwise(marks):
        limit = min(one for since, until, one in spans if since < end and begin < until)
        if steps and steps[-1].limit == limit:
            steps[-1] = steps[-1]._replace(seconds=end - steps[-1].start_s)
        else:
            steps.append(_Step(begin, end - begin, limit))
    return steps[:MOST_STEPS]


def _takable(piece: Piece, top: Decimal, least: Decimal) -> Decimal:
    limit = top if piece.limit is None else max(min(piece.limit, top), Decimal(0))
    limit = limit.quantize(_TENTH, ROUND_DOWN)
    return limit if limit >= least else Decimal(0)


def _at_most(steps: Sequence[_Step], most: int) -> Sequence[_Step]:
    """The same in fewer steps, each as high as its lowest part; of all ways the one that gives most energy."""
    count = len(steps)
    if count <= most:
        return steps
    best: list[Decimal | None] = [Decimal(0), *[None] * count]
    cuts = list[list[int]]()
    for _ in range(most):
        following: list[Decimal | None] = [None] * (count + 1)
        begins = [0] * (count + 1)
        for end in range(1, count + 1):
            low, seconds = steps[end - 1].limit, 0
            for begin in range(end - 1, -1, -1):
                low, seconds = min(low, steps[begin].limit), seconds + steps[begin].seconds
                before = best[begin]
                if before is None:
                    continue
                given, known = before + low * seconds, following[end]
                if known is None or given > known:
                    following[end], begins[end] = given, begin
        best = following
        cuts.append(begins)
    return _joined(steps, cuts)


def _joined(steps: Sequence[_Step], cuts: Sequence[Sequence[int]]) -> list[_Step]:
    made, end = list[_Step](), len(steps)
    for begins in reversed(cuts):
        part = steps[begins[end] : end]
        low = min(one.limit for one in part)
        made.append(_Step(part[0].start_s, sum(one.seconds for one in part), low))
        end = begins[end]
    return made[::-1]
