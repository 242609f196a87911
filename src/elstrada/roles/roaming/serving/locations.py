"""Locations: ours for peers to read, theirs for us to keep."""

from __future__ import annotations

from collections.abc import Callable

from elstrada.model.location import Location
from elstrada.ocpi.codes import Why
from elstrada.ocpi.patch import changes_identity, patch_time
from elstrada.ocpi.server import Done, Found, Listing, Refusal, Result, body_of
from elstrada.ocpi.v221 import locations as wire
from elstrada.ocpi.v221 import nesting, translate
from elstrada.roaming.visibility import may_see_location
from elstrada.roles.roaming.rows import location_row, source_of
from elstrada.roles.roaming.serving.visit import NOT_HERE, Handler, Visit, misplaced, owner_in_path
from elstrada.roles.roaming.stock import OWN, location_of
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Row, RowMoved, Where, Work

_TRIES = 5
_BUSY = "the location changes too often; try again"
_MOST_LOCATIONS = 100_000
Change = Callable[[wire.Location], wire.Location | Refusal]

# --- ours (sender) ----------------------------------------------------------------------------------


async def list_locations(visit: Visit) -> Result:
    """A page of our locations in the order of their ids, which stays as it is while statuses change.

    Whether a peer may see one stands in the document, so the page is cut after all have been looked at.
    """
    where: Where = {
        "owner": visit.owner,
        "party": visit.owner,
        "source": OWN,
        "last_updated": visit.between(),
    }
    rows = await visit.means.spine.find(t.location, where, order=("location_id",), limit=_MOST_LOCATIONS)
    seen = [location for location in map(location_of, rows) if may_see_location(visit.peer, location)]
    window = visit.call.window
    assert window is not None
    page = await visit.stock.living(visit.own.id, seen[window.offset : window.offset + window.limit])
    items = tuple(translate.location_to_wire(location).value for location in page)
    return Listing(items, visit.list_url, len(seen))


async def show_location(visit: Visit) -> Result:
    location = await _shown(visit)
    return NOT_HERE if location is None else Found(location)


async def show_evse(visit: Visit) -> Result:
    return _evse_of(visit, await _shown(visit))


async def show_connector(visit: Visit) -> Result:
    return _connector_of(visit, await _shown(visit))


async def _shown(visit: Visit) -> wire.Location | None:
    location = await visit.stock.location(visit.own.id, visit.call.path["location_id"])
    if location is None or not may_see_location(visit.peer, location):
        return None
    return translate.location_to_wire(location).value


# --- theirs (receiver) ------------------------------------------------------------------------------


async def get_location(visit: Visit) -> Result:
    location = await _kept(visit)
    return NOT_HERE if location is None else Found(location)


async def get_evse(visit: Visit) -> Result:
    return _evse_of(visit, await _kept(visit))


async def get_connector(visit: Visit) -> Result:
    return _connector_of(visit, await _kept(visit))


async def put_location(visit: Visit) -> Result:
    put = body_of(visit.call, wire.Location)
    wrong = misplaced(visit, country_code=put.country_code, party_id=put.party_id, location_id=put.id)
    if wrong is not None:
        return wrong
    location = translate.location_from_wire(put).value
    for _ in range(_TRIES):
        row = await _row(visit)
        if row is not None and location.last_updated < location_of(row).last_updated:
            return Done()  # We know better already.
        try:
            await _store(visit, location, row)
        except RowMoved:
            continue
        return Done(created=row is None)
    return Refusal(Why.BUSY, _BUSY)


async def put_evse(visit: Visit) -> Result:
    evse = body_of(visit.call, wire.Evse)
    created = False

    def change(location: wire.Location) -> wire.Location:
        nonlocal created
        created = nesting.find_evse(location, evse.uid) is None
        return nesting.with_evse(location, evse)

    return misplaced(visit, evse_uid=evse.uid) or await _change(visit, change, lambda: created)


async def put_connector(visit: Visit) -> Result:
    connector = body_of(visit.call, wire.Connector)
    created = False

    def change(location: wire.Location) -> wire.Location | Refusal:
        nonlocal created
        evse = nesting.find_evse(location, visit.call.path["evse_uid"])
        if evse is None:
            return NOT_HERE
        created = nesting.find_connector(evse, connector.id) is None
        return nesting.with_connector(location, evse, connector)

    return misplaced(visit, connector_id=connector.id) or await _change(visit, change, lambda: created)


