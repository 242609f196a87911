"""Locations: ours for peers to read, theirs for us to keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from elstrada.model.location import Location
from elstrada.ocpi import nesting
from elstrada.ocpi.body import Object
from elstrada.ocpi.codes import Why
from elstrada.ocpi.patch import changes_identity, is_older
from elstrada.ocpi.server import Done, Found, Listing, Refusal, Result
from elstrada.ocpi.surplus import at, patched_surplus, surplus_of, with_at
from elstrada.roaming.news import Kind
from elstrada.roaming.visibility import Audience, audiences_of, listens
from elstrada.roles.roaming.any_case import row_of
from elstrada.roles.roaming.rows import location_row, source_of
from elstrada.roles.roaming.serving.pages import page
from elstrada.roles.roaming.serving.surplus import LOCATION, kept_surplus, surplus_writes, told
from elstrada.roles.roaming.serving.visit import (
    LONG_AGO,
    NOT_HERE,
    Handler,
    Visit,
    misplaced,
    owner_in_path,
)
from elstrada.roles.roaming.shown import note_shown
from elstrada.roles.roaming.stock import OWN, dated, location_of
from elstrada.roles.roaming.totals import Those
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Put, Row, RowMoved, Where, Work

_TRIES = 5
_BUSY = "the location changes too often; try again"
Change = Callable[[Location], Location | Refusal]

# --- ours (sender) ----------------------------------------------------------------------------------


async def list_locations(visit: Visit) -> Result:
    """A page of our locations in the order of their ids, which stays as it is while statuses change."""
    audiences = [
        one for one in audiences_of(visit.peer) if one is Audience.PUBLIC or not visit.words.tells_all
    ]
    where: Where = {
        "owner": visit.owner,
        "party": AnyOf((visit.owner,)),
        "source": OWN,
        "audience": AnyOf(tuple(one.value for one in audiences)),
        "last_updated": visit.between(),
    }
    if visit.sees_all:
        found = await page(visit, t.location, where, "party", ("location_id",))
        if isinstance(found, Refusal):
            return found
        items = await visit.stock.told(visit.words, visit.own.id, found.rows)
    else:
        those = Those(visit.view, lambda row: _sayable(visit, location_of(row)) is not None)
        found = await page(visit, t.location, where, "party", ("location_id",), those=those)
        if isinstance(found, Refusal):
            return found
        alive = await visit.stock.living(visit.own.id, [location_of(row) for row in found.rows])
        items = [visit.words.location.write(seen).value for one in alive if (seen := _sayable(visit, one))]
    await _note(visit, [str(row["location_id"]) for row in found.rows])
    return Listing(tuple(items), visit.list_url, found.total, found.place)


def _sayable(visit: Visit, location: Location) -> Location | None:
    """The location as the caller may have it, unless its version would misread it."""
    seen = visit.seen(location)
    return None if seen is None or visit.words.location.write(seen).misleads else seen


async def _note(visit: Visit, ids: Sequence[str]) -> None:
    """Who takes pushes will be told when these are no longer for it."""
    if listens(visit.peer, "locations"):
        await note_shown(visit.means.spine, visit.peer, Kind.LOCATION, ids, visit.means.clock.now())


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
    await _note(visit, () if seen is None else (seen.id,))
    return seen


# --- theirs (receiver) ------------------------------------------------------------------------------


async def get_location(visit: Visit) -> Result:
    location = await _kept(visit)
    if location is None:
        return NOT_HERE
    surplus = await kept_surplus(visit, LOCATION, location.party, location.id)
    return told(visit.words.location.write(location).value, surplus)


async def get_evse(visit: Visit) -> Result:
    return await _part_told(visit, _evse_of)


async def get_connector(visit: Visit) -> Result:
    return await _part_told(visit, _connector_of)


async def _part_told(visit: Visit, of: Callable[[Visit, Location | None], Result]) -> Result:
    """A part of a location with its own surplus."""
    location = await _kept(visit)
    found = of(visit, location)
    if location is None or not isinstance(found, Found) or not isinstance(found.data, msgspec.Struct):
        return found
    surplus = await kept_surplus(visit, LOCATION, location.party, location.id)
    return told(found.data, at(surplus, _place_of(visit)))


def _place_of(visit: Visit) -> list[tuple[str, str]]:
    """Where the EVSE or connector of the path stands in its location."""
    names = (("evses", "evse_uid"), ("connectors", "connector_id"))
    return [(name, visit.call.path[key]) for name, key in names if key in visit.call.path]


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
        if row is not None and is_older(location.last_updated, dated(row), visit.means.clock.now()):
            return Done()  # We know better already.
        if row is not None:
            location = msgspec.structs.replace(
                location, id=str(row["location_id"])
            )  # As first written.
        try:
            surplus = surplus_of(visit.call.document, visit.words.location.wire)
            await _store(visit, location, row, surplus)
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
        return nesting.with_evse(location, evse, visit.means.clock.now())

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
        return nesting.with_connector(location, evse, connector, visit.means.clock.now())

    return misplaced(visit, connector_id=connector.id) or await _change(visit, change, lambda: created)


async def patch_location(visit: Visit) -> Result:
    path = visit.call.path
    own_ids = {"country_code": path["country_code"], "party_id": path["party_id"], "id": path["location_id"]}
    return _renaming(visit, own_ids) or await _change(
        visit,
        lambda location: nesting.patched_location(
            visit.words, location, visit.patch(location.last_updated), visit.means.clock.now()
        ),
    )


async def patch_evse(visit: Visit) -> Result:
    path = visit.call.path

    def change(location: Location) -> Location | Refusal:
        evse = nesting.find_evse(location, path["evse_uid"])
        if evse is None:
            return NOT_HERE
        patch = visit.patch(evse.last_updated)
        return nesting.patched_evse(visit.words, location, evse, patch, visit.means.clock.now())

    return _renaming(visit, {"uid": path["evse_uid"]}) or await _change(visit, change)


async def patch_connector(visit: Visit) -> Result:
    path = visit.call.path

    def change(location: Location) -> Location | Refusal:
        evse = nesting.find_evse(location, path["evse_uid"])
        connector = None if evse is None else nesting.find_connector(evse, path["connector_id"])
        if evse is None or connector is None:
            return NOT_HERE
        patch = visit.patch(connector.last_updated)
        return nesting.patched_connector(
            visit.words, location, evse, connector, patch, visit.means.clock.now()
        )

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
        location = location_of(row)
        changed = change(location)
        if isinstance(changed, Refusal):
            return changed
        surplus = await kept_surplus(visit, LOCATION, location.party, location.id)
        if changed != location:
            surplus = _changed_surplus(visit, surplus)
        try:
            await _store(visit, changed, row, surplus)
        except RowMoved:
            continue
        return Done(created=created())
    return Refusal(Why.BUSY, _BUSY)


def _changed_surplus(visit: Visit, surplus: Object) -> Object:
    """The location's surplus after what the call changes of it, or of a part of it."""
    path, data = _place_of(visit), visit.call.endpoint.data
    assert data is not None, "these endpoints are about an object"
    if visit.call.endpoint.patches:
        return with_at(surplus, path, patched_surplus(at(surplus, path), visit.call.patch, data))
    return with_at(surplus, path, surplus_of(visit.call.document, data))


async def _store(visit: Visit, location: Location, before: Row | None, surplus: Object) -> None:
    row = location_row(visit.own.id, location, source_of(visit.peer.id))
    expected = None if before is None else {"document": before["document"]}
    writes = surplus_writes(visit, surplus, LOCATION, location.party, location.id)
    await visit.means.spine.commit(Work(writes=(Put(t.location, row, expected), *writes)))


async def _kept(visit: Visit) -> Location | None:
    row = await _row(visit)
    return None if row is None else location_of(row)


async def _row(visit: Visit, location_id: str | None = None) -> Row | None:
    """Under the id as its owner writes it in the location; where there is none to read, as in the address."""
    named = location_id or visit.call.path["location_id"]
    return await row_of(visit.means.spine, t.location, visit.own.id, owner_in_path(visit), named)


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
