"""Checks of signed meter values, by what a verifier says of them."""

from __future__ import annotations

from decimal import Decimal

from elstrada.billing.checks.face import WH, Check, Known, Outcome, Unexamined
from elstrada.model.cdr import Cdr
from elstrada.model.examination import Severity

_PER_MILLE = Decimal("0.001")
_REQUIRED_IN = frozenset({"DEU"})
"""Mess- und Eichgesetz: what is billed per kWh must be open to verification by the driver."""
_NONE = "no signed data"
_NO_VERIFIER = "there is no verifier of signed data"


def signature_does_not_hold(cdr: Cdr, known: Known) -> Outcome:
    """V38."""
    if cdr.signed_data is None:
        return Unexamined(_NONE)
    status = known.signed
    if status is None:
        return Unexamined(_NO_VERIFIER)
    if status.wrong:
        return status.wrong
    if status.register_start is not None and status.register_end is not None:
        signed = status.register_end - status.register_start
        if abs(signed - cdr.total_energy) > max(WH, abs(cdr.total_energy) * _PER_MILLE):
            return f"the signed registers differ by {signed} kWh, total_energy is {cdr.total_energy}"
    return Unexamined(status.unverified) if status.unverified else None


def signature_missing(cdr: Cdr, _: Known) -> Outcome:
    """V39."""
    if cdr.signed_data is not None or cdr.cdr_location.country not in _REQUIRED_IN:
        return None
    return f"signed data is required in {cdr.cdr_location.country}"


def register_runs_backwards(cdr: Cdr, known: Known) -> Outcome:
    """V40."""
    if cdr.signed_data is None:
        return Unexamined(_NONE)
    status = known.signed
    if status is None:
        return Unexamined(_NO_VERIFIER)
    if status.register_start is None or status.register_end is None:
        return Unexamined("its signed data tells no registers")
    if status.register_end >= status.register_start:
        return None
    return f"the register ends at {status.register_end} kWh, below its start at {status.register_start}"


CHECKS = (
    Check("V38", Severity.HOLD, signature_does_not_hold),
    Check("V39", Severity.HOLD, signature_missing),
    Check("V40", Severity.HOLD, register_runs_backwards),
)
