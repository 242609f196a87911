"""Which stations may work with us: an operator's word, or the rule that holds makes that are new (rule 38).

Source: OCPP 1.6 §4.2; OCPP 2.0.1 part 2, B01 to B03.
"""

from __future__ import annotations

from elstrada.model.admission import Admission, AdmittedBy, Make, StationAdmission

BEAT_S = 300
"""Heartbeat interval of an accepted station."""
ASK_AGAIN_S = {Admission.PENDING: 60, Admission.REJECTED: 900}
"""When a station that is not accepted may boot again. A held one is told earlier, by a TriggerMessage."""


def interval_s(admission: Admission) -> int:
    """What a BootNotification is answered with: never 0, with which the station would choose for itself."""
    return ASK_AGAIN_S.get(admission, BEAT_S)


def at_boot(admission: StationAdmission, make: Make, *, hold: bool, known: bool) -> StationAdmission:
    """The decision on a station that boots.

    Args:
        admission: the decision so far.
        make: what it says it is.
        hold: makes that are new are held.
        known: another station of ours works with this make, or this one did.
    """
    if admission.by is AdmittedBy.OPERATOR:
        return admission
    if not hold:
        return StationAdmission()
    if admission.state is Admission.ACCEPTED and (known or admission.make == make):
        return admission
    if known:
        return StationAdmission(make=make, reason="others of this make work already")
    if admission.state is Admission.PENDING and admission.make == make:
        return admission  # Held already, with what has come of it as the reason.
    return StationAdmission(state=Admission.PENDING, make=make, reason=f"the first of its make: {make}"[:200])


def set_up(admission: StationAdmission, make: Make, unset: str) -> StationAdmission:
    """The decision on a held station whose inventory was read and which was configured.

    Args:
        make: with which it was held when this began.
        unset: what of its configuration it did not take; empty: it took all.
    """
    held = admission.state is Admission.PENDING and admission.by is AdmittedBy.RULE
    if not held or admission.make != make:
        return admission  # An operator decided meanwhile, or it came back as something else.
    if unset:
        return StationAdmission(state=Admission.PENDING, make=make, reason=unset[:200])
    return StationAdmission(make=make, reason="read and set up")
