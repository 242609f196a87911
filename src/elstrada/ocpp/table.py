"""The shape of a version's tables: what each action asks of us, and how each order is put.

A row is all there is to an OCPP message; adding one means adding a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

from elstrada.model.answers import Kept
from elstrada.model.asks import GiveNotice, Learn, StationCall
from elstrada.model.device import CommandResult, StationOrder
from elstrada.model.mirror import Learned
from elstrada.ocpp.faults import Finding
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.schema import Reader
from elstrada.ocpp.wire import Wire

_M = TypeVar("_M", bound=Wire)
_N = TypeVar("_N", bound=Wire)


class ReadCall(msgspec.Struct, frozen=True):
    """A CALL understood: an ask to decide, something to keep, or an answer that needs no decision."""

    ask: StationCall | None
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


class How(StrEnum):
    """What becomes of an action that stations call."""

    DECIDED = "decided"
    """An ask, and its answer is a decision."""
    NOTED = "noted"
    """A notice: recorded for ever."""
    KEPT = "kept"
    """It tells what the station has in store, which is kept in its mirror."""


class Learning(msgspec.Struct, frozen=True):
    """What the answer to a call of ours tells of the station's store."""

    request: Reader[Any]
    response: Reader[Any]
    learned: Callable[[Any, Any], Learned]


class Inbound(msgspec.Struct, frozen=True):
    """What to do with an action that stations call."""

    reader: Reader[Any]
    to_ask: Callable[[Any, Intake], StationCall | None]
    """None: nothing to decide, say what ``plain`` makes."""
    from_answer: Callable[[Any], Wire]
    plain: Callable[[Any, Intake], Wire] | None
    """Makes the documented answer where there is nothing to decide."""
    how: How = How.DECIDED


class Empty(Wire, frozen=True):
    """An answer without content."""


class Outbound(msgspec.Struct, frozen=True):
    """How an order is put, and what the station's reply means."""

    action: str
    to_request: Callable[[StationOrder], Wire | Sendable | Unsendable]
    """Sendable: by another action."""
    reader: Reader[Any]
    """Of the response."""
    results: Mapping[str, CommandResult]
    """By the response's status."""
    status: Callable[[Any], str] = attrgetter("status")
    """Where that stands."""


def ask(
    request: type[_M],
    to_ask: Callable[[_M, Intake], StationCall | None],
    from_answer: Callable[[Any], Wire],
    plain: Wire | None = None,
) -> Inbound:
    """A row for an action that means an ask."""
    return Inbound(Reader(request), to_ask, from_answer, _always(plain) if plain else None)


def tell(request: type[_M], to_notice: Callable[[_M, Intake], GiveNotice], noted: Wire) -> Inbound:
    """A row for an action by which a station tells of itself.

    Args:
        noted: the answer.
    """
    return Inbound(Reader(request), to_notice, lambda _: noted, None, how=How.NOTED)


def keep(
    request: type[_M],
    to_learned: Callable[[_M, Intake], Learned],
    kept: Wire,
    refused: Wire | None = None,
) -> Inbound:
    """A row for an action by which a station tells what it has in store.

    Args:
        kept: the answer.
        refused: the answer if something is not kept; None: the same.
    """

    def answer(done: Kept) -> Wire:
        return refused if done.left_out and refused is not None else kept

    def to_ask(message: _M, intake: Intake) -> Learn:
        return Learn(to_learned(message, intake))

    return Inbound(Reader(request), to_ask, answer, None, how=How.KEPT)


def learn(request: type[_M], response: type[_N], learned: Callable[[_M, _N], Learned]) -> Learning:
    """A row for a call of ours whose answer tells of the station's store."""
    return Learning(Reader(request), Reader(response), learned)


def as_before(row: Inbound, request: type[Wire]) -> Inbound:
    """A row for a newer version's message that has every field of the older one, and means the same."""
    return msgspec.structs.replace(row, reader=Reader(request))


def learnt_as_before(row: Learning, messages: tuple[type[Wire], type[Wire]]) -> Learning:
    """A row of ``learn`` likewise.

    Args:
        messages: the newer version's request and response.
    """
    request, response = messages
    return Learning(Reader(request), Reader(response), row.learned)


def order(
    action: str,
    to_request: Callable[[StationOrder], Wire | Sendable | Unsendable],
    response: type[Wire],
    results: Mapping[str, CommandResult],
    status: Callable[[Any], str] = attrgetter("status"),
) -> Outbound:
    """A row for an order."""
    return Outbound(action, to_request, Reader(response), results, status)


def _always(answer: Wire) -> Callable[[Wire, Intake], Wire]:
    return lambda _, __: answer
