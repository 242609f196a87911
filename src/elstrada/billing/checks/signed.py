"""Checks of signed meter values, by what a verifier says of them."""

from __future__ import annotations

from elstrada.billing.checks.face import Check, Known, Outcome, Unexamined
from elstrada.billing.signed.verify import doubt_of
from elstrada.model.cdr import Cdr
from elstrada.model.examination import Severity

_REQUIRED_IN = frozenset({"DEU"})
"""Mess- und Eichgesetz: what is billed per kWh must be open to verification by the driver."""
_NONE = "no signed data"
_NOT_VERIFIED = "its signed data was not verified"


def signature_does_not_hold(cdr: Cdr, known: Known) -> Outcome:
    """V38."""
    if cdr.signed_data is None:
        return Unexamined(_NONE)
    check = known.signed
    if check is None:
        return Unexamined(_NOT_VERIFIED)
    doubt = doubt_of(check, cdr.total_energy)
    if doubt is None and check.unverified:
        return Unexamined(check.unverified)
    return doubt


def signature_missing(cdr: Cdr, _: Known) -> Outcome:
    """V39."""
    if cdr.signed_data is not None or cdr.cdr_location.country not in _REQUIRED_IN:
        return None
    return f"signed data is required in {cdr.cdr_location.country}"


def register_runs_backwards(cdr: Cdr, known: Known) -> Outcome:
    """V40."""
    if cdr.signed_data is None:
        return Unexamined(_NONE)
    check = known.signed
    if check is None:
        return Unexamined(_NOT_VERIFIED)
    if check.register_start is None or check.register_end is None:
        return Unexamined("its signed data tells no registers")
    if check.register_end >= check.register_start:
        return None
    return f"the register ends at {check.register_end} kWh, below its start at {check.register_start}"


CHECKS = (
    Check("V38", Severity.HOLD, signature_does_not_hold),
    Check("V39", Severity.HOLD, signature_missing),
    Check("V40", Severity.HOLD, register_runs_backwards),
)
