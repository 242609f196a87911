"""What a message of the wrong types means all the same: little is lost, and the schema's findings say what.

Only messages that cannot be read otherwise come here (rule 20: one is refused only when its meaning is damaged).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any, cast, get_args

import msgspec

from elstrada.ocpp.kinds import fields, is_a, json_type, unwrapped
from elstrada.ocpp.wire import Wire, encode

REGISTERS = frozenset({"meterStart", "meterStop"})
"""Whole numbers that a meter tells: one beyond any meter is doubted, and the rest of its message counts."""
_TOKENS = frozenset({"idTag", "parentIdTag", "idToken", "groupIdToken", "idTokens"})
"""Left as they came: a number may have lost the zeros that it began with, and would be another's token."""
_ABSENT: Mapping[tuple[str, str], str] = {("StatusNotificationRequest", "errorCode"): "NoError"}
"""By message and field: a value that the standard has for there being nothing to tell (1.6 §6.47)."""


def mended(value: object, kind: object) -> object:
    """A parsed value, of the type of its field where it can be had without changing what it means."""
    base, _ = unwrapped(kind)
    expected = json_type(base)
    if expected == "string" and isinstance(value, int | Decimal):
        return f"{value:f}" if isinstance(value, Decimal) else encode(value).decode()
    if not is_a(value, expected):
        return value
    if expected == "object":
        return _fields(cast("dict[str, object]", value), cast("type[Wire]", base))
    if expected == "array":
        return [mended(part, get_args(base)[0]) for part in cast("list[object]", value)]
    return value


def _fields(value: dict[str, object], kind: type[Wire]) -> dict[str, object]:
    made = dict(value)
    for field in fields(kind):
        name = field.encode_name
        absent = _ABSENT.get((kind.__name__, name))
        if name in _TOKENS:
            continue
        if name not in made:
            if field.required and absent is not None:
                made[name] = absent
            continue
        made[name] = _rounded(made[name]) if name in REGISTERS else mended(made[name], field.type)
        if not field.required and not _is_readable(made[name], field.type):
            del made[name]
    return made


def _is_readable(value: object, kind: object) -> bool:
    """Does it say something of its type, though perhaps in another's form?"""
    base, _ = unwrapped(kind)
    expected = json_type(base)
    if value is None or is_a(value, expected):
        return True
    if expected in ("object", "array"):
        return False
    try:
        msgspec.json.decode(encode(value), type=cast(Any, base), strict=False)
    except (msgspec.MsgspecError, OverflowError):
        return False
    return True


def _rounded(value: object) -> object:
    """A register to the Wh that it has passed; what is no number stays as it is."""
    try:
        figure = Decimal(value) if isinstance(value, str) else value
    except InvalidOperation:
        return value
    if isinstance(figure, Decimal) and figure.is_finite() and abs(figure.adjusted()) <= _MOST_DIGITS:
        return int(figure.to_integral_value(ROUND_FLOOR))
    return value


_MOST_DIGITS = 30
"""As for numbers that are not in quotes."""
