"""Charging stations: the record of one, how it is reached, and what it may be told to do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from elstrada.model.admission import StationAdmission
from elstrada.model.certificates import SignedCertificate
from elstrada.model.ids import PartyId
from elstrada.model.locallist import ListRule, ListUpdate
from elstrada.model.location import EvseStatus
from elstrada.model.reservation import Reservation
from elstrada.model.security import Signatures, StationSecurity
from elstrada.model.token import AdditionalInfo


class Protocol(StrEnum):
    """The WebSocket subprotocols of OCPP."""

    OCPP16 = "ocpp1.6"
    OCPP201 = "ocpp2.0.1"
    OCPP21 = "ocpp2.1"


class EvsePlace(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where one of a station's EVSEs stands in the owner's locations."""

    evse_id: int
    """OCPP number, from 1. OCPP 1.6 knows it as the connector id."""
    location_id: str
    evse_uid: str
    home_of: str | None = None
    """Contract id of the driver whose home charger it is; None: nobody's."""


class Station(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The record of a station we own. The password is kept elsewhere, as a keyed hash."""

    owner: PartyId
    id: str
    """The identity in its WebSocket address: 1 to 48 characters."""
    places: tuple[EvsePlace, ...] = ()
    lenient: bool = True
    """Store and count schema violations that damage no meaning, instead of refusing (rule 20)."""
    hex_password: bool = False
    """It shows the hexadecimal text of its password where OCPP 1.6 wants the bytes: both are taken (rule 7)."""
    pinged: bool = True
    """Ping it when it is silent; some never answer a ping (rule 3)."""
    assumes: Protocol | None = None
    """What it speaks where it offers no subprotocol, or none that is one; None: it is not let in (rule 6)."""
    quirks: Mapping[str, bool] = {}
    """What an operator said of quirks: whether it has the one of this name, whatever its make."""
    signatures: Signatures = Signatures.OFF
    signing_keys: tuple[str, ...] = ()
    """PEM: certificates or public keys, one of which signs its messages."""
    security: StationSecurity = StationSecurity()
    """Changed together with a fact, ``StationSecured``."""
    local_list: ListRule | None = None
    """Which tokens it shall hold; None: none, and a list that it may have from elsewhere is left alone."""
    admission: StationAdmission = StationAdmission()
    """Likewise, ``StationAdmitted``."""


class ConnectorStatus(StrEnum):
    """A connector's condition as OCPP 1.6 tells it; 2.x says Occupied where 1.6 knows why."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE"
    SUSPENDED_EV = "SuspendedEV"
    FINISHING = "Finishing"
    OCCUPIED = "Occupied"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


EVSE_STATUS_OF: dict[ConnectorStatus, EvseStatus] = {
    ConnectorStatus.AVAILABLE: EvseStatus.AVAILABLE,
    # Plugged in or being set up: not free for the next driver.
    ConnectorStatus.PREPARING: EvseStatus.BLOCKED,
    ConnectorStatus.CHARGING: EvseStatus.CHARGING,
    ConnectorStatus.SUSPENDED_EVSE: EvseStatus.CHARGING,
    ConnectorStatus.SUSPENDED_EV: EvseStatus.CHARGING,
    ConnectorStatus.FINISHING: EvseStatus.BLOCKED,
    ConnectorStatus.OCCUPIED: EvseStatus.CHARGING,
    ConnectorStatus.RESERVED: EvseStatus.RESERVED,
    ConnectorStatus.UNAVAILABLE: EvseStatus.INOPERATIVE,
    ConnectorStatus.FAULTED: EvseStatus.OUTOFORDER,
}
"""What the world is told of a connector's condition."""


class CommandName(StrEnum):
    """What a station can be told. One word per thing, over all OCPP versions."""

    START = "START"
    STOP = "STOP"
    RESET = "RESET"
    UNLOCK = "UNLOCK"
    TRIGGER = "TRIGGER"
    CHANGE_AVAILABILITY = "CHANGE_AVAILABILITY"
    CALL = "CALL"
    """An action of the station's own OCPP version, with fields of the operator's choice."""
    INSTALL_SIGNED = "INSTALL_SIGNED"
    """A certificate that the station asked for."""
    CHANGE_PASSWORD = "CHANGE_PASSWORD"  # noqa: S105  A command's name, no secret.
    """To the one that was offered last; the gateway that holds the station reads it in the record."""
    SEND_LOCAL_LIST = "SEND_LOCAL_LIST"
    """A message of an update of its local authorization list."""
    RESERVE = "RESERVE"
    CANCEL_RESERVATION = "CANCEL_RESERVATION"


class CommandResult(StrEnum):
    """How a command ended; exactly one per command (P5)."""

    ACCEPTED = "ACCEPTED"
    SCHEDULED = "SCHEDULED"
    """Accepted, to be done later (availability while a session runs)."""
    REJECTED = "REJECTED"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    UNKNOWN = "UNKNOWN"
    """The station knows no such connector, session or other thing."""
    OCCUPIED = "OCCUPIED"
    """RESERVE: it is in use, or reserved already."""
    INOPERATIVE = "INOPERATIVE"
    """RESERVE: it is out of order."""
    OFFLINE = "OFFLINE"
    TIMEOUT = "TIMEOUT"
    FAILED = "FAILED"
    """The station answered with an error."""


class StationOrder(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A command in our words, ready to be translated for a station's OCPP version."""

    name: CommandName
    evse_id: int | None = None
    connector_id: int | None = None
    transaction_id: str | None = None
    """STOP: the station's own name of the session."""
    token_uid: str | None = None
    """START, RESERVE: as the station shall show it in its own messages."""
    token_type: str = "RFID"  # noqa: S105  A kind of token, no secret.
    """OCPI's word, or one of OCPP's own, which is then shown as it is."""
    token_additional: tuple[AdditionalInfo, ...] = ()
    remote_start_id: int | None = None
    """START: OCPP 2.x gives it back in the first event."""
    hard: bool = False
    """RESET: at once, ending sessions; otherwise when idle."""
    operative: bool = True
    """CHANGE_AVAILABILITY."""
    message: str | None = None
    """TRIGGER: the OCPP message asked for, such as StatusNotification."""
    action: str | None = None
    """CALL."""
    payload: str | None = None
    """CALL: a JSON object. May hold secrets."""
    certificate: SignedCertificate | None = None
    """INSTALL_SIGNED."""
    secret: str | None = None
    """CHANGE_PASSWORD: 40 hexadecimal digits."""
    local_list: ListUpdate | None = None
    """SEND_LOCAL_LIST."""
    reservation: Reservation | None = None
    """RESERVE, CANCEL_RESERVATION."""
