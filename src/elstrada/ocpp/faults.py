"""What can be wrong with a frame or a message, and what each OCPP version calls it."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Fault(StrEnum):
    """The error codes of CALLERROR, as OCPP 2.x spells them. Source: OCPP 2.0.1 part 4 §4.3."""

    FORMAT_VIOLATION = "FormatViolation"
    GENERIC_ERROR = "GenericError"
    INTERNAL_ERROR = "InternalError"
    MESSAGE_TYPE_NOT_SUPPORTED = "MessageTypeNotSupported"
    NOT_IMPLEMENTED = "NotImplemented"
    """Nobody knows this action."""
    NOT_SUPPORTED = "NotSupported"
    """A known action that we do not offer."""
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurrenceConstraintViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    PROTOCOL_ERROR = "ProtocolError"
    RPC_FRAMEWORK_ERROR = "RpcFrameworkError"
    """Not a readable CALL at all."""
    SECURITY_ERROR = "SecurityError"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"


SPELLING_16: dict[Fault, str] = {
    # OCPP 1.6J as printed; its errata correct both spellings, but stations in the field know these.
    Fault.FORMAT_VIOLATION: "FormationViolation",
    Fault.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
    # 1.6 has no word for these two.
    Fault.RPC_FRAMEWORK_ERROR: "FormationViolation",
    Fault.MESSAGE_TYPE_NOT_SUPPORTED: "NotSupported",
}
"""Where OCPP 1.6 says it differently."""


class Finding(msgspec.Struct, frozen=True):
    """One departure of a message from its schema, or from sense."""

    pointer: str
    """JSON pointer (RFC 6901) into the payload."""
    rule: str
    """The schema's keyword, such as ``maxLength``; ``clock``, ``meter`` and ``send`` are our own."""
    text: str
    """What was expected and what came, without showing tokens."""


FAULT_OF: dict[str, Fault] = {
    "json": Fault.FORMAT_VIOLATION,
    "additionalProperties": Fault.FORMAT_VIOLATION,
    "required": Fault.OCCURRENCE_CONSTRAINT_VIOLATION,
    "minItems": Fault.OCCURRENCE_CONSTRAINT_VIOLATION,
    "maxItems": Fault.OCCURRENCE_CONSTRAINT_VIOLATION,
    "type": Fault.TYPE_CONSTRAINT_VIOLATION,
    "send": Fault.MESSAGE_TYPE_NOT_SUPPORTED,
}
"""The error code for a finding's rule; every other rule is about a value (PropertyConstraintViolation)."""


class Refusal(msgspec.Struct, frozen=True):
    """A CALL that cannot be answered with a result: what to say instead."""

    fault: Fault
    text: str
    findings: tuple[Finding, ...] = ()


def refusal(findings: tuple[Finding, ...], worst: Finding) -> Refusal:
    """Refuse a message for the finding that makes it unreadable."""
    fault = FAULT_OF.get(worst.rule, Fault.PROPERTY_CONSTRAINT_VIOLATION)
    return Refusal(fault, f"{worst.pointer or '/'}: {worst.text}"[:255], findings)
