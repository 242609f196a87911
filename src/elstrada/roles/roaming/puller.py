"""The puller: fetches all that a peer has of a module, page by page, within a budget (R-28, T24).

What is kept already and newer stays. Objects of parties that the peer does not speak for are passed
over and counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Table

from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.model.party import Peer, Role
from elstrada.model.tariff import Tariff
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.client import Garbled, Outcome, Received, objects_of
from elstrada.ocpi.language import Bookings, Language
from elstrada.ocpi.patch import is_older
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.versions import endpoint, language
from elstrada.roaming.agreement import RECEIVER, agreeing
from elstrada.roaming.news import MODULE_OF, Kind
from elstrada.roaming.visibility import is_hub, parties_of
from elstrada.roles.roaming.any_case import ID_OF
from elstrada.roles.roaming.client_pages import ClientPages
from elstrada.roles.roaming.conduct import note_findings, source
from elstrada.roles.roaming.dealings import Dealings
from elstrada.roles.roaming.holders import TwoContracts, token_puts
from elstrada.roles.roaming.line import Line, belongs_to
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.peers import Peers
from elstrada.roles.roaming.rows import (
    booking_location_row,
    location_row,
    roamed_booking_row,
    source_of,
    tariff_row,
)
from elstrada.roles.roaming.stock import dated
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Cell, Put, Row, RowMoved, Where, Work
from elstrada.spine.paging import pages
from elstrada.spine.rules import key_names

MOST_PAGES = 10_000
LONGEST_S = 3_600.0
"""For a list, by the wall and not by the world's clock, which a demo runs faster: a peer that always has
another page holds up its other lists no longer."""
_RESTARTS = 3
_TRIES = 5


class Pulled(msgspec.Struct, frozen=True):
    """How a pull went."""

    outcome: Outcome
    """Of the last page asked for."""
    kept: int = 0
    passed_over: int = 0
    is_whole: bool = True
    """False: the list changed on the way, so that an object may have been on no page."""


class _Page(msgspec.Struct, frozen=True):
    writes: tuple[Put, ...]
    kept: int
    passed_over: int


_Keep = Callable[[Received], Awaitable[_Page]]
"""Keeps what a page holds."""
_Rows = tuple[PartyId, tuple[Put, ...]]
"""Whose an object is, and the records that keep it; the first bears its date."""


_DEALINGS = {
    "sessions": ("list_sessions", Dealings.keep_sessions),
    "cdrs": ("list_cdrs", Dealings.keep_cdrs),
}
"""Lists whose objects are facts; the others are records."""


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
            "booking_locations": _Way(
                "list_booking_locations",
                lambda words: bookings_of(words).location.wire,
                Role.CPO,
                self._booking_location,
            ),
            "bookings": _Way(
                "list_bookings", lambda words: bookings_of(words).booking.wire, Role.CPO, self._booking
            ),
            "tokens": _Way("list_tokens", lambda words: words.token.wire, Role.EMSP, self._token),
        }

    async def pull(self, peer: Peer, module: str, date_from: datetime | None = None) -> Pulled:
        """Fetch a module's objects, all or those changed since a time.

        When the number of objects changes on the way, the walk begins again, because a page may have
        moved; keeping an object twice does no harm. A list that never stands still is read to its end at
        last: what moved meanwhile has changed, and stands in what is asked for next (``lists.OVERLAP``).
        """
        query = {} if date_from is None else {"date_from": str(Instant(date_from))}
        if module == MODULE_OF[Kind.CLIENT]:
            return await self._clients(peer, query)
        if module in _DEALINGS:
            return await self._dealings(peer, module, query)
        way = self._ways[module]
        return await self._walked(peer, way.name, query, lambda page: self._keep(peer, page, way))

    async def _clients(self, peer: Peer, query: Mapping[str, str]) -> Pulled:
        """Fetch whom a hub is connected to; a list that is whole tells as well who is there no longer."""
        if not is_hub(peer):
            return Pulled(Received())  # It is none any more.
        pages = ClientPages(self._means, peer)

        async def keep(page: Received) -> _Page:
            kept, problems = await pages.keep(page)
            self._passed_over(peer, problems)
            return _Page((), kept, len(problems))

        pulled = await self._walked(peer, "list_clients", query, keep)
        if isinstance(pulled.outcome, Received) and pulled.is_whole and not query:
            await pages.forget_others()
        return pulled

    async def _dealings(self, peer: Peer, module: str, query: Mapping[str, str]) -> Pulled:
        """Fetch sessions or CDRs of our drivers."""
        name, keep_page = _DEALINGS[module]
        theirs = agreeing(await self._peers.terms(peer), parties_of(peer, (Role.CPO,)), module, RECEIVER)
        dealings = Dealings(self._means, peer, theirs)

        async def keep(page: Received) -> _Page:
            kept, problems = await keep_page(dealings, page)
            self._passed_over(peer, problems)
            return _Page((), kept, len(problems))

        return await self._walked(peer, name, query, keep)

    async def _walked(self, peer: Peer, name: str, query: Mapping[str, str], keep: _Keep) -> Pulled:
        until = asyncio.get_running_loop().time() + LONGEST_S
        for _ in range(_RESTARTS):
            pulled = await self._walk(peer, name, query, keep, until)
            if pulled.is_whole:
                return pulled
        return await self._walk(peer, name, query, keep, until, through=True)

    async def _walk(
        self,
        peer: Peer,
        name: str,
        query: Mapping[str, str],
        keep: _Keep,
        until: float,
        *,
        through: bool = False,
    ) -> Pulled:
        """Read page after page.

        Args:
            until: no page is asked for later than this by the loop's clock.
            through: to the end, though the list changes on the way.
        """
        url: str | None = None
        visited: set[str] = set()
        total: int | None = None
        kept, passed_over, is_whole = 0, 0, True
        while True:
            outcome = await self._line.tell(
                peer, name, query=query, url=url, timeout_s=self._means.waits.long_answer_s
            )
            if not isinstance(outcome, Received):
                return Pulled(outcome, kept, passed_over)
            is_whole = is_whole and (total is None or outcome.total in (None, total))
            if not (is_whole or through):
                return Pulled(outcome, kept, passed_over, is_whole)
            total = outcome.total
            page = await self._kept(outcome, keep)
            kept, passed_over = kept + page.kept, passed_over + page.passed_over
            url = outcome.next
            if url is None:
                return Pulled(outcome, kept, passed_over, is_whole)
            if url in visited or len(visited) >= MOST_PAGES or not belongs_to(peer, url):
                return Pulled(Garbled(200, "the Link runs in circles or to another host"), kept, passed_over)
            if asyncio.get_running_loop().time() >= until:
                return Pulled(Garbled(200, "the list takes longer than an hour"), kept, passed_over)
            visited.add(url)

    async def _kept(self, received: Received, keep: _Keep) -> _Page:
        """Keep what a page holds. What was pushed meanwhile is newer: then the page is held against that."""
        for left in reversed(range(_TRIES)):
            page = await keep(received)
            try:
                await self._means.spine.commit(Work(writes=page.writes))
            except RowMoved:
                if not left:
                    raise
                continue
            return page
        raise AssertionError("the last try returns or raises")

    async def _keep(self, peer: Peer, page: Received, way: _Way) -> _Page:
        """Keep what a page holds of the peer's own parties, as far as agreed with them (T17), and is news to us."""
        words, terms = language(peer.version), await self._peers.terms(peer)
        found, problems = objects_of(page, way.wire(words))
        module = endpoint(words.version, way.name).module
        theirs = agreeing(terms, parties_of(peer, (way.role,)), module, RECEIVER)
        of = min(theirs, default=None)
        direct = await self._peers.direct(peer) if peer.hub is not None else frozenset[PartyId]()
        read: list[tuple[Put, ...]] = []
        contracts: dict[tuple[Cell, Cell], Cell] = {}
        for wire in found:
            try:
                party, puts = await way.rows(peer, wire, of)
            except (Mismatch, TwoContracts) as problem:
                problems.append(str(problem))
                continue
            if party == peer.owner and peer.hub is not None:
                continue  # Ours, as the hub lists it to all.
            heard = theirs if peer.hub is None else agreeing(terms, (party,), module, RECEIVER)
            if party in direct or party not in heard:
                problems.append(f"an object of {party}, for whom the peer does not speak here")
                continue
            note_findings(self._means.findings, peer.owner, peer.id, wire)
            if _contradicts(puts[0], contracts):
                problems.append(str(TwoContracts()))
            else:
                read.append(puts)
        news = await self._news(read)
        self._passed_over(peer, problems)
        return _Page(tuple(put for puts in news for put in puts), len(news), len(problems))

    def _passed_over(self, peer: Peer, problems: Iterable[str]) -> None:
        for problem in problems:
            self._means.findings.note(source(peer.owner, peer.id), "object passed over", problem)

    async def _news(self, read: Sequence[tuple[Put, ...]]) -> list[tuple[Put, ...]]:
        """Those that are newer than what is kept; of one that stands twice on a page the newest counts (R-28)."""
        rows, now = await self._known([puts[0] for puts in read]), self._means.clock.now()
        # Without a date it is a booking that we asked for, and of which nothing was told yet.
        known = {_key(table, row): dated(row) for table, row in rows if row["last_updated"] is not None}
        written = {_key(table, row): row for table, row in rows}
        news: dict[tuple[Cell, ...], tuple[Put, ...]] = {}
        for puts in read:
            key, told = _key(puts[0].table, puts[0].row), dated(puts[0].row)
            if key not in known or _is_news(told, known[key], now):
                known[key], news[key] = told, (_as_written(puts[0], written.get(key)), *puts[1:])
        before = {_place(table, row): {"last_updated": row["last_updated"]} for table, row in rows}
        return [(_unless_moved(puts[0], before), *puts[1:]) for puts in news.values()]

    async def _known(self, puts: Sequence[Put]) -> list[tuple[Table, Row]]:
        """What is kept of a page's objects, asked all at once."""
        if not puts:
            return []
        table = puts[0].table
        named = {name: tuple({put.row[name]: None for put in puts}) for name in _names(table)}
        where: Where = {
            name: values[0] if len(values) == 1 else AnyOf(values) for name, values in named.items()
        }
        return [(table, row) async for rows in pages(self._means.spine, table, where) for row in rows]

    async def _location(self, peer: Peer, wire: msgspec.Struct, of: PartyId | None) -> _Rows:
        location = language(peer.version).location.read(wire, of).value
        row = location_row(peer.owner, location, source_of(peer.id))
        return location.party, (Put(t.location, row),)

    async def _tariff(self, peer: Peer, wire: msgspec.Struct, of: PartyId | None) -> _Rows:
        tariff = language(peer.version).tariff.read(wire, of).value
        return tariff.party, (Put(t.tariff, tariff_row(peer.owner, tariff)),)

    async def _booking_location(self, peer: Peer, wire: msgspec.Struct, of: PartyId | None) -> _Rows:
        place = bookings_of(language(peer.version)).location.read(wire, of).value
        return place.party, (Put(t.booking_location, booking_location_row(peer.owner, place, peer.id)),)

    async def _booking(self, peer: Peer, wire: msgspec.Struct, of: PartyId | None) -> _Rows:
        booking = bookings_of(language(peer.version)).booking.read(wire, of).value
        if any(entry.request.party != peer.owner for entry in booking.requests):
            raise Mismatch("a booking that is not ours - at `$.booking_requests`")
        key = {"owner": str(peer.owner), "party": str(booking.party), "request_id": booking.request_id}
        before = await self._means.spine.get(t.roamed_booking, **key)
        now, ref_of = self._means.clock.now(), self._means.keys.token_ref
        row = roamed_booking_row(peer.owner, peer.id, booking, ref_of, now, before)
        return booking.party, (Put(t.roamed_booking, row),)

    async def _token(self, peer: Peer, wire: msgspec.Struct, of: PartyId | None) -> _Rows:
        token = language(peer.version).token.read(wire, of).value
        ref = self._means.keys.token_ref(token.uid)
        return token.party, await token_puts(self._means.spine, peer.owner, token, ref)


