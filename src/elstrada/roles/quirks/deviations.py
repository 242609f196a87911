"""How stations' departures from OCPP stand among the findings: as a known quirk's, or unexplained."""

from __future__ import annotations

from elstrada.ocpp.faults import FAULT_OF, Fault

QUIRK = "quirk "
"""Before a row's name: the code of what is known of a model, each time that it is met."""
_SCHEMA = frozenset({"enum", "format", "maxLength", "minLength", "maximum", "minimum", "multipleOf"})
_DOUBTS = frozenset({"clock", "meter"})
DEVIATIONS: frozenset[str] = _SCHEMA | _DOUBTS | FAULT_OF.keys() | {fault.value for fault in Fault}
"""Codes of messages that were read though they strayed, and of those that could not be read."""
EXPLAINED_BY_US = frozenset(
    {Fault.NOT_SUPPORTED.value, Fault.INTERNAL_ERROR.value, Fault.SECURITY_ERROR.value}
)
"""Refusals that blame no station's software: what we do not offer, and what it may not do yet."""


def is_unexplained(code: str) -> bool:
    """Is a finding of a station something that its software did, and that no quirk says?"""
    return code in DEVIATIONS and code not in EXPLAINED_BY_US
