"""Verbs on locations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.model.party import Role
from elstrada.ocpi.versions import LANGUAGES
from elstrada.roaming.news import Kind as News
from elstrada.roles.desk.face import Desk, Verb
from elstrada.roles.desk.lookups import own_party
from elstrada.roles.desk.ocpi_document import fitted, own_object
from elstrada.roles.desk.paging import After, Page, owners, page_of
from elstrada.roles.desk.shapes import Count, Text36
from elstrada.roles.desk.tidings import tidings
from elstrada.roles.roaming.any_case import first_written
from elstrada.roles.roaming.rows import location_row
from elstrada.roles.roaming.stock import OWN
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Row, Where, Work


class PutLocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    file: Annotated[bytes, Meta(description="A Location of OCPI 2.3.0 or 2.2.1 as JSON.")]
    group: Annotated[
        tuple[Text36, ...],
        Meta(
            description="Our name for a set of locations, by which agreements mean it; repeatable. None: as before."
        ),
    ] = ()
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None


class ListLocations(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    party: Annotated[str | None, Meta(description="Whose copy, one of our parties; all by default.")] = None
    source: Annotated[str | None, Meta(description="own, irve, ocpi-file or ocpi:<peer>.")] = None
    limit: Annotated[Count, Meta(description="Most lines.")] = 100
    after: After = None


class LocationLine(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    party: str
    id: str
    source: str
    name: str | None
    city: str
    country: str
    evses: int
    last_updated: datetime


async def put_location(desk: Desk, params: PutLocation) -> LocationLine:
    """Add or replace a location of ours."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    words = LANGUAGES["2.3.0"]
    location = fitted(own_object(desk, params.file, owner, "location"), words, words.location, "location")
    location_id = await first_written(desk.spine, t.location, owner, owner, location.id)
    location = msgspec.structs.replace(location, id=location_id)
    groups = params.group or await _groups(desk, owner, location.id)
    row = location_row(owner, msgspec.structs.replace(location, groups=groups), OWN)
    marks = await tidings(desk, owner, News.LOCATION, location.id)
    await desk.spine.commit(Work(writes=(Put(t.location, row), *marks)))
    return _line(row)


async def _groups(desk: Desk, owner: PartyId, location_id: str) -> tuple[str, ...]:
    key = {"owner": str(owner), "party": str(owner), "location_id": location_id}
    row = await desk.spine.get(t.location, **key)
    return () if row is None else msgspec.json.decode(str(row["document"]), type=Location).groups


async def list_locations(desk: Desk, params: ListLocations) -> Page[LocationLine]:
    where: Where = {} if params.source is None else {"source": params.source}
    wheres = [{**where, "owner": owner} for owner in await owners(desk, params.party)]
    order = ("owner", "party", "location_id")
    rows = await page_of(desk, t.location, wheres, order, limit=params.limit, after=params.after)
    return rows.lines(_line)


def _line(row: Row) -> LocationLine:
    location = msgspec.json.decode(str(row["document"]), type=Location)
    return LocationLine(
        owner=str(row["owner"]),
        party=str(location.party),
        id=location.id,
        source=str(row["source"]),
        name=location.name,
        city=location.city,
        country=location.country,
        evses=len(location.evses),
        last_updated=location.last_updated,
    )


VERBS = (
    Verb(
        "location put",
        "Add or replace a location from an OCPI file.",
        PutLocation,
        LocationLine,
        put_location,
    ),
    Verb(
        "location list",
        "List locations.",
        ListLocations,
        tuple[LocationLine, ...],
        list_locations,
        reads=True,
    ),
)
