"""Sessions at a driver's own charger, whose electricity he pays himself and is to get back.

Source: OCPI 2.3.0 mod_cdrs, home_charging_compensation; V52.
"""

from __future__ import annotations

import msgspec

from elstrada.model.cdr import Cdr
from elstrada.model.device import EvsePlace, Station
from elstrada.model.ids import PartyId
from elstrada.roles.roaming.holders import kept_identity
from elstrada.spine import tables as t
from elstrada.spine.face import Spine


async def is_compensated(spine: Spine, owner: PartyId, station_id: str, evse_id: int, cdr: Cdr) -> bool:
    """Did the contract charge that the EVSE is the home charger of? A guest's session there is none to pay back."""
    home_of = await _home_of(spine, owner, station_id, evse_id)
    if home_of is None or cdr.token_party is None or not cdr.token_ref:
        return False
    kept = await kept_identity(spine, owner, cdr.token_ref, cdr.token_party)
    if kept is not None:
        return _is_same(kept.contract_id, home_of)
    where = {"owner": str(owner), "ref": cdr.token_ref, "party": str(cdr.token_party)}
    tokens = await spine.find(t.token, where, limit=1)
    return any(_is_same(str(token["contract_id"]), home_of) for token in tokens)


def seat_of(station: Station, evse_id: int) -> EvsePlace | None:
    """The place of an EVSE; 0 means the only one there is."""
    if evse_id == 0 and len(station.places) == 1:
        return station.places[0]
    return next((place for place in station.places if place.evse_id == evse_id), None)


async def _home_of(spine: Spine, owner: PartyId, station_id: str, evse_id: int) -> str | None:
    row = await spine.get(t.station, owner=str(owner), station_id=station_id)
    if row is None:
        return None
    seat = seat_of(msgspec.json.decode(str(row["document"]), type=Station), evse_id)
    return seat and seat.home_of


def _is_same(one: str, other: str) -> bool:
    """Contract ids are compared without case, as OCPI's are."""
    return one.casefold() == other.casefold()
