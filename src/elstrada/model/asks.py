"""Asks: someone wants something. Stations, drivers, operators and the clock all speak through these.

An ask carries what it needs to be decided; a decider looks nothing up.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from elstrada.model.admission import Admission
from elstrada.model.agreement import Standing
from elstrada.model.allowance import Allowance, LimitKind, SessionLimit
from elstrada.model.certificates import (
    ChainQuestion,
    ContractProof,
    ContractStatus,
    ContractWish,
    SignedCertificate,
    StatusQuestion,
)
from elstrada.model.clock import ClockReading
from elstrada.model.device import CommandName, CommandResult, ConnectorStatus
from elstrada.model.ids import PartyId
from elstrada.model.locallist import ListUpdate
from elstrada.model.mirror import Learned
from elstrada.model.needs import Needs
from elstrada.model.notices import Notice
from elstrada.model.profile import Schedule
from elstrada.model.quantity import MeterSample
from elstrada.model.reckoning import Reckoning
from elstrada.model.reservation import ReservationWish
from elstrada.model.security import SecurityProfile
from elstrada.model.token import AdditionalInfo, Token, Verdict
from elstrada.model.unended import EndRules


class PresentedToken(msgspec.Struct, frozen=True, omit_defaults=True):
    """A token as a station or a party presents it. Asks are not stored, so the uid may stand here."""

    uid: str
    type: str = "RFID"
    """OCPI's word, or one of OCPP's own where OCPI has none. Of a command, empty: what our record says."""
    ref: str = ""
    """Pseudonym; the gateway fills it in before anything is decided."""
    known: Token | None = None
    """Our record of it, if we have one; filled in likewise."""
    group_ref: str | None = None
    """Pseudonym of its group, if our record names one; filled in likewise."""
    allowance: Allowance | None = None
    """What it may take here, if that is bounded; filled in likewise."""
    limit: SessionLimit | None = None
    """The most of the session it is presented for; filled in likewise."""
    out_of_credit: bool = False
    """Is it prepaid, and nothing left? Filled in likewise."""
    paid_here: bool = False
    """A terminal at the station took the money for it (2.1 DirectPayment)."""
    expires_at: datetime | None = None
    """Until when its judgement may be remembered, which of a prepaid one it may not; filled in likewise."""
    additional: tuple[AdditionalInfo, ...] = ()
    """What a station that supports it is told beside the uid."""
    standing: Standing | None = None
    """What is agreed with its party, if it is another's and anything was agreed at all; filled in likewise."""


class Boot(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag=True):
    vendor: str
    model: str
    serial: str | None = None
    firmware: str | None = None
    reason: str | None = None
    admission: Admission = Admission.ACCEPTED
    """May it work with us? Filled in by the gateway."""


class Beat(msgspec.Struct, frozen=True, tag=True):
    """A station is alive and wants to know the time. Never a fact."""


class ReadClock(msgspec.Struct, frozen=True, tag=True):
    """The times in a station's messages say something of its clock."""

    readings: tuple[ClockReading, ...]
    """Those that agree, the latest last."""


class ReportStatus(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag=True):
    evse_id: int
    """0 is the station as a whole."""
    connector_id: int
    status: ConnectorStatus
    error_code: str | None = None
    info: str | None = None
    vendor_error_code: str | None = None
    at: datetime | None = None


class Authorize(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag=True):
    token: PresentedToken
    evse_id: int | None = None
    verdict: Verdict | None = None
    """Set when this ask comes back with the reply to the question it raised."""
    contract: ContractProof | None = None
    """What a car showed."""
    contract_status: ContractStatus | None = None
    """What was found of that; the gateway fills it in. None: no car showed anything."""


class StartSession(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag=True):
    """A station reports that a session began (StartTransaction, TransactionEvent Started).

    It has begun: it cannot be refused, only judged.
    """

    transaction_id: str | None = None
    """2.x: the station's; 1.6: None, we give it one."""
    evse_id: int
    """0 when the station does not say yet."""
    connector_id: int
    token: PresentedToken | None = None
    at: datetime
    meter_wh: int | None = None
    samples: tuple[MeterSample, ...] = ()
    seq_no: int | None = None
    charging: bool | None = None
    """Is energy flowing (2.x chargingState Charging)? None: not said."""
    said_at: str | None = None
    """The time as the station wrote it, where ``at`` is not what it said; a resend says the same."""
    remote_start_id: int | None = None
    reservation_id: int | None = None
    offline: bool = False
    trigger: str | None = None
    clock_suspect: bool = False
    reckoning: Reckoning | None = None
    """What the station reckons of its cost (2.1)."""
    told_limit: SessionLimit | None = None
    """The most it may take, as the station says (2.1)."""
    verdict: Verdict | None = None


