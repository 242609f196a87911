"""Examines a CDR by the checks V01 to V52: what each finds, and which could not be made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from elstrada.billing.checks import (
    energy,
    form,
    history,
    places,
    price,
    sessions,
    signed,
    tariffs,
    times,
    tokens,
)
from elstrada.billing.checks.face import Check, Known, Unexamined
from elstrada.model.cdr import Cdr
from elstrada.model.examination import Severity

_KINDS = (form, times, energy, price, tariffs, tokens, places, sessions, signed, history)
CHECKS: tuple[Check, ...] = tuple(
    sorted((check for kind in _KINDS for check in kind.CHECKS), key=lambda check: check.id)
)
NUMBERS = frozenset(check.id for check in CHECKS)
FIXED = frozenset(check.id for check in CHECKS if check.fixed)
"""Of whose severity nothing else can be agreed."""
OF_A_CREDIT = frozenset({"V01", "V24", "V29", "V35", "V41", "V51"})
"""What is examined of a credit whose CDR counts. All else it repeats (A21), and its line is what that CDR's was."""
_FRAUD = {"V03": 3, "V05": 3, "V36": 2, "V46": 2, "V47": 1, "V48": 3}
"""What each finding tells of fraud: two places at once most, much use least."""


class Finding(msgspec.Struct, frozen=True):
    check: str
    severity: Severity
    text: str

    def __str__(self) -> str:
        return f"{self.check} {self.severity}: {self.text}"


class Examined(msgspec.Struct, frozen=True):
    """What became of all checks of a CDR."""

    findings: tuple[Finding, ...] = ()
    """In the order of their numbers."""
    unexamined: tuple[str, ...] = ()
    """Checks that could not be made, each with its reason: ``V38 no signed data``."""


def examine(cdr: Cdr, known: Known, severities: Mapping[str, Severity] | None = None) -> Examined:
    """Make all checks of a CDR.

    Args:
        severities: where it was agreed that a check is graver, or less grave, than by itself.
    Raises:
        ArithmeticError: a number or a date in the CDR is beyond reckoning.
    """
    agreed = severities or {}
    findings: list[Finding] = []
    unexamined: list[str] = []
    for check in CHECKS:
        if cdr.credit and not _is_of_a_credit(check, known):
            continue
        outcome = check.find(cdr, known)
        if isinstance(outcome, Unexamined):
            unexamined.append(f"{check.id} {outcome.why}")
        elif outcome is not None:
            severity = check.severity if check.fixed else agreed.get(check.id, check.severity)
            findings.append(Finding(check.id, severity, outcome))
    return Examined(tuple(findings), tuple(dict.fromkeys(unexamined)))


def _is_of_a_credit(check: Check, known: Known) -> bool:
    counts = known.original is not None and known.original.accepted
    return check.credits and (not counts or check.id in OF_A_CREDIT)


def may_be_billed(findings: Iterable[Finding]) -> bool:
    """No finding refuses or holds the CDR."""
    return all(finding.severity is Severity.WARN for finding in findings)


def is_refused(findings: Iterable[Finding]) -> bool:
    """Some finding refuses the CDR: nobody but its issuer can mend it."""
    return any(finding.severity is Severity.REJECT for finding in findings)


def fraud_score(checks: Iterable[str]) -> int:
    """How much the findings of these numbers tell of fraud; 0: nothing."""
    return sum(_FRAUD.get(check, 0) for check in set(checks))
