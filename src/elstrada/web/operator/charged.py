"""CDRs and bill lines as lists tell of them: rows in, what the page says out. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from elstrada.model.cdr import CdrState
from elstrada.web.operator.places import place_name
from elstrada.web.operator.rows import BillLineDocument, BillLineRow, CdrDocument, CdrRow


class Charged(msgspec.Struct, frozen=True, kw_only=True):
    """A CDR."""

    cdr_id: str
    party: str
    """Who issued it."""
    holder: str
    """Whose copy of it this is."""
    place: str
    energy_kwh: Decimal | None
    amount: Decimal | None
    currency: str | None
    taxed: bool
    """The amount contains tax."""
    state: CdrState | None
    is_credit: bool
    at: datetime | None


class Billed(msgspec.Struct, frozen=True, kw_only=True):
    """A session on a customer's bill."""

    line_id: str
    owner: str
    cdr_party: str
    cdr_id: str
    """What it bills."""
    contract: str
    """Its last four characters: enough to recognise, too little to use (T21)."""
    place: str
    energy_kwh: Decimal
    amount: Decimal
    currency: str
    taxed: bool
    at: datetime


def charged(row: CdrRow) -> Charged:
    """A CDR as lists tell of it."""
    document = None if row.document is None else msgspec.json.decode(row.document, type=CdrDocument)
    taxed = row.total_after_taxes is not None
    return Charged(
        cdr_id=row.cdr_id,
        party=row.party,
        holder=row.owner,
        place="" if document is None else place_name(document.cdr_location),
        energy_kwh=row.total_energy,
        amount=row.total_after_taxes if taxed else row.total_before_taxes,
        currency=row.currency,
        taxed=taxed,
        state=None if row.state is None else CdrState(row.state),
        is_credit=row.credits is not None,
        at=row.recorded_at,
    )


def billed(row: BillLineRow) -> Billed:
    """A bill line as lists tell of it."""
    return Billed(
        line_id=row.line_id,
        owner=row.owner,
        cdr_party=row.cdr_party,
        cdr_id=row.cdr_id,
        contract=row.contract_id[-4:],
        place=msgspec.json.decode(row.document, type=BillLineDocument).place,
        energy_kwh=row.quantity_kwh,
        amount=row.net if row.gross is None else row.gross,
        currency=row.currency,
        taxed=row.gross is not None,
        at=row.ended_at,
    )
