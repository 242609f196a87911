"""What a push to all makes of the hub's copy, and under which name the copy is kept."""

from __future__ import annotations

from datetime import datetime

import msgspec

from elstrada.ocpi import documents
from elstrada.ocpi.body import Mismatch, Object, encode, parse, shape
from elstrada.ocpi.codes import Why
from elstrada.ocpi.hub import text_at
from elstrada.ocpi.language import Language
from elstrada.ocpi.scalars import same
from elstrada.ocpi.server import Done, Refusal, Result
from elstrada.ocpi.v221.tokens import DEFAULT_TYPE
from elstrada.roles.hub.passing import Passing
from elstrada.roles.roaming.marks import SEPARATOR
from elstrada.spine import tables as t
from elstrada.spine.face import Delete, Put, Row

NOT_HERE = Refusal(Why.NOT_FOUND, "no such object")
_TOKENS, _LOCATIONS = "tokens", "locations"


class _Published(msgspec.Struct, frozen=True):
    """As much of a location as says whether everybody may know of it."""

    publish: object = None


def after(passing: Passing, row: Row | None, now: datetime) -> Put | Delete | Result:
    """What becomes of a copy, or why nothing does.

    Args:
        row: the copy as it is, if there is one.
    """
    if passing.request.method == "DELETE":
        if row is None:
            return NOT_HERE
        key = {name: row[name] for name in ("owner", "module", "party", "object_id")}
        return Delete(t.hub_copy, key, {"document": row["document"]})
    try:
        document = _document(passing, _known(passing, row), now)
    except documents.Missing:
        return NOT_HERE
    except Mismatch as problem:
        return Refusal(Why.INVALID, str(problem))
    if document is None:
        return Done()  # We know better already.
    return _put(passing, document, row, now)


def key_of(passing: Passing) -> str:
    """An object's id as it is kept; of a token with its type (R-44)."""
    object_id = passing.place.tail[2]
    return token_key(object_id, _type(passing)) if passing.place.module == _TOKENS else object_id.casefold()


def token_key(uid: str, kind: str) -> str:
    return f"{uid}{SEPARATOR}{kind}".casefold()


def named(passing: Passing) -> tuple[str, ...]:
    """What was pushed, as a mark names it: what is within an EVSE is told as the EVSE."""
    tail = passing.place.tail
    return (tail[2], _type(passing)) if passing.place.module == _TOKENS else tail[2:4]


def parts_of(row: Row) -> tuple[str, ...]:
    """A copy as a mark names it: its module, party and id as its owner writes it; of a token with its type."""
    document = document_of(row)
    module, party = str(row["module"]), str(row["party"])
    if module == _TOKENS:
        return (module, party, text_at(document, "uid") or "", text_at(document, "type") or "")
    return (module, party, text_at(document, "id") or "")


def inner(passing: Passing) -> tuple[str, ...]:
    """The EVSE and connector in the address of a location."""
    return passing.place.tail[3:] if passing.place.module == _LOCATIONS else ()


def document_of(row: Row) -> Object:
    document = parse(str(row["document"]).encode())
    assert isinstance(document, dict), "a copy is an object"
    return document


def is_public(row: Row) -> bool:
    """May everybody know of it? A location says so itself (R-39)."""
    if row["module"] != _LOCATIONS:
        return True
    return msgspec.json.decode(str(row["document"]), type=_Published).publish is not False


def wire_of(words: Language, module: str, depth: int = 0) -> type[msgspec.Struct]:
    """What an object of a module is in a version.

    Args:
        depth: 1 for the EVSE of a location, 2 for a connector.
    """
    if module == _LOCATIONS:
        return (words.location.wire, words.evse.wire, words.connector.wire)[depth]
    return words.token.wire if module == _TOKENS else words.tariff.wire


def _known(passing: Passing, row: Row | None) -> Object | None:
    """The copy, where it can be changed in part.

    What was written in another version cannot be patched in this one; its sender then puts the whole (R-36).
    """
    return None if row is None or row["version"] != passing.version else document_of(row)


def _document(passing: Passing, whole: Object | None, now: datetime) -> Object | None:
    """The copy with what is pushed in it; None: it knows better already."""
    within, module = inner(passing), passing.place.module
    if passing.request.method == "PUT":
        _agree(passing)
        shape(passing.document, wire_of(passing.words, module, len(within)))
        at = documents.written_at(passing.document)
        return documents.changed(whole, within, documents.put(passing.document), at, now)
    part = None if whole is None else documents.part_of(whole, within)
    patch = passing.words.dated(passing.document, now, now if part is None else documents.written_at(part))
    changed = documents.changed(
        whole, within, documents.patched(patch, _ids(passing)), documents.written_at(patch), now
    )
    if changed is not None:
        shape(changed, wire_of(passing.words, module))
    return changed


def _agree(passing: Passing) -> None:
    """Does what is put say itself where it is put (R-32)?"""
    for name, wanted in _ids(passing).items():
        said = passing.document.get(name)
        # 2.1.1 does not say whose it is.
        missing = said is None and name in ("country_code", "party_id") and passing.words.sided
        if not missing and not (isinstance(said, str) and isinstance(wanted, str) and same(said, wanted)):
            raise Mismatch(f"{name} of the path and of the body differ")


def _ids(passing: Passing) -> Object:
    """What names the object of an address, as it says it itself."""
    within, module, tail = inner(passing), passing.place.module, passing.place.tail
    if within:
        return {"uid": within[0]} if len(within) == 1 else {"id": within[1]}
    ids: Object = {"country_code": tail[0], "party_id": tail[1]}
    return ids | ({"uid": tail[2], "type": _type(passing)} if module == _TOKENS else {"id": tail[2]})


def _contract(passing: Passing, document: Object) -> str | None:
    """By which sessions of 2.1.1 name a token."""
    if passing.place.module != _TOKENS:
        return None
    found = text_at(document, "contract_id") or text_at(document, "auth_id")
    return None if found is None else found.casefold()


def _type(passing: Passing) -> str:
    """A token's type: as the address says, RFID if it does not, or as the token says where addresses have none."""
    said = passing.request.query.get("type")
    if said is None and not passing.words.typed_addresses:
        said = text_at(passing.document, "type")
    return said or DEFAULT_TYPE


def _put(passing: Passing, document: Object, row: Row | None, now: datetime) -> Put:
    # A whole that was put stays byte for byte, so that it passes on so.
    is_whole = passing.request.method == "PUT" and not inner(passing)
    text = passing.request.body if is_whole else encode(document)
    made: Row = {
        "owner": str(passing.hub),
        "module": passing.place.module,
        "party": str(passing.place.owner),
        "object_id": key_of(passing),
        "peer_id": passing.caller.peer.id,
        "version": passing.version,
        "document": text.decode(),
        "last_updated": documents.written_at(document),
        "recorded_at": now,
        "contract_id": _contract(passing, document),
    }
    return Put(t.hub_copy, made, {} if row is None else {"document": row["document"]})
