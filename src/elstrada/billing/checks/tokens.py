"""Checks of who charged: the token, its right to charge, and who sends the CDR."""

from __future__ import annotations

from elstrada.billing.checks.face import Check, Known, Outcome, Unexamined, total_of
from elstrada.model.cdr import Cdr
from elstrada.model.examination import Severity
from elstrada.model.token import AuthMethod, Whitelist


def unknown_token(_: Cdr, known: Known) -> Outcome:
    """V29."""
    return None if known.token else "the token is not one of ours"


def token_blocked(cdr: Cdr, known: Known) -> Outcome:
    """V30: a block that came while the car was charging, or later, takes nothing back."""
    if known.blocked_since is None or known.blocked_since > cdr.start_date_time:
        return None
    return f"the token was blocked at {known.blocked_since.isoformat()}, before the session began"


def reference_never_given(cdr: Cdr, known: Known) -> Outcome:
    """V31."""
    if cdr.authorization_reference is None or cdr.auth_method is AuthMethod.WHITELIST:
        return None
    if known.reference_given is None:
        return Unexamined("which references we gave is not known")
    if not known.reference_given:
        return f"authorization_reference {cdr.authorization_reference[:8]!r} was never given by us"
    if known.reference_at not in (None, cdr.cdr_location.id):
        return f"its authorization_reference was given for location {known.reference_at}"
    return None


def whitelist_not_allowed(cdr: Cdr, known: Known) -> Outcome:
    """V32."""
    if cdr.auth_method is not AuthMethod.WHITELIST:
        return None
    if known.whitelist is None:
        return Unexamined("the token's whitelist at the session's start is not known")
    return "a whitelist was used, and the token's is NEVER" if known.whitelist is Whitelist.NEVER else None


def sent_by_another(_: Cdr, known: Known) -> Outcome:
    """V35."""
    if known.sender_may is None:
        return Unexamined("who sent it is not known")
    return None if known.sender_may else "who sent it does not speak for its party"


def reservation_unknown(cdr: Cdr, known: Known) -> Outcome:
    """V44."""
    cost = cdr.total_reservation_cost
    charged = cost is not None and cost.before_taxes > 0
    if not charged:
        return None
    if total_of(cdr, "RESERVATION_EXPIRES") > 0 and cdr.total_energy > 0:
        return "it bills an expired reservation, and a session followed"
    if cdr.booking_id is not None:
        return None
    if known.reserved is None:
        return Unexamined("which reservations there were is not known")
    return None if known.reserved else "it bills a reservation of which we know nothing"


CHECKS = (
    Check("V29", Severity.REJECT, unknown_token),
    Check("V30", Severity.HOLD, token_blocked),
    Check("V31", Severity.HOLD, reference_never_given),
    Check("V32", Severity.HOLD, whitelist_not_allowed),
    Check("V35", Severity.REJECT, sent_by_another),
    Check("V44", Severity.HOLD, reservation_unknown, credits=False),
)
