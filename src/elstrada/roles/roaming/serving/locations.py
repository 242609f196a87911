"""Locations: ours for peers to read, theirs for us to keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from elstrada.model.location import Location
from elstrada.ocpi import nesting
from elstrada.ocpi.codes import Why
from elstrada.ocpi.patch import changes_identity
from elstrada.ocpi.server import Done, Found, Listing, Refusal, Result
from elstrada.roaming.news import Kind
from elstrada.roaming.visibility import listens
from elstrada.roles.roaming.rows import location_row, source_of
from elstrada.roles.roaming.serving.visit import (
    LONG_AGO,
    NOT_HERE,
    Handler,
    Visit,
    misplaced,
    owner_in_path,
)
from elstrada.roles.roaming.shown import note_shown
from elstrada.roles.roaming.stock import OWN, location_of
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Row, RowMoved, Where, Work

_TRIES = 5
_BUSY = "the location changes too often; try again"
_MOST_LOCATIONS = 100_000
Change = Callable[[Location], Location | Refusal]

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
    shown = [found for row in rows if (found := _sayable(visit, location_of(row))) is not None]
    window = visit.call.window
    assert window is not None
    page = await visit.stock.living(visit.own.id, shown[window.offset : window.offset + window.limit])
    await _note(visit, page)
    items = tuple(visit.words.location.write(location).value for location in page)
    return Listing(items, visit.list_url, len(shown))


def _sayable(visit: Visit, location: Location) -> Location | None:
    """The location as the caller may have it, unless its version would misread it."""
    seen = visit.seen(location)
    return None if seen is None or visit.words.location.write(seen).misleads else seen


async def _note(visit: Visit, told: Sequence[Location]) -> None:
    """Who takes pushes will be told when these are no longer for it."""
    if listens(visit.peer, "locations"):
        ids, now = [location.id for location in told], visit.means.clock.now()
        await note_shown(visit.means.spine, visit.peer, Kind.LOCATION, ids, now)


async def show_location(visit: Visit) -> Result:
    location = await _shown(visit)
    return NOT_HERE if location is None else Found(visit.words.location.write(location).value)


async def show_evse(visit: Visit) -> Result:
    return _evse_of(visit, await _shown(visit))


async def show_connector(visit: Visit) -> Result:
    return _connector_of(visit, await _shown(visit))


async def _shown(visit: Visit) -> Location | None:
    location = await visit.stock.location(visit.own.id, visit.call.path["location_id"])
    seen = None if location is None else _sayable(visit, location)
    await _note(visit, () if seen is None else (seen,))
    return seen


# --- theirs (receiver) ------------------------------------------------------------------------------


async def get_location(visit: Visit) -> Result:
    location = await _kept(visit)
    return NOT_HERE if location is None else Found(visit.words.location.write(location).value)


async def get_evse(visit: Visit) -> Result:
    return _evse_of(visit, await _kept(visit))


async def get_connector(visit: Visit) -> Result:
    return _connector_of(visit, await _kept(visit))


async def put_location(visit: Visit) -> Result:
    location = visit.words.location.read(visit.body, owner_in_path(visit)).value
    owner = location.party
    wrong = misplaced(
        visit, country_code=owner.country_code, party_id=owner.party_id, location_id=location.id
    )
    if wrong is not None:
        return wrong
    for _ in range(_TRIES):
        row = await _row(visit, location.id)
        if row is not None and location.last_updated < location_of(row).last_updated:
            return Done()  # We know better already.
        try:
            await _store(visit, location, row)
        except RowMoved:
            continue
        return Done(created=row is None)
    return Refusal(Why.BUSY, _BUSY)


async def put_evse(visit: Visit) -> Result:
    evse = visit.words.evse.read(visit.body).value
    created = False

    def change(location: Location) -> Location:
        nonlocal created
        created = nesting.find_evse(location, evse.uid) is None
        return nesting.with_evse(location, evse)

    return misplaced(visit, evse_uid=evse.uid) or await _change(visit, change, lambda: created)


async def put_connector(visit: Visit) -> Result:
    connector = visit.words.connector.read(visit.body).value
    created = False

    def change(location: Location) -> Location | Refusal:
        nonlocal created
        evse = nesting.find_evse(location, visit.call.path["evse_uid"])
        if evse is None:
            return NOT_HERE
        created = nesting.find_connector(evse, connector.id) is None
        return nesting.with_connector(location, evse, connector)

    return misplaced(visit, connector_id=connector.id) or await _change(visit, change, lambda: created)


async def patch_location(visit: Visit) -> Result:
    path = visit.call.path
    own_ids = {"country_code": path["country_code"], "party_id": path["party_id"], "id": path["location_id"]}
    return _renaming(visit, own_ids) or await _change(
        visit,
        lambda location: nesting.patched_location(visit.words, location, visit.patch(location.last_updated)),
    )


async def patch_evse(visit: Visit) -> Result:
    path = visit.call.path

    def change(location: Location) -> Location | Refusal:
        evse = nesting.find_evse(location, path["evse_uid"])
        if evse is None:
            return NOT_HERE
        return nesting.patched_evse(visit.words, location, evse, visit.patch(evse.last_updated))

    return _renaming(visit, {"uid": path["evse_uid"]}) or await _change(visit, change)


async def patch_connector(visit: Visit) -> Result:
    path = visit.call.path

    def change(location: Location) -> Location | Refusal:
        evse = nesting.find_evse(location, path["evse_uid"])
        connector = None if evse is None else nesting.find_connector(evse, path["connector_id"])
        if evse is None or connector is None:
            return NOT_HERE
        patch = visit.patch(connector.last_updated)
        return nesting.patched_connector(visit.words, location, evse, connector, patch)

    return _renaming(visit, {"id": path["connector_id"]}) or await _change(visit, change)


# --- below ------------------------------------------------------------------------------------------


def _renaming(visit: Visit, ids: dict[str, str]) -> Refusal | None:
    """Does a patch lack its date (R-33), or say another identity than its path (R-32)?"""
    visit.patch(LONG_AGO)
    name = changes_identity(dict(ids), visit.call.patch)
    return None if name is None else Refusal(Why.INVALID, f"{name} of the path and of the body differ")


def _evse_of(visit: Visit, location: Location | None) -> Result:
    evse = None if location is None else nesting.find_evse(location, visit.call.path["evse_uid"])
    written = None if evse is None else visit.words.evse.write(evse)
    return NOT_HERE if written is None or written.misleads else Found(written.value)


def _connector_of(visit: Visit, location: Location | None) -> Result:
    evse = None if location is None else nesting.find_evse(location, visit.call.path["evse_uid"])
    found = None if evse is None else nesting.find_connector(evse, visit.call.path["connector_id"])
    written = None if found is None else visit.words.connector.write(found)
    return NOT_HERE if written is None or written.misleads else Found(written.value)


async def _change(visit: Visit, change: Change, created: Callable[[], bool] = lambda: False) -> Result:
    """Change a location we keep; somebody else's change meanwhile makes us look again."""
    for _ in range(_TRIES):
        row = await _row(visit)
        if row is None:
            return NOT_HERE
        changed = change(location_of(row))
        if isinstance(changed, Refusal):
            return changed
        try:
            await _store(visit, changed, row)
        except RowMoved:
            continue
        return Done(created=created())
    return Refusal(Why.BUSY, _BUSY)


async def _store(visit: Visit, location: Location, before: Row | None) -> None:
    row = location_row(visit.own.id, location, source_of(visit.peer.id))
    expected = None if before is None else {"document": before["document"]}
    await visit.means.spine.commit(Work(writes=(Put(t.location, row, expected),)))


async def _kept(visit: Visit) -> Location | None:
    row = await _row(visit)
    return None if row is None else location_of(row)


async def _row(visit: Visit, location_id: str | None = None) -> Row | None:
    """Under the id as its owner writes it in the location; where there is none to read, as in the address."""
    return await visit.means.spine.get(
        t.location,
        owner=visit.owner,
        party=str(owner_in_path(visit)),
        location_id=location_id or visit.call.path["location_id"],
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
