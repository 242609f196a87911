"""Verbs on payment terminals: at their provider, and at the CPO whose drivers pay at them (OCPI 2.3.0 payments)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from elstrada.model.ids import PartyId
from elstrada.model.party import Party, Peer, PeerState, Role
from elstrada.model.terminal import InvoiceCreator, Terminal, TerminalState, key_of
from elstrada.ocpi.client import Outcome, Received, Silent, describe
from elstrada.roaming.news import Kind as News
from elstrada.roles.desk import terminal_money
from elstrada.roles.desk.face import Desk, Kind, Part, Refused, Verb
from elstrada.roles.desk.lookups import needed, own_party, party_id, plain_id
from elstrada.roles.desk.paging import After, Page, owners, page_of
from elstrada.roles.desk.shapes import Count, Text36
from elstrada.roles.roaming.marks import mark
from elstrada.roles.roaming.terminal_book import Known, known_of, known_terminal, write_terminal
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Where, Work

_Cpo = Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")]
_Partner = Annotated[str, Meta(description="Our name for the connection; see `elstrada partner list`.")]
_Terminal = Annotated[Text36, Meta(description="Its id; see `elstrada terminal list`.")]
_Provider = Annotated[
    str | None, Meta(description="The provider, like SE*PTP; needed only if two have a terminal of this id.")
]
_Locations = Annotated[
    tuple[Text36, ...], Meta(description="Locations with all their EVSEs; repeatable.", max_length=1000)
]
_Evses = Annotated[
    tuple[Text36, ...], Meta(description="EVSEs, by their uids, beside those; repeatable.", max_length=1000)
]
_Url = Annotated[str, Meta(max_length=255, pattern=r"^https?://[^\s]+$")]
_Text45 = Annotated[str, Meta(max_length=45)]
_Text10 = Annotated[str, Meta(max_length=10)]
_Country = Annotated[str, Meta(pattern="^[A-Z]{3}$")]
_HINT = "see `elstrada terminal list`"
_MOST_PEERS = 10_000


class ListTerminals(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    state: Annotated[TerminalState | None, Meta(description="Only those in this state.")] = None
    partner: Annotated[str | None, Meta(description="Only those shared with this connection.")] = None
    party: Annotated[str | None, Meta(description="Only those that this party of ours knows.")] = None
    limit: Annotated[Count, Meta(description="Most lines, the latest first.")] = 100
    after: After = None


class AddTerminal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    terminal: Annotated[Text36, Meta(description="An id of its own among all our terminals.")]
    partner: _Partner
    cpo: Annotated[
        str | None, Meta(description="Whose drivers pay at it; needed only if the partner has several CPOs.")
    ] = None
    reference: Annotated[
        Text36 | None, Meta(description="By which the CPO activates it, such as its serial number.")
    ] = None
    customer_reference: Annotated[Text36 | None, Meta(description="The CPO's, as our customer.")] = None
    invoice_creator: Annotated[
        InvoiceCreator | None, Meta(description="Who writes the drivers' invoices.")
    ] = None
    invoice_base_url: Annotated[_Url | None, Meta(description="Where the CPO's invoices are.")] = None
    active: Annotated[bool, Meta(description="It works at once; by default the CPO activates it first.")] = (
        False
    )
    party: Annotated[
        str | None, Meta(description="Our payment terminal provider; needed only if there are several.")
    ] = None


class AssignTerminal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    terminal: _Terminal
    locations: _Locations = ()
    evses: _Evses = ()
    provider: _Provider = None
    party: _Cpo = None


class PutTerminal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    terminal: _Terminal
    customer_reference: Annotated[Text36 | None, Meta(description="By which the provider knows us.")] = None
    invoice_creator: Annotated[
        InvoiceCreator | None, Meta(description="Who writes the drivers' invoices.")
    ] = None
    invoice_base_url: Annotated[_Url | None, Meta(description="Where our invoices are.")] = None
    address: Annotated[_Text45 | None, Meta(description="Street and number.")] = None
    city: Annotated[_Text45 | None, Meta(description="City or town.")] = None
    postal_code: Annotated[_Text10 | None, Meta(description="Postal code.")] = None
    country: Annotated[_Country | None, Meta(description="ISO 3166-1 alpha-3.")] = None
    provider: _Provider = None
    party: _Cpo = None


class ActivateTerminal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    partner: _Partner
    terminal: Annotated[Text36 | None, Meta(description="Its id, if that is known.")] = None
    reference: Annotated[
        Text36 | None, Meta(description="The provider's reference, such as a serial number.")
    ] = None
    locations: _Locations = ()
    evses: _Evses = ()
    provider: Annotated[
        str | None, Meta(description="The provider; needed only if the partner is several.")
    ] = None
    party: _Cpo = None


class DeactivateTerminal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    terminal: _Terminal
    provider: _Provider = None
    party: _Cpo = None


class TerminalLine(msgspec.Struct, frozen=True, kw_only=True):
    terminal: str
    provider: str
    cpo: str
    partner: str
    state: TerminalState
    reference: str | None
    locations: tuple[str, ...]
    evses: tuple[str, ...]
    customer_reference: str | None
    invoice_creator: InvoiceCreator | None
    invoice_base_url: str | None
    last_updated: datetime


class Activation(msgspec.Struct, frozen=True, kw_only=True):
    partner: str
    provider: str
    terminal: str | None
    reference: str | None


# --- both -----------------------------------------------------------------------------------------------


async def list_terminals(desk: Desk, params: ListTerminals) -> Page[TerminalLine]:
    where: Where = {}
    if params.state is not None:
        where = {**where, "state": params.state.value}
    if params.partner is not None:
        where = {**where, "peer_id": params.partner}
    wheres: list[Where] = [{"owner": owner, **where} for owner in await owners(desk, params.party)]
    order = ("-made_at",)
    rows = await page_of(desk, t.terminal, wheres, order, limit=params.limit, after=params.after)
    return rows.lines(lambda row: _line(known_of(row)))


# --- at the provider ------------------------------------------------------------------------------------


async def add_terminal(desk: Desk, params: AddTerminal) -> TerminalLine:
    """Have a terminal for a CPO: at work and told of at once, or waiting for its activation."""
    own = await own_party(desk, params.party, Role.PTP)
    _must_be(own, Role.PTP)
    terminal_id = plain_id(params.terminal, what="a terminal's id", pointer="/terminal")
    peer = await _peer(desk, own.id, params.partner)
    cpo = _one(_parties(peer, Role.CPO), params.cpo, params.partner, "CPO", "/cpo")
    if await known_terminal(desk.spine, own.id, own.id, terminal_id) is not None:
        raise Refused(Kind.CONFLICT, f"terminal {terminal_id} is known already", _HINT, "/terminal")
    if not params.active and params.reference is None:
        says = "a terminal that waits for its activation has a reference for it"
        raise Refused(Kind.USAGE, says, "add --reference, or --active", "/reference")
    if params.reference is not None:
        where = {"owner": str(own.id), "reference": key_of(params.reference)}
        if await desk.spine.find(t.terminal, where, limit=1):
            says = f"another terminal has the reference {params.reference}"
            raise Refused(Kind.CONFLICT, says, _HINT, "/reference")
    now = desk.clock.now()
    terminal = Terminal(
        terminal_id=terminal_id,
        reference=params.reference,
        customer_reference=params.customer_reference,
        invoice_creator=params.invoice_creator,
        invoice_base_url=params.invoice_base_url,
        last_updated=now,
    )
    state = TerminalState.ACTIVE if params.active else TerminalState.READY
    known = Known(own.id, terminal, state, cpo, peer.id)
    position = await desk.spine.commit(Work())
    told = (mark(peer, News.TERMINAL, terminal_id, position=position, now=now),) if params.active else ()
    await write_terminal(desk.spine, own.id, known, *told)
    return _line(known)


# --- at the CPO -----------------------------------------------------------------------------------------


async def assign_terminal(desk: Desk, params: AssignTerminal) -> TerminalLine:
    """Let drivers pay at a terminal for these locations and EVSEs, and no others."""
    assert desk.terminals is not None, "the table says that this verb needs the terminals"
    own, known, peer = await _providers(desk, params.party, params.terminal, params.provider)
    await _ours(desk, own.id, params.locations, params.evses)
    terminal = replace(
        known.terminal,
        location_ids=params.locations,
        evse_uids=params.evses,
        last_updated=max(desk.clock.now(), known.terminal.last_updated),
    )
    _must_be_taken(peer, "PATCH", await desk.terminals.assign(peer, known, terminal))
    return _line(replace(known, terminal=terminal))


async def put_terminal(desk: Desk, params: PutTerminal) -> TerminalLine:
    """Tell a provider what is to be known of its terminal; what is not given stays as it is."""
    assert desk.terminals is not None, "the table says that this verb needs the terminals"
    _, known, peer = await _providers(desk, params.party, params.terminal, params.provider)
    names = ("customer_reference", "invoice_creator", "invoice_base_url", "address", "city")
    names = (*names, "postal_code", "country")
    said = {name: value for name in names if (value := getattr(params, name)) is not None}
    if not said:
        raise Refused(Kind.USAGE, "there is nothing to change", "say what, like --invoice-creator CPO")
    now = max(desk.clock.now(), known.terminal.last_updated)
    terminal = replace(known.terminal, last_updated=now, **said)
    _must_be_taken(peer, "PUT", await desk.terminals.put(peer, known, terminal))
    return _line(replace(known, terminal=terminal))


async def activate_terminal(desk: Desk, params: ActivateTerminal) -> Activation:
    """Have a provider set a terminal to work; it then tells us of it."""
    assert desk.terminals is not None, "the table says that this verb needs the terminals"
    own = await own_party(desk, params.party, Role.CPO)
    if params.terminal is None and params.reference is None:
        raise Refused(Kind.USAGE, "which terminal?", "name it with --terminal or --reference", "/terminal")
    peer = await _peer(desk, own.id, params.partner)
    ptp = _one(_parties(peer, Role.PTP), params.provider, params.partner, "provider", "/provider")
    await _ours(desk, own.id, params.locations, params.evses)
    wanted = Terminal(
        terminal_id=params.terminal or "",
        reference=params.reference,
        location_ids=params.locations,
        evse_uids=params.evses,
        last_updated=desk.clock.now(),
    )
    _must_be_taken(peer, "the activation", await desk.terminals.activate(peer, ptp, wanted))
    return Activation(
        partner=peer.id, provider=str(ptp), terminal=params.terminal, reference=params.reference
    )


async def deactivate_terminal(desk: Desk, params: DeactivateTerminal) -> TerminalLine:
    """Have a provider let nobody pay at a terminal any more."""
    assert desk.terminals is not None, "the table says that this verb needs the terminals"
    own, known, peer = await _providers(desk, params.party, params.terminal, params.provider)
    _must_be_taken(peer, "the deactivation", await desk.terminals.deactivate(peer, known))
    now = await known_terminal(desk.spine, own.id, known.party, params.terminal)
    return _line(now or known)


# --- below ----------------------------------------------------------------------------------------------


async def _providers(
    desk: Desk, party: str | None, terminal_id: str, provider: str | None
) -> tuple[Party, Known, Peer]:
    """A provider's terminal that our CPO knows, and the provider."""
    own = await own_party(desk, party, Role.CPO)
    if provider is not None:
        parties = {party_id(provider, pointer="/provider")}
    else:
        where = {"owner": str(own.id), "state": PeerState.ACTIVE.value}
        rows = await desk.spine.find(t.peer, where, limit=_MOST_PEERS)
        parties = {one for row in rows for one in _parties(_peer_of(row), Role.PTP)}
    found = [await known_terminal(desk.spine, own.id, one, terminal_id) for one in sorted(parties)]
    terminals = [one for one in found if one is not None]
    if not terminals:
        says = f"there is no terminal {terminal_id!r} of a provider's that {own.id} knows"
        raise Refused(Kind.MISSING, says, _HINT, "/terminal")
    if len(terminals) > 1:
        says = f"several providers have a terminal {terminal_id!r}"
        raise Refused(Kind.USAGE, says, "say whose with --provider", "/provider")
    return own, terminals[0], await _peer(desk, own.id, terminals[0].peer_id)


