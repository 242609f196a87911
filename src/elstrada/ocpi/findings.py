"""What strayed in a peer's object, and what a translation had to leave out.

Reading is permissive; ``findings`` says afterwards, field by field, where an object is not as the
standard has it. Each version gives its own table of limits.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from types import NoneType
from typing import Generic, NamedTuple, TypeVar, cast, get_args, get_type_hints

import msgspec

from elstrada.ocpi.scalars import Instant

T = TypeVar("T", covariant=True)


class Finding(msgspec.Struct, frozen=True):
    """One deviation of an object from the standard."""

    pointer: str
    """JSON pointer, such as ``/evses/0/uid``."""
    code: str
    """LENGTH, VALUE, EMPTY or SENSE: what a report counts by."""
    message: str


class Loss(msgspec.Struct, frozen=True):
    """Something the other side's version cannot say."""

    pointer: str
    """JSON pointer into the model's object."""
    note: str
    misleads: bool = False
    """What remains would be read as something else, such as a price with tax as one without (R-66)."""


class Translated(msgspec.Struct, Generic[T], frozen=True):
    """A value in the other language, and what was lost on the way."""

    value: T
    losses: tuple[Loss, ...] = ()

    @property
    def misleads(self) -> bool:
        return any(loss.misleads for loss in self.losses)


class Limits(msgspec.Struct, frozen=True):
    """The standard's limits on one kind of object, by field name."""

    lengths: Mapping[str, int] = {}
    """Most characters of a text, or of each text in a list."""
    values: Mapping[str, frozenset[str]] = {}
    """Closed enums."""
    filled: frozenset[str] = frozenset()
    """Lists of which at least one entry is demanded, and fields that are demanded and read without."""

    def also(
        self, *filled: str, values: Mapping[str, frozenset[str]] | None = None, **lengths: int
    ) -> Limits:
        """These limits and more, for a version that adds fields."""
        return Limits(
            {**self.lengths, **lengths}, {**self.values, **(values or {})}, self.filled.union(filled)
        )


Table = Mapping[type[msgspec.Struct], Limits]


def examine(struct: msgspec.Struct, table: Table, pointer: str = "") -> Iterator[Finding]:
    """Where an object and everything in it breaks the table's limits."""
    limits = table.get(type(struct), _NO_LIMITS)
    for name in struct.__struct_fields__:
        value: object = getattr(struct, name)
        where = f"{pointer}/{name}"
        if name in limits.filled and (value is None or value in ((), "")):
            yield Finding(where, "EMPTY", "required" if value is None else "at least one is required")
        for place, item in _items(value, where):
            if isinstance(item, msgspec.Struct):
                yield from examine(item, table, place)
            elif isinstance(item, str):
                yield from _text(item, limits.lengths.get(name), limits.values.get(name), place)


class Checks(NamedTuple):
    """The limits on a kind of struct, as ``is_clean`` takes them: of those fields that may break any."""

    values: Callable[[msgspec.Struct], tuple[object, ...]]
    limits: tuple[tuple[int, frozenset[str] | None, bool], ...]
    """Most characters, the values of a closed enum, and whether it must be filled."""


ChecksOf = Callable[[type[msgspec.Struct]], Checks]
_WITHOUT_TEXT = frozenset({bool, int, Decimal, datetime, Instant, NoneType})


def checks(kind: type[msgspec.Struct], table: Table) -> Checks:
    """The table's limits on a kind."""
    limits, hints = table.get(kind, _NO_LIMITS), get_type_hints(kind)
    names = [
        name
        for name in kind.__struct_fields__
        if name in limits.filled or not _WITHOUT_TEXT.issuperset(get_args(hints[name]) or (hints[name],))
    ]
    return Checks(
        # Of a single name it would give the value alone.
        attrgetter(*names, *names[:1]) if names else _nothing,
        tuple(
            (limits.lengths.get(name, sys.maxsize), limits.values.get(name), name in limits.filled)
            for name in (*names, *names[:1])
        ),
    )


def _nothing(_: msgspec.Struct) -> tuple[object, ...]:
    return ()


def is_clean(struct: msgspec.Struct, of: ChecksOf) -> bool:
    """Has ``examine`` nothing to say? A fraction of its time, and most objects are clean."""
    found, limits = of(type(struct))
    for value, (length, values, filled) in zip(found(struct), limits, strict=True):
        if not value:
            if filled or (value == "" and values is not None):
                return False
        elif type(value) is str:
            if len(value) > length or not value.isprintable() or (values is not None and value not in values):
                return False
        else:
            for item in cast("tuple[object, ...]", value) if type(value) is tuple else (value,):
                if isinstance(item, str):
                    if len(item) > length or not item.isprintable():
                        return False
                    if values is not None and item not in values:
                        return False
                elif isinstance(item, msgspec.Struct) and not is_clean(item, of):
                    return False
    return True


_NO_LIMITS = Limits()


def _items(value: object, where: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, tuple):
        for index, item in enumerate(cast("tuple[object, ...]", value)):
            yield f"{where}/{index}", item
    else:
        yield where, value


def _text(text: str, length: int | None, values: frozenset[str] | None, place: str) -> Iterator[Finding]:
    if length is not None and len(text) > length:
        yield Finding(place, "LENGTH", f"{len(text)} characters; at most {length} are allowed")
    if values is not None and text not in values:
        yield Finding(place, "VALUE", f"{text[:40]!r} is none of {', '.join(sorted(values))}")
    if not text.isprintable():
        yield Finding(place, "VALUE", "has characters that cannot be printed")
