"""Tariffs: ours for peers to read, theirs for us to keep."""

from __future__ import annotations

import msgspec

from elstrada.ocpi.codes import Why
from elstrada.ocpi.patch import changes_identity, is_older, patch_time
from elstrada.ocpi.server import Done, Listing, Refusal, Result
from elstrada.ocpi.surplus import patched_surplus, surplus_of
from elstrada.roaming.news import Kind
from elstrada.roaming.visibility import listens, may_see_tariffs
from elstrada.roles.roaming.any_case import row_of
from elstrada.roles.roaming.rows import tariff_row
from elstrada.roles.roaming.serving.pages import page
from elstrada.roles.roaming.serving.surplus import TARIFF, kept_surplus, surplus_writes, told
from elstrada.roles.roaming.serving.visit import NOT_HERE, Handler, Visit, misplaced, owner_in_path
from elstrada.roles.roaming.shown import note_shown
from elstrada.roles.roaming.stock import tariff_of
from elstrada.roles.roaming.totals import Those
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Delete, Put, Row, RowMoved, Where, Work

_TRIES = 5
_BUSY = "the tariff changes too often; try again"


async def list_tariffs(visit: Visit) -> Result:
    """A page of our tariffs; one whose prices its version would misread is not shown (R-66)."""
    if not may_see_tariffs(visit.peer):
        return Listing((), visit.list_url)
    words = visit.words
    where: Where = {
        "owner": visit.owner,
        "party": AnyOf((visit.owner,)),
        "last_updated": visit.between(),
    }

    def is_for_them(row: Row) -> bool:
        meant = visit.may_see_tariff(str(row["tariff_id"]))
        return meant and not words.tariff.write(tariff_of(row)).misleads

    those = Those(visit.view, is_for_them)
    found = await page(visit, t.tariff, where, "party", ("tariff_id",), those=those)
    if isinstance(found, Refusal):
        return found
    if listens(visit.peer, "tariffs"):
        ids, now = [str(row["tariff_id"]) for row in found.rows], visit.means.clock.now()
        await note_shown(visit.means.spine, visit.peer, Kind.TARIFF, ids, now)
    items = tuple(words.tariff.write(tariff_of(row)).value for row in found.rows)
    return Listing(items, visit.list_url, found.total, found.place)


async def get_tariff(visit: Visit) -> Result:
    row = await _row(visit)
    if row is None:
        return NOT_HERE
    tariff = tariff_of(row)
    return told(
        visit.words.tariff.write(tariff).value, await kept_surplus(visit, TARIFF, tariff.party, tariff.id)
    )


async def put_tariff(visit: Visit) -> Result:
    tariff = visit.words.tariff.read(visit.body, owner_in_path(visit)).value
    owner = tariff.party
    wrong = misplaced(visit, country_code=owner.country_code, party_id=owner.party_id, tariff_id=tariff.id)
    if wrong is not None:
        return wrong
    surplus = surplus_of(visit.call.document, visit.words.tariff.wire)
    for _ in range(_TRIES):
        row = await _row(visit, tariff.id)
        if row is not None:
            known = tariff_of(row)
            if is_older(tariff.last_updated, known.last_updated, visit.means.clock.now()):
                return Done()  # We know better already.
            tariff = msgspec.structs.replace(tariff, id=known.id)  # As it was first written.
        writes = surplus_writes(visit, surplus, TARIFF, owner, tariff.id)
        expected: Row = {} if row is None else {"document": row["document"]}
        keep = Put(t.tariff, tariff_row(visit.own.id, tariff), expected)
        try:
            await visit.means.spine.commit(Work(writes=(keep, *writes)))
        except RowMoved:
            continue
        return Done(created=row is None)
    return Refusal(Why.BUSY, _BUSY)


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
        if is_older(patch_time(patch), tariff.last_updated, visit.means.clock.now()):
            return Done()  # We know better already.
        changed = tariff_row(visit.own.id, visit.words.tariff.patched(tariff, patch, tariff.party))
        try:
            before = await kept_surplus(visit, TARIFF, tariff.party, tariff.id)
            surplus = patched_surplus(before, visit.call.patch, visit.words.tariff.wire)
            writes = surplus_writes(visit, surplus, TARIFF, tariff.party, tariff.id)
            await visit.means.spine.commit(
                Work(writes=(Put(t.tariff, changed, {"document": row["document"]}), *writes))
            )
        except RowMoved:
            continue
        return Done()
    return Refusal(Why.BUSY, _BUSY)


async def delete_tariff(visit: Visit) -> Result:
    row = await _row(visit)
    if row is None:
        return NOT_HERE
    key = {name: row[name] for name in ("owner", "party", "tariff_id")}
    writes = surplus_writes(visit, {}, TARIFF, owner_in_path(visit), str(row["tariff_id"]))
    await visit.means.spine.commit(Work(writes=(Delete(t.tariff, key), *writes)))
    return Done()


async def _row(visit: Visit, tariff_id: str | None = None) -> Row | None:
    """Under the id as its owner writes it in the tariff; where there is none to read, as in the address."""
    named = tariff_id or visit.call.path["tariff_id"]
    return await row_of(visit.means.spine, t.tariff, visit.own.id, owner_in_path(visit), named)


HANDLERS: dict[str, Handler] = {
    "list_tariffs": list_tariffs,
    "get_tariff": get_tariff,
    "put_tariff": put_tariff,
    "patch_tariff": patch_tariff,
    "delete_tariff": delete_tariff,
}