async def _peer(desk: Desk, owner: PartyId, name: str) -> Peer:
    hint = "see `elstrada partner list`"
    row = await needed(
        desk, t.peer, f"partner {name[:40]!r} of {owner}", hint, owner=str(owner), peer_id=name
    )
    peer = _peer_of(row)
    if peer.state is not PeerState.ACTIVE:
        raise Refused(Kind.CONFLICT, f"partner {name} is {peer.state.value}", hint, "/partner")
    return peer


def _peer_of(row: Row) -> Peer:
    return msgspec.json.decode(str(row["document"]), type=Peer)


def _parties(peer: Peer, role: Role) -> list[PartyId]:
    return sorted({one.party for one in peer.roles if one.role is role})


def _one(found: Sequence[PartyId], named: str | None, partner: str, what: str, pointer: str) -> PartyId:
    fits = [one for one in found if named is None or one == party_id(named, pointer=pointer)]
    if len(fits) != 1:
        says = f"{partner} has {len(fits)} such parties as a {what}; expected one"
        hint = f"say which with --{pointer[1:]}; see `elstrada partner list`"
        raise Refused(Kind.USAGE, says, hint, pointer)
    return fits[0]


async def _ours(desk: Desk, owner: PartyId, locations: Sequence[str], evses: Sequence[str]) -> None:
    """Are these our locations, and EVSEs of ours?"""
    for index, location_id in enumerate(locations):
        key = {"owner": str(owner), "party": str(owner), "location_id": location_id}
        if await desk.spine.get(t.location, **key) is None:
            says = f"there is no location {location_id} of {owner}"
            raise Refused(Kind.MISSING, says, "see `elstrada location list`", f"/locations/{index}")
    if not evses:
        return
    wanted = set(evses)
    where = {"owner": str(owner)}
    for row in await desk.spine.find(t.station, where, limit=100_000):
        wanted -= terminal_money.evses_of(row)
    if wanted:
        says = f"no station of {owner} is placed at an EVSE {min(wanted)}"
        raise Refused(Kind.MISSING, says, "see `elstrada station list`", "/evses")


