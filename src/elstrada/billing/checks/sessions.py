"""Checks against what else we know of the session: its live record, and the CDR that a credit gives back."""

from __future__ import annotations

import msgspec

from elstrada.billing.checks.face import PER_CENT, Check, Known, Outcome, Unexamined
from elstrada.model.cdr import Cdr
from elstrada.model.examination import Severity
from elstrada.model.session import Session, SessionStatus

NOT_COME = ", which is not known"
"""How the finding of a credit ends that came before what it gives back."""


def session_differs(cdr: Cdr, known: Known) -> Outcome:
    """V36: its last word on energy and cost."""
    session, limits = known.session, known.limits
    if session is None:
        return Unexamined("we were not told of the session")
    if session.status is not SessionStatus.COMPLETED:
        return Unexamined(f"the session's last word was {session.status.value}")
    share = limits.session_percent * PER_CENT
    if abs(session.kwh - cdr.total_energy) > max(limits.session_kwh, abs(cdr.total_energy) * share):
        return f"total_energy is {cdr.total_energy} kWh, the session ended with {session.kwh}"
    return _cost_differs(cdr, session, known)


def _cost_differs(cdr: Cdr, session: Session, known: Known) -> Outcome:
    if session.total_cost is None or session.currency != cdr.currency:
        return None
    asked, told = cdr.total_cost.before_taxes, session.total_cost.before_taxes
    limits = known.limits
    if abs(asked - told) <= max(limits.price_amount, abs(asked) * limits.session_percent * PER_CENT):
        return None
    return f"total_cost is {asked} {cdr.currency} before taxes, the session ended with {told}"


def session_unknown(cdr: Cdr, known: Known) -> Outcome:
    """V37: before OCPI 2.2 a CDR does not name its session."""
    if known.session is not None:
        return None
    if cdr.session_id is None:
        return Unexamined("it names no session")
    if not known.sessions:
        return Unexamined("its party tells us of no sessions")
    return f"its party tells us of its sessions, and not of {cdr.session_id[:36]!r}"


def credit_of_what_has_not_come(cdr: Cdr, known: Known) -> Outcome:
    """V41: a credit may overtake the CDR that it gives back, so it waits for that."""
    if not cdr.credit or not cdr.credit_reference_id or known.original is not None:
        return None
    return f"it credits CDR {cdr.credit_reference_id[:39]!r}{NOT_COME}"


def credit_does_not_fit(cdr: Cdr, known: Known) -> Outcome:
    """V41: a credit gives back one CDR, whole, and once (A21)."""
    if not cdr.credit:
        return None
    if not cdr.credit_reference_id:
        return "it credits no CDR that it names"
    of = f"CDR {cdr.credit_reference_id[:39]!r}"
    if known.original is None:
        return None
    first = known.original.cdr
    if first.credit:
        return f"it credits {of}, which is a credit itself"
    if known.original.by is not None:
        return f"it credits {of}, which {known.original.by[:39]!r} credited before"
    if cdr.currency != first.currency:
        return f"it credits {of} in {cdr.currency}, which was in {first.currency}"
    asked, given = cdr.total_cost, first.total_cost
    if asked.before_taxes != -given.before_taxes:
        return f"it credits {of} with {asked.before_taxes} {cdr.currency}, which asked {given.before_taxes}"
    known_taxes = asked.after_taxes is not None and given.after_taxes is not None
    if known_taxes and asked.after_taxes != -(given.after_taxes or 0):
        return f"it credits {of} with {asked.after_taxes} after taxes, which asked {given.after_taxes}"
    return None


def same_as_the_credited(cdr: Cdr, known: Known) -> Outcome:
    """V42: what comes instead of a credited CDR should differ from it."""
    plain = _content(cdr)
    for one in known.given_back:
        if _content(one) == plain:
            return f"it repeats CDR {one.id[:39]!r}, which was credited"
    return None


def _content(cdr: Cdr) -> Cdr:
    """A CDR without what distinguishes two of the same content."""
    return msgspec.structs.replace(
        cdr, id="", last_updated=cdr.start_date_time, remark=None, invoice_reference_id=None
    )


CHECKS = (
    Check("V36", Severity.HOLD, session_differs, credits=False),
    Check("V37", Severity.HOLD, session_unknown, credits=False),
    Check("V41", Severity.HOLD, credit_of_what_has_not_come, fixed=True),
    Check("V41", Severity.REJECT, credit_does_not_fit, fixed=True),
    Check("V42", Severity.HOLD, same_as_the_credited, credits=False),
)
