"""Verbs on the energy of a station of OCPP 2.1: setpoints, the grid's signal, batteries to swap."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.ids import PartyId
from elstrada.model.mirror import ItemKind
from elstrada.model.party import Role
from elstrada.model.profile import UPDATED, Profile
from elstrada.model.token import Token
from elstrada.ocpp.times import wire_time
from elstrada.roles.desk.calling import ask_station
from elstrada.roles.desk.commands import CommandEnd
from elstrada.roles.desk.face import Desk, Kind, Part, Refused, Verb
from elstrada.roles.desk.lookups import needed, own_party, sane_moment
from elstrada.roles.desk.shapes import Moment, Text36
from elstrada.spine import tables as t

OurStation = Annotated[str, Meta(description="Its identity.")]
OurParty = Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")]
Amount = Decimal | None
MOST_AMOUNT = 10_000_000


async def _owner(desk: Desk, station: str, party: str | None) -> PartyId:
    owner = (await own_party(desk, party, Role.CPO)).id
    what = f"station {station[:48]!r} of {owner}"
    await needed(desk, t.station, what, "see `elstrada station list`", owner=str(owner), station_id=station)
    return owner


# --- dynamic profiles -------------------------------------------------------------------------------


class SetSetpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: OurStation
    profile: Annotated[
        Annotated[int, Meta(ge=-(2**31), lt=2**31)], Meta(description="Number of a dynamic profile in it.")
    ]
    limit: Annotated[Amount, Meta(description="It takes no more, in the profile's unit.")] = None
    limit_l2: Annotated[Amount, Meta(description="Phase L2.")] = None
    limit_l3: Annotated[Amount, Meta(description="Phase L3.")] = None
    discharge_limit: Annotated[Amount, Meta(description="It gives back no more: 0 or negative.")] = None
    discharge_limit_l2: Annotated[Amount, Meta(description="Phase L2.")] = None
    discharge_limit_l3: Annotated[Amount, Meta(description="Phase L3.")] = None
    setpoint: Annotated[Amount, Meta(description="What it shall take, or give back if negative.")] = None
    setpoint_l2: Annotated[Amount, Meta(description="Phase L2.")] = None
    setpoint_l3: Annotated[Amount, Meta(description="Phase L3.")] = None
    setpoint_reactive: Annotated[Amount, Meta(description="Reactive power or current.")] = None
    setpoint_reactive_l2: Annotated[Amount, Meta(description="Phase L2.")] = None
    setpoint_reactive_l3: Annotated[Amount, Meta(description="Phase L3.")] = None
    party: OurParty = None


async def set_setpoint(desk: Desk, params: SetSetpoint) -> CommandEnd:
    """Change what a dynamic profile says (K28)."""
    update = _update(params)
    owner = await _owner(desk, params.station, params.party)
    key = {"kind": ItemKind.CHARGING_PROFILE.value, "key": str(params.profile)}
    row = await needed(
        desk,
        t.station_item,
        f"profile {params.profile} in {params.station}",
        "see `elstrada station items --kind CHARGING_PROFILE`",
        owner=str(owner),
        station_id=params.station,
        **key,
    )
    profile = msgspec.json.decode(str(row["document"]), type=Profile)
    if not profile.is_dynamic or not profile.is_ours:
        says = f"profile {params.profile} is no dynamic one of ours: {profile.kind}, by {profile.source}"
        raise Refused(Kind.CONFLICT, says, "set one with `elstrada station call`", "/profile")
    fields = {"chargingProfileId": params.profile, "scheduleUpdate": update}
    return await ask_station(desk, owner, params.station, "UpdateDynamicSchedule", fields)


def _update(params: SetSetpoint) -> dict[str, Decimal]:
    """A ChargingScheduleUpdateType, in OCPP's words."""
    update = dict[str, Decimal]()
    for word in UPDATED:
        name = _snake(word)
        amount: Decimal | None = getattr(params, name)
        if amount is None:
            continue
        if not amount.is_finite() or abs(amount) > MOST_AMOUNT:
            says = f"expected at most {MOST_AMOUNT}, got {amount}"
            raise Refused(Kind.USAGE, says, pointer=f"/{name}")
        update[word] = amount
    if not update:
        raise Refused(Kind.USAGE, "expected a limit or a setpoint", "see --help")
    return update


def _snake(word: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).lower()


# --- the grid's signal ------------------------------------------------------------------------------


class SignalStation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: OurStation
    signal: Annotated[
        Annotated[int, Meta(ge=-(2**31), lt=2**31)], Meta(description="Of the grid's operator, as it is.")
    ]
    at: Annotated[Moment | None, Meta(description="When it becomes active; by default now.")] = None
    party: OurParty = None


async def signal_station(desk: Desk, params: SignalStation) -> CommandEnd:
    """Pass on a signal of the frequency restoration reserve (block Q)."""
    at = sane_moment(params.at, "/at") or desk.clock.now()
    owner = await _owner(desk, params.station, params.party)
    fields = {"timestamp": wire_time(at), "signal": params.signal}
    return await ask_station(desk, owner, params.station, "AFRRSignal", fields)


# --- batteries --------------------------------------------------------------------------------------


class SwapBatteries(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: OurStation
    token: Annotated[Text36, Meta(description="Uid of the driver's token.")]
    party: OurParty = None


async def swap_batteries(desk: Desk, params: SwapBatteries) -> CommandEnd:
    """Have a station begin to swap a driver's batteries (S02)."""
    from elstrada.ocpp.v201.tokens import id_token_type

    owner = await _owner(desk, params.station, params.party)
    where = {"owner": str(owner), "ref": desk.keys.token_ref(params.token)}
    rows = await desk.spine.find(t.token, where, limit=1)
    if not rows:
        says = "nobody here knows this token"
        raise Refused(Kind.MISSING, says, "see `elstrada token list`", "/token")
    token = msgspec.json.decode(str(rows[0]["document"]), type=Token)
    if not token.valid:
        raise Refused(Kind.CONFLICT, "the token is blocked", "see `elstrada token list`", "/token")
    fields = {
        "idToken": {"idToken": params.token, "type": id_token_type(token.type, params.token)},
        "requestId": desk.chance.fresh().number,
    }
    return await ask_station(desk, owner, params.station, "RequestBatterySwap", fields)


SETPOINT = Verb(
    "station setpoint",
    "Change what a dynamic charging profile says (OCPP 2.1).",
    SetSetpoint,
    CommandEnd,
    set_setpoint,
    Part.POST,
    arguments=2,
)
SIGNAL = Verb(
    "station signal",
    "Pass a signal of the grid's operator (aFRR) on to a station (OCPP 2.1).",
    SignalStation,
    CommandEnd,
    signal_station,
    Part.POST,
    arguments=2,
)
SWAP = Verb(
    "station swap",
    "Have a station begin to swap a driver's batteries (OCPP 2.1).",
    SwapBatteries,
    CommandEnd,
    swap_batteries,
    Part.POST,
    arguments=2,
)
