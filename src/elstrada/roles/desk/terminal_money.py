"""Verbs on money at payment terminals: what sessions of ours were paid, and what drivers paid at our terminals."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.device import Station
from elstrada.model.party import Role
from elstrada.model.terminal import InvoiceCreator, SessionPaid, TerminalSession, key_of
from elstrada.model.terminal_payment import TapState, TerminalPayment
from elstrada.pay.face import ProviderAway
from elstrada.roles.desk.face import Desk, Kind, Part, Refused, Verb
from elstrada.roles.desk.lookups import own_party
from elstrada.roles.desk.paging import After, Page, page_of
from elstrada.roles.desk.shapes import Count, Text36
from elstrada.roles.payments.taps import Card, NoTap, Tap
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Where

_Own = Annotated[
    str | None, Meta(description="Our payment terminal provider; needed only if there are several.")
]


class ListSessions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    state: Annotated[
        SessionPaid | None, Meta(description="Only those in this state, like UNPAID or SHORT.")
    ] = None
    partner: Annotated[str | None, Meta(description="Only those that this partner ordered.")] = None
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    limit: Annotated[Count, Meta(description="Most lines, the latest first.")] = 100
    after: After = None


class PaidSession(msgspec.Struct, frozen=True, kw_only=True):
    reference: str
    """authorization_reference of session and CDR."""
    session_id: str | None
    """None: none has begun yet."""
    provider: str
    partner: str
    state: SessionPaid
    location_id: str
    evse_uid: str
    preauthorized: Decimal | None
    owed: Decimal | None
    """By the CDR, with taxes."""
    taken: Decimal | None
    """By what the provider says."""
    currency: str | None
    invoice_creator: InvoiceCreator | None
    invoice_url: str | None
    """Where its driver finds our invoice."""
    why: str
    asked_at: datetime
    changed_at: datetime


class ListTaps(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    state: Annotated[TapState | None, Meta(description="Only those in this state.")] = None
    terminal: Annotated[str | None, Meta(description="Only those at this terminal.")] = None
    party: _Own = None
    limit: Annotated[Count, Meta(description="Most lines, the latest first.")] = 100
    after: After = None


class TapAt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    terminal: Annotated[Text36, Meta(description="Its id; see `elstrada terminal list`.")]
    location: Annotated[Text36, Meta(description="Id of the CPO's location.")]
    evse: Annotated[Text36, Meta(description="Uid of one of its EVSEs.")]
    connector: Annotated[Text36 | None, Meta(description="Its id; by default the EVSE's first.")] = None
    card: Annotated[Card, Meta(description="How the card turns out.")] = Card.GOOD
    party: _Own = None


class TapLine(msgspec.Struct, frozen=True, kw_only=True):
    payment_id: str
    """authorization_reference of session and CDR."""
    terminal: str
    cpo: str
    location_id: str
    evse_uid: str
    state: TapState
    amount: Decimal
    """Reserved."""
    owed: Decimal | None
    taken: Decimal | None
    currency: str
    session_id: str
    cdr_id: str
    invoice_url: str
    why: str
    created_at: datetime


async def list_sessions(desk: Desk, params: ListSessions) -> Page[PaidSession]:
    where: Where = {"owner": str((await own_party(desk, params.party, Role.CPO)).id)}
    if params.state is not None:
        where = {**where, "state": params.state.value}
    if params.partner is not None:
        where = {**where, "peer_id": params.partner}
    order = ("-asked_at",)
    rows = await page_of(desk, t.terminal_session, [where], order, limit=params.limit, after=params.after)
    return rows.lines(_session)


async def list_taps(desk: Desk, params: ListTaps) -> Page[TapLine]:
    where: Where = {"owner": str((await own_party(desk, params.party, Role.PTP)).id)}
    if params.state is not None:
        where = {**where, "state": params.state.value}
    if params.terminal is not None:
        where = {**where, "terminal_id": key_of(params.terminal)}
    order = ("-created_at",)
    rows = await page_of(desk, t.terminal_payment, [where], order, limit=params.limit, after=params.after)
    return rows.lines(lambda row: _tap(msgspec.json.decode(str(row["document"]), type=TerminalPayment)))


async def tap_terminal(desk: Desk, params: TapAt) -> TapLine:
    """Play a driver at a terminal of ours, with the development provider."""
    own = await own_party(desk, params.party, Role.PTP)
    if desk.taps is None:
        says = "there is no payment provider to reserve money with"
        raise Refused(Kind.CONFLICT, says, "name one in web_payments.provider, and start the server again")
    tap = Tap(
        terminal_id=params.terminal,
        location_id=params.location,
        evse_uid=params.evse,
        connector_id=params.connector,
        card=params.card,
    )
    try:
        return _tap(await desk.taps.tap(own, tap))
    except NoTap as problem:
        raise Refused(Kind.CONFLICT, str(problem), problem.hint, problem.pointer) from None
    except ProviderAway as away:
        says = f"the payment provider cannot be reached: {away}"
        raise Refused(Kind.UNREACHABLE, says, "see `elstrada terminal payments`") from None


def evses_of(row: Row) -> set[str]:
    """The EVSEs at which a station is placed."""
    station = msgspec.json.decode(str(row["document"]), type=Station)
    return {place.evse_uid for place in station.places}


def _session(row: Row) -> PaidSession:
    one = msgspec.json.decode(str(row["document"]), type=TerminalSession)
    asked_at, changed_at = row["asked_at"], row["changed_at"]
    assert isinstance(asked_at, datetime)
    assert isinstance(changed_at, datetime)
    session_id = row["session_id"]
    return PaidSession(
        reference=one.reference,
        session_id=None if session_id is None else str(session_id),
        provider=str(row["party"]),
        partner=str(row["peer_id"]),
        state=SessionPaid(str(row["state"])),
        location_id=one.location_id,
        evse_uid=one.evse_uid,
        preauthorized=one.preauthorized,
        owed=one.owed,
        taken=one.taken,
        currency=one.currency,
        invoice_creator=one.invoice_creator,
        invoice_url=one.invoice_url,
        why=one.why,
        asked_at=asked_at,
        changed_at=changed_at,
    )


def _tap(one: TerminalPayment) -> TapLine:
    return TapLine(
        payment_id=one.payment_id,
        terminal=one.terminal_id,
        cpo=str(one.cpo),
        location_id=one.location_id,
        evse_uid=one.evse_uid,
        state=one.state,
        amount=one.amount,
        owed=one.owed,
        taken=one.taken,
        currency=one.currency,
        session_id=one.session_id,
        cdr_id=one.cdr_id,
        invoice_url=one.invoice_url,
        why=one.why,
        created_at=one.created_at,
    )


VERBS = (
    Verb(
        "terminal sessions",
        "List sessions that drivers paid at partners' terminals, or did not.",
        ListSessions,
        tuple[PaidSession, ...],
        list_sessions,
        reads=True,
    ),
    Verb(
        "terminal payments",
        "List what drivers paid at our terminals.",
        ListTaps,
        tuple[TapLine, ...],
        list_taps,
        reads=True,
    ),
    Verb(
        "terminal tap",
        "Play a driver at a terminal of ours, for development.",
        TapAt,
        TapLine,
        tap_terminal,
        Part.TERMINALS,
        look="terminal payments",
    ),
)
