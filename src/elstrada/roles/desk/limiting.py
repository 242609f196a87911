"""Puts a limit to a station: what it takes is read first, and what it accepts is verified (rules 28 to 30)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

from elstrada.charging.composite import Moment, NotComparable, Supply, in_unit, limit_at
from elstrada.charging.limits import (
    FIRST_ID,
    NoUnit,
    Rung,
    Target,
    Wanted,
    in_unit_of_station,
    ladder,
)
from elstrada.model.device import CommandResult
from elstrada.model.profile import Limit, Period, Profile, RateUnit
from elstrada.model.quantity import MeterSample
from elstrada.roles.desk.face import Desk, Kind, Refused
from elstrada.roles.desk.limit import LimitEnd, LimitStation, Tried
from elstrada.roles.desk.limit_hand import Hand, hand_on
from elstrada.roles.desk.lookups import sane_moment

LOOK_S = 0.2
AHEAD = timedelta(minutes=1)
"""A limit begins this long ago, so that a clock that is behind does not put it off (1.6 §3.13.2)."""
COMPOSITE_S = 300
"""How far ahead a station is asked what it will allow."""
TOLERANCE = Decimal("1.05")
"""What a meter and a car's control may be off."""


async def limited(desk: Desk, params: LimitStation) -> LimitEnd:
    """Do the verb."""
    wanted = _wanted(params)
    hand = await hand_on(desk, params)
    target = await hand.target()
    if wanted is None:
        return await _release(hand, target)
    return await _limit(hand, target, wanted)


def _wanted(params: LimitStation) -> Wanted | None:
    named = [one for one in (params.amperes, params.watts) if one is not None]
    if len(named) + params.release != 1:
        raise Refused(Kind.USAGE, "expected one of --amperes, --watts and --release")
    if params.session is not None and params.evse is not None:
        raise Refused(Kind.USAGE, "a session has an EVSE already", "leave --evse out", "/evse")
    if params.evse == 0:
        raise Refused(Kind.USAGE, "EVSEs are numbered from 1", "leave --evse out for the station", "/evse")
    sane_moment(params.until, "/until")
    if params.release:
        return None
    if not named[0].is_finite() or not 0 <= named[0] <= 10_000_000:
        pointer = "/amperes" if params.watts is None else "/watts"
        raise Refused(Kind.USAGE, f"expected 0 to 10000000, got {named[0]}", pointer=pointer)
    return Wanted(named[0], RateUnit.W if params.amperes is None else RateUnit.A)


# --- limiting ---------------------------------------------------------------------------------------


async def _limit(hand: Hand, target: Target, wanted: Wanted) -> LimitEnd:
    able, supply = await hand.abilities(), await hand.supply(target)
    if hand.params.until is not None and hand.params.until <= hand.desk.clock.now():
        raise Refused(Kind.USAGE, "the limit would be over already", pointer="/until")
    try:
        wanted = in_unit_of_station(wanted, able, supply)
    except NoUnit as problem:
        raise Refused(Kind.INVALID, str(problem), "give --voltage and --phases, or place the EVSE") from None
    tried = list[Tried]()
    for rung in ladder(target, await hand.profiles(), able, hand.quirks):
        shown_by, outcome = (
            ("", rung.barred) if rung.barred else await _try(hand, target, rung, wanted, supply)
        )
        tried.append(Tried(purpose=rung.purpose.value, outcome=outcome))
        if shown_by:
            return LimitEnd(
                station=hand.params.station,
                purpose=rung.purpose.value,
                profile_id=rung.profile_id,
                evse_id=rung.evse_id,
                limit=wanted.limit,
                unit=wanted.unit.value,
                shown_by=shown_by,
                allowed=await _allowed(hand, rung, wanted.unit, supply),
                tried=tuple(tried),
                released=(),
            )
    says = "; ".join(f"{one.purpose}: {one.outcome}" for one in tried)
    await hand.note(says)
    raise Refused(Kind.REFUSED, f"{hand.params.station} takes no such limit: {says}")


async def _try(
    hand: Hand, target: Target, rung: Rung, wanted: Wanted, supply: Supply | None
) -> tuple[str, str]:
    """Put a limit in one way.

    Returns:
        What shows that it holds, empty if it does not; and how it went.
    """
    limit = Limit(
        profile_id=rung.profile_id,
        evse_id=rung.evse_id,
        purpose=rung.purpose,
        stack_level=rung.stack_level,
        unit=wanted.unit,
        limit=wanted.limit,
        start=hand.desk.clock.now() - AHEAD,
        until=hand.params.until,
        transaction_id=rung.transaction_id,
    )
    since = await hand.version_of_stream()
    done = await hand.call("SetChargingProfile", hand.version.profiles.limited(limit))
    if done.result is not CommandResult.ACCEPTED:
        return "", f"{done.result.value} ({done.detail})"
    told = await _told(hand, rung, wanted, supply)
    shown_by = "composite schedule"
    if told is None:
        shown_by, told = "meter", await _measured(hand, target, rung, wanted, supply, since)
    if told is None:
        return "nothing yet", "accepted; neither a composite schedule nor a meter shows it yet"
    holds, detail = told
    if holds:
        return shown_by, f"accepted, and shown by {shown_by}: {detail}"
    await hand.note(f"{rung.purpose.value} was accepted, and {shown_by} shows {detail}")
    await hand.call("ClearChargingProfile", hand.version.profiles.cleared(rung.profile_id))
    return "", f"accepted and not applied: {shown_by} shows {detail}"


