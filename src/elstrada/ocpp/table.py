"""The shape of a version's tables: what each action asks of us, and how each order is put.

A row is all there is to an OCPP message; adding one means adding a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from elstrada.model.answers import StationAnswer
from elstrada.model.asks import StationAsk
from elstrada.model.device import CommandResult, StationOrder
from elstrada.ocpp.faults import Finding
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.schema import Reader
from elstrada.ocpp.wire import Wire

_M = TypeVar("_M", bound=Wire)


class ReadCall(msgspec.Struct, frozen=True):
    """A CALL understood: an ask to decide, or an answer that needs no decision."""

    ask: StationAsk | None
    answer: bytes | None
    """The payload to answer with at once."""
    findings: tuple[Finding, ...] = ()


class Sendable(msgspec.Struct, frozen=True):
    """An order in a version's own words."""

    action: str
    payload: bytes


class Unsendable(msgspec.Struct, frozen=True):
    """This version has no words for the order; the station need not be asked."""

    detail: str
    findings: tuple[Finding, ...] = ()
    """CALL: what the official schema has against the payload."""


class Inbound(msgspec.Struct, frozen=True):
    """What to do with an action that stations call."""

    reader: Reader[Any]
    to_ask: Callable[[Any, Intake], StationAsk | None]
    """None: nothing to decide, say what ``plain`` makes."""
    from_answer: Callable[[Any], Wire]
    plain: Callable[[Any, Intake], Wire] | None
    """Makes the documented answer where there is nothing to decide."""
    why: str = ""
    """Of an action that is never decided: why, and what its answer says. Stands in docs/protocols/ocpp.md."""

    @property
    def asks(self) -> bool:
        """Does it mean an ask?"""
        return self.to_ask is not _nothing


class Empty(Wire, frozen=True):
    """An answer without content."""


class Outbound(msgspec.Struct, frozen=True):
    """How an order is put, and what the station's reply means."""

    action: str
    to_request: Callable[[StationOrder], Wire | Unsendable]
    reader: Reader[Any]
    """Of the response."""
    results: Mapping[str, CommandResult]
    """By the response's status."""


def ask(
    request: type[_M],
    to_ask: Callable[[_M, Intake], StationAsk | None],
    from_answer: Callable[[Any], Wire],
    plain: Wire | None = None,
) -> Inbound:
    """A row for an action that means an ask."""
    return Inbound(Reader(request), to_ask, from_answer, _always(plain) if plain else None)


def say(request: type[_M], plain: Wire | Callable[[_M, Intake], Wire], why: str) -> Inbound:
    """A row for an action that is answered without a decision.

    Args:
        plain: the answer, or what makes it of the message.
        why: there is nothing to decide.
    """
    return Inbound(
        Reader(request), _nothing, _no_answer, _always(plain) if isinstance(plain, Wire) else plain, why
    )


def as_before(row: Inbound, request: type[Wire]) -> Inbound:
    """A row for a newer version's message that has every field of the older one, and means the same."""
    return Inbound(Reader(request), row.to_ask, row.from_answer, row.plain, row.why)


def order(
    action: str,
    to_request: Callable[[StationOrder], Wire | Unsendable],
    response: type[Wire],
    results: Mapping[str, CommandResult],
) -> Outbound:
    """A row for an order."""
    return Outbound(action, to_request, Reader(response), results)


def _always(answer: Wire) -> Callable[[Wire, Intake], Wire]:
    return lambda _, __: answer


def _nothing(_: Wire, __: Intake) -> None:
    return None


def _no_answer(answer: StationAnswer) -> Wire:
    raise LookupError(f"no decision was asked for, yet there is an answer: {type(answer).__name__}")
