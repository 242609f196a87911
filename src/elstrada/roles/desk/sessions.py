"""Verbs on charging sessions at stations of ours."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.party import Role
from elstrada.roles.desk.face import Desk, Verb
from elstrada.roles.desk.lookups import line_of, own_party
from elstrada.roles.desk.paging import After, Page, page_of
from elstrada.roles.desk.session_card import SHOW
from elstrada.roles.desk.session_energy import RENEGOTIATE
from elstrada.roles.desk.session_rights import ALLOW, HURRY
from elstrada.roles.desk.session_strays import STRAYS
from elstrada.roles.desk.shapes import Count
from elstrada.spine import tables as t
from elstrada.spine.face import Where


class ListSessions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str | None, Meta(description="Only this one's.")] = None
    running: Annotated[bool, Meta(description="Only those that go on.")] = False
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    limit: Annotated[Count, Meta(description="Most lines, the latest first.")] = 100
    after: After = None


class SessionLine(msgspec.Struct, frozen=True, kw_only=True):
    session_id: str
    station_id: str
    evse_id: int | None
    started_at: datetime | None
    ended_at: datetime | None
    """None while it runs."""
    energy_wh: int | None
    power_w: int | None
    reason: str | None
    """Why it ended, in the station's words."""
    presumed: str | None
    """By what its end is presumed, which its station did not tell; see `stations.unended`."""


async def list_sessions(desk: Desk, params: ListSessions) -> Page[SessionLine]:
    owner = str((await own_party(desk, params.party, Role.CPO)).id)
    where: Where = {"owner": owner}
    if params.station is not None:
        where = {**where, "station_id": params.station}
    if params.running:
        where = {**where, "ended_at": None}
    # A station's sessions stand in the order in which they began, as an index by their news would be as
    # large again, and changed by every meter value.
    order = ("-updated_at",) if params.station is None else ("-first_version",)
    rows = await page_of(desk, t.session, [where], order, limit=params.limit, after=params.after)
    return rows.lines(lambda row: line_of(SessionLine, row))


VERBS = (
    Verb(
        "session list",
        "List sessions, those of which there was news last first; of one station, those that began last.",
        ListSessions,
        tuple[SessionLine, ...],
        list_sessions,
        reads=True,
    ),
    SHOW,
    RENEGOTIATE,
    HURRY,
    ALLOW,
    STRAYS,
)
