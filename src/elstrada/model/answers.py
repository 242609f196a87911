"""Answers: what we reply now. Expected refusals are answers, not exceptions."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from elstrada.model.admission import Admission
from elstrada.model.allowance import SessionLimit
from elstrada.model.certificates import CertificateState, ChainQuestion, ContractStatus
from elstrada.model.device import CommandResult, StationOrder
from elstrada.model.ids import PartyId
from elstrada.model.needs import NeedsAnswer
from elstrada.model.tariff import Tariff
from elstrada.model.token import Verdict
from elstrada.model.vat import Company


class Registered(msgspec.Struct, frozen=True, tag=True):
    """To a Boot."""

    now: datetime
    interval_s: int
    """Heartbeat interval; of a station that is not accepted, when it may boot again."""
    admission: Admission = Admission.ACCEPTED


class TheTime(msgspec.Struct, frozen=True, tag=True):
    now: datetime


class Noted(msgspec.Struct, frozen=True, tag=True):
    """Received; nothing more to say."""

    left_out: str = ""
    """What of it is not kept, and why; empty: nothing."""


class Kept(msgspec.Struct, frozen=True, tag=True):
    """To a Learn."""

    left_out: int = 0
    """How many things are not kept, for there are too many."""


class Transferred(msgspec.Struct, frozen=True, tag=True):
    """To a TransferData."""

    known: bool
    """Are the vendor's words kept?"""


class Setpoint(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """To a PullSetpoint."""

    update: str | None = None
    """A ChargingScheduleUpdateType of OCPP 2.1 as JSON; None: we know no such dynamic profile."""


class NeedsAnswered(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """To a TellNeeds."""

    result: NeedsAnswer
    why: str = ""
    """Why there is no schedule, or not yet."""


class ScheduleChecked(msgspec.Struct, frozen=True, tag=True):
    """To a CheckSchedule."""

    within: bool


class Judged(msgspec.Struct, frozen=True, tag=True):
    """To an Authorize."""

    verdict: Verdict
    contract_status: ContractStatus | None = None
    """Of the contract that a car showed; None: it showed none."""
    tariff: Tariff | None = None
    """By which the token's session is priced, where its station can (2.1 I08); None: left unsaid."""
    transfer: tuple[str, ...] = ()
    """Ways of energy transfer that its car may choose from (2.1 Q01); none: left unsaid."""


class StatusTold(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """To a LookUpStatus."""

    ocsp: str = ""
    """The responder's own answer, DER in Base64; empty: there is none."""
    fault: str = ""
    """Why there is none."""


class CertificateTold(msgspec.Struct, frozen=True):
    """One of a chain."""

    asked: ChainQuestion
    state: CertificateState
    next_update: datetime
    """When to ask again."""


class ChainTold(msgspec.Struct, frozen=True, tag=True):
    """To a LookUpChain."""

    certificates: tuple[CertificateTold, ...]
    """In the order in which they were asked for."""


class ContractFetched(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """To a FetchContract."""

    exi: str = ""
    """The answer to the car, Base64; empty: there is none."""
    remaining: int | None = None
    """How many more contracts the pool has for the car; None: it did not say."""
    fault: str = ""
    """Why there is none."""


class VatJudged(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag=True):
    """To a CheckVat."""

    vat_number: str
    evse_id: int | None
    """As asked (2.1 C18.FR.10)."""
    valid: bool
    reason: str = ""
    """OCPP's word for why not, or why it is not certain."""
    why: str = ""
    company: Company | None = None
    consultation: str = ""
    """The register's name of the question."""


class SessionNoted(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """To a StartSession, UpdateSession or EndSession."""

    transaction_id: str
    verdict: Verdict | None = None
    """Judgement of the token, where one was presented."""
    total_cost: Decimal | None = None
    """What the session cost, taxes included; None: not known, which is not free (OCPP 2.0.1 I03.FR.04)."""
    limit: SessionLimit | None = None
    """The most that it may take, by its token (OCPP 2.1 E16)."""


class CommandDone(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """To a Command: how it ended."""

    result: CommandResult
    detail: str = ""
    response: str | None = None
    """CALL: what the station answered with, as JSON, without secrets; None if it did not, or with an error."""
    unsent: bool = False
    """The station was never told, so that it surely did nothing; the result is our own word."""


class CertificateJudged(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """To a SignCertificate."""

    fault: str = ""
    """Why it is not signed; empty: it will be, and the station is told so by a command."""


class Presence(msgspec.Struct, frozen=True, tag=True):
    """To an AreYouThere."""

    answers: bool
    """Did the station itself give a sign of life, after it was asked for one?"""


StationAnswer = (
    Registered
    | TheTime
    | Noted
    | Kept
    | Transferred
    | Setpoint
    | NeedsAnswered
    | ScheduleChecked
    | Judged
    | SessionNoted
    | CommandDone
    | CertificateJudged
    | StatusTold
    | ChainTold
    | ContractFetched
    | VatJudged
)


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
