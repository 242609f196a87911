"""Where a station's EVSEs stand: without that, its sessions have no price and nobody sees it on a map."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.device import EvsePlace, Station
from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.model.party import Role
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import document, needed, own_party
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work

SAY_WHERE = "to say where it stands, use `elstrada station place`; its password stays"
_SAYS = "Where an EVSE stands: its OCPP number = location id / EVSE uid; repeatable."
_PLACE = re.compile(r"(\d{1,4})=([^/\s]{1,36})/([^/\s]{1,36})")

Places = Annotated[tuple[str, ...], Meta(description=_SAYS)]


class PlaceStation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    place: Annotated[tuple[str, ...], Meta(min_length=1, description=f"{_SAYS} All of them at once.")]
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None


class Placed(msgspec.Struct, frozen=True):
    party: str
    station: str
    places: tuple[str, ...]


async def place_station(desk: Desk, params: PlaceStation) -> Placed:
    """Say where all EVSEs of a station stand, whatever was said before; its password stays."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    key = {"owner": str(owner), "station_id": params.station}
    what = f"station {params.station[:48]!r} of {owner}"
    row = await needed(desk, t.station, what, "see `elstrada station list`", **key)
    places = await places_of(desk, owner, params.place)
    before = msgspec.json.decode(str(row["document"]), type=Station)
    station = msgspec.structs.replace(before, places=_still_home(places, before.places))
    changed = {**key, "document": document(station), "changed_at": desk.clock.now()}
    await desk.spine.commit(Work(writes=(Put(t.station, changed, expected={"document": row["document"]}),)))
    said = tuple(f"{place.evse_id}={place.location_id}/{place.evse_uid}" for place in places)
    return Placed(str(owner), params.station, said)


async def places_of(desk: Desk, owner: PartyId, texts: tuple[str, ...]) -> tuple[EvsePlace, ...]:
    """The places these texts name, each known to be one of ours."""
    places = tuple(_place(text, number) for number, text in enumerate(texts))
    if len({place.evse_id for place in places}) != len(places):
        raise Refused(Kind.USAGE, "one EVSE number has two places", pointer="/place")
    for number, place in enumerate(places):
        key = {"owner": str(owner), "party": str(owner), "location_id": place.location_id}
        row = await needed(
            desk, t.location, f"location {place.location_id}", "add it with `elstrada location put`", **key
        )
        location = msgspec.json.decode(str(row["document"]), type=Location)
        if place.evse_uid not in {evse.uid for evse in location.evses}:
            says = f"location {place.location_id} has no EVSE with the uid {place.evse_uid}"
            raise Refused(Kind.MISSING, says, pointer=f"/place/{number}")
    return places


def _still_home(places: tuple[EvsePlace, ...], before: tuple[EvsePlace, ...]) -> tuple[EvsePlace, ...]:
    """An EVSE that stays where it is stays the home charger of whom it was."""
    homes = {msgspec.structs.replace(place, home_of=None): place.home_of for place in before}
    return tuple(msgspec.structs.replace(place, home_of=homes.get(place)) for place in places)


def _place(text: str, number: int) -> EvsePlace:
    found = _PLACE.fullmatch(text)
    if found is None or int(found[1]) == 0:
        says = f"not a place: {text[:80]!r}; expected EVSE number = location id / EVSE uid, like 1=LOC7/E1"
        raise Refused(Kind.USAGE, says, pointer=f"/place/{number}")
    return EvsePlace(int(found[1]), found[2], found[3])


PLACE = Verb(
    "station place",
    "Say where a station's EVSEs stand.",
    PlaceStation,
    Placed,
    place_station,
    note="Sessions that could not be rated meanwhile: `elstrada cdr retry SESSION --session`.",
)
