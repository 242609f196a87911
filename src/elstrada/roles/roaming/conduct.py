"""How well peers keep to the standard: what strays in their objects is read all the same, and counted."""

from __future__ import annotations

import re

import msgspec

from elstrada.model.ids import PartyId
from elstrada.ocpi.v221.limits import validate
from elstrada.roles.findings import Findings

_MOST_PER_OBJECT = 20
_INDEX = re.compile(r"/\d+")


def source(owner: PartyId, peer_id: str) -> str:
    """The name under which a peer's faults are counted."""
    return f"peer:{owner}/{peer_id}"


def note_findings(findings: Findings, owner: PartyId, peer_id: str, struct: msgspec.Struct) -> None:
    """Count where an object is not as the standard has it, by field."""
    for finding in validate(struct)[:_MOST_PER_OBJECT]:
        field = type(struct).__name__ + _INDEX.sub("/*", finding.pointer)
        findings.note(source(owner, peer_id), f"{finding.code} {field}", finding.message)
