"""Payment terminals: ours for the CPO they are meant for, a provider's for us to keep (OCPI 2.3.0 payments)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import replace

from elstrada.model.party import Role
from elstrada.model.terminal import Terminal, TerminalState, key_of
from elstrada.ocpi.body import Object
from elstrada.ocpi.codes import Why
from elstrada.ocpi.language import Noun
from elstrada.ocpi.patch import is_older, patch_time
from elstrada.ocpi.scalars import Instant, same
from elstrada.ocpi.server import Done, Found, Listing, Refusal, Result, body_of
from elstrada.ocpi.v230 import payments as wire
from elstrada.roaming.news import Kind
from elstrada.roles.roaming.marks import mark
from elstrada.roles.roaming.serving.advices import BUSY
from elstrada.roles.roaming.serving.pages import page
from elstrada.roles.roaming.serving.visit import NOT_HERE, Handler, Visit, any_of
from elstrada.roles.roaming.terminal_book import (
    Kept,
    Known,
    checked_id,
    keep_terminal,
    known_of,
    known_terminal,
    write_terminal,
)
from elstrada.spine import tables as t
from elstrada.spine.face import StreamMoved, Where, Work

_Changed = Callable[[Known], Terminal]
_Told = TypeVar("_Told", bound=wire.Terminal)
ANOTHERS = "country_code and party_id: the terminal is for another CPO"
_TRIES = 5
_MOST_ASSIGNED = 10_000
"""Locations or EVSEs of one terminal."""


def _words(visit: Visit) -> Noun[Terminal]:
    words = visit.words.terminal
    assert words is not None, f"{visit.version} has no payments"
    return words


# --- ours (sender, as PTP) ----------------------------------------------------------------------------


async def list_terminals(visit: Visit) -> Result:
    """A page of the terminals that are meant for the caller, in the order we got them."""
    where: Where = {
        "owner": visit.owner,
        "party": visit.owner,
        "cpo": any_of(visit.parties(Role.CPO)),
        "updated_at": visit.between(),
    }
    found = await page(visit, t.terminal, where, "cpo", ("made_at",))
    if isinstance(found, Refusal):
        return found
    items = tuple(_words(visit).write(known_of(row).terminal).value for row in found.rows)
    return Listing(items, f"{visit.list_url}/terminals", found.total, found.place)


async def show_terminal(visit: Visit) -> Result:
    known = await _callers(visit)
    return NOT_HERE if known is None else Found(_words(visit).write(known.terminal).value)


async def put_terminal(visit: Visit) -> Result:
    """The CPO tells where a terminal is, and for what. Its id and the provider's reference stay ours."""
    told = body_of(visit.call, wire.Terminal)
    named = visit.call.path["terminal_id"]
    if told.terminal_id is not None and not same(told.terminal_id, named):
        return Refusal(Why.INVALID, "terminal_id of the path and of the body differ")
    dated = _dated(visit, replace(told, terminal_id=named))
    return await _change(visit, lambda known: _words(visit).read(dated).value)


async def patch_terminal(visit: Visit) -> Result:
    """The CPO assigns locations and EVSEs, or some other fields.

    The standard's own sample of it has no date: then it is that of its arrival.
    """
    patch = visit.call.patch
    if "terminal_id" in patch and not same(str(patch["terminal_id"]), visit.call.path["terminal_id"]):
        return Refusal(Why.INVALID, "terminal_id of the path and of the body differ")
    dated: Object = {"last_updated": str(Instant(visit.means.clock.now()))} | patch
    patch_time(dated)
    fields = {name: value for name, value in dated.items() if name != "terminal_id"}
    return await _change(visit, lambda known: _words(visit).patched(known.terminal, fields))


async def activate_terminal(visit: Visit) -> Result:
    """The CPO wants a terminal to work that is meant for it, which it names by its id or by our reference."""
    told = _dated(visit, body_of(visit.call, wire.TerminalActivation))
    for _ in range(_TRIES):
        known = await _named(visit, told)
        if known is None:
            return NOT_HERE
        fields = _words(visit).read(replace(told, terminal_id=known.terminal.terminal_id)).value
        now = visit.means.clock.now()
        terminal = _kept_own(_merged(known.terminal, fields), known.terminal)
        terminal = replace(terminal, last_updated=max(now, known.terminal.last_updated))
        active = replace(known, terminal=terminal, state=TerminalState.ACTIVE, peer_id=visit.peer.id)
        position = await visit.means.spine.commit(Work())
        # "The PTP should start the creation process by creating a Terminal object on the CPO side."
        told_back = mark(visit.peer, Kind.TERMINAL, terminal.terminal_id, position=position, now=now)
        try:
            await write_terminal(visit.means.spine, visit.own.id, active, told_back)
        except StreamMoved:
            continue
        return Done()
    return Refusal(Why.BUSY, BUSY)


