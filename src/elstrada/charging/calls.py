"""What nobody may call a station with, though its OCPP version knows the words: it has a verb of its own.

Source: OCPP 1.6 security whitepaper A01, A05; OCPP 2.0.1 part 2 A01, A05, B09; T4, T5.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import msgspec

from elstrada.model.security import StationSecurity

PASSWORDS = frozenset({"authorizationkey", "basicauthpassword"})
"""Names of a station's password, as OCPP compares them: without case."""
PROFILE = "securityprofile"

_Fields = dict[str, object]


class Barred(msgspec.Struct, frozen=True):
    """Why a call is not sent."""

    pointer: str
    """JSON pointer into its fields."""
    says: str
    password: bool = False
    """It carries the station's password; otherwise it would lower its security profile."""


def barred(action: str, fields: object, security: StationSecurity) -> Barred | None:
    """What in a call's fields must not be sent so; None if nothing.

    A password that somebody chose would be known to him alone, so that the station could never come again; a
    lower profile than is demanded would have the station come in vain, or in the clear.
    """
    for pointer, name, value in _settings(action, fields):
        if name.strip().lower() in PASSWORDS:
            return Barred(pointer, "it would set a password that this server does not know", password=True)
        if (
            name.strip().lower() == PROFILE
            and (asked := _number(value)) is not None
            and asked < security.minimum
        ):
            says = f"it would lower the security profile to {asked}; at least {security.minimum} is demanded"
            return Barred(pointer, says)
    return None


def _settings(action: str, fields: object) -> Iterator[tuple[str, str, object]]:
    """What a call sets: pointer to the value, name, value."""
    if not isinstance(fields, dict):
        return
    told = cast("_Fields", fields)
    match action:
        case "ChangeConfiguration":
            yield "/value", str(told.get("key")), told.get("value")
        case "SetVariables":
            yield from _variables(told.get("setVariableData"))
        case "SetNetworkProfile":
            data = told.get("connectionData")
            if isinstance(data, dict):
                for name, value in cast("_Fields", data).items():
                    yield f"/connectionData/{name}", name, value
        case _:
            pass


def _variables(data: object) -> Iterator[tuple[str, str, object]]:
    """Whatever component they are set of: a station that knows the name elsewhere means the same by it."""
    if not isinstance(data, list):
        return
    for number, one in enumerate(cast("list[object]", data)):
        if isinstance(one, dict) and isinstance(variable := cast("_Fields", one).get("variable"), dict):
            name = str(cast("_Fields", variable).get("name"))
            yield (
                f"/setVariableData/{number}/attributeValue",
                name,
                cast("_Fields", one).get("attributeValue"),
            )


def _number(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None
