"""How well peers keep to the standard: what strays in their objects is read all the same, and counted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.party import Peer
from elstrada.model.peer_quirk import PeerQuirk, finding_of
from elstrada.ocpi.findings import Loss
from elstrada.ocpi.limits import validate
from elstrada.roles.findings import Findings

_MOST_PER_OBJECT = 20
_ZONE = "/time_zone"
"""Which only 2.1.1 has a place for in a CDR: it would be counted with each, for nobody to mend."""
_INDEX = re.compile(r"/\d+")


def source(owner: PartyId, peer_id: str) -> str:
    """The name under which a peer's faults are counted."""
    return f"peer:{owner}/{peer_id}"


def note_quirk(findings: Findings, peer: Peer, quirk: PeerQuirk, says: str) -> None:
    """Count that a peer does what a quirk tells of, and how to have it put up with if it is not."""
    hint = "" if peer.has(quirk) else f"; see `elstrada partner quirk {peer.id} --quirk {quirk.value}=on`"
    findings.note(source(peer.owner, peer.id), finding_of(quirk), says + hint)


def note_losses(findings: Findings, peer: Peer, kind: str, losses: Iterable[Loss]) -> None:
    """Count what a peer is not told, because its version has no words for it."""
    told_by_few = (loss for loss in losses if loss.pointer != _ZONE)
    for loss in islice(told_by_few, _MOST_PER_OBJECT):
        where = kind + _INDEX.sub("/*", loss.pointer)
        findings.note(source(peer.owner, peer.id), f"UNTOLD {where}", loss.note)


def note_findings(findings: Findings, owner: PartyId, peer_id: str, struct: msgspec.Struct) -> None:
    """Count where an object is not as the standard has it, by field."""
    for finding in validate(struct)[:_MOST_PER_OBJECT]:
        field = type(struct).__name__ + _INDEX.sub("/*", finding.pointer)
        findings.note(source(owner, peer_id), f"{finding.code} {field}", finding.message)
