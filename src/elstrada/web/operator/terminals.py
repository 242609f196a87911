"""Payment terminals, at their provider and at the CPO whose drivers pay at them: the list, and the page of one."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from elstrada.model.terminal import SessionPaid, Terminal, TerminalSession, TerminalState, key_of
from elstrada.model.terminal_payment import TapState, TerminalPayment
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Spine, Where
from elstrada.web.operator.cdrs import standing_cdr
from elstrada.web.operator.listing import Part, part_of, place_names
from elstrada.web.operator.reading import owners_in

LATEST = 20
"""Payments, and sessions, on a terminal's page."""
MOST_PLACES = 200
"""Locations and EVSEs that it names."""
_ORDER = ("-made_at",)


class TerminalLine(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    """Our party that knows it: its provider, or the CPO."""
    provider: str
    terminal_id: str
    """As its provider writes it."""
    cpo: str
    peer_id: str
    state: TerminalState
    reference: str
    locations: int
    evses: int


class Terminals(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the list."""

    state: TerminalState | None
    """None: any."""
    part: Part[TerminalLine]
    states: tuple[TerminalState, ...] = tuple(TerminalState)
    """Among which one can choose."""


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """A payment at the terminal, or a session that its provider ordered."""

    reference: str
    """Of the authorization."""
    at: datetime
    evse_uid: str
    state: TapState | SessionPaid
    owed: Decimal | None
    """By the CDR, with taxes."""
    taken: Decimal | None
    currency: str | None
    holder: str
    """Of the CDR; with the next two."""
    cpo: str
    cdr_id: str
    """Empty: there is none yet."""
    why: str


class TerminalPage(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page of one terminal says."""

    line: TerminalLine
    customer_reference: str
    address: str
    invoice_creator: str
    """CPO or PTP; empty: it is not said."""
    invoice_base_url: str
    locations: tuple[str, ...]
    """Names of those where drivers may pay at it, or their ids."""
    evses: tuple[str, ...]
    last_updated: datetime
    payments: tuple[Paid, ...] | None
    """At it, the latest first; None: it is another provider's."""
    sessions: tuple[Paid, ...] | None
    """That its provider ordered of us, at whichever terminal, the latest first; None: it is ours."""


async def read_terminals(spine: Spine, state: str, after: str) -> Terminals:
    """The terminals in a state, the latest first.

    Args:
        state: any other word than a state's is none.

    Raises:
        NoPlace: ``after`` is no place in this list.
    """
    wanted = TerminalState(state) if state in set(TerminalState) else None
    own: Where = {} if wanted is None else {"state": wanted.value}
    wheres = [{"owner": owner, **own} for owner in await owners_in(spine, t.terminal)]
    part = await part_of(spine, t.terminal, wheres, _ORDER, after)
    return Terminals(state=wanted, part=part.of(lambda row: _line(row, _document(row))))


async def read_terminal(spine: Spine, owner: str, provider: str, terminal_id: str) -> TerminalPage | None:
    """One terminal; None if our party knows none of that provider and id."""
    row = await spine.get(t.terminal, owner=owner, party=provider, terminal_id=key_of(terminal_id))
    if row is None:
        return None
    terminal = _document(row)
    places = [(owner, str(row["cpo"]), id) for id in terminal.location_ids[:MOST_PLACES]]
    names, own = await place_names(spine, places), owner == provider
    return TerminalPage(
        line=_line(row, terminal),
        customer_reference=terminal.customer_reference or "",
        address=", ".join(
            part for part in (terminal.address, terminal.postal_code, terminal.city, terminal.country) if part
        ),
        invoice_creator="" if terminal.invoice_creator is None else terminal.invoice_creator.value,
        invoice_base_url=terminal.invoice_base_url or "",
        locations=tuple(names.get(place, place[-1]) for place in places),
        evses=terminal.evse_uids[:MOST_PLACES],
        last_updated=terminal.last_updated,
        payments=await _payments(spine, owner, str(row["terminal_id"])) if own else None,
        sessions=None if own else await _sessions(spine, owner, str(row["peer_id"]), provider),
    )


async def _payments(spine: Spine, owner: str, terminal_key: str) -> tuple[Paid, ...]:
    where: Where = {"owner": owner, "terminal_id": terminal_key}
    rows = await spine.find(t.terminal_payment, where, order=("-created_at",), limit=LATEST)
    return tuple(_payment(owner, row) for row in rows)


def _payment(owner: str, row: Row) -> Paid:
    payment = msgspec.json.decode(str(row["document"]), type=TerminalPayment)
    return Paid(
        reference=payment.payment_id,
        at=payment.created_at,
        evse_uid=payment.evse_uid,
        state=payment.state,
        owed=payment.owed,
        taken=payment.taken,
        currency=payment.currency,
        holder=owner,
        cpo=str(payment.cpo),
        cdr_id=payment.cdr_id,
        why=payment.why,
    )


async def _sessions(spine: Spine, owner: str, peer_id: str, provider: str) -> tuple[Paid, ...]:
    where: Where = {"owner": owner, "peer_id": peer_id}
    rows = await spine.find(t.terminal_session, where, order=("-asked_at",), limit=LATEST)
    ids = [str(row["session_id"] or "") for row in rows]
    cdrs = [await standing_cdr(spine, owner, session_id) for session_id in ids]
    return tuple(
        _session(owner, row, cdr_id)
        for row, cdr_id in zip(rows, cdrs, strict=True)
        if row["party"] == provider
    )


def _session(owner: str, row: Row, cdr_id: str) -> Paid:
    session = msgspec.json.decode(str(row["document"]), type=TerminalSession)
    return Paid(
        reference=session.reference,
        at=msgspec.convert(row["asked_at"], datetime),
        evse_uid=session.evse_uid,
        state=SessionPaid(str(row["state"])),
        owed=session.owed,
        taken=session.taken,
        currency=session.currency,
        holder=owner,
        cpo=owner,
        cdr_id=cdr_id,
        why=session.why,
    )


def _document(row: Row) -> Terminal:
    return msgspec.json.decode(str(row["document"]), type=Terminal)


def _line(row: Row, terminal: Terminal) -> TerminalLine:
    return TerminalLine(
        owner=str(row["owner"]),
        provider=str(row["party"]),
        terminal_id=terminal.terminal_id,
        cpo=str(row["cpo"]),
        peer_id=str(row["peer_id"]),
        state=TerminalState(str(row["state"])),
        reference=terminal.reference or "",
        locations=len(terminal.location_ids),
        evses=len(terminal.evse_uids),
    )
