"""What stations told that fits none of their sessions, kept for review."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.facts import StrayReported
from elstrada.model.party import Role
from elstrada.roles.desk.face import Desk, Verb
from elstrada.roles.desk.lookups import needed, own_party
from elstrada.roles.desk.paging import After, Page, page_of
from elstrada.roles.desk.shapes import Count
from elstrada.spine import tables as t
from elstrada.spine.face import Row


class ListStrays(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str | None, Meta(description="Its identity; by default all stations.")] = None
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    limit: Annotated[Count, Meta(description="Most lines, the newest first.")] = 100
    after: After = None


class StrayLine(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    station: str
    kind: str
    """What it told."""
    transaction_id: str
    session_id: str | None
    """Of the session whose end it tells otherwise than the one that counts."""
    energy_wh: int | None
    """Of that session by this end."""
    completed_wh: int | None
    """With which it was completed."""
    body: msgspec.Raw
    """JSON: what was told, without the token."""


async def list_strays(desk: Desk, params: ListStrays) -> Page[StrayLine]:
    owner = str((await own_party(desk, params.party, Role.CPO)).id)
    if params.station is None:
        where, order = {"owner": owner}, "-at"
    else:
        what = f"station {params.station[:48]!r} of {owner}"
        where, order = {"owner": owner, "station_id": params.station}, "-version"
        await needed(desk, t.station, what, "see `elstrada station list`", **where)
    rows = await page_of(desk, t.stray, [where], (order,), limit=params.limit, after=params.after)
    return rows.lines(_line)


def _line(row: Row) -> StrayLine:
    stray = msgspec.json.decode(str(row["document"]), type=StrayReported)
    return StrayLine(
        at=stray.at,
        station=str(row["station_id"]),
        kind=stray.kind,
        transaction_id=stray.transaction_id,
        session_id=stray.session_id,
        energy_wh=stray.energy_wh,
        completed_wh=stray.completed_wh,
        body=msgspec.Raw(stray.body.encode()),
    )


STRAYS = Verb(
    "session strays",
    "List what stations told that fits none of their sessions, or ends one otherwise than was counted.",
    ListStrays,
    tuple[StrayLine, ...],
    list_strays,
    optional="station",
    reads=True,
)
