"""Asks: someone wants something. Stations, drivers, operators and the clock all speak through these.

An ask carries what it needs to be decided; a decider looks nothing up.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from elstrada.model.device import CommandName, CommandResult, ConnectorStatus
from elstrada.model.ids import PartyId
from elstrada.model.quantity import MeterSample
from elstrada.model.security import SecurityProfile
from elstrada.model.token import Token, Verdict


class PresentedToken(msgspec.Struct, frozen=True, omit_defaults=True):
    """A token as a station or a party presents it. Asks are not stored, so the uid may stand here."""

    uid: str
    type: str = "RFID"
    ref: str = ""
    """Pseudonym; the gateway fills it in before anything is decided."""
    known: Token | None = None
    """Our record of it, if we have one; filled in likewise."""


class Boot(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag=True):
    vendor: str
    model: str
    serial: str | None = None
    firmware: str | None = None
    reason: str | None = None


class Beat(msgspec.Struct, frozen=True, tag=True):
    """A station is alive and wants to know the time. Never a fact."""


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
    offline: bool = False
    trigger: str | None = None
    clock_suspect: bool = False
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
    clock_suspect: bool = False


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
    """START."""
    authorization_reference: str | None = None
    hard: bool = False
    operative: bool = True
    message: str | None = None
    action: str | None = None
    """CALL."""
    payload: str | None = None
    """CALL: a JSON object. Asks are not stored, so secrets may stand here."""
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


class Tick(msgspec.Struct, frozen=True, tag=True):
    """Time has passed: close what waited long enough."""


class EndCommand(msgspec.Struct, frozen=True, tag=True):
    """Of whichever node gave a peer a command: it ended so, the peer says. Answered by Noted."""

    result: str
    """In OCPI's words."""
    detail: str


class DrainNode(msgspec.Struct, frozen=True, tag=True):
    """A node shall send its stations to others, finish its work and end. Answered by Noted, before it does."""


class AreYouThere(msgspec.Struct, frozen=True, tag=True):
    """Of whoever holds a station's socket: does the station still answer on it? (T2)"""


StationAsk = (
    Boot
    | Beat
    | ReportStatus
    | Authorize
    | StartSession
    | UpdateSession
    | EndSession
    | RecordMeter
    | ReportEvents
    | Connect
    | Disconnect
    | Command
    | CommandReply
    | Tick
)
"""All that can be asked of a station's decider."""
