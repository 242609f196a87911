"""Where a tariff of ours counts: connectors, tokens with a tariff of their own, and what is agreed with partners."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from elstrada.model.allowance import Allowance
from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.roles.roaming.agreements import MOST_AGREEMENTS, agreement_in
from elstrada.spine import tables as t
from elstrada.spine.face import Spine
from elstrada.spine.paging import pages


async def is_used(spine: Spine, owner: PartyId, tariff_id: str) -> bool:
    """Does anything of ours refer to a tariff?"""
    async for _ in places_of(spine, owner, tariff_id):
        return True
    for row in await spine.find(t.agreement, {"owner": str(owner)}, limit=MOST_AGREEMENTS):
        if any(one.tariff_id == tariff_id for one in agreement_in(row).tariffs):
            return True
    async for rows in pages(spine, t.allowance, {"owner": str(owner)}, ("ref",)):
        for row in rows:
            if msgspec.json.decode(str(row["document"]), type=Allowance).tariff_id == tariff_id:
                return True
    return False


async def places_of(spine: Spine, owner: PartyId, tariff_id: str) -> AsyncIterator[Location]:
    """Our locations with a connector of this tariff."""
    quoted = msgspec.json.encode(tariff_id).decode()
    where = {"owner": str(owner), "party": str(owner)}
    async for rows in pages(spine, t.location, where, ("location_id",)):
        for row in rows:
            document = str(row["document"])
            if quoted not in document:
                continue  # Most have others, and a long document need not be read for that.
            location = msgspec.json.decode(document, type=Location)
            if _names(location, tariff_id):
                yield location


def _names(location: Location, tariff_id: str) -> bool:
    return any(tariff_id in connector.tariff_ids for evse in location.evses for connector in evse.connectors)
