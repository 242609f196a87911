"""The puller: fetches all that a peer has of a module, page by page, within a budget (R-28, T24).

What is kept already and newer stays. Objects of parties that the peer does not speak for are passed
over and counted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.party import Peer, Role
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.client import Garbled, Outcome, Received, objects_of
from elstrada.ocpi.language import Language
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.versions import language
from elstrada.roaming.visibility import parties_of
from elstrada.roles.roaming.conduct import note_findings, source
from elstrada.roles.roaming.holders import TwoContracts, token_puts
from elstrada.roles.roaming.line import Line, belongs_to
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.peers import Peers
from elstrada.roles.roaming.rows import location_row, source_of, tariff_row
from elstrada.spine import tables as t
from elstrada.spine.face import Cell, Put, Work

MOST_PAGES = 10_000
_RESTARTS = 3


class Pulled(msgspec.Struct, frozen=True):
    """How a pull went."""

    outcome: Outcome
    """Of the last page asked for."""
    kept: int = 0
    passed_over: int = 0


class _Page(msgspec.Struct, frozen=True):
    writes: tuple[Put, ...]
    kept: int
    passed_over: int


_Rows = tuple[PartyId, tuple[Put, ...]]
"""Whose an object is, and the records that keep it; the first bears its date."""


class _Way(msgspec.Struct, frozen=True):
    """How a module is pulled."""

    name: str
    """Of the endpoint."""
    wire: Callable[[Language], type[msgspec.Struct]]
    role: Role
    """Of the parties whose objects these are."""
    rows: Callable[[Peer, msgspec.Struct, PartyId | None], Awaitable[_Rows]]
    """Args: whose the object is, where its version does not say."""


class Puller:
    """Reads peers' lists."""

    def __init__(self, means: Means, peers: Peers, line: Line) -> None:
        self._means, self._peers, self._line = means, peers, line
        self._ways = {
            "locations": _Way("list_locations", lambda words: words.location.wire, Role.CPO, self._location),
            "tariffs": _Way("list_tariffs", lambda words: words.tariff.wire, Role.CPO, self._tariff),
            "tokens": _Way("list_tokens", lambda words: words.token.wire, Role.EMSP, self._token),
        }

    async def pull(self, peer: Peer, module: str, date_from: datetime | None = None) -> Pulled:
        """Fetch a module's objects, all or those changed since a time.

        When the number of objects changes on the way, the walk begins again, because a page may have
        moved; keeping an object twice does no harm.
        """
        pulled = await self._walk(peer, module, date_from)
        for _ in range(_RESTARTS):
            if pulled is not None:
                return pulled
            pulled = await self._walk(peer, module, date_from)
        return pulled or Pulled(Garbled(200, "the list changes faster than it can be read"))

    async def _walk(self, peer: Peer, module: str, date_from: datetime | None) -> Pulled | None:
        way = self._ways[module]
        query = {} if date_from is None else {"date_from": str(Instant(date_from))}
        url: str | None = None
        visited: set[str] = set()
        total: int | None = None
        kept = passed_over = 0
        while True:
            outcome = await self._line.tell(
                peer, way.name, query=query, url=url, timeout_s=self._means.waits.long_answer_s
            )
            if not isinstance(outcome, Received):
                return Pulled(outcome, kept, passed_over)
            if total is not None and outcome.total is not None and outcome.total != total:
                return None
            total = outcome.total
            page = await self._keep(peer, outcome, way)
            await self._means.spine.commit(Work(writes=page.writes))
            kept, passed_over = kept + page.kept, passed_over + page.passed_over
            url = outcome.next
            if url is None:
                return Pulled(outcome, kept, passed_over)
            if url in visited or len(visited) >= MOST_PAGES or not belongs_to(peer, url):
                return Pulled(Garbled(200, "the Link runs in circles or to another host"), kept, passed_over)
            visited.add(url)

    async def _keep(self, peer: Peer, page: Received, way: _Way) -> _Page:
        """Keep what a page holds of the peer's own parties and is news to us."""
        found, problems = objects_of(page, way.wire(language(peer.version)))
        theirs = parties_of(peer, (way.role,))
        of = min(theirs, default=None)
        direct = await self._peers.direct(peer) if peer.hub is not None else frozenset[PartyId]()
        writes: list[Put] = []
        contracts: dict[tuple[Cell, Cell], Cell] = {}
        kept = 0
        for wire in found:
            try:
                party, puts = await way.rows(peer, wire, of)
            except (Mismatch, TwoContracts) as problem:
                problems.append(str(problem))
                continue
            if party == peer.owner and peer.hub is not None:
                continue  # Ours, as the hub lists it to all.
            if party in direct or (party not in theirs and peer.hub is None):
                problems.append(f"an object of {party}, for whom the peer does not speak")
                continue
            note_findings(self._means.findings, peer.owner, peer.id, wire)
            if _contradicts(puts[0], contracts):
                problems.append(str(TwoContracts()))
            elif await self._is_news(puts[0]):
                writes.extend(puts)
                kept += 1
        for problem in problems:
            self._means.findings.note(source(peer.owner, peer.id), "object passed over", problem)
        return _Page(tuple(writes), kept, len(problems))

    async def _is_news(self, put: Put) -> bool:
        """Is this newer than what is kept?"""
        key = {column.name: put.row[column.name] for column in put.table.primary_key.columns}
        known = await self._means.spine.get(put.table, **key)
        if known is None:
            return True
        before, now = known["last_updated"], put.row["last_updated"]
        assert isinstance(before, datetime)
        assert isinstance(now, datetime)
        return now > before

    async def _location(self, peer: Peer, wire: msgspec.Struct, of: PartyId | None) -> _Rows:
        location = language(peer.version).location.read(wire, of).value
        row = location_row(peer.owner, location, source_of(peer.id))
        return location.party, (Put(t.location, row),)

    async def _tariff(self, peer: Peer, wire: msgspec.Struct, of: PartyId | None) -> _Rows:
        tariff = language(peer.version).tariff.read(wire, of).value
        return tariff.party, (Put(t.tariff, tariff_row(peer.owner, tariff)),)

    async def _token(self, peer: Peer, wire: msgspec.Struct, of: PartyId | None) -> _Rows:
        token = language(peer.version).token.read(wire, of).value
        ref = self._means.keys.token_ref(token.uid)
        return token.party, await token_puts(self._means.spine, peer.owner, token, ref)


def _contradicts(put: Put, page: dict[tuple[Cell, Cell], Cell]) -> bool:
    """Does a token share its uid with one earlier on the page, but not its contract?"""
    if put.table is not t.token:
        return False
    contract_id = put.row["contract_id"]
    return page.setdefault((put.row["party"], put.row["ref"]), contract_id) != contract_id
