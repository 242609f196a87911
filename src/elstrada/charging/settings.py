"""Which values a document may set at stations."""

from __future__ import annotations

import json
import re
from typing import cast

import msgspec

from elstrada.model.mirror import Variable

MOST_VALUE = 2500
"""Characters; OCPP 2.1 part 2, ValueSize at most. 1.6 takes 500."""
_GUARDED = frozenset(
    {"authorizationkey", "basicauthpassword", "securityprofile", "networkconfigurationpriority"}
)
"""With a wrong one the station never comes again, so they have verbs of their own (T4)."""
_GUARDED_COMPONENTS = frozenset({"networkconfiguration"})
"""Likewise, whichever variable of them."""


def read_values(text: bytes | str) -> dict[str, str]:
    """The values of a document, by key.

    Raises:
        ValueError: it is no JSON object of texts, or names a key twice.
    """
    told = msgspec.json.decode(text)
    if not isinstance(told, dict):
        raise ValueError("it is no JSON object")
    fields = cast("dict[str, object]", told)
    for key, value in fields.items():
        if not isinstance(value, str):
            # Not shown itself, which may be a password.
            raise ValueError(f"{key[:60]}: expected a text in quotes, got {_kind(value)}")
    values = cast("dict[str, str]", fields)
    keys = [key for key, _ in json.loads(text, object_pairs_hook=list)]
    for key in values:
        if keys.count(key) > 1:
            raise ValueError(f"it names {key[:60]} twice")
    return values


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case list():
            return "an array"
        case _:
            return "an object"


def fault_in(key: str, value: str) -> str | None:
    """Why a value cannot be set so; None: it can."""
    try:
        variable = Variable.named(key)
    except ValueError as problem:
        return str(problem)
    if key != key.strip() or any(part != part.strip() for part in re.split(r"[/@\[\]]", key)):
        return f"{key[:60]!r} has blanks around a name"
    component = (variable.component or "").lower()
    if variable.name.lower() in _GUARDED or component in _GUARDED_COMPONENTS:
        return f"{key} decides whether the station can come again: it is not set by a document"
    if len(value) > MOST_VALUE:
        return f"{key}: {len(value)} characters; at most {MOST_VALUE} are possible"
    return None
