"""How a partner's limits over time are put to a session's station: as the session's own profile, in its own place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from elstrada.charging.composite import Supply
from elstrada.charging.limits import NoUnit, Rung, Running, Wanted, in_unit_of_station, levelled
from elstrada.charging.needs import FIRST_PLAN
from elstrada.model.profile import Abilities, Period, Profile, Purpose, RateUnit, Schedule, SessionProfile
from elstrada.model.quirk import Quirk

FIRST_STEERED = 7_850_000
"""Numbers of partners' profiles begin here: one for each EVSE, so that a new one replaces the last."""
_MOST_EVSES = 10_000


class Unable(msgspec.Struct, frozen=True):
    """Why a profile is not put."""

    why: str
    for_ever: bool
    """Its station can never take such a one; else something stands against it now."""


def steered_id(evse_id: int) -> int:
    """The number of the profile that holds what a partner wants of the session at an EVSE."""
    return FIRST_STEERED + evse_id


def steered(
    wanted: Schedule,
    running: Running,
    installed: Iterable[Profile],
    abilities: Abilities,
    supply: Supply | None,
    quirks: Sequence[Quirk],
) -> SessionProfile | Unable:
    """The profile that a station is sent, in a unit that it takes and never with more than wanted.

    What we have limited the session to by hand is not overruled; a plan for its car is, for it has been made
    within limits that still hold.
    """
    profiles = tuple(installed)
    number = steered_id(running.evse_id)
    rung = Rung(
        purpose=Purpose.TX, evse_id=running.evse_id, transaction_id=running.transaction_id, number=number
    )
    by_hand = [one for one in profiles if one.id != number and _stands_against(one, running)]
    if by_hand:
        return Unable(f"profile {by_hand[0].id} limits the session already", for_ever=False)
    skipped = next((one for one in quirks if Purpose.TX in one.does.limit_skips), None)
    if skipped is not None:
        return Unable(str(skipped), for_ever=True)
    rung = levelled(rung, profiles, abilities, quirks)
    if rung.barred:
        return Unable(rung.barred, for_ever=False)
    if abilities.max_periods is not None and len(wanted.periods) > abilities.max_periods:
        return Unable(f"the station takes {abilities.max_periods} periods at most", for_ever=True)
    try:
        schedule = _in_its_unit(wanted, abilities, supply)
    except NoUnit as problem:
        return Unable(str(problem), for_ever=True)
    return SessionProfile(
        profile_id=number,
        evse_id=running.evse_id,
        transaction_id=running.transaction_id,
        stack_level=rung.stack_level,
        schedule=schedule,
    )


def _stands_against(profile: Profile, running: Running) -> bool:
    if profile.purpose != Purpose.TX or FIRST_PLAN <= profile.id < FIRST_PLAN + _MOST_EVSES:
        return False
    if profile.transaction_id is None:
        return profile.evse_id in (None, 0, running.evse_id)
    return profile.transaction_id == running.transaction_id


def _in_its_unit(wanted: Schedule, abilities: Abilities, supply: Supply | None) -> Schedule:
    """Raises: NoUnit."""
    asked = RateUnit(wanted.unit)
    unit = in_unit_of_station(Wanted(Decimal(0), asked), abilities, supply).unit

    def converted(rate: Decimal | None) -> Decimal | None:
        return None if rate is None else in_unit_of_station(Wanted(rate, asked), abilities, supply).limit

    periods = tuple(Period(start_s=one.start_s, limit=converted(one.limit)) for one in wanted.periods)
    return msgspec.structs.replace(
        wanted, unit=unit.value, periods=periods, min_rate=converted(wanted.min_rate)
    )
