"""Facts: what has happened, for ever. Read this file and you know the system.

Names and fields are never changed or reused; add fields with defaults, else ``spine/upcast.py``.
A fact's stream names its owner, and the log its time of record. No personal data: tokens are
pseudonyms (``token_ref``), customers are numbers.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from elstrada.model.admission import Admission, AdmittedBy, Make
from elstrada.model.agreement import Agreement
from elstrada.model.allowance import LimitedBy, LimitKind, SessionLimit
from elstrada.model.asks import StationEvent
from elstrada.model.booking import Booked
from elstrada.model.cdr import Cdr, CdrState
from elstrada.model.certificates import ContractStatus
from elstrada.model.cost import Cost
from elstrada.model.device import CommandName, CommandResult, ConnectorStatus
from elstrada.model.ids import PartyId
from elstrada.model.invoice import BillLine
from elstrada.model.metering import MeterLack, RegisterTurn
from elstrada.model.notices import Notice
from elstrada.model.party import ClientInfo, ClientReason, PeerState
from elstrada.model.preferences import ChargingPreferences, PreferencesAnswer
from elstrada.model.quantity import MeterSample
from elstrada.model.reckoning import Reckoning
from elstrada.model.reconciliation import InvoiceRecord
from elstrada.model.reservation import Reservation, ReservationState
from elstrada.model.security import PasswordStep, SecuredBy, SecurityProfile
from elstrada.model.session import Session
from elstrada.model.signed import SignedCheck
from elstrada.model.terminal import Advice, Terminal, TerminalState
from elstrada.model.token import Allowed, AuthMethod
from elstrada.model.unended import Presumed

# --- a station's stream ---------------------------------------------------------------------------


class StationConnected(msgspec.Struct, frozen=True, tag=True):
    """An authenticated socket opened; whoever appended this now owns the stream."""

    protocol: str
    connection_id: str
    node: str = ""
    """Which node holds the socket; empty in facts from when there was only one."""
    security_profile: int = 0
    """With which the station came; 0 in facts from before it was noted."""


class StationDisconnected(msgspec.Struct, frozen=True, tag=True):
    connection_id: str
    reason: str


class StationBooted(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    vendor: str
    model: str
    serial: str | None = None
    firmware: str | None = None
    reason: str | None = None
    admission: Admission = Admission.ACCEPTED
    """What it was answered; ACCEPTED in facts from when every station was."""


class ConnectorStatusChanged(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    evse_id: int
    """0 is the station as a whole."""
    connector_id: int
    status: ConnectorStatus
    at: datetime
    error_code: str | None = None
    info: str | None = None
    vendor_error_code: str | None = None


class StationEventReported(msgspec.Struct, frozen=True, tag=True):
    event: StationEvent


class StationClockJudged(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A station's clock was found to be wrong, by another offset than before, or right again."""

    ahead_s: int
    """By how much it is ahead of ours; negative: behind."""
    wrong_since: datetime | None = None
    """None: it is right."""


class StationNoticed(msgspec.Struct, frozen=True, tag=True):
    """A station told of itself: its security, an update, an upload, a limit somebody else set."""

    notice: Notice


