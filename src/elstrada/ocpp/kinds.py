"""What a generated message's field is: its JSON type, and whether a parsed value is of it."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo

from elstrada.ocpp.wire import Rule, Wire

_NAMES: dict[object, str] = {
    str: "string",
    int: "integer",
    Decimal: "number",
    bool: "boolean",
    msgspec.Raw: "anything",
}


def json_type(base: object) -> str:
    """The JSON type of an unwrapped type."""
    if get_origin(base) is tuple:
        return "array"
    return _NAMES.get(base, "object")


def type_name(value: object) -> str:
    """The JSON type of a parsed value."""
    match value:
        case None:
            return "null"
        case dict():
            return "object"
        case list():
            return "array"
        case _:
            return _NAMES[type(value)]


def is_a(value: object, expected: str) -> bool:
    """Is a parsed value of this JSON type?"""
    actual = type_name(value)
    # JSON Schema draft 6: a whole number is an integer however it is written.
    if expected == "integer" and isinstance(value, Decimal):
        return value == value.to_integral_value()
    return expected in ("anything", actual) or (expected == "number" and actual == "integer")


@cache
def fields(kind: type[Wire]) -> tuple[FieldInfo, ...]:
    """The fields of a message's type. Kept, for msgspec evaluates the annotations each time that it is asked."""
    return msgspec.structs.fields(kind)


@cache
def unwrapped(kind: object) -> tuple[object, tuple[Rule, ...]]:
    """The type behind ``Annotated[...]`` and ``| None``, and the rules that stood there."""
    if get_origin(kind) in (Union, UnionType):
        kind = next(arg for arg in get_args(kind) if arg not in (type(None), msgspec.UnsetType))
    if get_origin(kind) is Annotated:
        base, *rules = get_args(kind)
        return base, tuple(rule for rule in rules if isinstance(rule, Rule))
    return kind, ()
