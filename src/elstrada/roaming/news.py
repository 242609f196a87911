"""What a fact means for peers: which of our objects is no longer as they know it.

A mark says "peer P lacks the present state of object O"; only the latest state is ever sent, so any
number of facts is one mark (DESIGN 5.4).
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from elstrada.model import facts as f
from elstrada.model.device import CommandResult
from elstrada.model.ids import PartyId, owner_of
from elstrada.model.notices import NoticeKind
from elstrada.model.party import Role


class Kind(StrEnum):
    """What a mark is about."""

    SESSION = "session"
    CDR = "cdr"
    EVSE = "evse"
    """Its status alone: a small patch instead of the whole location."""
    LOCATION = "location"
    TARIFF = "tariff"
    INVOICE = "invoice"
    """Which CDRs an invoice of ours covers."""
    TOKEN = "token"  # noqa: S105  A kind of object, no secret.
    COPY = "copy"
    """What another party told to all through a hub of ours."""
    PROFILE = "profile"
    """What a session's station allows it, for a party that has a say in it."""
    CLIENT = "client"
    """How a hub, which we are, is connected to a party in one of its roles."""
    TERMINAL = "terminal"
    ADVICE = "advice"
    """What we took at a terminal of ours, until its CPO has heard of it."""
    BOOKING_LOCATION = "booking_location"
    BOOKING = "booking"
    AGREEMENT = "agreement"
    """No object: the time has come from which on, or until which, something is agreed."""
    PULL = "pull"
    """The other way round: we lack what the peer has of the module that is the object's id."""


MODULE_OF: dict[Kind, str] = {
    Kind.SESSION: "sessions",
    Kind.CDR: "cdrs",
    Kind.EVSE: "locations",
    Kind.LOCATION: "locations",
    Kind.TARIFF: "tariffs",
    Kind.TOKEN: "tokens",
    Kind.CLIENT: "hubclientinfo",
    Kind.INVOICE: "invoicereconciliation",
    Kind.TERMINAL: "payments",
    Kind.ADVICE: "payments",
    Kind.BOOKING_LOCATION: "bookings",
    Kind.BOOKING: "bookings",
}
"""The module whose receiver a mark's object goes to."""


class SessionNews(msgspec.Struct, frozen=True):
    owner: PartyId
    session_id: str


class StartNews(msgspec.Struct, frozen=True):
    """Of a remote start: its session is PENDING now, or will never begin."""

    owner: PartyId
    command_id: str


class CdrNews(msgspec.Struct, frozen=True):
    owner: PartyId
    cdr_id: str
    token_party: PartyId | None


class InvoiceNews(msgspec.Struct, frozen=True):
    owner: PartyId
    record_id: str
    to_party: PartyId


class StatusNews(msgspec.Struct, frozen=True):
    owner: PartyId
    station_id: str
    evse_id: int


class ClientNews(msgspec.Struct, frozen=True):
    """A hub of ours is connected otherwise to a party in this role."""

    owner: PartyId
    party: PartyId
    role: Role


class PeerNews(msgspec.Struct, frozen=True):
    """A peer registered, said anew what it is, or agreed on something else: it shall have all that is for it."""

    owner: PartyId
    peer_id: str


class BookingNews(msgspec.Struct, frozen=True):
    """A booking, and with it what is still free at its location."""

    owner: PartyId
    location_id: str
    booking_id: str
    made_for: PartyId


class ProfileNews(msgspec.Struct, frozen=True):
    """Perhaps a station now allows other than before."""

    owner: PartyId
    station_id: str
    command_id: str | None
    """By which; None: by nobody's command of ours."""


News = (
    SessionNews
    | StartNews
    | CdrNews
    | InvoiceNews
    | StatusNews
    | ClientNews
    | PeerNews
    | ProfileNews
    | BookingNews
)
_LIMITING = frozenset({NoticeKind.CHARGING_LIMIT, NoticeKind.PRIORITY_CHARGING})


def news(stream: str, fact: f.Fact) -> News | None:
    """What a fact means for peers, or None."""
    owner = owner_of(stream)
    match fact:
        case (
            f.SessionStarted(session_id=id) | f.SessionUpdated(session_id=id) | f.SessionEnded(session_id=id)
        ):
            return SessionNews(owner, id)
        case f.SessionCompleted(session_id=id) | f.SessionReopened(session_id=id):
            return SessionNews(owner, id)
        case f.ReservationChanged(reservation=one) if one.token_party is not None:
            return SessionNews(owner, one.session_id)
        case f.MeterSampled(session_id=str(id)):
            return SessionNews(owner, id)
        case f.CommandAnswered(command_id=id, result=CommandResult.ACCEPTED, response=str()):
            return ProfileNews(owner, stream.split("/", 2)[2], id)
        case (
            f.CommandAnswered(command_id=id, result=CommandResult.ACCEPTED)
            | f.RemoteStartLapsed(command_id=id)
        ):
            return StartNews(owner, id)
        case f.CdrIssued(cdr=cdr):
            return CdrNews(owner, cdr.id, cdr.token_party)
        case f.InvoiceRecordIssued(record=record, to_party=to_party):
            return InvoiceNews(owner, record.id, to_party)
        case f.InvoiceRecordWithdrawn(to_party=to_party):
            return InvoiceNews(owner, stream.split("/", 3)[3], to_party)
        case f.ConnectorStatusChanged(evse_id=evse_id):
            return StatusNews(owner, stream.split("/", 2)[2], evse_id)
        case f.StationNoticed(notice=notice) if notice.kind in _LIMITING:
            return ProfileNews(owner, stream.split("/", 2)[2], None)
        case f.ClientInfoChanged(client=client, hub=""):
            return ClientNews(owner, client.party, client.role)
        case f.BookingChanged(booked=one):
            return BookingNews(owner, one.location_id, one.id, one.made_for)
        case f.PeerChanged(peer_id=peer_id, state="ACTIVE"):
            return PeerNews(owner, peer_id)
        case f.AgreementMade(peer_id=peer_id) | f.AgreementEnded(peer_id=peer_id):
            return PeerNews(owner, peer_id)
        case _:
            return None


def of_its_start(stream: str, fact: f.Fact) -> StartNews | None:
    """What a session's begin means beside itself: the one that was awaited may have another id, as of a reservation."""
    if isinstance(fact, f.SessionStarted) and fact.command_id is not None:
        return StartNews(owner_of(stream), fact.command_id)
    return None