_KINDS: Mapping[Table, type[Location | Tariff]] = {t.location: Location, t.tariff: Tariff}
"""Records of which a list may tell the id in another case."""


def _names(table: Table) -> tuple[str, ...]:
    """The columns that tell objects apart; an id is the same in any case (R-22)."""
    if table is t.token:
        return ("owner", "party", "ref", "type")
    return ("owner", "party", "id_key") if table in _KINDS else tuple(key_names(table))


def _key(table: Table, row: Row) -> tuple[Cell, ...]:
    return tuple(row[name] for name in _names(table))


def _as_written(put: Put, known: Row | None) -> Put:
    """The write under the id as it was first written (R-22); a token's has it already."""
    if put.table not in _KINDS or known is None:
        return put
    name, kind = ID_OF[put.table], _KINDS[put.table]
    if known[name] == put.row[name]:
        return put
    named = msgspec.structs.replace(
        msgspec.json.decode(str(put.row["document"]), type=kind), id=str(known[name])
    )
    row = {**put.row, name: known[name], "document": msgspec.json.encode(named).decode()}
    return Put(put.table, row)


def _place(table: Table, row: Row) -> tuple[Cell, ...]:
    """A record's whole key."""
    return tuple(row[name] for name in key_names(table))


def _unless_moved(put: Put, before: Mapping[tuple[Cell, ...], Row]) -> Put:
    """The write, if the record is still as it was read."""
    return msgspec.structs.replace(put, expected=before.get(_place(put.table, put.row), {}))


def _is_news(told: datetime, known: datetime, now: datetime) -> bool:
    return told != known and not is_older(told, known, now)


def bookings_of(words: Language) -> Bookings:
    """How a version speaks of bookings; only peers of one that does are pulled."""
    if words.bookings is None:
        raise Mismatch(f"OCPI {words.version} has no bookings - at `$`")
    return words.bookings


def _contradicts(put: Put, page: dict[tuple[Cell, Cell], Cell]) -> bool:
    """Does a token share its uid with one earlier on the page, but not its contract?"""
    if put.table is not t.token:
        return False
    contract_id = put.row["contract_id"]
    return page.setdefault((put.row["party"], put.row["ref"]), contract_id) != contract_id
