"""Answers: what we reply now. Expected refusals are answers, not exceptions."""

from __future__ import annotations

from datetime import datetime

import msgspec

from elstrada.model.device import CommandResult, StationOrder
from elstrada.model.ids import PartyId
from elstrada.model.token import Verdict


class Registered(msgspec.Struct, frozen=True, tag=True):
    """To a Boot."""

    now: datetime
    interval_s: int
    """Heartbeat interval."""


class TheTime(msgspec.Struct, frozen=True, tag=True):
    now: datetime


class Noted(msgspec.Struct, frozen=True, tag=True):
    """Received; nothing more to say."""


class Judged(msgspec.Struct, frozen=True, tag=True):
    """To an Authorize."""

    verdict: Verdict


class SessionNoted(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """To a StartSession, UpdateSession or EndSession."""

    transaction_id: str
    verdict: Verdict | None = None
    """Judgement of the token, where one was presented."""


class CommandDone(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """To a Command: how it ended."""

    result: CommandResult
    detail: str = ""
    response: str | None = None
    """CALL: what the station answered with, as JSON, without secrets; None if it did not, or with an error."""


class Presence(msgspec.Struct, frozen=True, tag=True):
    """To an AreYouThere."""

    answers: bool
    """Did the station itself give a sign of life, after it was asked for one?"""


StationAnswer = Registered | TheTime | Noted | Judged | SessionNoted | CommandDone


class AskParty(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A question to a token's eMSP: may it charge here? Answered by a Verdict, for whoever asks waits so long and no longer.

    The gateway puts the verdict into the ask that raised the question, and asks again.
    """

    token_ref: str
    token_uid: str
    token_type: str
    party: PartyId | None
    """None: nobody knows the token; every eMSP peer that does real-time authorization may be asked."""
    evse_id: int | None
    station_id: str | None = None
    """Whose EVSE it is, so that the eMSP can be told where (R-48)."""
    fallback: Verdict
    """What holds when nobody answers in time."""


class TellStation(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A command to the station itself. Answered by a CommandReply."""

    command_id: str
    order: StationOrder
    until: datetime
    """Before this the station is told and has replied; afterwards it must not be told any more."""


Question = AskParty | TellStation
"""Asks to someone else. The reply comes back as another ask, so nothing awaits inside a decision."""
