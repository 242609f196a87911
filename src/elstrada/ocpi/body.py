"""JSON bodies: read strictly as JSON and permissively as OCPI; written with exact decimals.

A body is read once into plain values. Numbers with a fraction become Decimal, never float. What
the JSON grammar or our limits refuse is ``BadJson``, which the server answers with HTTP 400 (R-20).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import TypeAlias, TypeVar

import msgspec

from elstrada.ocpi.scalars import Instant

Json: TypeAlias = "bool | int | str | Decimal | list[Json] | dict[str, Json] | None"
Object: TypeAlias = "dict[str, Json]"

MAX_BODY = 1 << 20
"""Bytes of one request. The largest honest one, a location of 1,000 EVSEs, is half of it."""
MAX_PAGE = 8 << 20
"""Bytes of one response; the client hands over no more."""
MAX_DEPTH = 24
"""The deepest object of OCPI 2.3.0, a CDR's tariff restriction inside the envelope, has ten levels."""
MAX_DIGITS = 30
MAX_WHOLE_DIGITS = 20
"""Before the point, as many as the largest integers of 64 bits have. With them every number, and a thousand times it,
can be rounded to four decimals within the 28 digits that ``decimal`` counts with."""

T = TypeVar("T")

# A string that never ends runs to the end of the text, so that no input makes the search go back.
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_NO_BRACKET = bytes(sorted(set(range(256)) - set(b"[]{}")))
_NO_SIGN = _NO_BRACKET.replace(b'"', b"")
# All of the text that may not be stored is written by an escape of these two kinds; most escapes are of others.
_MAYBE_UNSTORABLE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


class BadJson(ValueError):
    """The bytes are no JSON document we accept. The message says why and never quotes more than a name."""


class Mismatch(ValueError):
    """A JSON document is not of the shape expected. The message ends with the path."""


def parse(body: bytes, *, limit: int = MAX_BODY) -> Json:
    """Read a JSON document.

    Raises:
        BadJson: too large or too deep, not UTF-8, not JSON, a key twice, NaN, a number nobody
            means, or text that cannot be stored (NUL, half a surrogate pair).
    """
    if len(body) > limit:
        raise BadJson(f"body of {len(body)} bytes; at most {limit} are read")
    _check_depth(body)
    try:
        value: Json = _READER.decode(body.decode())
    except UnicodeDecodeError as problem:
        raise BadJson(f"body is not UTF-8 at byte {problem.start}") from None
    except json.JSONDecodeError as problem:
        raise BadJson(f"body is not JSON: {problem.msg} at character {problem.pos}") from None
    if _MAYBE_UNSTORABLE.search(body) and any(_unstorable(text) for text in _texts(value)):
        raise BadJson("body has text with NUL or half a surrogate pair")
    return value


def encode(value: object) -> bytes:
    """Write a value as JSON, decimals as numbers with the digits they have."""
    return _ENCODER.encode(value)


def shape(value: Json, kind: type[T], *, nulls: bool = True) -> T:
    """Fit a document into a wire struct. Unknown fields are passed over (R-21).

    A null member means the same as an absent one (R-46). A struct that knows ``renewed`` is given what that makes
    of the document: former names of its fields.

    Args:
        nulls: there may be some.
    Raises:
        Mismatch: a field is missing or of another type.
    """
    renewed: Callable[[Json], Json] | None = getattr(kind, "renewed", None)
    value = value if renewed is None else renewed(value)
    try:
        return msgspec.convert(_without_nulls(value) if nulls else value, kind, dec_hook=_decode_hook)
    except msgspec.ValidationError as problem:
        raise Mismatch(str(problem)) from None


def plain(struct: msgspec.Struct) -> Object:
    """A wire struct as a JSON document, for merging patches into it."""
    return _READER.decode(encode(struct).decode())


def _check_depth(body: bytes) -> None:
    """Refuse nesting before a recursive parser sees it; brackets inside strings do not count."""
    brackets = _brackets(body)
    if brackets.count(b"{") + brackets.count(b"[") <= MAX_DEPTH:
        return
    # Each time the innermost pairs go, of two levels at most. What is left may be too deep, or not in pairs.
    left = brackets
    for _ in range(MAX_DEPTH // 2):
        before, left = left, left.replace(b"{}", b"").replace(b"[]", b"")
        if not left:
            return
        if len(left) == len(before):
            break
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise BadJson(f"body is nested deeper than {MAX_DEPTH}")


def _brackets(body: bytes) -> bytes:
    """The brackets outside strings."""
    if b'\\"' in body:
        return _STRING.sub(b"", body).translate(None, _NO_BRACKET)
    # Where no quote is escaped, every second part between quotes is outside strings. Two quotes with no bracket
    # between them change nothing of that, and there are many.
    signs = body.translate(None, _NO_SIGN).replace(b'""', b"")
    return b"".join(signs.split(b'"')[::2])


def _members(pairs: list[tuple[str, Json]]) -> Object:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadJson("body has an object with the same key twice")
    return members


def _fraction(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise BadJson("body has a number out of range") from None
    _check_length(text)
    if value.adjusted() < -MAX_DIGITS:
        raise BadJson(f"body has a number of more than {MAX_DIGITS} digits")
    _check_whole(value.adjusted() + 1)
    return value


def _integer(text: str) -> int:
    _check_length(text)
    _check_whole(len(text.lstrip("-")))
    return int(text)


def _check_length(text: str) -> None:
    if len(text) > MAX_DIGITS:
        raise BadJson(f"body has a number of more than {MAX_DIGITS} digits")


def _check_whole(digits: int) -> None:
    if digits > MAX_WHOLE_DIGITS:
        raise BadJson(f"body has a number of more than {MAX_WHOLE_DIGITS} digits before its point")


def _constant(name: str) -> Json:
    raise BadJson(f"body is not JSON: {name} is no number")


_READER = json.JSONDecoder(
    object_pairs_hook=_members, parse_float=_fraction, parse_int=_integer, parse_constant=_constant
)
_ENCODER = msgspec.json.Encoder(enc_hook=str, decimal_format="number")


def _decode_hook(kind: type, value: object) -> object:
    if kind is not Instant:
        raise NotImplementedError(kind)
    if not isinstance(value, str):
        raise ValueError(f"Expected a date and time, got `{type(value).__name__}`")
    return Instant.parse(value)


def _without_nulls(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, member in value.items():
            yield key
            yield from _texts(member)


def _unstorable(text: str) -> bool:
    return "\0" in text or any("\ud800" <= character <= "\udfff" for character in text)
