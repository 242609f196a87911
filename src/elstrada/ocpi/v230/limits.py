"""The limits of 2.3.0 where they are not those of 2.2.1."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.ocpi.findings import Limits
from elstrada.ocpi.v230 import bookings, cdrs, credentials, invoices, locations, payments, sessions, tariffs

LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    **credentials.LIMITS,
    **locations.LIMITS,
    **tariffs.LIMITS,
    **sessions.LIMITS,
    **cdrs.LIMITS,
    **invoices.LIMITS,
    **payments.LIMITS,
    **bookings.LIMITS,
}
