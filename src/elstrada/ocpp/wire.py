"""What every generated message is made of: a frozen struct, and rules that stand at its fields.

Decoding looks only at types; a rule is for whoever asks (``schema.Reader``). So a message that breaks
a rule without losing its meaning can still be read (decision: parse permissively, validate explicitly).
"""

from __future__ import annotations

import re
from collections.abc import Sized
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

import msgspec

TIMESTAMP = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
_URI = r"^[A-Za-z][A-Za-z0-9+.\-]*:[!-~]*$"


class Wire(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel", gc=False):
    """A message or a part of one: snake_case here, camelCase on the wire, absent means None.

    Immutable and never part of a cycle, so the collector need not look at it.
    """


class Rule(msgspec.Struct, frozen=True):
    """A constraint of the official schema on one value of the right JSON type."""

    keyword: ClassVar[str]
    """Its JSON Schema keyword."""

    def problem(self, value: object) -> str | None:
        """What is wrong with the value, without showing it, or None."""
        raise NotImplementedError

    def meta(self) -> msgspec.Meta | None:
        """The same constraint for msgspec, where it has one."""
        return None


class MaxLength(Rule, frozen=True):
    limit: int
    keyword: ClassVar[str] = "maxLength"

    def problem(self, value: object) -> str | None:
        if isinstance(value, str) and len(value) > self.limit:
            return f"expected at most {self.limit} characters, got {len(value)}"
        return None

    def meta(self) -> msgspec.Meta:
        return msgspec.Meta(max_length=self.limit)


class OneOf(Rule, frozen=True):
    values: type[StrEnum]
    keyword: ClassVar[str] = "enum"

    def problem(self, value: object) -> str | None:
        if value in self.values.__members__.values():
            return None
        return f"expected a {self.values.__name__}, got {str(value)[:30]!r}"


class Format(Rule, frozen=True):
    """``date-time`` or ``uri``."""

    name: str
    keyword: ClassVar[str] = "format"

    @property
    def pattern(self) -> str:
        return TIMESTAMP if self.name == "date-time" else _URI

    def problem(self, value: object) -> str | None:
        if isinstance(value, str) and re.search(self.pattern, value) is None:
            return f"expected a {self.name}, got {value[:30]!r}"
        return None

    def meta(self) -> msgspec.Meta:
        return msgspec.Meta(pattern=self.pattern)


class Minimum(Rule, frozen=True):
    limit: int
    keyword: ClassVar[str] = "minimum"

    def problem(self, value: object) -> str | None:
        if isinstance(value, int | Decimal) and value < self.limit:
            return f"expected at least {self.limit}, got {str(value)[:30]}"
        return None

    def meta(self) -> msgspec.Meta:
        return msgspec.Meta(ge=self.limit)


class Maximum(Rule, frozen=True):
    limit: int
    keyword: ClassVar[str] = "maximum"

    def problem(self, value: object) -> str | None:
        if isinstance(value, int | Decimal) and value > self.limit:
            return f"expected at most {self.limit}, got {str(value)[:30]}"
        return None

    def meta(self) -> msgspec.Meta:
        return msgspec.Meta(le=self.limit)


class MultipleOf(Rule, frozen=True):
    step: str
    """As a decimal."""
    keyword: ClassVar[str] = "multipleOf"

    def problem(self, value: object) -> str | None:
        quotient = Decimal(value) / Decimal(self.step) if isinstance(value, int | Decimal) else Decimal()
        # Beyond the context's precision a quotient is whole, and so harmless here.
        if quotient != quotient.to_integral_value():
            return f"expected a multiple of {self.step}, got {str(value)[:30]}"
        return None


class MinItems(Rule, frozen=True):
    limit: int
    keyword: ClassVar[str] = "minItems"

    def problem(self, value: object) -> str | None:
        if isinstance(value, Sized) and len(value) < self.limit:
            return f"expected at least {self.limit} items, got {len(value)}"
        return None

    def meta(self) -> msgspec.Meta:
        return msgspec.Meta(min_length=self.limit)


class MaxItems(Rule, frozen=True):
    limit: int
    keyword: ClassVar[str] = "maxItems"

    def problem(self, value: object) -> str | None:
        if isinstance(value, Sized) and len(value) > self.limit:
            return f"expected at most {self.limit} items, got {len(value)}"
        return None

    def meta(self) -> msgspec.Meta:
        return msgspec.Meta(max_length=self.limit)


_encoder = msgspec.json.Encoder(decimal_format="number")
encode = _encoder.encode
"""A message as JSON bytes; decimals as numbers, exactly."""
