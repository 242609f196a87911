"""Which CDRs an invoice covers. Source: OCPI 2.3.0 (edition 2) mod_invoice_reconciliation."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.model.reconciliation import LONGEST_CDR_ID, LONGEST_INVOICE_ID, LONGEST_RECORD_ID
from elstrada.ocpi.findings import Limits
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v221.common import OWNER

MODULE = "invoicereconciliation"


class InvoiceReconciliationRecord(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    country_code: str
    party_id: str
    id: str
    invoice_id: str
    cdrs: tuple[str, ...]
    last_updated: Instant


LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    InvoiceReconciliationRecord: Limits(
        # The text says 36 of a CDR's id here, and 39 where the CDR has it.
        lengths=OWNER | {"id": LONGEST_RECORD_ID, "invoice_id": LONGEST_INVOICE_ID, "cdrs": LONGEST_CDR_ID},
        filled=frozenset({"cdrs"}),
    ),
}
