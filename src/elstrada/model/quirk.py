"""Quirks of real stations' software: who has them, what is done about each, why, and who says so.

A row is data; what it may say is in ``Deeds``, and each kind of deed is done in one place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import cast

import msgspec

from elstrada.model.admission import Make
from elstrada.model.device import Protocol
from elstrada.model.profile import Purpose

MOST_COMPARED = 100
"""Characters of a name that are looked at: what stations call themselves has no limit."""
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SOURCE = re.compile(r"https?://[!-~]+")


class Repair(StrEnum):
    """What is put right in a message of OCPP 1.6 before it is read."""

    EMPTY_VALUES = "empty-values"
    """Nothing stands where JSON wants a value (``"transactionId":,`` or ``[,{``): such a field is left out."""
    LONE_OBJECTS = "lone-objects"
    """A list of one is sent as that one."""
    NUMBERS_AS_TEXT = "numbers-as-text"
    """Sampled values are numbers, where texts are due."""
    KWH_AS_WH = "kwh-as-wh"
    """Registers are kWh, and said to be Wh."""
    REPEATED_BEGIN = "repeated-begin"
    """Each message repeats the register of the session's begin beside the present one."""
    LOCAL_TIME = "local-time"
    """Times without zone are those of the clock on the wall, in the zone of the station's location."""


class Deviation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A departure from the schema that is known, and is read all the same."""

    rule: str
    """As in ``ocpp.faults.Finding``."""
    action: str
    at: str
    """How its JSON pointer ends."""

    def is_(self, action: str, rule: str, pointer: str) -> bool:
        return rule == self.rule and action == self.action and pointer.endswith(self.at)


class Deeds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is done otherwise."""

    assumes: Protocol | None = None
    """What it speaks where it offers no subprotocol (``roles.gateway.treating``)."""
    pinged: bool = True
    """False: it never answers pings, so none are sent (``net``)."""
    repairs: frozenset[Repair] = frozenset()
    """Before its messages are read (``ocpp.quirks``)."""
    token_tail: str = ""
    """Characters that it adds to a token which is as long as OCPP 1.6 allows (``ocpp.quirks``)."""
    explains: tuple[Deviation, ...] = ()
    """Deviations that are expected of it, so that only others are news."""
    never_called: frozenset[str] = frozenset()
    """Actions that are not sent; of a TriggerMessage with the message asked for: ``TriggerMessage MeterValues``."""
    names_connector: frozenset[str] = frozenset()
    """Actions in which it wants its connector named, though OCPP lets it be left out."""
    asked_all_keys: bool = True
    """False: it is not asked for its configuration without naming keys."""
    most_keys: int | None = None
    """Configuration keys that it can be asked for at once."""
    limit_skips: frozenset[Purpose] = frozenset()
    """Purposes of charging profiles that it does not take, so that they are not tried (``charging.limits``)."""
    limit_max_stack_level: int | None = None
    """The highest level it really takes, whatever it says."""

    def words(self) -> tuple[str, ...]:
        """What is done, for people: ``repairs local-time``."""
        told: dict[str, object] = msgspec.to_builtins(self, order="deterministic")
        return tuple(f"{name.replace('_', ' ')} {_word(value)}" for name, value in told.items())


def _word(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(_word(one) for one in cast("list[object]", value))
        case dict():
            return " ".join(map(str, cast("dict[str, object]", value).values()))
        case _:
            return str(value)


_NO_DEEDS = Deeds()


class Quirk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row. The patterns are compared with how each name begins, in any case; empty fits every name."""

    name: str
    """Lower case and hyphens."""
    vendor: str
    model: str = ""
    firmware: str = ""
    reason: str
    """What the station does, to be read after "this model"."""
    sources: tuple[str, ...]
    """URLs of where it was seen."""
    test: str = ""
    """The test that proves it; needed of rows that come with Elstrada."""
    does: Deeds = _NO_DEEDS
    """Nothing: a row of an installation that switches off the one of this name."""

    def has(self, make: Make) -> bool:
        """Does a station of this make have it?"""
        parts = ((self.vendor, make.vendor), (self.model, make.model), (self.firmware, make.firmware))
        return all(_begins(pattern, name or "") for pattern, name in parts)

    def explains(self, action: str, rule: str, pointer: str) -> bool:
        return any(one.is_(action, rule, pointer) for one in self.does.explains)

    def __str__(self) -> str:
        return f"this model {self.reason}: {', '.join(self.sources)}"


def _begins(pattern: str, name: str) -> bool:
    return not pattern or _compiled(pattern).match(name[:MOST_COMPARED]) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


class QuirkTable(msgspec.Struct, frozen=True):
    """All rows that count here."""

    rows: tuple[Quirk, ...] = ()

    def of(self, make: Make | None, said: Mapping[str, bool]) -> tuple[Quirk, ...]:
        """The quirks of a station.

        Args:
            make: what it said when it booted last; None: it never did.
            said: by name, what an operator said of this station, which goes before its make.
        """
        return tuple(
            row
            for row in self.rows
            if row.does != _NO_DEEDS and said.get(row.name, make is not None and row.has(make))
        )

    def named(self, name: str) -> Quirk | None:
        return next((row for row in self.rows if row.name == name), None)

    def over(self, own: Sequence[Quirk]) -> QuirkTable:
        """The table with an installation's own rows, which stand for those of the same name."""
        names = {row.name for row in own}
        return QuirkTable((*own, *(row for row in self.rows if row.name not in names)))


NO_QUIRKS = QuirkTable()


def faults(rows: Sequence[Quirk]) -> Iterator[str]:
    """What is wrong with rows, each with its name and why."""
    seen: set[str] = set()
    for number, row in enumerate(rows, 1):
        which = f"row {number}, {row.name[:50]!r}"
        if not _NAME.fullmatch(row.name) or len(row.name) > 50:
            yield f"{which}: a name is of lower-case words with hyphens, of 50 characters at most"
        if row.name in seen:
            yield f"{which}: the name stands twice"
        seen.add(row.name)
        yield from (f"{which}: {says}" for says in _faults_in(row))


def _faults_in(row: Quirk) -> Iterator[str]:
    for field, pattern in (("vendor", row.vendor), ("model", row.model), ("firmware", row.firmware)):
        try:
            _compiled(pattern)
        except re.error as problem:
            yield f"{field} is no pattern: {problem}"
    if not row.vendor:
        yield "vendor is empty, so that it would fit every station"
    if not row.reason:
        yield "reason is empty"
    if not row.sources:
        yield "sources is empty"
    for source in row.sources:
        if not _SOURCE.fullmatch(source):
            yield f"source {source[:100]!r} is no URL"
    if row.does.most_keys is not None and row.does.most_keys < 1:
        yield "most_keys is below 1"
