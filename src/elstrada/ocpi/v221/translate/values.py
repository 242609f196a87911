"""Small values that several modules read and write alike."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import TypeVar

from elstrada.model.ids import PartyId
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.scalars import number, party

_E = TypeVar("_E", bound=Enum)


A = TypeVar("A")
B = TypeVar("B")


def maybe(convert: Callable[[A], B], value: A | None) -> B | None:
    """What is there, converted."""
    return None if value is None else convert(value)


def number_or_none(value: Decimal | None) -> Decimal | None:
    return None if value is None else number(value)


def text_or_none(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def party_of(country_code: str, party_id: str) -> PartyId:
    try:
        return party(country_code, party_id)
    except ValueError as problem:
        raise Mismatch(f"{problem} - at `$.party_id`") from None


def closed(kind: type[_E], text: str, pointer: str) -> _E:
    try:
        return kind(text)
    except ValueError:
        names = ", ".join(str(entry.value) for entry in kind)
        raise Mismatch(f"{text[:40]!r} is none of {names} - at `{pointer}`") from None
