"""The verb that says whose home charger an EVSE is: its sessions with that contract are to be paid back."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.device import EvsePlace, Station
from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.model.party import Role
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import document, needed, own_party
from elstrada.roles.home_charging import seat_of
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work

_Evse = Annotated[int, Meta(ge=0, le=9999, description="Its OCPP number; needed if there are several.")]


class MarkHome(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    contract: Annotated[
        Annotated[str, Meta(min_length=1, max_length=36)] | None,
        Meta(description="Contract id of the driver whose home it is; left out: nobody's any more."),
    ] = None
    evse: _Evse = 0
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None


class HomeCharger(msgspec.Struct, frozen=True, kw_only=True):
    party: str
    station: str
    evse: int
    location: str
    evse_uid: str
    contract: str | None
    """None: it is nobody's home charger."""


async def mark_home(desk: Desk, params: MarkHome) -> HomeCharger:
    """Mark an EVSE as the home charger of a contract, for CDRs from now on; or as nobody's."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    key = {"owner": str(owner), "station_id": params.station}
    what = f"station {params.station[:48]!r} of {owner}"
    row = await needed(desk, t.station, what, "see `elstrada station list`", **key)
    station = msgspec.json.decode(str(row["document"]), type=Station)
    seat = seat_of(station, params.evse)
    if seat is None:
        says = f"EVSE {params.evse} of station {params.station} has no place"
        raise Refused(Kind.MISSING, says, "see `elstrada station show`, or say which with --evse", "/evse")
    if params.contract is not None:
        await _not_public(desk, owner, seat)
    marked = msgspec.structs.replace(seat, home_of=params.contract)
    places = tuple(marked if place is seat else place for place in station.places)
    changed = {
        **key,
        "document": document(msgspec.structs.replace(station, places=places)),
        "changed_at": desk.clock.now(),
    }
    await desk.spine.commit(Work(writes=(Put(t.station, changed, expected={"document": row["document"]}),)))
    return HomeCharger(
        party=str(owner),
        station=params.station,
        evse=seat.evse_id,
        location=seat.location_id,
        evse_uid=seat.evse_uid,
        contract=params.contract,
    )


async def _not_public(desk: Desk, owner: PartyId, seat: EvsePlace) -> None:
    """V52: whoever gets the CDR doubts that a public EVSE is somebody's home charger."""
    key = {"owner": str(owner), "party": str(owner), "location_id": seat.location_id}
    row = await needed(
        desk, t.location, f"location {seat.location_id}", "see `elstrada location list`", **key
    )
    if msgspec.json.decode(str(row["document"]), type=Location).publish:
        says = f"location {seat.location_id} is published, so it is no home"
        raise Refused(Kind.CONFLICT, says, "put the location with publish false first", "/station")


HOME = Verb(
    "station home",
    "Say whose home charger an EVSE is.",
    MarkHome,
    HomeCharger,
    mark_home,
    note="Their CDRs say from now on that the electricity is to be paid back to the driver.",
)
