"""Tariffs: ours for peers to read, theirs for us to keep."""

from __future__ import annotations

from elstrada.ocpi.server import Done, Found, Listing, Result, body_of
from elstrada.ocpi.v221 import tariffs as wire
from elstrada.ocpi.v221 import translate
from elstrada.roaming.visibility import may_see_tariffs
from elstrada.roles.roaming.rows import tariff_row
from elstrada.roles.roaming.serving.visit import NOT_HERE, Handler, Visit, misplaced, owner_in_path
from elstrada.roles.roaming.stock import tariff_of
from elstrada.spine import tables as t
from elstrada.spine.face import Delete, Put, Row, Where, Work

_MOST_TARIFFS = 100_000


async def list_tariffs(visit: Visit) -> Result:
    """A page of our tariffs; one whose prices 2.2.1 would misread is not shown (R-66)."""
    if not may_see_tariffs(visit.peer):
        return Listing((), visit.list_url)
    where: Where = {"owner": visit.owner, "party": visit.owner, "last_updated": visit.between()}
    rows = await visit.means.spine.find(t.tariff, where, order=("tariff_id",), limit=_MOST_TARIFFS)
    written = [translate.tariff_to_wire(tariff_of(row)) for row in rows]
    honest = [translated.value for translated in written if not translated.misleads]
    window = visit.call.window
    assert window is not None
    return Listing(tuple(honest[window.offset : window.offset + window.limit]), visit.list_url, len(honest))


async def get_tariff(visit: Visit) -> Result:
    row = await _row(visit)
    return NOT_HERE if row is None else Found(translate.tariff_to_wire(tariff_of(row)).value)


async def put_tariff(visit: Visit) -> Result:
    put = body_of(visit.call, wire.Tariff)
    wrong = misplaced(visit, country_code=put.country_code, party_id=put.party_id, tariff_id=put.id)
    if wrong is not None:
        return wrong
    tariff = translate.tariff_from_wire(put).value
    known = await _row(visit)
    if known is not None and tariff.last_updated < tariff_of(known).last_updated:
        return Done()  # We know better already.
    await visit.means.spine.commit(Work(writes=(Put(t.tariff, tariff_row(visit.own.id, tariff)),)))
    return Done(created=known is None)


async def delete_tariff(visit: Visit) -> Result:
    if await _row(visit) is None:
        return NOT_HERE
    await visit.means.spine.commit(Work(writes=(Delete(t.tariff, _key(visit)),)))
    return Done()


async def _row(visit: Visit) -> Row | None:
    return await visit.means.spine.get(t.tariff, **_key(visit))


def _key(visit: Visit) -> dict[str, str]:
    party, tariff_id = str(owner_in_path(visit)), visit.call.path["tariff_id"]
    return {"owner": visit.owner, "party": party, "tariff_id": tariff_id}


HANDLERS: dict[str, Handler] = {
    "list_tariffs": list_tariffs,
    "get_tariff": get_tariff,
    "put_tariff": put_tariff,
    "delete_tariff": delete_tariff,
}
