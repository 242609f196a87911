"""The list of CDRs: those we issued and those we received, by where they stand."""

from __future__ import annotations

import msgspec

from elstrada.billing.cdr import cdr_id_of
from elstrada.model.cdr import CdrState
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Row, Spine, Where
from elstrada.spine.paging import EVER
from elstrada.web.operator.charged import Charged, charged
from elstrada.web.operator.listing import Part, part_of
from elstrada.web.operator.reading import owners_in
from elstrada.web.operator.rows import CdrRow

_ORDER = ("-recorded_at",)
_MOST_ALIKE = 20
"""CDRs of one id: issuers choose them without each other."""
_MOST_REPLACED = 100
"""Times that the CDR of a session was replaced."""


class Cdrs(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the list."""

    search: str
    """An id, whole; empty: any."""
    state: CdrState | None
    """None: any."""
    part: Part[Charged]
    states: tuple[CdrState, ...] = tuple(CdrState)
    """Among which one can choose."""


async def read_cdrs(spine: Spine, search: str, state: str, after: str) -> Cdrs:
    """The CDRs in a state, the latest first; or those of an id.

    Args:
        state: any other word than a state's is none.

    Raises:
        NoPlace: ``after`` is no place in this list.
    """
    wanted = CdrState(state) if state in set(CdrState) else None
    owners = await owners_in(spine, t.cdr)
    if search:
        where: Where = {"owner": AnyOf(tuple(owners)), "cdr_id": search}
        rows = await spine.find(t.cdr, where, limit=_MOST_ALIKE) if owners else []
        part = Part(tuple(row for row in rows if wanted is None or row["state"] == wanted), "")
    else:
        at: Where = {"recorded_at": EVER} if wanted is None else {"state": wanted.value, "recorded_at": EVER}
        part = await part_of(spine, t.cdr, [{"owner": owner, **at} for owner in owners], _ORDER, after)
    return Cdrs(search=search, state=wanted, part=part.of(_line))


async def standing_cdr(spine: Spine, owner: str, session_id: str) -> str:
    """The id of the CDR of a session of ours that is neither a credit nor credited; empty: there is none now.

    Each CDR that was credited names the one in its place, so nothing is searched.
    """
    cdr_id = cdr_id_of(session_id) if session_id else ""
    for _ in range(_MOST_REPLACED):
        row = await spine.get(t.cdr, owner=owner, party=owner, cdr_id=cdr_id) if cdr_id else None
        if row is None:
            return ""
        if row["credited_by"] is None:
            return cdr_id
        cdr_id = str(row["replaced_by"] or "")
    return ""


def _line(row: Row) -> Charged:
    names = CdrRow.__struct_fields__
    return charged(msgspec.convert({name: row[name] for name in names}, CdrRow))