class UpdateSession(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag=True):
    """News of a running session: 2.x TransactionEvent Updated, 1.6 MeterValues with a transaction."""

    transaction_id: str
    evse_id: int | None = None
    connector_id: int | None = None
    token: PresentedToken | None = None
    at: datetime
    samples: tuple[MeterSample, ...] = ()
    seq_no: int | None = None
    charging: bool | None = None
    reservation_id: int | None = None
    offline: bool = False
    trigger: str | None = None
    clock_suspect: bool = False
    reckoning: Reckoning | None = None
    """What the station reckons of its cost (2.1)."""
    told_limit: SessionLimit | None = None
    """The most it may take, as the station says (2.1)."""
    verdict: Verdict | None = None


class EndSession(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag=True):
    transaction_id: str
    evse_id: int | None = None
    connector_id: int | None = None
    token: PresentedToken | None = None
    at: datetime
    meter_wh: int | None = None
    samples: tuple[MeterSample, ...] = ()
    seq_no: int | None = None
    reason: str | None = None
    offline: bool = False
    trigger: str | None = None
    said_at: str | None = None
    """Likewise."""
    clock_suspect: bool = False
    reckoning: Reckoning | None = None
    """Likewise; the last word on it."""
    told_limit: SessionLimit | None = None


class QueueReport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A station, asked about a session, said whether messages of it wait in its queue (2.x E14)."""

    session_id: str
    in_queue: bool
    ongoing: bool | None = None
    """Does the session go on? None: it did not say."""


class RecordMeter(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag=True):
    """Meter values that name no session (clock-aligned, or a station that forgot: rule 24)."""

    evse_id: int
    connector_id: int
    samples: tuple[MeterSample, ...]


class StationEvent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One entry of a NotifyEvent."""

    at: datetime
    component: str
    variable: str
    value: str
    trigger: str
    evse_id: int | None = None
    connector_id: int | None = None
    cleared: bool = False
    severity: int | None = None


class ReportEvents(msgspec.Struct, frozen=True, tag=True):
    events: tuple[StationEvent, ...]


class GiveNotice(msgspec.Struct, frozen=True, tag=True):
    """A station tells of itself."""

    notice: Notice
    learned: Learned | None = None
    """What it tells of its store besides; the gateway keeps it in the station's mirror."""
    token: PresentedToken | None = None
    """Whose payment was called off before a session began (OCPP 2.1 C19): it is good for none any more."""


class TransferData(msgspec.Struct, frozen=True, tag=True):
    """A vendor's extension speaks. The gateway knows which vendors' words are kept."""

    vendor: str
    told: GiveNotice


class Learn(msgspec.Struct, frozen=True, tag=True):
    """A station tells what it has in store. Nothing is decided: the gateway keeps it in the station's mirror."""

    learned: Learned


class SignCertificate(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag=True):
    """A station has made a key, and asks for a certificate of it."""

    csr: str
    kind: str = ""
    """OCPP's word for what it is for; empty: it did not say."""
    wire_id: int | None = None
    """OCPP 2.1: under which it wants to be given it."""
    key: str = ""
    """SHA-256 of the public key, hexadecimal; the gateway fills it in."""
    fault: str = ""
    """Why it is not signed; filled in likewise."""


class SwapBatteries(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag=True):
    """A driver swaps batteries (OCPP 2.1 S02 to S04): may he? It is done already; a swap is noted, and judged."""

    told: GiveNotice
    token: PresentedToken | None = None
    """None: he showed none."""


class PullSetpoint(msgspec.Struct, frozen=True, tag=True):
    """A station wants to know what a dynamic profile says now (OCPP 2.1 K28). Read from its mirror."""

    profile_id: int


class TellNeeds(msgspec.Struct, frozen=True, tag=True):
    """A car said what it needs (K15, K17): can it have a schedule? Planned by the station's mirror."""

    needs: Needs
    notice: Notice
    """What is noted of it; the gateway adds what is answered."""


class CheckSchedule(msgspec.Struct, frozen=True, tag=True):
    """A car said how it will charge: is that within our limits (K17)? Compared with the station's mirror."""

    evse_id: int
    schedule: Schedule
    notice: Notice
    """What is noted of it; the gateway adds how it compares."""
    wire: msgspec.Raw
    """The whole message in the station's own OCPP version."""


class LookUpStatus(msgspec.Struct, frozen=True, tag=True):
    """A station wants an OCSP responder's own answer about a certificate (2.x M06). Nothing is decided."""

    question: StatusQuestion
    most_characters: int
    """Of the answer in Base64."""


