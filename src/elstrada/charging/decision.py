"""The one shape of every decision."""

from __future__ import annotations

import msgspec

from elstrada.model.answers import Question, StationAnswer
from elstrada.model.facts import StationFact


class Decision(msgspec.Struct, frozen=True):
    """What to reply, what has happened, and whom to ask.

    Facts are committed before the answer goes out. An answer of None comes later: once the reply to
    a question comes back as another ask.
    """

    answer: StationAnswer | None = None
    facts: tuple[StationFact, ...] = ()
    questions: tuple[Question, ...] = ()