def _must_be(own: Party, role: Role) -> None:
    if role not in own.roles:
        says = f"{own.id} is no {role.value}"
        raise Refused(Kind.CONFLICT, says, f"give it the role with `elstrada party put --roles {role.value}`")


def _must_be_taken(peer: Peer, what: str, outcome: Outcome) -> None:
    if not isinstance(outcome, Received):
        kind = Kind.UNREACHABLE if isinstance(outcome, Silent) else Kind.REFUSED
        hint = "nothing is changed here; see whether the partner is up" if kind is Kind.UNREACHABLE else _HINT
        raise Refused(kind, f"{peer.id} did not take {what}: {describe(outcome)}", hint)


def _line(known: Known) -> TerminalLine:
    terminal = known.terminal
    return TerminalLine(
        terminal=terminal.terminal_id,
        provider=str(known.party),
        cpo=str(known.cpo),
        partner=known.peer_id,
        state=known.state,
        reference=terminal.reference,
        locations=terminal.location_ids,
        evses=terminal.evse_uids,
        customer_reference=terminal.customer_reference,
        invoice_creator=terminal.invoice_creator,
        invoice_base_url=terminal.invoice_base_url,
        last_updated=terminal.last_updated,
    )


VERBS = (
    Verb(
        "terminal list",
        "List payment terminals: partners', or our own.",
        ListTerminals,
        tuple[TerminalLine, ...],
        list_terminals,
        reads=True,
    ),
    Verb("terminal add", "Have a payment terminal for a CPO.", AddTerminal, TerminalLine, add_terminal),
    Verb(
        "terminal assign",
        "Let drivers pay at a terminal for these locations and EVSEs.",
        AssignTerminal,
        TerminalLine,
        assign_terminal,
        Part.TERMINALS,
    ),
    Verb(
        "terminal put",
        "Tell a provider what is to be known of its terminal.",
        PutTerminal,
        TerminalLine,
        put_terminal,
        Part.TERMINALS,
    ),
    Verb(
        "terminal activate",
        "Have a provider set a terminal to work.",
        ActivateTerminal,
        Activation,
        activate_terminal,
        Part.TERMINALS,
        look="terminal list",
    ),
    Verb(
        "terminal deactivate",
        "Have a provider let nobody pay at a terminal.",
        DeactivateTerminal,
        TerminalLine,
        deactivate_terminal,
        Part.TERMINALS,
    ),
    *terminal_money.VERBS,
)
