"""Our own CDRs, examined as their receivers will: what they would refuse is looked at here first.

A CDR once taken can only be credited, so one that every receiver must refuse goes to nobody until somebody has
looked. That is always so: it costs a day, where sending costs a dispute. What would only be held there is sent.
"""

from __future__ import annotations

from datetime import datetime

from elstrada.billing.checks.face import Known
from elstrada.billing.validate import examine
from elstrada.model.cdr import Cdr
from elstrada.model.cost import Cost
from elstrada.model.examination import Severity
from elstrada.roles.cdr_verdicts import NO_LINE

_OF_THE_WRITER = "V51"
"""Whoever writes a CDR in a version's words cuts each text to what that allows."""


def refusals(cdr: Cdr, cost: Cost | None, issued_at: datetime) -> tuple[str, ...]:
    """What a receiver would refuse in a CDR of ours, as facts have it; of a CDR that is for nobody else, nothing.

    Args:
        cost: as we priced it; None: it was not priced here.
        issued_at: when it goes out.
    """
    if cdr.token_party in (None, cdr.party):
        return ()
    known = Known(token=True, now=issued_at, cost=cost, zone=cdr.time_zone)
    try:
        findings = examine(cdr, known).findings
    except ArithmeticError:
        return (f"{NO_LINE} {Severity.REJECT}: a number or a date in it is beyond reckoning",)
    return tuple(
        str(one) for one in findings if one.severity is Severity.REJECT and one.check != _OF_THE_WRITER
    )
