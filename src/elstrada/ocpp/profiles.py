"""Charging profiles as every version reads and writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

import msgspec

from elstrada.model.mirror import Attribute, Cleared, Item, ItemKind, Variable
from elstrada.model.needs import PlannedProfile
from elstrada.model.profile import (
    Abilities,
    Limit,
    Period,
    Profile,
    ProfileKind,
    Purpose,
    RateUnit,
    Schedule,
    SessionProfile,
)
from elstrada.ocpp.faults import Finding
from elstrada.ocpp.wire import Wire

KIND = ItemKind.CHARGING_PROFILE
CLEARABLE = (Purpose.STATION_MAX, Purpose.TX_DEFAULT, Purpose.TX, Purpose.PRIORITY)
"""What a clearing reaches: never what others set. Source: OCPP 2.1 part 2, K10.FR.04."""

_encode = msgspec.json.Encoder().encode
_UNITS: Mapping[str, RateUnit] = {
    # OCPP 1.6 §9.4.2 says Current and Power; stations have been seen to say it as 2.x does, and reversely.
    "Current": RateUnit.A,
    "A": RateUnit.A,
    "Power": RateUnit.W,
    "W": RateUnit.W,
}


class Where(msgspec.Struct, frozen=True):
    """Keys of variables."""

    units: str
    stack_level: str
    periods: str
    profiles: str


class ProfileWords(msgspec.Struct, frozen=True, kw_only=True):
    """How a version speaks of charging profiles."""

    limited: Callable[[Limit], Wire]
    """The SetChargingProfile that sets a limit."""
    steered: Callable[[SessionProfile], Wire]
    """The SetChargingProfile that limits a session over time."""
    again: Callable[[Profile], dict[str, object]]
    """The fields of a SetChargingProfile that sets a profile as it was."""
    cleared: Callable[[int], Wire]
    """The ClearChargingProfile of one profile."""
    asked: Callable[[int, int, RateUnit | None], Wire]
    """The GetCompositeSchedule of an EVSE, for so many seconds, in a unit."""
    composed: Callable[[bytes], Schedule | None]
    """What the station answers to it; None: it does not tell."""
    abilities: tuple[str, Wire]
    """The call that asks for what a station takes."""
    keys: Where
    """Where it stands in the mirror."""
    number: str
    """The field of its number, by which a profile of this version is known."""
    listed: Callable[[int, tuple[int, ...]], Wire] | None = None
    """The GetChargingProfiles of some numbers, under a request's number; None: the version has none."""
    planned: Callable[[PlannedProfile], Wire] | None = None
    """The SetChargingProfile that answers a car's needs; None: the version knows of none."""


def in_order(periods: Iterable[Period]) -> tuple[Period, ...]:
    """Periods by their start, as they should come (K01.FR.35)."""
    return tuple(sorted(periods, key=lambda period: period.start_s))


def item(profile: Profile) -> Item:
    """A profile as it stands in the mirror."""
    return Item(KIND, str(profile.id), _encode(profile).decode())


def cleared(fields: Mapping[str, str | int | None], purpose: str | None = None) -> tuple[Cleared, ...]:
    """What a clearing by criteria reaches.

    Args:
        fields: of a ``Profile``; None: whatever it is.
        purpose: None: any that can be cleared.
    """
    wanted = tuple((name, value) for name, value in fields.items() if value is not None)
    purposes = CLEARABLE if purpose is None else (purpose,)
    return tuple(Cleared(KIND, (*wanted, ("purpose", str(one)))) for one in purposes)


def ended(transaction_id: str, evse_id: int | None, *, with_nameless: bool) -> tuple[Cleared, ...]:
    """What goes with a session: its own profiles, and those of its EVSE that name no session yet.

    Source: OCPP 1.6 §3.13.1; 2.0.1 part 2, K01 3.2.
    """
    tx = ("purpose", str(Purpose.TX))
    nameless = tuple(
        Cleared(KIND, (tx, ("transaction_id", None), ("evse_id", place))) for place in {evse_id, None}
    )
    own = Cleared(KIND, (tx, ("transaction_id", transaction_id)))
    return (own, *nameless) if with_nameless else (own,)


def abilities(variables: Iterable[Variable], keys: Where) -> Abilities:
    """What a station takes, by the variables in its mirror."""
    known = {variable.key: variable for variable in variables}
    return Abilities(
        units=_units(_actual(known.get(keys.units))),
        max_stack_level=_number(_actual(known.get(keys.stack_level))),
        max_periods=_number(_actual(known.get(keys.periods))),
        max_profiles=_number(_most(known.get(keys.profiles))),
    )


def _units(text: str | None) -> frozenset[RateUnit] | None:
    if text is None:
        return None
    return frozenset(_UNITS[word] for word in map(str.strip, text.split(",")) if word in _UNITS) or None


def _actual(variable: Variable | None) -> str | None:
    told: tuple[Attribute, ...] = variable.attributes if variable else ()
    return next((one.value for one in told if one.type == "Actual"), None)


def _most(variable: Variable | None) -> str | None:
    """How many there may be: 2.x says how many there are, and the most in the characteristics."""
    if variable is not None and variable.component is not None:
        return variable.characteristics.max_limit if variable.characteristics else None
    return _actual(variable)


def _number(text: str | None) -> int | None:
    try:
        return None if text is None else int(text.partition(".")[0])
    except ValueError:
        return None


# --- what must not be sent --------------------------------------------------------------------------

_HOLDERS: Mapping[str, str] = {
    "RemoteStartTransaction": "chargingProfile",
    "RequestStartTransaction": "chargingProfile",
    "SetChargingProfile": "",
}
"""Where a call has its profile; SetChargingProfile names it by version."""


def starts(action: str, document: object) -> tuple[Finding, ...]:
    """What a call's profile has wrong about its start (rule 29; K01.FR.40 and .41).

    Absolute and Recurring say when they begin, Relative does not: else stations of several makes each begin
    at another time.

    Args:
        document: of a call that conforms to its schema.
    """
    if action not in _HOLDERS or not isinstance(document, dict):
        return ()
    fields = cast("dict[str, Any]", document)
    names = (_HOLDERS[action],) if _HOLDERS[action] else ("chargingProfile", "csChargingProfiles")
    return tuple(one for name in names if name in fields for one in _starts(fields[name], f"/{name}"))


def _starts(profile: dict[str, Any], at: str) -> Iterator[Finding]:
    told = profile["chargingSchedule"]
    listed = isinstance(told, list)
    for index, schedule in enumerate(cast("list[dict[str, Any]]", told if listed else [told])):
        pointer = f"{at}/chargingSchedule{f'/{index}' if listed else ''}/startSchedule"
        kind, begins = profile["chargingProfileKind"], "startSchedule" in schedule
        if kind in (ProfileKind.ABSOLUTE, ProfileKind.RECURRING) and not begins:
            yield Finding(pointer, "rule 29", f"missing: {kind} profiles say when they begin")
        elif kind == ProfileKind.RELATIVE and begins:
            yield Finding(
                pointer, "rule 29", "Relative profiles begin with the session, and say no other start"
            )
