"""Plans for cars' needs, from what is kept of the station: the gateway answers with them, the desk renegotiates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from elstrada.charging.composite import Moment, Supply
from elstrada.charging.limits import Rung, levelled
from elstrada.charging.needs import Room, plan, plan_id
from elstrada.model.device import Station
from elstrada.model.ids import PartyId
from elstrada.model.mirror import ItemKind, Variable
from elstrada.model.needs import Needs, NoPlan, Plan, PlannedProfile
from elstrada.model.profile import Abilities, Profile, Purpose, RateUnit
from elstrada.model.quirk import Quirk, QuirkTable
from elstrada.ocpp.profiles import ProfileWords, abilities
from elstrada.ocpp.wire import encode
from elstrada.roles.feeding import connectors_of, most_a, most_w, supply_of
from elstrada.roles.mirrored import allowed_transfer
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Row, Spine, Where
from elstrada.spine.makes import make_in

SET = "SetChargingProfile"
_MOST_READ = 20_000
_Told = TypeVar("_Told", bound=msgspec.Struct)


class Stay(msgspec.Struct, frozen=True, kw_only=True):
    """A car at an EVSE, and its session if that has begun."""

    evse_id: int
    transaction_id: str | None = None
    since: datetime


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a station where a car stands."""

    profiles: tuple[Profile, ...]
    in_a_hurry: frozenset[str]
    """The station's names of sessions that have priority."""
    abilities: Abilities
    quirks: tuple[Quirk, ...]
    supply: Supply | None
    room: Room
    """Without profiles."""

    def moment(self, stay: Stay) -> Moment:
        return Moment(
            evse_id=stay.evse_id,
            unit=RateUnit.A,
            supply=self.supply,
            transaction_id=stay.transaction_id,
            power_flows_since=stay.since,
            priority=stay.transaction_id in self.in_a_hurry,
        )


async def place_of(
    spine: Spine, quirks: QuirkTable, owner: PartyId, station_id: str, evse_id: int, words: ProfileWords
) -> Place:
    """Look everything up.

    Args:
        quirks: all that are known.
    Raises:
        SpineDown: it cannot be read.
    """
    key: Where = {"owner": str(owner), "station_id": station_id}
    kinds = AnyOf((ItemKind.CHARGING_PROFILE.value, ItemKind.PRIORITY_CHARGING.value))
    told = await spine.find(t.station_item, {**key, "kind": kinds}, order=("key",), limit=_MOST_READ)
    keys, power = words.keys, Variable(component="EVSE", evse_id=evse_id, name="Power").key
    wanted = AnyOf((keys.units, keys.stack_level, keys.periods, keys.profiles, power))
    variables = await spine.find(
        t.station_item, {**key, "kind": ItemKind.VARIABLE.value, "key": wanted}, limit=5
    )
    known = _of_kind(variables, ItemKind.VARIABLE, Variable)
    record = await spine.get(t.station, owner=str(owner), station_id=station_id)
    state = await spine.get(t.station_state, owner=str(owner), station_id=station_id)
    station = None if record is None else msgspec.json.decode(str(record["document"]), type=Station)
    plugs = [] if station is None else await connectors_of(spine, station, evse_id)
    able, supply = abilities(known, keys), supply_of(plugs)
    return Place(
        profiles=tuple(_of_kind(told, ItemKind.CHARGING_PROFILE, Profile)),
        in_a_hurry=frozenset(
            str(row["key"]) for row in told if row["kind"] == ItemKind.PRIORITY_CHARGING.value
        ),
        abilities=able,
        quirks=quirks.of(make_in(state), {} if station is None else station.quirks),
        supply=supply,
        room=Room(
            profiles=(),
            abilities=able,
            supply=supply,
            max_a=most_a(plugs),
            max_w=most_w(plugs, next((one for one in known if one.key == power), None)),
        ),
    )


def planned(needs: Needs, place: Place, stay: Stay, now: datetime) -> Plan | NoPlan:
    """A plan within all that lies in the station beside the EVSE's last plan."""
    others = tuple(one for one in place.profiles if one.id != plan_id(stay.evse_id))
    room = msgspec.structs.replace(place.room, profiles=others)
    return plan(needs, room, place.moment(stay), now)


def as_profile(made: Plan, place: Place, stay: Stay) -> PlannedProfile | NoPlan:
    """A plan as a TxProfile above all others of its session: it keeps within them, so it may lead."""
    assert stay.transaction_id is not None, "a TxProfile has a session (K01.FR.03)"
    rung = levelled(
        Rung(
            purpose=Purpose.TX,
            evse_id=stay.evse_id,
            transaction_id=stay.transaction_id,
            number=plan_id(stay.evse_id),
        ),
        place.profiles,
        place.abilities,
        place.quirks,
    )
    if rung.barred:
        return NoPlan(rung.barred)
    return PlannedProfile(
        profile_id=rung.profile_id,
        evse_id=stay.evse_id,
        stack_level=rung.stack_level,
        transaction_id=stay.transaction_id,
        schedule=made.schedule,
    )


def written(profile: PlannedProfile, words: ProfileWords) -> str:
    """The fields of the SetChargingProfile, as JSON."""
    assert words.planned is not None, "only versions in which cars say what they need answer it"
    return encode(words.planned(profile)).decode()


async def needs_at(spine: Spine, owner: PartyId, station_id: str, evse_id: int) -> Needs | None:
    """What the car at an EVSE said last; None: nothing."""
    key = {"kind": ItemKind.EV_NEEDS.value, "key": str(evse_id)}
    row = await spine.get(t.station_item, owner=str(owner), station_id=station_id, **key)
    return None if row is None else msgspec.json.decode(str(row["document"]), type=Needs)


async def denied(spine: Spine, owner: PartyId, station_id: str, needs: Needs, transaction_id: str) -> str:
    """Why a car may not have what it wants; empty: it may.

    Without a word of ours it may charge, and give nothing back (OCPP 2.1, AuthorizeResponse.allowedEnergyTransfer).
    """
    allowed = await allowed_transfer(spine, owner, station_id, transaction_id)
    if allowed is None:
        return f"{needs.transfer} is not allowed: nobody let it give back" if needs.discharges else ""
    return "" if needs.transfer in allowed else f"{needs.transfer} is not allowed, but {', '.join(allowed)}"


def _of_kind(rows: Sequence[Row], kind: ItemKind, of: type[_Told]) -> list[_Told]:
    return [msgspec.json.decode(str(row["document"]), type=of) for row in rows if row["kind"] == kind.value]