async def _told(hand: Hand, rung: Rung, wanted: Wanted, supply: Supply | None) -> tuple[bool, str] | None:
    """Does the station say that it holds (rule 30)? None: it says nothing that can be compared."""
    asked = hand.version.profiles.asked(rung.evse_id, COMPOSITE_S, wanted.unit)
    done = await hand.call("GetCompositeSchedule", asked)
    schedule = None if done.response is None else hand.version.profiles.composed(done.response.encode())
    if schedule is None or not schedule.periods:
        return None
    first: Period = schedule.periods[0]
    if first.limit is None:
        return False, "no limit"
    try:
        limit = in_unit(first, schedule.unit, wanted.unit, supply)
    except NotComparable:
        return None
    return limit <= wanted.limit + Decimal("0.1"), f"{limit:f} {wanted.unit.value}"


async def _measured(
    hand: Hand, target: Target, rung: Rung, wanted: Wanted, supply: Supply | None, since: int
) -> tuple[bool, str] | None:
    """Does the meter show that it holds? None: within the time there was nothing to compare."""
    places = {one.session_id for one in target.running if rung.evse_id in (0, one.evse_id)}
    if len(places) != 1:
        return None  # With several, none of them alone shows what all may have.
    seen: str | None = None
    for _ in range(int(hand.params.watch_s / LOOK_S)):
        for sample in await hand.samples(since, places):
            found = _drawn(sample, wanted, supply)
            if found is not None:
                seen = f"{found:f} {wanted.unit.value}"
                if found <= wanted.limit * TOLERANCE:
                    return True, seen
        await asyncio.sleep(LOOK_S)
    return None if seen is None else (False, seen)


def _drawn(sample: MeterSample, wanted: Wanted, supply: Supply | None) -> Decimal | None:
    """What a car draws, in the limit's unit; None: the sample does not say, or it cannot be compared."""
    if wanted.unit is RateUnit.W:
        return None if sample.power_w is None else Decimal(sample.power_w)
    if sample.current_ma is not None:
        # Summed over the phases, of which a car uses as many as it has: the fewest would show the most.
        return Decimal(sample.current_ma) / 1000 / (supply.phases if supply else 3)
    if sample.power_w is None or supply is None:
        return None
    return (Decimal(sample.power_w) / (supply.voltage * supply.phases)).quantize(Decimal("0.1"))


async def _allowed(hand: Hand, rung: Rung, unit: RateUnit, supply: Supply | None) -> Decimal | None:
    now = hand.desk.clock.now()
    moment = Moment(
        evse_id=rung.evse_id,
        unit=unit,
        supply=supply,
        transaction_id=rung.transaction_id,
        power_flows_since=now,
        priority=await hand.is_in_a_hurry(rung.transaction_id),
    )
    try:
        return limit_at(await hand.profiles(), moment, now)
    except NotComparable:
        return None


# --- releasing --------------------------------------------------------------------------------------


async def _release(hand: Hand, target: Target) -> LimitEnd:
    """Take back the limits of this command that concern the target, and no other profile."""
    released, tried = list[int](), list[Tried]()
    for profile in await hand.profiles():
        if not _is_of(profile, target):
            continue
        done = await hand.call("ClearChargingProfile", hand.version.profiles.cleared(profile.id))
        # Unknown says that it is not there, which is what was wanted.
        if done.result in (CommandResult.ACCEPTED, CommandResult.UNKNOWN):
            released.append(profile.id)
        tried.append(Tried(purpose=profile.purpose, outcome=f"{done.result.value} ({done.detail})"))
    if len(released) < len(tried):
        says = "; ".join(f"{one.purpose}: {one.outcome}" for one in tried)
        raise Refused(Kind.REFUSED, f"{hand.params.station} keeps a limit: {says}")
    return LimitEnd(
        station=hand.params.station,
        purpose=None,
        profile_id=None,
        evse_id=target.evse_id,
        limit=None,
        unit=None,
        shown_by="nothing yet",
        allowed=None,
        tried=tuple(tried),
        released=tuple(released),
    )


def _is_of(profile: Profile, target: Target) -> bool:
    if not FIRST_ID <= profile.id < FIRST_ID + 100_000 or not profile.is_ours:
        return False
    if target.session is not None:
        return profile.transaction_id == target.session.transaction_id
    return target.evse_id in (None, profile.evse_id) or (target.is_whole_station and profile.evse_id == 0)
