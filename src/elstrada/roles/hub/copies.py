"""Copies: what parties tell to all through the hub, kept as it was last told, for lists and for whoever is behind.

Nothing that is addressed to one party is ever kept here, nor any session or CDR (R-69, R-70).
"""

from __future__ import annotations

from collections.abc import Sequence

from elstrada.model.ids import PartyId
from elstrada.model.party import Peer
from elstrada.ocpi import documents
from elstrada.ocpi.body import parse
from elstrada.ocpi.codes import Why
from elstrada.ocpi.paging import Window, read_window
from elstrada.ocpi.server import Done, Found, Listing, Refusal, Result
from elstrada.ocpi.versions import routed_url
from elstrada.roaming.news import Kind
from elstrada.roaming.routing import OPEN, audience, callers
from elstrada.roaming.visibility import listens
from elstrada.roles.hub.book import Book
from elstrada.roles.hub.keeping import after, inner, is_public, key_of, named, parts_of
from elstrada.roles.hub.passing import Passing
from elstrada.roles.hub.wording import in_words
from elstrada.roles.roaming.marks import mark
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.totals import Those, Totals, filled
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Delete, Put, Row, RowMoved, Where, Work
from elstrada.spine.paging import merged, pages, place_text, place_told

_TRIES = 5
_ORDER = ("last_updated", "party")
_NOT_HERE = Refusal(Why.NOT_FOUND, "no such object")
_PUBLIC = Those("public", is_public)


class Copies:
    """Keeps what is told to all, and tells it on."""

    def __init__(self, means: Means, book: Book) -> None:
        self._means, self._book = means, book
        self._totals = Totals(means)

    async def tell(self, passing: Passing) -> Result:
        """Keep what is pushed, and mark it for all others whom it concerns; the courier brings it (R-69)."""
        for _ in range(_TRIES):
            row = await self._row(passing)
            kept = after(passing, row, self._means.clock.now())
            if not isinstance(kept, Put | Delete):
                return kept
            marks = await self._marks(passing, kept, row)
            try:
                await self._means.spine.commit(Work(writes=(kept, *marks)))
            except RowMoved:
                continue
            return Done(created=row is None)
        return Refusal(Why.BUSY, "the object changes too often; try again")

    async def one(self, passing: Passing) -> Result:
        """One object, as it was last told."""
        row = await self._row(passing)
        if row is None:
            return _NOT_HERE
        document = in_words(row, passing.version, self._means.findings, passing.caller.peer)
        if document is None:
            return _NOT_HERE
        whole = parse(bytes(document))
        part = documents.part_of(whole, inner(passing)) if isinstance(whole, dict) else None
        return _NOT_HERE if part is None else Found(part)

    async def page(self, passing: Passing, sender: PartyId) -> Result:
        """A page of all objects that are kept of a module, those that changed longest ago first (R-70).

        Who tells everybody what it gets is shown what everybody may know (R-39).
        """
        try:
            window = read_window(passing.request.query)
        except ValueError as problem:
            return Refusal(Why.INVALID, str(problem))
        where: Where = {
            "owner": str(passing.hub),
            "module": passing.place.module,
            "last_updated": Between(window.date_from, window.date_to),
        }
        those = None if _may_see_all(passing, sender) else _PUBLIC
        total = await self._totals.of(t.hub_copy, where, those)
        rows = await self._rows(where, window, those)
        if isinstance(rows, Refusal):
            return rows
        shown = rows[: window.limit]
        place = place_text(t.hub_copy, _ORDER, shown[-1]) if shown and len(rows) > len(shown) else ""
        peer = passing.caller.peer
        told = (in_words(row, passing.version, self._means.findings, peer) for row in shown)
        items = tuple(document for document in told if document is not None)
        url = routed_url(passing.place.module, passing.place.side, passing.version, self._means.public_url)
        return Listing(items, url, max(total, window.offset + len(rows)), place)

    async def everything(self, peer: Peer, position: int) -> list[Put]:
        """The marks of all that a platform which has come may have."""
        now, puts = self._means.clock.now(), list[Put]()
        for module in ("tariffs", "locations", "tokens"):
            if not listens(peer, module):
                continue
            where: Where = {"owner": str(peer.owner), "module": module}
            async for rows in pages(self._means.spine, t.hub_copy, where):
                puts += [
                    mark(peer, Kind.COPY, *parts_of(row), position=position, now=now)
                    for row in rows
                    if row["peer_id"] != peer.id and audience(peer.roles, module, is_public=is_public(row))
                ]
        return puts

    # --- below ------------------------------------------------------------------------------------------

    async def _rows(self, where: Where, window: Window, those: Those | None) -> Sequence[Row] | Refusal:
        """The rows of a page and one more, if there is one."""
        size = window.limit + 1
        if window.limit == 0:
            return ()
        spine, place = self._means.spine, None
        if window.place:
            try:
                place = place_told(t.hub_copy, _ORDER, window.place)
            except ValueError:
                return Refusal(Why.INVALID, "place: expected what our Link says")
        if those is not None:
            offset = 0 if place else window.offset
            return await filled(spine, t.hub_copy, [where], _ORDER, offset, size, place, those)
        if place is not None:
            return await merged(spine, t.hub_copy, [where], _ORDER, size, place)
        return await spine.find(t.hub_copy, where, order=_ORDER, limit=size, offset=window.offset)

    async def _row(self, passing: Passing) -> Row | None:
        owner = passing.place.owner
        assert owner is not None, "what is told to all names its owner"
        return await self._means.spine.get(
            t.hub_copy,
            owner=str(passing.hub),
            module=passing.place.module,
            party=str(owner),
            object_id=key_of(passing),
        )

    async def _marks(self, passing: Passing, kept: Put | Delete, before: Row | None) -> list[Put]:
        """For all whom it concerns; of what everybody could know, and may not any more, everybody is told so."""
        row = kept.row if isinstance(kept, Put) else None
        is_everybodys = row is None or is_public(row) or (before is not None and is_public(before))
        module, sender = passing.place.module, passing.caller.peer.id
        position, now = await self._means.spine.commit(Work()), self._means.clock.now()
        parts = (module, str(passing.place.owner), *named(passing))
        return [
            mark(peer, Kind.COPY, *parts, position=position, now=now)
            for peer in await self._book.platforms(passing.hub)
            if peer.id != sender
            and listens(peer, module)
            and audience(peer.roles, module, is_public=is_everybodys)
        ]


def _may_see_all(passing: Passing, sender: PartyId) -> bool:
    """May whoever asks have what is not for everybody?"""
    held = [entry for entry in passing.caller.peer.roles if entry.party == sender]
    place = passing.place
    return any(entry.role in callers(place.module, place.interface) - OPEN for entry in held)