class AuthorizationDecided(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A token was presented and judged."""

    token_ref: str
    allowed: Allowed
    method: AuthMethod
    token_party: PartyId | None = None
    evse_id: int | None = None
    authorization_reference: str | None = None
    note: str = ""
    contract_status: ContractStatus | None = None
    """Of the contract's certificate that a car showed; None: it showed none."""


class SessionStarted(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A station reported a session's start. May be recorded after its end: order does not matter (P3)."""

    session_id: str
    transaction_id: str
    """1.6: our random number as text; 2.x: the station's."""
    start_key: str
    """Content that names this start again in a resend (P2)."""
    evse_id: int
    connector_id: int
    at: datetime
    token_ref: str | None = None
    token_party: PartyId | None = None
    allowed: Allowed | None = None
    """What the token was judged when the session began; a session of a refused token has begun all the same."""
    auth_method: AuthMethod | None = None
    authorization_reference: str | None = None
    meter_wh: int | None = None
    seq_no: int | None = None
    command_id: str | None = None
    """The remote start that led to it."""
    reservation_id: int | None = None
    charging: bool | None = None
    offline: bool = False
    trigger: str | None = None
    tariff_id: str | None = None
    """By which of our tariffs it is priced for its token's sake; None: by its connector's."""
    clock_suspect: bool = False


class SessionSeen(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """First news of a session whose start has not reached us yet."""

    session_id: str
    transaction_id: str
    at: datetime
    evse_id: int | None = None
    connector_id: int | None = None


class SessionUpdated(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A station reported news of a session other than its meter."""

    session_id: str
    at: datetime
    seq_no: int | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    token_ref: str | None = None
    """Of a session that had no accepted token before; a token that was refused never stands here."""
    token_party: PartyId | None = None
    allowed: Allowed | None = None
    auth_method: AuthMethod | None = None
    authorization_reference: str | None = None
    charging: bool | None = None
    offline: bool = False
    trigger: str | None = None
    tariff_id: str | None = None
    """By which of our tariffs it is priced for its token's sake; None: by its connector's."""
    clock_suspect: bool = False


class MeterSampled(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A station reported its meter, for a session or by itself."""

    evse_id: int
    connector_id: int
    samples: tuple[MeterSample, ...]
    session_id: str | None = None
    seq_no: int | None = None
    energy_wh: int | None = None
    """Energy of the session so far, over all that is known of it."""
    power_w: int | None = None
    """Latest power known of the session."""


class SessionEnded(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A station reported a session's end; or it is presumed, until its station tells otherwise."""

    session_id: str
    at: datetime
    meter_wh: int | None = None
    energy_wh: int | None = None
    seq_no: int | None = None
    reason: str | None = None
    token_ref: str | None = None
    offline: bool = False
    trigger: str | None = None
    clock_suspect: bool = False
    presumed: Presumed | None = None
    """By what; None: its station reported it."""
    end_key: str = ""
    """What names this end when its station sends it again without naming the session (rule 17)."""


class SessionReopened(msgspec.Struct, frozen=True, tag=True):
    """News came of a session whose end had been presumed: it has not ended as far as we know."""

    session_id: str
    at: datetime


class SessionCompleted(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """All of a session is known, or the wait for the rest is over: it can be priced. Once per session."""

    session_id: str
    started_at: datetime
    ended_at: datetime
    energy_wh: int
    gaps: tuple[int, ...] = ()
    """Sequence numbers that never came."""
    notes: tuple[str, ...] = ()
    """What was assumed, each a sentence."""
    meter_lacks: tuple[MeterLack, ...] = ()
    """What its station's meter did not tell; empty in facts from before it was looked at."""
    doubted_wh: int | None = None
    """Its last register, which cannot be and does not count (rule 25)."""
    begun_wh: int | None = None
    """Only beside that: its register at the start, if it was told."""
    turn: RegisterTurn | None = None
    """Its register fell and went on (pricing 5.2)."""


class SessionReckoned(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A station told what a session costs, or by which tariff, as it reckons. It is no price of ours."""

    session_id: str
    at: datetime
    reckoning: Reckoning
    final: bool = False
    """Told with the session's end."""


class SessionLimited(msgspec.Struct, frozen=True, tag=True):
    """A session may take no more than this."""

    session_id: str
    at: datetime
    limit: SessionLimit
    by: LimitedBy


class SessionLimitReached(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A session has taken as much as it may, of one kind."""

    session_id: str
    at: datetime
    kind: LimitKind
    told: bool = False
    """The station says so, and sees to it; else we found it, and have the session stopped."""


class SessionQueueReported(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A station, asked about a session of which something is missing, said whether it still has messages of it."""

    session_id: str
    in_queue: bool
    ongoing: bool | None = None
    """Of a session that had not ended as far as we knew: does it go on?"""


class StrayReported(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A message that fits no session of its station, kept for review (rule 17, T8)."""

    kind: str
    transaction_id: str
    at: datetime
    body: str
    """The ask as JSON, without the token's uid."""
    session_id: str | None = None
    """Of the session whose end it is, which came after another: a presumed one, one taken for it, or simply another."""
    energy_wh: int | None = None
    """Of that session by this end."""
    completed_wh: int | None = None
    """With which it was completed."""


class CertificateRequested(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A station asked to have a key of its own signed."""

    kind: str
    """OCPP's word for what it is for; empty: it did not say."""
    key: str = ""
    """SHA-256 of the public key, hexadecimal; empty if none could be read."""
    fault: str = ""
    """Why it was refused; empty: it was not."""


class CommandRequested(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    command_id: str
    name: CommandName
    asked_by: PartyId
    evse_id: int | None = None
    connector_id: int | None = None
    session_id: str | None = None
    """STOP: which; START: the one that shall come of it, None in facts from before it had an id this early."""
    token_ref: str | None = None
    token_party: PartyId | None = None
    authorization_reference: str | None = None
    remote_start_id: int | None = None
    deadline_s: int = 30
    action: str | None = None
    """CALL: which action of the station's OCPP version."""
    payload: str | None = None
    """CALL: its fields as JSON, without secrets and tokens."""
    reservation: Reservation | None = None
    """RESERVE: what is to be kept; CANCEL_RESERVATION: what no longer."""


class CommandAnswered(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    command_id: str
    result: CommandResult
    detail: str = ""
    response: str | None = None
    """CALL: what the station answered with, as JSON, without secrets and tokens."""


class ReservationChanged(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A reservation was made at a station, or replaced, or has ended."""

    reservation: Reservation
    state: ReservationState
    at: datetime
    by: PartyId | None = None
    """CANCELED: by whom."""
    session_id: str | None = None
    """USED: by this session."""
    detail: str = ""


class RemoteStartLapsed(msgspec.Struct, frozen=True, tag=True):
    """A station had accepted a remote start, and no session followed it in time."""

    command_id: str
    waited_s: int
    """From when it was accepted."""


# --- a station's record, in a stream of its own --------------------------------------------------------


class StationSecured(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """Which security profile a station must come with was changed (T4)."""

    minimum: SecurityProfile
    proven: SecurityProfile
    """The highest with which it ever spoke to us."""
    by: SecuredBy
    reason: str = ""
    """The operator's, in words."""


class StationCertificateIssued(msgspec.Struct, frozen=True, omit_defaults=True, tag=True, kw_only=True):
    """An authority signed what a station had asked for."""

    fingerprint: str
    """SHA-256 of the certificate, hexadecimal."""
    serial: str
    """Hexadecimal."""
    issuer: str
    begins_at: datetime
    ends_at: datetime
    kind: str = ""


class StationCertificateRefused(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """What a station had asked for comes to nothing: nobody signed it, or the station did not take it."""

    detail: str
    fingerprint: str = ""
    """Of the certificate that the station did not take."""


class StationCertificateTaken(msgspec.Struct, frozen=True, tag=True):
    """A station accepted a certificate that we sent it."""

    fingerprint: str


class StationCertificateUsed(msgspec.Struct, frozen=True, tag=True):
    """A station came with a certificate for the first time."""

    fingerprint: str
    serial: str
    ends_at: datetime


class StationPasswordChanged(msgspec.Struct, frozen=True, tag=True):
    """A station's password is being changed, or has been (T5). What it is stands nowhere."""

    step: PasswordStep


class StationAdmitted(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """It was decided whether a station may work with us; it is told so when it boots next."""

    state: Admission
    by: AdmittedBy
    make: Make | None = None
    """RULE: what the station is."""
    reason: str = ""
    """The rule's, or the operator's in words."""


# --- a session of ours, in a stream of its own: partners write to it, so it is not its station's ---------


class SessionPreferred(msgspec.Struct, frozen=True, tag=True):
    """A driver's eMSP told what he wants of a session, and was told what becomes of it."""

    session_id: str
    by: PartyId
    preferences: ChargingPreferences
    answer: PreferencesAnswer


# --- roaming --------------------------------------------------------------------------------------


class PeerChanged(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A registration moved on. Holds no secret."""

    peer_id: str
    state: PeerState
    version: str | None = None
    parties: tuple[PartyId, ...] = ()
    note: str = ""


class ClientInfoChanged(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """How a hub is connected to a party has changed: we are the hub, or our hub told us."""

    client: ClientInfo
    hub: str = ""
    """Our name for the hub that told it; empty: we are the hub."""
    reason: ClientReason = ClientReason.TOLD


class AgreementMade(msgspec.Struct, frozen=True, tag=True):
    """What holds between a party of ours and a party of a peer, or all of them, from now on: instead of what held before."""

    peer_id: str
    agreement: Agreement


class AgreementEnded(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """Nothing is agreed with that party of a peer any more, or with all those without an agreement of their own."""

    peer_id: str
    party: PartyId | None = None
    note: str = ""


class RoamedSessionChanged(msgspec.Struct, frozen=True, tag=True):
    """Another party told us the state of one of our drivers' sessions."""

    session: Session


class RoamedSessionLapsed(msgspec.Struct, frozen=True, tag=True):
    """One of our drivers' sessions was PENDING for too long at another party, which said no more: we hold it INVALID."""

    session: Session
    """As it was last told, but for its status: whatever is told later counts."""
    waited_s: int
    """From when we last heard of it."""


class TerminalChanged(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A payment terminal is known anew, at its provider or at the CPO whose drivers pay at it."""

    terminal: Terminal
    state: TerminalState
    cpo: PartyId
    peer_id: str
    """The other side's platform."""


class PaymentAdvised(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A payment terminal provider said what it took for a session; at the provider: what we took."""

    advice: Advice
    cpo: PartyId
    peer_id: str
    content_hash: str = ""
    """SHA-256 of what was received, hexadecimal; empty: it is of our own making."""


class BookingChanged(msgspec.Struct, frozen=True, tag=True):
    """A booking at a location of ours was made, rejected, changed, cancelled, used, or came to its end."""

    booked: Booked


# --- the CDR, at the party that issues it and at the one that pays -------------------------------------


class CdrIssued(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """We, the CPO, made the CDR of a session. Exactly once per session (P4), unless it was credited and reissued."""

    cdr: Cdr
    cost: Cost
    withheld: tuple[str, ...] = ()
    """What our own examination refuses in it (V01 to V52): until somebody has decided it goes to nobody."""
    signed: SignedCheck | None = None
    """What its signed meter values are worth; None: it has none."""
    prepaid: Decimal | None = None
    """What it took from its token's prepaid credit, in the money of its cost; below zero: gave back to it. None: of
    facts from before this was kept."""


class CdrTakenBack(msgspec.Struct, frozen=True, tag=True):
    """We credited this CDR of ours, the whole of it. Once per CDR."""

    credit_id: str
    """Of the credit CDR, which was issued with it."""
    reason: str
    by: str
    """Who decided, as they named themselves."""


class CdrReissued(msgspec.Struct, frozen=True, tag=True):
    """Another CDR of its session took the place of this one, which we had credited. Once per CDR."""

    cdr_id: str
    """Of the other, which was issued with it."""
    by: str
    """Who decided, as they named themselves."""


class CdrDelivered(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """A peer accepted the CDR."""

    peer_id: str
    url: str | None = None
    """Where the peer says it can be read."""


class CdrReceived(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """Another party sent us a CDR. Applied once by (party, id) however often it comes."""

    cdr: Cdr
    content_hash: str
    """SHA-256 of the body as received, hexadecimal."""
    peer_id: str = ""
    """Who brought it; empty: that was not kept yet."""


class CdrChecked(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """We examined a received CDR. ``findings`` name the rules (V01 to V52)."""

    accepted: bool
    findings: tuple[str, ...] = ()
    unexamined: tuple[str, ...] = ()
    """Checks that could not be made, each with the reason."""


class CdrDecided(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """An operator decided what becomes of a CDR, whatever the checks say."""

    state: CdrState
    """ACCEPTED, REJECTED or DISPUTED; of one that we withheld ISSUED: it may go."""
    reason: str
    by: str
    """Who decided, as they named themselves."""
    checks: tuple[str, ...] = ()
    """Numbers of the findings that it is about."""


class CdrCredited(msgspec.Struct, frozen=True, tag=True):
    """A credit CDR of the same party gave this one back."""

    by: str
    """Its id."""


# --- which CDRs an invoice covers, at the party that sent it and at the one that got it -----------------


class InvoiceRecordIssued(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """We said, first or anew, which CDRs an invoice of ours covers."""

    record: InvoiceRecord
    to_party: PartyId
    """Who got the invoice."""
    dropped: tuple[str, ...] = ()
    """CDRs that stood in it before and do no more."""


class InvoiceRecordDelivered(msgspec.Struct, frozen=True, tag=True):
    """A peer took the record as it was then."""

    peer_id: str


class InvoiceRecordWithdrawn(msgspec.Struct, frozen=True, tag=True):
    """We took a record of ours back: it was an error, and its CDRs are free for another."""

    to_party: PartyId
    cdrs: tuple[str, ...]


class InvoiceRecordReceived(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """Another party told us which CDRs an invoice of theirs covers."""

    record: InvoiceRecord
    peer_id: str
    content_hash: str
    """SHA-256 of the body as received, hexadecimal."""
    dropped: tuple[str, ...] = ()


class InvoiceRecordRemoved(msgspec.Struct, frozen=True, tag=True):
    """Its sender took a record back."""

    peer_id: str
    cdrs: tuple[str, ...]


# --- a customer's contract -------------------------------------------------------------------------------


class BillLineAdded(msgspec.Struct, frozen=True, tag=True):
    """A session became a line on the customer's electricity bill."""

    line: BillLine


StationFact = (
    StationConnected
    | StationDisconnected
    | StationBooted
    | ConnectorStatusChanged
    | StationEventReported
    | StationClockJudged
    | StationNoticed
    | AuthorizationDecided
    | SessionStarted
    | SessionSeen
    | SessionUpdated
    | MeterSampled
    | SessionEnded
    | SessionReopened
    | SessionCompleted
    | SessionReckoned
    | SessionLimited
    | SessionLimitReached
    | SessionQueueReported
    | StrayReported
    | CertificateRequested
    | CommandRequested
    | CommandAnswered
    | RemoteStartLapsed
    | ReservationChanged
)
Fact = (
    StationFact
    | StationSecured
    | StationPasswordChanged
    | StationCertificateIssued
    | StationCertificateRefused
    | StationCertificateTaken
    | StationCertificateUsed
    | SessionPreferred
    | StationAdmitted
    | PeerChanged
    | ClientInfoChanged
    | AgreementMade
    | AgreementEnded
    | RoamedSessionChanged
    | RoamedSessionLapsed
    | TerminalChanged
    | PaymentAdvised
    | BookingChanged
    | CdrIssued
    | CdrTakenBack
    | CdrReissued
    | CdrDelivered
    | CdrReceived
    | CdrChecked
    | CdrDecided
    | CdrCredited
    | InvoiceRecordIssued
    | InvoiceRecordDelivered
    | InvoiceRecordWithdrawn
    | InvoiceRecordReceived
    | InvoiceRecordRemoved
    | BillLineAdded
)
