"""OCPI documents that an operator hands in as files."""

from __future__ import annotations

import re
from typing import TypeVar

from elstrada.datex.packed import Unreadable, unpacked
from elstrada.model.ids import PartyId
from elstrada.ocpi.body import BadJson, Json, Mismatch, Object, parse, shape
from elstrada.ocpi.language import Language, Noun
from elstrada.ocpi.limits import validate
from elstrada.ocpi.scalars import Instant
from elstrada.roles.desk.face import Desk, Kind, Problem, Refused

MAX_DOCUMENT = 256 << 20
"""The whole Dutch access point is about 200 MB."""
_M = TypeVar("_M")
_AT = re.compile(r" - at `(?P<path>[^`]*)`$")


def read_json(content: bytes, limit: int = MAX_DOCUMENT) -> Json:
    """Read a JSON document, perhaps gzipped."""
    try:
        return parse(unpacked(content, limit), limit=limit)
    except (BadJson, Unreadable) as problem:
        says = f"the file cannot be read: {problem}"
        raise Refused(Kind.INVALID, says, "expected a JSON document in UTF-8") from None


def own_object(desk: Desk, content: bytes, party: PartyId, what: str) -> Object:
    """An object of ours. Owner and time of change need not be said; another owner is refused."""
    document = read_json(content)
    if not isinstance(document, dict):
        raise Refused(Kind.INVALID, f"expected one {what}, a JSON object, and found another kind of value")
    ours = {"country_code": party.country_code, "party_id": party.party_id}
    wrong = [
        Problem(f"/{name}", f"is {document[name]!r}, and the {what} would be of {party}")
        for name, value in ours.items()
        if name in document and str(document[name]).upper() != value
    ]
    if wrong:
        raise Refused(Kind.INVALID, f"the {what} is not ours", "say --party, or correct it", "", tuple(wrong))
    return ours | {"last_updated": str(Instant(desk.clock.now()))} | document


def fitted(document: Object, words: Language, noun: Noun[_M], what: str, of: PartyId | None = None) -> _M:
    """The object as the model has it, if it keeps every rule of the version of the standard.

    Args:
        of: whose it is, for a version that does not say it.
    """
    try:
        wire = shape(document, noun.wire)
        problems = tuple(Problem(finding.pointer, finding.message) for finding in validate(wire))
        if not problems:
            return noun.read(wire, of).value
    except Mismatch as mismatch:
        problems = (problem_of(mismatch),)
    raise _invalid(what, words.version, problems)


def _invalid(what: str, version: str, problems: tuple[Problem, ...]) -> Refused:
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    says = f"the {what} is not valid OCPI {version}: {first.pointer or '/'}: {first.says}{more}"
    return Refused(Kind.INVALID, says, "nothing was stored; correct the file", "", problems)


def problem_of(mismatch: Mismatch) -> Problem:
    """A mismatch, whose message ends with a path, as a pointer and a clause."""
    text = str(mismatch)
    found = _AT.search(text)
    path = found["path"] if found else ""
    pointer = re.sub(r"\[(\d+|\.\.\.)\]", r"/\1", path.removeprefix("$").replace(".", "/"))
    says = _AT.sub("", text)
    return Problem(pointer, says[:1].lower() + says[1:])


def objects_in(document: Json, one: str, many: str, most: int) -> list[Json]:
    """The objects of a file: one, a list, or a response of OCPI with either.

    Args:
        one, many: what they are called.
        most: how many there may be.
    Raises:
        Refused: there is none, or there are more.
    """
    if isinstance(document, dict) and "data" in document and "status_code" in document:
        document = document["data"]
    rows: list[Json] = document if isinstance(document, list) else [document]
    if not rows or not isinstance(rows[0], dict):
        raise Refused(Kind.INVALID, f"the file holds no OCPI {one}", "expected one, a list, or a response")
    if len(rows) > most:
        raise Refused(Kind.INVALID, f"the file has more than {most} {many}", "split it")
    return rows
