"""What a version's local authorization lists are like: how a station is asked for its list, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from elstrada.model.locallist import Capacity
from elstrada.model.mirror import Variable

MOST_ITEMS = 1_000
"""Tokens in one message, whatever a station says."""
MOST_BYTES = 60_000
"""Bytes of one message: stations' own buffers are often of 64 KiB (rule 34)."""
FRAME_BYTES = 80
"""Of a message around its fields: its type, its id and its action."""

Variables = Mapping[str, Variable]
"""By key."""


class ListDialect(msgspec.Struct, frozen=True):
    """How one version speaks of lists."""

    keys: tuple[str, ...]
    """Of the variables that tell what a station can hold."""
    question: tuple[str, str]
    """The call that asks for these: action and fields."""
    capacity: Callable[[Variables], Capacity]
    version_field: str
    """Of the answer to GetLocalListVersion."""
    typed: bool
    """Is one uid of two types two tokens?"""

    def version(self, response: str) -> int | None:
        """The version a station says its list has; None if it says none, negative if it has no lists."""
        try:
            answered = msgspec.json.decode(response, type=dict[str, object])
        except msgspec.DecodeError:
            return None
        version = answered.get(self.version_field)
        return version if isinstance(version, int) and not isinstance(version, bool) else None


def number(variables: Variables, key: str) -> int | None:
    """The value of a variable, where it is a positive number."""
    said = text(variables, key)
    return int(said) if said is not None and said.isdecimal() and 0 < int(said) < 2**31 else None


def flag(variables: Variables, key: str) -> bool | None:
    """The value of a variable, where it says yes or no."""
    return {"true": True, "false": False}.get((text(variables, key) or "").lower())


def text(variables: Variables, key: str) -> str | None:
    """The actual value of a variable."""
    known = variables.get(key)
    attributes = () if known is None else known.attributes
    return next((one.value for one in attributes if one.type == "Actual"), None)
