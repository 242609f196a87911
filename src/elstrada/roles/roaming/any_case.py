"""Objects by their ids in any case: a CiString is the same in any, and stays as it was first written (R-22)."""

from __future__ import annotations

from sqlalchemy import Table

from elstrada.model.ids import PartyId
from elstrada.model.terminal import key_of
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Spine

ID_OF = {
    t.location: "location_id",
    t.tariff: "tariff_id",
    t.roamed_session: "session_id",
    t.cdr: "cdr_id",
}
"""The column with the id as it was first written; ``id_key`` has its key."""


async def row_of(
    spine: Spine, table: Table, owner: PartyId | str, party: PartyId | str, object_id: str
) -> Row | None:
    """The row of a party's object.

    Args:
        object_id: as somebody tells it.
    """
    whose, name = {"owner": str(owner), "party": str(party)}, ID_OF[table]
    exact = await spine.get(table, **whose, **{name: object_id})
    if exact is not None:
        return exact
    rows = await spine.find(table, {**whose, "id_key": key_of(object_id)}, order=(name,), limit=1)
    return rows[0] if rows else None


async def first_written(spine: Spine, table: Table, owner: PartyId, party: PartyId, object_id: str) -> str:
    """The id as it was first written; of what is not known yet, as it is told."""
    row = await row_of(spine, table, owner, party, object_id)
    return object_id if row is None else str(row[ID_OF[table]])
