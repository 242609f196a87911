"""Which CDRs an invoice covers, as one party tells another. Source: OCPI 2.3.0 mod_invoice_reconciliation."""

from __future__ import annotations

from datetime import datetime

import msgspec

from elstrada.model.ids import PartyId

MOST_CDRS = 20_000
"""CDRs of one record: as many as fit a request. An invoice of more has several records."""
LONGEST_INVOICE_ID = 255
LONGEST_RECORD_ID = 36
LONGEST_CDR_ID = 39
"""A CDR's own id may be that long, though the record's table says 36."""


class InvoiceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An InvoiceReconciliationRecord."""

    party: PartyId
    """Who sent the invoice: the CPO (direct billing) or the eMSP (reverse billing)."""
    id: str
    invoice_id: str
    cdrs: tuple[str, ...]
    """Ids, as they were listed; one that stands twice is told of, and kept."""
    last_updated: datetime
