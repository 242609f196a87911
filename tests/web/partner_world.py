"""Bookings, terminals, agreements and invoices, told as facts and records; what partners say is hostile."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from web_world import CPO, EMSP, NOW, issue_cdr, keep, location, peer, started, station, tell, text

from elstrada.model import facts as f
from elstrada.model.agreement import Agreement, Asking, Bounds, PartnerTariff, Places, Silence, Which
from elstrada.model.booking import Booked, BookingState, CanceledReason, Cancellation, Period
from elstrada.model.ids import (
    PartyId,
    agreement_stream,
    bookings_stream,
    invoice_record_stream,
    terminal_stream,
)
from elstrada.model.party import Role
from elstrada.model.reconciliation import InvoiceRecord
from elstrada.model.terminal import InvoiceCreator, SessionPaid, Terminal, TerminalSession, TerminalState
from elstrada.model.terminal_payment import TapState, TerminalPayment
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, Spine, Work

PTP = PartyId("SE", "PTP")
HOSTILE = "<img src=x onerror=alert(1)>"


async def told(spine: Spine, stream: str, *facts: f.Fact) -> None:
    version = await spine.version(stream)
    await spine.commit(Work(appends=(Append(stream, version, facts),)))


def booked(id: str, state: BookingState, *, hours: int = 0, **said: object) -> f.BookingChanged:
    start = NOW + timedelta(hours=hours)
    common: dict[str, object] = {
        "id": id,
        "request_id": f"R{id}",
        "made_for": EMSP,
        "booking_location_id": "MORNING",
        "location_id": "L1",
        "evse_uid": "E-1",
        "period": Period(start, start + timedelta(hours=1)),
        "opens_at": start - timedelta(minutes=10),
        "no_show_at": start + timedelta(minutes=20),
        "authorization_reference": f"A{id}",
        "state": state,
        "made_at": NOW - timedelta(days=1),
        "last_updated": NOW,
    }
    return f.BookingChanged(Booked(**(common | said)))  # type: ignore[arg-type]


async def book(spine: Spine) -> None:
    """One that waits, one that led to a session and its CDR, one that its driver cancelled."""
    await keep(spine, location("L1", "Mariatorget", "Stockholm", "SWE"), station("ELS-001", "L1"))
    await tell(spine, "ELS-001", started("S1"))
    await issue_cdr(spine, "S1", ("L1", "Mariatorget", "Stockholm", "SWE"), delivered=True, session_id="S1")
    broken = Cancellation(CanceledReason.BROKEN_VEHICLE, "EMSP")
    await told(
        spine,
        bookings_stream(CPO, "L1"),
        booked("B1", BookingState.PENDING, hours=2, says=HOSTILE),
        booked("B2", BookingState.FULFILLED, hours=1, session_id="S1"),
        booked("B/3", BookingState.CANCELED, canceled=broken),
    )


async def set_up_terminals(spine: Spine) -> None:
    """One of ours as a provider, and one of a provider's as its CPO; somebody paid at each."""
    await keep(spine, location("L1", "Mariatorget", "Stockholm", "SWE"))
    await issue_cdr(spine, "S7", ("L1", "Mariatorget", "Stockholm", "SWE"), delivered=True)
    terminal = Terminal(
        terminal_id="Term/1",
        reference="SN-4711",
        city=HOSTILE,
        invoice_creator=InvoiceCreator.CPO,
        invoice_base_url="javascript:alert(1)",
        location_ids=("L1", "L9"),
        evse_uids=("E-7",),
        last_updated=NOW,
    )
    fact = f.TerminalChanged(terminal, TerminalState.ACTIVE, CPO, "tills")
    await told(spine, terminal_stream(CPO, PTP, "TERM/1"), fact)
    await told(spine, terminal_stream(PTP, PTP, "TERM/1"), fact)
    await keep(spine, ordered("SHORT", SessionPaid.SHORT), tapped("PAY1"))


def ordered(reference: str, state: SessionPaid) -> Put:
    session = TerminalSession(
        reference=reference,
        location_id="L1",
        evse_uid="E-7",
        currency="SEK",
        owed=Decimal("123.00"),
        taken=Decimal("99.50"),
        why=HOSTILE,
    )
    row = {
        "owner": str(CPO),
        "party": str(PTP),
        "reference": reference,
        "peer_id": "tills",
        "state": state.value,
        "session_id": None,
        "asked_at": NOW,
        "changed_at": NOW,
        "revision": 1,
        "document": text(session),
    }
    return Put(t.terminal_session, row)


def tapped(payment_id: str) -> Put:
    payment = TerminalPayment(
        payment_id=payment_id,
        terminal_id="Term/1",
        peer_id="network",
        cpo=CPO,
        location_id="L1",
        evse_uid="E-7",
        connector_id="1",
        amount=Decimal(500),
        currency="SEK",
        state=TapState.SETTLED,
        created_at=NOW,
        cdr_id="S7",
        owed=Decimal("123.00"),
        taken=Decimal("123.00"),
    )
    row = {
        "owner": str(PTP),
        "payment_id": payment_id,
        "terminal_id": "TERM/1",
        "state": payment.state.value,
        "created_at": NOW,
        "document": text(payment),
    }
    return Put(t.terminal_payment, row)


AGREED = Agreement(
    party=EMSP,
    sends=("locations", "sessions"),
    receives=(),
    places=Places(which=Which.EXCLUDED, locations=("L2",), countries=("ITA",)),
    tariffs=(PartnerTariff(tariff_id="T-NIGHT", location_id="L1", evse_uid="E-1"),),
    asking=Asking.ALWAYS,
    silence=Silence.REFUSE,
    bounds=Bounds(open_sessions=40, energy_wh=1_500_000, cost=Decimal("90000.50")),
    valid_from=NOW - timedelta(days=9),
    valid_to=NOW + timedelta(days=9),
)


async def agree(spine: Spine) -> None:
    """With one party of a partner, and with all others until that was ended; with another partner nothing."""
    await keep(spine, peer(CPO, "retailer", EMSP, Role.EMSP), peer(CPO, "nobody", PTP, Role.PTP))
    await told(
        spine,
        agreement_stream(CPO, "retailer"),
        f.AgreementMade("retailer", AGREED),
        f.AgreementMade("retailer", Agreement()),
        f.AgreementEnded("retailer", None, HOSTILE),
    )


async def invoice(spine: Spine) -> None:
    """One that we sent; of its CDRs we hold one, which it lists twice."""
    await issue_cdr(spine, "C1", ("L1", "Mariatorget", "Stockholm", "SWE"), delivered=True)
    record = InvoiceRecord(
        party=CPO, id="R/1", invoice_id=HOSTILE, cdrs=("C1", "C1", "NONE"), last_updated=NOW
    )
    stream = invoice_record_stream(CPO, CPO, "R/1")
    await told(spine, stream, f.InvoiceRecordIssued(record, EMSP), f.InvoiceRecordDelivered("retailer"))