async def patch_location(visit: Visit) -> Result:
    path, patch = visit.call.path, visit.call.patch
    own_ids = {"country_code": path["country_code"], "party_id": path["party_id"], "id": path["location_id"]}
    return _renaming(visit, own_ids) or await _change(
        visit, lambda location: nesting.patched_location(location, patch)
    )


async def patch_evse(visit: Visit) -> Result:
    path, patch = visit.call.path, visit.call.patch

    def change(location: wire.Location) -> wire.Location | Refusal:
        evse = nesting.find_evse(location, path["evse_uid"])
        return NOT_HERE if evse is None else nesting.patched_evse(location, evse, patch)

    return _renaming(visit, {"uid": path["evse_uid"]}) or await _change(visit, change)


async def patch_connector(visit: Visit) -> Result:
    path, patch = visit.call.path, visit.call.patch

    def change(location: wire.Location) -> wire.Location | Refusal:
        evse = nesting.find_evse(location, path["evse_uid"])
        connector = None if evse is None else nesting.find_connector(evse, path["connector_id"])
        if evse is None or connector is None:
            return NOT_HERE
        return nesting.patched_connector(location, evse, connector, patch)

    return _renaming(visit, {"id": path["connector_id"]}) or await _change(visit, change)


# --- below ------------------------------------------------------------------------------------------


def _renaming(visit: Visit, ids: dict[str, str]) -> Refusal | None:
    """Does a patch lack its date (R-33), or say another identity than its path (R-32)?"""
    patch_time(visit.call.patch)
    name = changes_identity(dict(ids), visit.call.patch)
    return None if name is None else Refusal(Why.INVALID, f"{name} of the path and of the body differ")


def _evse_of(visit: Visit, location: wire.Location | None) -> Result:
    evse = None if location is None else nesting.find_evse(location, visit.call.path["evse_uid"])
    return NOT_HERE if evse is None else Found(evse)


def _connector_of(visit: Visit, location: wire.Location | None) -> Result:
    evse = None if location is None else nesting.find_evse(location, visit.call.path["evse_uid"])
    found = None if evse is None else nesting.find_connector(evse, visit.call.path["connector_id"])
    return NOT_HERE if found is None else Found(found)


async def _change(visit: Visit, change: Change, created: Callable[[], bool] = lambda: False) -> Result:
    """Change a location we keep; somebody else's change meanwhile makes us look again."""
    for _ in range(_TRIES):
        row = await _row(visit)
        if row is None:
            return NOT_HERE
        changed = change(translate.location_to_wire(location_of(row)).value)
        if isinstance(changed, Refusal):
            return changed
        try:
            await _store(visit, translate.location_from_wire(changed).value, row)
        except RowMoved:
            continue
        return Done(created=created())
    return Refusal(Why.BUSY, _BUSY)


async def _store(visit: Visit, location: Location, before: Row | None) -> None:
    row = location_row(visit.own.id, location, source_of(visit.peer.id))
    expected = None if before is None else {"document": before["document"]}
    await visit.means.spine.commit(Work(writes=(Put(t.location, row, expected),)))


async def _kept(visit: Visit) -> wire.Location | None:
    row = await _row(visit)
    return None if row is None else translate.location_to_wire(location_of(row)).value


async def _row(visit: Visit) -> Row | None:
    return await visit.means.spine.get(
        t.location,
        owner=visit.owner,
        party=str(owner_in_path(visit)),
        location_id=visit.call.path["location_id"],
    )


HANDLERS: dict[str, Handler] = {
    "list_locations": list_locations,
    "show_location": show_location,
    "show_evse": show_evse,
    "show_connector": show_connector,
    "get_location": get_location,
    "get_evse": get_evse,
    "get_connector": get_connector,
    "put_location": put_location,
    "put_evse": put_evse,
    "put_connector": put_connector,
    "patch_location": patch_location,
    "patch_evse": patch_evse,
    "patch_connector": patch_connector,
}
