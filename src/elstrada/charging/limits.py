"""How a limit is put to a station: the ladder of purposes, the first of which that works is used (rule 28)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_DOWN, Decimal

import msgspec

from elstrada.charging.composite import Supply
from elstrada.model.profile import Abilities, Profile, Purpose, RateUnit
from elstrada.model.quirk import Quirk

FIRST_ID = 7_700_000
"""Numbers of our own limits begin here: one for each purpose and EVSE, so that a new limit replaces the last."""
_PURPOSES = (Purpose.STATION_MAX, Purpose.TX_DEFAULT, Purpose.TX)
_TENTH = Decimal("0.1")


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A session that runs at a station."""

    session_id: str
    transaction_id: str
    evse_id: int


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be limited: a station, one of its EVSEs, or one session."""

    evse_id: int | None = None
    session: Running | None = None
    running: tuple[Running, ...] = ()
    """All sessions that run at the station."""
    evses: frozenset[int] = frozenset()
    """As far as the station told of them."""

    @property
    def is_whole_station(self) -> bool:
        """Does a limit of the station limit nothing else?"""
        if self.evse_id is None:
            return self.session is None
        only = self.evses == frozenset((self.evse_id,))
        return self.session is None and only


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """One way to put a limit, or why it is none."""

    purpose: Purpose
    evse_id: int = 0
    transaction_id: str | None = None
    stack_level: int = 0
    barred: str = ""
    """Why it cannot be tried; empty: it can."""
    number: int | None = None
    """Of its profile; None: as of all limits for this purpose and EVSE."""

    @property
    def profile_id(self) -> int:
        if self.number is not None:
            return self.number
        return FIRST_ID + self.evse_id * 10 + _PURPOSES.index(self.purpose)


def ladder(
    target: Target, installed: Iterable[Profile], abilities: Abilities, quirks: Sequence[Quirk]
) -> tuple[Rung, ...]:
    """The ways to put a limit, in the order in which they are tried.

    A maximum of the station first, for it limits whatever a session brings along; then the default of
    sessions, then the running session's own.
    """
    profiles = tuple(installed)
    rungs = (_first(target), _second(target), _third(target))
    return tuple(levelled(_known(rung, quirks), profiles, abilities, quirks) for rung in rungs)


def _first(target: Target) -> Rung:
    if target.is_whole_station:
        return Rung(purpose=Purpose.STATION_MAX)
    what = "a session" if target.session else f"EVSE {target.evse_id} of {_evses(target)}"
    return Rung(purpose=Purpose.STATION_MAX, barred=f"it would limit more than {what}")


def _second(target: Target) -> Rung:
    default = Purpose.TX_DEFAULT
    if target.session is not None:
        return Rung(purpose=default, barred="it would limit later sessions too")
    if target.evse_id is not None:
        return Rung(purpose=default, evse_id=target.evse_id)
    if len(target.evses) != 1:
        return Rung(purpose=default, barred=f"it would allow as much to each EVSE, of {_evses(target)}")
    return Rung(purpose=default, evse_id=0)


def _third(target: Target) -> Rung:
    here = [one for one in target.running if target.evse_id in (None, one.evse_id)]
    session = target.session or (here[0] if len(here) == 1 else None)
    if session is None:
        why = "no session runs there" if not here else f"{len(here)} sessions run there"
        return Rung(purpose=Purpose.TX, barred=why)
    if target.session is None and target.evse_id is None and len(target.evses) != 1:
        return Rung(purpose=Purpose.TX, barred=f"it would limit one EVSE, of {_evses(target)}")
    return Rung(purpose=Purpose.TX, evse_id=session.evse_id, transaction_id=session.transaction_id)


def _evses(target: Target) -> str:
    return str(len(target.evses)) if target.evses else "nobody knows how many"


def _known(rung: Rung, quirks: Sequence[Quirk]) -> Rung:
    quirk = next((one for one in quirks if rung.purpose in one.does.limit_skips), None)
    return rung if rung.barred or quirk is None else msgspec.structs.replace(rung, barred=str(quirk))


def levelled(rung: Rung, profiles: Sequence[Profile], abilities: Abilities, quirks: Sequence[Quirk]) -> Rung:
    """On the lowest level above all others of its purpose: many models take only low ones (rule 28)."""
    if rung.barred:
        return rung
    others = [one for one in profiles if one.id != rung.profile_id and _competes(one, rung)]
    level = max((one.stack_level + 1 for one in others), default=0)
    told = (abilities.max_stack_level, *(one.does.limit_max_stack_level for one in quirks))
    most = min((one for one in told if one is not None), default=None)
    if most is not None and level > most:
        taken = ", ".join(str(one.id) for one in others if one.stack_level >= most)
        barred = f"profile {taken} has level {most}, and the station takes no higher"
        return msgspec.structs.replace(rung, barred=barred)
    room = abilities.max_profiles
    if room is not None and len([one for one in profiles if one.id != rung.profile_id]) >= room:
        return msgspec.structs.replace(rung, barred=f"the station has all the {room} profiles it takes")
    return msgspec.structs.replace(rung, stack_level=level)


def _competes(profile: Profile, rung: Rung) -> bool:
    if profile.purpose != rung.purpose:
        return False
    if rung.purpose is Purpose.TX:
        return profile.transaction_id in (None, rung.transaction_id)
    return profile.evse_id in (0, rung.evse_id) or rung.evse_id == 0


# --- units ------------------------------------------------------------------------------------------


class NoUnit(Exception):
    """The station takes the other unit only, and nobody knows what one is in the other."""


class Wanted(msgspec.Struct, frozen=True):
    """How much is allowed."""

    limit: Decimal
    unit: RateUnit

    def in_(self, unit: RateUnit, supply: Supply | None) -> Decimal | None:
        """The same in another unit; None: nobody knows."""
        if unit is self.unit:
            return self.limit
        if supply is None:
            return None
        volts = Decimal(supply.voltage * supply.phases)
        return self.limit * volts if unit is RateUnit.W else self.limit / volts


def in_unit_of_station(wanted: Wanted, abilities: Abilities, supply: Supply | None) -> Wanted:
    """The limit as the station takes it, in tenths, never more than wanted.

    Raises:
        NoUnit: it takes another unit, and voltage and phases are not known.
    """
    units = abilities.units
    unit = wanted.unit if units is None or wanted.unit in units else next(iter(units))
    limit = wanted.in_(unit, supply)
    if limit is None:
        raise NoUnit(
            f"the station takes limits in {unit} only, and for {wanted.unit} voltage and phases must be known"
        )
    return Wanted(limit.quantize(_TENTH, ROUND_DOWN), unit)
