"""Types of parameters that several verbs share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, cast

from msgspec import Meta, inspect

Number = Annotated[int, Meta(ge=0, le=9999)]
"""Of an EVSE or connector."""
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Text36 = Annotated[str, Meta(min_length=1, max_length=36)]
Text50 = Annotated[str, Meta(min_length=1, max_length=50)]
TokenUid = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[\x20-\x7e]+$")]
"""As a card or app presents it; how long it may be, the station's version of OCPP says."""
Text64 = Annotated[str, Meta(min_length=1, max_length=64)]
JsonText = Annotated[
    str, Meta(max_length=262_144, extra_json_schema={"contentMediaType": "application/json"})
]
"""A JSON document as a text, exactly as it was written. A command line takes it as it is, from @FILE or from -."""
Language = Annotated[str, Meta(pattern="^[a-z]{2}$")]
"""ISO 639-1."""
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]
"""ISO 4217."""
Month = Annotated[str, Meta(pattern=r"^20\d{2}-(0[1-9]|1[0-2])$")]
Count = Annotated[int, Meta(ge=1, le=10_000)]
Moment = Annotated[datetime, Meta(tz=True)]


def beside_rules(told: inspect.Type) -> dict[str, str]:
    """What msgspec keeps of a type beside its rules, the description among it."""
    if not isinstance(told, inspect.Metadata):
        return {}
    extra = cast("dict[str, str] | None", told.extra_json_schema)  # pyright: ignore[reportUnknownMemberType]
    return extra or {}


def described(told: inspect.Type) -> str:
    """What a parameter is, in words; empty: nobody has said it."""
    return beside_rules(told).get("description", "")


def in_one_line(text: str) -> str:
    """What a station said, so that it cannot pass for lines of ours."""
    return "".join(char if char.isprintable() else "·" for char in text)