async def deactivate_terminal(visit: Visit) -> Result:
    for _ in range(_TRIES):
        known = await _callers(visit)
        if known is None:
            return NOT_HERE
        if known.state is TerminalState.INACTIVE:
            return Done()
        terminal = replace(
            known.terminal, last_updated=max(visit.means.clock.now(), known.terminal.last_updated)
        )
        off = replace(known, terminal=terminal, state=TerminalState.INACTIVE)
        try:
            await write_terminal(visit.means.spine, visit.own.id, off)
        except StreamMoved:
            continue
        return Done()
    return Refusal(Why.BUSY, BUSY)


async def _change(visit: Visit, changed: _Changed) -> Result:
    for _ in range(_TRIES):
        known = await _callers(visit)
        if known is None:
            return NOT_HERE
        terminal = _kept_own(changed(known), known.terminal)
        if terminal.party not in (None, known.cpo):
            return Refusal(Why.INVALID, ANOTHERS)
        if max(len(terminal.location_ids), len(terminal.evse_uids)) > _MOST_ASSIGNED:
            return Refusal(Why.INVALID, f"location_ids, evse_uids: expected at most {_MOST_ASSIGNED}")
        now, before = visit.means.clock.now(), known.terminal.last_updated
        if terminal == known.terminal or is_older(terminal.last_updated, before, now):
            return Done()  # We know it, or better, already.
        try:
            await write_terminal(visit.means.spine, visit.own.id, replace(known, terminal=terminal))
        except StreamMoved:
            continue
        return Done()
    return Refusal(Why.BUSY, BUSY)


async def _callers(visit: Visit) -> Known | None:
    """The terminal of the path, if it is meant for the caller."""
    spine, own = visit.means.spine, visit.own.id
    known = await known_terminal(spine, own, own, visit.call.path["terminal_id"])
    return known if known is not None and known.cpo in visit.parties(Role.CPO) else None


async def _named(visit: Visit, told: wire.TerminalActivation) -> Known | None:
    """The terminal that an activation means, if it is meant for the caller."""
    spine, own = visit.means.spine, visit.own.id
    theirs = visit.parties(Role.CPO)
    if told.terminal_id:
        known = await known_terminal(spine, own, own, told.terminal_id)
        if known is not None:
            return known if known.cpo in theirs else None
    if not told.reference:
        return None
    where: Where = {"owner": visit.owner, "reference": key_of(told.reference)}
    rows = await spine.find(t.terminal, where, limit=_TRIES)
    found = [known for known in map(known_of, rows) if known.party == own and known.cpo in theirs]
    return found[0] if len(found) == 1 else None


def _merged(known: Terminal, told: Terminal) -> Terminal:
    """What an activation says of a terminal, over what we know."""
    said = {
        name: value
        for name in told.__struct_fields__
        if (value := getattr(told, name)) not in (None, ()) and name != "last_updated"
    }
    return replace(known, **said)


def _kept_own(terminal: Terminal, known: Terminal) -> Terminal:
    """What a provider itself says of its terminal no CPO changes."""
    return replace(terminal, terminal_id=known.terminal_id, reference=known.reference)


def _dated(visit: Visit, told: _Told) -> _Told:
    """Some of the standard's samples have no date: theirs is that of their arrival."""
    if told.last_updated is not None:
        return told
    return replace(told, last_updated=Instant(visit.means.clock.now()))


# --- a provider's (receiver, as CPO) ------------------------------------------------------------------


async def post_terminal(visit: Visit) -> Result:
    """Keep a provider's terminal. One that is known already, and not changed since, is a success as well."""
    ptp = visit.caller(Role.PTP)
    if ptp is None:
        return NOT_HERE
    told = body_of(visit.call, wire.Terminal)
    terminal = _words(visit).read(_dated(visit, told)).value
    checked_id("terminal_id", terminal.terminal_id)
    if told.last_updated is None:
        known = await known_terminal(visit.means.spine, visit.own.id, ptp, terminal.terminal_id)
        if known is not None:
            return Done()  # Whether it is news nobody can tell.
    match await keep_terminal(visit.means, visit.peer, ptp, terminal):
        case Kept.FOREIGN:
            return Refusal(Why.INVALID, ANOTHERS)
        case Kept.FULL:
            return Refusal(Why.REFUSED, "no more terminals are taken")
        case Kept.BUSY:
            return Refusal(Why.BUSY, BUSY)
        case kept:
            return Done(created=kept is Kept.NEW)


async def get_terminal(visit: Visit) -> Result:
    ptp = visit.caller(Role.PTP)
    if ptp is None:
        return NOT_HERE
    known = await known_terminal(visit.means.spine, visit.own.id, ptp, visit.call.path["terminal_id"])
    return NOT_HERE if known is None else Found(_words(visit).write(known.terminal).value)


HANDLERS: dict[str, Handler] = {
    "list_terminals": list_terminals,
    "show_terminal": show_terminal,
    "put_terminal": put_terminal,
    "patch_terminal": patch_terminal,
    "activate_terminal": activate_terminal,
    "deactivate_terminal": deactivate_terminal,
    "post_terminal": post_terminal,
    "get_terminal": get_terminal,
}
