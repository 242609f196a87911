"""What a fact means for peers: which of our objects is no longer as they know it.

A mark says "peer P lacks the present state of object O"; only the latest state is ever sent, so any
number of facts is one mark (DESIGN 5.4).
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from elstrada.model import facts as f
from elstrada.model.ids import PartyId, owner_of


class Kind(StrEnum):
    """What a mark is about."""

    SESSION = "session"
    CDR = "cdr"
    EVSE = "evse"
    """Its status alone: a small patch instead of the whole location."""
    LOCATION = "location"
    TARIFF = "tariff"
    TOKEN = "token"  # noqa: S105  A kind of object, no secret.
    COPY = "copy"
    """What another party told to all through a hub of ours."""
    PULL = "pull"
    """The other way round: we lack what the peer has of the module that is the object's id."""


MODULE_OF: dict[Kind, str] = {
    Kind.SESSION: "sessions",
    Kind.CDR: "cdrs",
    Kind.EVSE: "locations",
    Kind.LOCATION: "locations",
    Kind.TARIFF: "tariffs",
    Kind.TOKEN: "tokens",
}
"""The module whose receiver a mark's object goes to."""


class SessionNews(msgspec.Struct, frozen=True):
    owner: PartyId
    session_id: str


class CdrNews(msgspec.Struct, frozen=True):
    owner: PartyId
    cdr_id: str
    token_party: PartyId | None


class StatusNews(msgspec.Struct, frozen=True):
    owner: PartyId
    station_id: str
    evse_id: int


class PeerNews(msgspec.Struct, frozen=True):
    """A peer registered, or said anew what it is: it shall have everything."""

    owner: PartyId
    peer_id: str


News = SessionNews | CdrNews | StatusNews | PeerNews


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
        case f.CdrIssued(cdr=cdr):
            return CdrNews(owner, cdr.id, cdr.token_party)
        case f.ConnectorStatusChanged(evse_id=evse_id):
            return StatusNews(owner, stream.split("/", 2)[2], evse_id)
        case f.PeerChanged(peer_id=peer_id, state="ACTIVE"):
            return PeerNews(owner, peer_id)
        case _:
            return None
