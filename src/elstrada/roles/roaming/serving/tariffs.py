"""Tariffs: ours for peers to read, theirs for us to keep."""

from __future__ import annotations

from elstrada.ocpi.codes import Why
from elstrada.ocpi.patch import changes_identity, patch_time
from elstrada.ocpi.server import Done, Found, Listing, Refusal, Result
from elstrada.roaming.news import Kind
from elstrada.roaming.visibility import listens, may_see_tariffs
from elstrada.roles.roaming.rows import tariff_row
from elstrada.roles.roaming.serving.visit import NOT_HERE, Handler, Visit, misplaced, owner_in_path
from elstrada.roles.roaming.shown import note_shown
from elstrada.roles.roaming.stock import tariff_of
from elstrada.spine import tables as t
from elstrada.spine.face import Delete, Put, Row, RowMoved, Where, Work

_MOST_TARIFFS = 100_000
_TRIES = 5


async def list_tariffs(visit: Visit) -> Result:
    """A page of our tariffs; one whose prices its version would misread is not shown (R-66)."""
    if not may_see_tariffs(visit.peer):
        return Listing((), visit.list_url)
    where: Where = {"owner": visit.owner, "party": visit.owner, "last_updated": visit.between()}
    rows = await visit.means.spine.find(t.tariff, where, order=("tariff_id",), limit=_MOST_TARIFFS)
    ours = [tariff_of(row) for row in rows if visit.may_see_tariff(str(row["tariff_id"]))]
    written = [visit.words.tariff.write(tariff) for tariff in ours]
    honest = [translated.value for translated in written if not translated.misleads]
    window = visit.call.window
    assert window is not None
    page = tuple(honest[window.offset : window.offset + window.limit])
    if listens(visit.peer, "tariffs"):
        ids = [tariff.id for tariff, told in zip(ours, written, strict=True) if not told.misleads]
        some, now = ids[window.offset : window.offset + window.limit], visit.means.clock.now()
        await note_shown(visit.means.spine, visit.peer, Kind.TARIFF, some, now)
    return Listing(page, visit.list_url, len(honest))


async def get_tariff(visit: Visit) -> Result:
    row = await _row(visit)
    return NOT_HERE if row is None else Found(visit.words.tariff.write(tariff_of(row)).value)


async def put_tariff(visit: Visit) -> Result:
    tariff = visit.words.tariff.read(visit.body, owner_in_path(visit)).value
    owner = tariff.party
    wrong = misplaced(visit, country_code=owner.country_code, party_id=owner.party_id, tariff_id=tariff.id)
    if wrong is not None:
        return wrong
    known = await _row(visit, tariff.id)
    if known is not None and tariff.last_updated < tariff_of(known).last_updated:
        return Done()  # We know better already.
    await visit.means.spine.commit(Work(writes=(Put(t.tariff, tariff_row(visit.own.id, tariff)),)))
    return Done(created=known is None)


async def patch_tariff(visit: Visit) -> Result:
    """Some of a tariff's fields, in the one version that has such (2.1.1)."""
    name = changes_identity({"id": visit.call.path["tariff_id"]}, visit.call.patch)
    if name is not None:
        return Refusal(Why.INVALID, f"{name} of the path and of the body differ")
    for _ in range(_TRIES):
        row = await _row(visit)
        if row is None:
            return NOT_HERE
        tariff = tariff_of(row)
        patch = visit.patch(tariff.last_updated)
        if patch_time(patch) < tariff.last_updated:
            return Done()  # We know better already.
        changed = tariff_row(visit.own.id, visit.words.tariff.patched(tariff, patch, tariff.party))
        try:
            await visit.means.spine.commit(
                Work(writes=(Put(t.tariff, changed, {"document": row["document"]}),))
            )
        except RowMoved:
            continue
        return Done()
    return Refusal(Why.BUSY, "the tariff changes too often; try again")


async def delete_tariff(visit: Visit) -> Result:
    if await _row(visit) is None:
        return NOT_HERE
    await visit.means.spine.commit(Work(writes=(Delete(t.tariff, _key(visit)),)))
    return Done()


async def _row(visit: Visit, tariff_id: str | None = None) -> Row | None:
    return await visit.means.spine.get(t.tariff, **_key(visit, tariff_id))


def _key(visit: Visit, tariff_id: str | None = None) -> dict[str, str]:
    """Under the id as its owner writes it in the tariff; where there is none to read, as in the address."""
    found = tariff_id or visit.call.path["tariff_id"]
    return {"owner": visit.owner, "party": str(owner_in_path(visit)), "tariff_id": found}


HANDLERS: dict[str, Handler] = {
    "list_tariffs": list_tariffs,
    "get_tariff": get_tariff,
    "put_tariff": put_tariff,
    "patch_tariff": patch_tariff,
    "delete_tariff": delete_tariff,
}
