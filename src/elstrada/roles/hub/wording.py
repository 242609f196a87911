"""A copy in the words of whoever is told: as it came in the same version, translated in another."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.party import Peer
from elstrada.ocpi.body import Mismatch, encode, shape
from elstrada.ocpi.findings import Translated
from elstrada.ocpi.language import Language
from elstrada.ocpi.surplus import carried
from elstrada.ocpi.versions import language
from elstrada.roles.findings import Findings
from elstrada.roles.hub.keeping import document_of, wire_of
from elstrada.roles.roaming.conduct import note_losses
from elstrada.spine.face import Row

_Turn = Callable[[Language, Language, msgspec.Struct, PartyId], Translated[msgspec.Struct]]
_TURNS: dict[str, _Turn] = {
    "locations": lambda of, to, wire, party: _both(of.location.read(wire, party), to.location.write),
    "tariffs": lambda of, to, wire, party: _both(of.tariff.read(wire, party), to.tariff.write),
    "tokens": lambda of, to, wire, party: _both(of.token.read(wire, party), to.token.write),
}


def in_words(row: Row, version: str, findings: Findings, peer: Peer) -> msgspec.Raw | None:
    """A copy in a version; what that version cannot say is counted with whoever is told.

    Returns:
        None where the version would misread it (R-66).
    """
    if row["version"] == version:
        return msgspec.Raw(str(row["document"]).encode())
    module, of, to = str(row["module"]), language(str(row["version"])), language(version)
    try:
        document, kind = document_of(row), wire_of(of, module)
        told = _TURNS[module](of, to, shape(document, kind), PartyId.parse(str(row["party"])))
        written = carried(document, kind, told)
    except Mismatch as problem:
        findings.note(f"peer:{row['owner']}/{row['peer_id']}", f"untranslatable {module}", str(problem))
        return None
    note_losses(findings, peer, module, written.losses)
    return None if written.misleads else msgspec.Raw(encode(written.value))


def _both(
    read: Translated[msgspec.Struct], write: Callable[..., Translated[msgspec.Struct]]
) -> Translated[msgspec.Struct]:
    """What is lost on the way into the model, and on the way out of it."""
    written = write(read.value)
    return Translated(written.value, (*read.losses, *written.losses))
