"""What peers' objects say beyond our structs: kept beside them, and told again to who speaks the same version (R-21).

CDRs are kept as they came, and told as they were; other objects change piece by piece, so that only what our
structs have no place for is kept. It may name people, so it is a record, as the objects are.
"""

from __future__ import annotations

import msgspec

from elstrada.model.ids import PartyId
from elstrada.ocpi.body import Object, encode, parse, plain
from elstrada.ocpi.server import Found
from elstrada.ocpi.surplus import MOST, with_surplus
from elstrada.roles.roaming.conduct import source
from elstrada.roles.roaming.serving.visit import Visit
from elstrada.spine import tables as t
from elstrada.spine.face import Cell, Delete, Put

LOCATION, TARIFF, TOKEN, SESSION = "location", "tariff", "token", "session"


async def kept_surplus(visit: Visit, kind: str, party: PartyId, *parts: str) -> Object:
    """The surplus of an object as the caller's version has it; empty if there is none."""
    row = await visit.means.spine.get(t.surplus, **_key(visit, kind, party, parts))
    if row is None or row["version"] != visit.version:
        return {}
    found = parse(str(row["document"]).encode())
    return found if isinstance(found, dict) else {}


def surplus_writes(
    visit: Visit, surplus: Object, kind: str, party: PartyId, *parts: str
) -> tuple[Put | Delete, ...]:
    """What commits with the object, so that its surplus is what it is now."""
    key = _key(visit, kind, party, parts)
    document = encode(surplus)
    if len(document) > MOST:
        says = f"{kind} {parts[0][:36]}: {len(document)} bytes of unknown fields; at most {MOST} are kept"
        visit.means.findings.note(source(visit.own.id, visit.peer.id), "SURPLUS", says)
        surplus = {}
    if not surplus:
        return (Delete(t.surplus, key),)
    return (Put(t.surplus, {**key, "version": visit.version, "document": document.decode()}),)


def told(value: msgspec.Struct, surplus: Object) -> Found:
    """An object with its surplus."""
    return Found(with_surplus(plain(value), surplus)) if surplus else Found(value)


def _key(visit: Visit, kind: str, party: PartyId, parts: tuple[str, ...]) -> dict[str, Cell]:
    object_id = "\n".join(parts)  # No identifier holds a line's end.
    return {"owner": visit.owner, "party": str(party), "kind": kind, "object_id": object_id}