class LookUpChain(msgspec.Struct, frozen=True, tag=True):
    """A station wants to know the status of a car's certificates (2.1 M07). Nothing is decided."""

    questions: tuple[ChainQuestion, ...]


class FetchContract(msgspec.Struct, frozen=True, tag=True):
    """A car wants its contract's certificate (2.x M01, M02). A pool is asked; nothing is decided."""

    wish: ContractWish
    most_characters: int
    """Of the answer to the car."""


class CheckVat(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A driver wants a company on his receipt: is its VAT number good (2.1 C18)? Nothing is decided."""

    vat_number: str
    """As he entered it."""
    evse_id: int | None


class Connect(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An authenticated socket opened. Its fact makes this node the stream's only writer."""

    protocol: str
    connection_id: str
    node: str = ""
    """Which node holds the socket."""
    security_profile: SecurityProfile = SecurityProfile.BASIC


class Disconnect(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    connection_id: str
    reason: str


class Command(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag=True):
    """Someone wants a station to do something. ``command_id`` is unique for ever."""

    command_id: str
    name: CommandName
    asked_by: PartyId
    evse_id: int | None = None
    connector_id: int | None = None
    session_id: str | None = None
    """STOP."""
    token: PresentedToken | None = None
    """START, RESERVE."""
    authorization_reference: str | None = None
    hard: bool = False
    operative: bool = True
    message: str | None = None
    action: str | None = None
    """CALL."""
    payload: str | None = None
    """CALL: a JSON object. Asks are not stored, so secrets may stand here."""
    certificate: SignedCertificate | None = None
    """INSTALL_SIGNED."""
    secret: str | None = None
    """CHANGE_PASSWORD: filled in by the gateway that holds the station, so that no post carries it."""
    local_list: ListUpdate | None = None
    """SEND_LOCAL_LIST."""
    reservation: ReservationWish | None = None
    """RESERVE; its EVSE and token stand above."""
    reservation_id: int | None = None
    """CANCEL_RESERVATION: the number it has at the station."""
    deadline_s: int = 30
    asked_at: datetime | None = None
    """When it was asked for, by the clock of the node that asks; None: now, wherever it is decided.

    A command travels, and what carries it or holds the station may stand still meanwhile. Once ``deadline_s``
    have passed since, its asker was told TIMEOUT, so the station is no longer told (P5). Clocks of nodes are
    taken to differ by less than a second, and nothing is added for it: a command may be given up, or given
    out, that much too early or too late.
    """


class CommandReply(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag=True):
    """The station's reply to a command, or the news that none came."""

    command_id: str
    result: CommandResult
    detail: str = ""
    response: str | None = None
    """CALL: what the station answered with, as JSON."""
    unsent: bool = False
    """The station was never told."""


class LimitReached(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A session has taken as much as its token may. Asked by the gateway."""

    session_id: str
    kind: LimitKind
    command_id: str
    """Of the command that stops it, if nobody has seen to it yet."""


class Tick(msgspec.Struct, frozen=True, tag=True):
    """Time has passed: close what waited long enough."""

    ends: EndRules = EndRules()
    """How long ends of sessions are waited for that never come."""
    start_wait_s: int = 600
    """For so long an accepted remote start may still lead to a session."""


class EndCommand(msgspec.Struct, frozen=True, tag=True):
    """Of whichever node gave a peer a command: it ended so, the peer says. Answered by Noted."""

    result: str
    """In OCPI's words."""
    detail: str
    document: str = ""
    """What it brings besides, as JSON: the charging profile that was asked for."""


class DrainNode(msgspec.Struct, frozen=True, tag=True):
    """A node shall send its stations to others, finish its work and end. Answered by Noted, before it does."""


class AreYouThere(msgspec.Struct, frozen=True, tag=True):
    """Of whoever holds a station's socket: does the station still answer on it? (T2)"""


StationAsk = (
    Boot
    | Beat
    | ReadClock
    | ReportStatus
    | Authorize
    | StartSession
    | UpdateSession
    | EndSession
    | RecordMeter
    | QueueReport
    | ReportEvents
    | GiveNotice
    | SignCertificate
    | Connect
    | Disconnect
    | Command
    | CommandReply
    | LimitReached
    | Tick
)
"""All that can be asked of a station's decider."""
Lookup = PullSetpoint | TellNeeds | CheckSchedule
"""What the gateway answers by the station's mirror."""
Enquiry = LookUpStatus | LookUpChain | FetchContract
"""What the gateway asks somebody else for, who knows certificates."""
StationCall = StationAsk | Learn | TransferData | SwapBatteries | Lookup | Enquiry | CheckVat
"""All that a station's message can mean: an ask to its decider, or something for the gateway."""
