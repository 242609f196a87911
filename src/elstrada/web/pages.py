"""Every page of the operator: its address, its template, and how it is read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta, tzinfo

import msgspec

from elstrada.model.quirk import NO_QUIRKS, QuirkTable
from elstrada.net.face import Clock
from elstrada.spine.face import Spine
from elstrada.web.operator.bills import read_bills
from elstrada.web.operator.bookings import read_booking, read_bookings
from elstrada.web.operator.cdr import read_cdr
from elstrada.web.operator.cdrs import read_cdrs
from elstrada.web.operator.energy import read_energy
from elstrada.web.operator.invoices import Reckon, read_invoice, read_invoices
from elstrada.web.operator.overview import Overview
from elstrada.web.operator.partners import read_partner, read_partners
from elstrada.web.operator.stations import WireLog, read_station, read_stations
from elstrada.web.operator.terminals import read_terminal, read_terminals
from elstrada.web.showing import Wish

MAX_SEARCH = 100
ALARMS_OF = timedelta(days=1)


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What pages are read with."""

    spine: Spine
    clock: Clock
    zone: tzinfo
    """In which times are shown."""
    overview: Callable[[], Awaitable[Overview]]
    wire: WireLog | None = None
    """Reads the wire log of this machine; None: there is none."""
    quirks: QuirkTable = NO_QUIRKS
    """Of stations' software, as they count here."""
    reckon: Reckon | None = None
    """Holds invoices against CDRs; None: nobody here can."""


async def _overview(means: Means, _: Wish) -> object:
    return await means.overview()


async def _stations(means: Means, wish: Wish) -> object:
    since = means.clock.now() - ALARMS_OF
    return await read_stations(means.spine, _typed(wish, "search"), since, wish.after)


async def _station(means: Means, wish: Wish) -> object | None:
    owner, station_id = wish.named
    return await read_station(
        means.spine,
        owner,
        station_id,
        search=_typed(wish, "search"),
        since=means.clock.now() - ALARMS_OF,
        wire=means.wire,
        quirks=means.quirks,
    )


async def _energy(means: Means, wish: Wish) -> object:
    day, location = _day(wish.query.get("day", "")), _typed(wish, "location")
    return await read_energy(means.spine, day, location, means.zone, means.clock.now())


async def _cdrs(means: Means, wish: Wish) -> object:
    return await read_cdrs(means.spine, _typed(wish, "search"), _typed(wish, "state"), wish.after)


async def _cdr(means: Means, wish: Wish) -> object | None:
    party, cdr_id = wish.named
    holder = wish.query.get("holder", party)
    return await read_cdr(means.spine, holder, party, cdr_id, wish.language)


async def _bills(means: Means, wish: Wish) -> object:
    return await read_bills(means.spine, wish.after)


async def _bookings(means: Means, wish: Wish) -> object:
    return await read_bookings(means.spine, _typed(wish, "state"), wish.after)


async def _booking(means: Means, wish: Wish) -> object | None:
    owner, booking_id = wish.named
    return await read_booking(means.spine, owner, booking_id)


async def _terminals(means: Means, wish: Wish) -> object:
    return await read_terminals(means.spine, _typed(wish, "state"), wish.after)


async def _terminal(means: Means, wish: Wish) -> object | None:
    owner, provider, terminal_id = wish.named
    return await read_terminal(means.spine, owner, provider, terminal_id)


async def _partners(means: Means, wish: Wish) -> object:
    return await read_partners(means.spine, wish.after)


async def _partner(means: Means, wish: Wish) -> object | None:
    owner, peer_id = wish.named
    return await read_partner(means.spine, owner, peer_id, means.clock.now())


async def _invoices(means: Means, wish: Wish) -> object:
    return await read_invoices(means.spine, wish.after)


async def _invoice(means: Means, wish: Wish) -> object | None:
    owner, party, record_id = wish.named
    return await read_invoice(means.spine, owner, party, record_id, means.reckon)


PAGES: tuple[tuple[str, str, Callable[[Means, Wish], Awaitable[object | None]]], ...] = (
    ("/", "overview", _overview),
    ("/stations", "stations", _stations),
    ("/stations/{owner:str}/{station_id:str}", "station", _station),
    ("/energy", "energy", _energy),
    ("/cdrs", "cdr_list", _cdrs),
    ("/cdrs/{party:str}/{cdr_id:path}", "cdr", _cdr),
    ("/bills", "bill_list", _bills),
    ("/bookings", "booking_list", _bookings),
    ("/bookings/{owner:str}/{booking_id:path}", "booking", _booking),
    ("/terminals", "terminal_list", _terminals),
    ("/terminals/{owner:str}/{provider:str}/{terminal_id:path}", "terminal", _terminal),
    ("/partners", "partner_list", _partners),
    ("/partners/{owner:str}/{peer_id:path}", "partner", _partner),
    ("/invoices", "invoice_list", _invoices),
    ("/invoices/{owner:str}/{party:str}/{record_id:path}", "invoice", _invoice),
)


def _typed(wish: Wish, name: str) -> str:
    """What the reader typed into a field."""
    return wish.query.get(name, "")[:MAX_SEARCH]


def _day(text: str) -> date | None:
    """A day as the browser's field gives it; anything else is no day."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2200 else None
