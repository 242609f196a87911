"""Verbs on a hub of ours: what it has passed on, and how those behind it are doing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, cast

import msgspec
from msgspec import Meta

from elstrada.model.party import Peer, Role
from elstrada.roles.desk.face import Desk, Verb
from elstrada.roles.desk.lookups import line_of, own_party, party_id
from elstrada.roles.desk.paging import After, Page, page_of
from elstrada.roles.desk.shapes import Count
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Where

LOOKED_AT = 200
"""Requests to a party that its figures are made of, the newest."""
_FAILED = frozenset({"late_receiver", "not_connected", "garbled"})
_MOST_PARTIES = 20
"""Of one partner, that are looked at."""
_Hub = Annotated[str | None, Meta(description="Our hub; needed only if there are several.")]


class ShowLog(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    party: _Hub = None
    about: Annotated[str | None, Meta(description="Only what this party asked, or was asked.")] = None
    limit: Annotated[Count, Meta(description="Most lines, the newest first.")] = 100
    after: After = None


class ListBehind(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    party: _Hub = None
    limit: Annotated[Count, Meta(description="Most lines.")] = 100
    after: After = None


class ExchangeLine(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    sender: str
    """The party, or the partner's name where it did not get so far."""
    receiver: str
    module: str
    method: str
    decision: str
    outcome: str
    ms: int
    detail: str


class BehindLine(msgspec.Struct, frozen=True, kw_only=True):
    partner: str
    state: str
    version: str | None
    parties: tuple[str, ...]
    asked: int
    """Of the last requests to them, at most ``LOOKED_AT`` for each."""
    failed: int
    """Of these, how many nobody answered."""
    p50_ms: int | None
    p95_ms: int | None
    last_asked_at: datetime | None
    last_spoke_at: datetime | None
    """When one of them last asked something of the hub."""


async def show_log(desk: Desk, params: ShowLog) -> Page[ExchangeLine]:
    """What the hub has passed on, and what became of it."""
    hub = str((await own_party(desk, params.party, Role.HUB)).id)
    wheres: list[Where] = [{"owner": hub}]
    if params.about is not None:
        about = str(party_id(params.about, pointer="/about"))
        wheres = [{"owner": hub, "sender": about}, {"owner": hub, "receiver": about}]
    rows = await page_of(desk, t.hub_exchange, wheres, ("-at",), limit=params.limit, after=params.after)
    return rows.lines(lambda row: line_of(ExchangeLine, row))


async def list_behind(desk: Desk, params: ListBehind) -> Page[BehindLine]:
    """Who is behind the hub, and how well each answers."""
    hub = str((await own_party(desk, params.party, Role.HUB)).id)
    order = ("owner", "peer_id")
    rows = await page_of(desk, t.peer, [{"owner": hub}], order, limit=params.limit, after=params.after)
    return Page.of([await _behind(desk, hub, row) for row in rows], rows.next)


async def _behind(desk: Desk, hub: str, row: Row) -> BehindLine:
    peer = msgspec.json.decode(str(row["document"]), type=Peer)
    parties = tuple(sorted({str(entry.party) for entry in peer.roles}))
    asked, spoke = list[Row](), list[Row]()
    for party in parties[:_MOST_PARTIES]:
        asked += await _newest(desk, {"owner": hub, "receiver": party}, LOOKED_AT)
        spoke += await _newest(desk, {"owner": hub, "sender": party}, 1)
    took = sorted(cast(int, one["ms"]) for one in asked)
    return BehindLine(
        partner=peer.id,
        state=peer.state.value,
        version=peer.version,
        parties=parties,
        asked=len(asked),
        failed=sum(one["outcome"] in _FAILED for one in asked),
        p50_ms=_share(took, 50),
        p95_ms=_share(took, 95),
        last_asked_at=_latest(asked),
        last_spoke_at=_latest(spoke),
    )


async def _newest(desk: Desk, where: Where, most: int) -> list[Row]:
    return await desk.spine.find(t.hub_exchange, where, order=("-at",), limit=most)


def _share(took: Sequence[int], percent: int) -> int | None:
    """The time within which so many of a hundred were done: the nearest that was measured."""
    return took[min(len(took) - 1, len(took) * percent // 100)] if took else None


def _latest(rows: Sequence[Row]) -> datetime | None:
    return max((cast(datetime, row["at"]) for row in rows), default=None)


VERBS = (
    Verb("hub log", "List what the hub passed on.", ShowLog, tuple[ExchangeLine, ...], show_log, reads=True),
    Verb(
        "hub parties",
        "List who is behind the hub, and how each answers.",
        ListBehind,
        tuple[BehindLine, ...],
        list_behind,
        reads=True,
    ),
)
