"""Who and what: party ids, stream names and pseudonyms of tokens."""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import lru_cache

import msgspec

_PARTY = re.compile(r"^([A-Za-z]{2})[*\-]?([A-Za-z0-9]{3})$")


class PartyId(msgspec.Struct, frozen=True, order=True):
    """A market party, as eMI3 and OCPI name it. Upper case always, so that equality is a CiString's."""

    country_code: str
    """ISO 3166-1 alpha-2, upper case."""
    party_id: str
    """Three letters or digits, upper case."""

    def __post_init__(self) -> None:
        if _PARTY.match(self.country_code + self.party_id) is None:
            raise ValueError(f"not a party id: {self.country_code!r} {self.party_id!r}; expected like SE*ELS")
        if not (self.country_code.isupper() and self.party_id == self.party_id.upper()):
            raise ValueError(f"a party id is upper case: {self.country_code}*{self.party_id}")

    def __str__(self) -> str:
        return f"{self.country_code}*{self.party_id}"

    @classmethod
    def parse(cls, text: str) -> PartyId:
        """Read ``SE*ELS``, ``SE-ELS`` or ``SEELS``, in any case.

        Raises:
            ValueError: the text is none of these.
        """
        return _party(text.strip())


@lru_cache(1024)  # An installation knows few parties, and reads their names in every row.
def _party(text: str) -> PartyId:
    found = _PARTY.match(text)
    if found is None:
        raise ValueError(f"not a party id: {text[:20]!r}; expected two letters and three, like SE*ELS")
    return PartyId(found[1].upper(), found[2].upper())


class Fresh(msgspec.Struct, frozen=True):
    """Identifiers made outside and handed to a decider, which itself knows no chance."""

    id: str
    """Unique for ever, at most 36 characters."""
    number: int
    """Random, 1 to 2**31 - 1: an OCPP 1.6 transaction id (T8: not guessable; never 0)."""


def station_stream(owner: PartyId, station_id: str) -> str:
    """The stream of everything one station said and did."""
    return f"station/{owner}/{station_id}"


def station_security_stream(owner: PartyId, station_id: str) -> str:
    """The stream of what is demanded of one station; operators write to it, so it is not the station's own."""
    return f"station-security/{owner}/{station_id}"


def session_stream(owner: PartyId, session_id: str) -> str:
    """The stream of what others than its station say of one of our sessions."""
    return f"session/{owner}/{session_id}"


def station_address(node: str, owner: PartyId, station_id: str, connection_id: str) -> str:
    """Where one socket of a station is reached by post: at the node that holds it, and nowhere else.

    Another connection of the same station has another address, so that whoever lost the station is never
    asked in its name (T2).
    """
    return f"@{node}/{station_stream(owner, station_id)}/{connection_id}"


def roamed_session_stream(owner: PartyId, of: PartyId, session_id: str) -> str:
    """The stream of a session that another party reports to ``owner``."""
    return f"roamed-session/{owner}/{of}/{session_id}"


def bookings_stream(owner: PartyId, location_id: str) -> str:
    """The stream of all bookings at one location of ours."""
    return f"bookings/{owner}/{location_id}"


def cdr_stream(owner: PartyId, of: PartyId, cdr_id: str) -> str:
    """The stream of one CDR as ``owner`` knows it; ``of`` is the party that issued it."""
    return f"cdr/{owner}/{of}/{cdr_id}"


def invoice_record_stream(owner: PartyId, of: PartyId, record_id: str) -> str:
    """The stream of one invoice reconciliation record as ``owner`` knows it; ``of`` is the party that sent the invoice."""
    return f"invoice-record/{owner}/{of}/{record_id}"


def terminal_stream(owner: PartyId, of: PartyId, terminal_id: str) -> str:
    """The stream of one payment terminal of the provider ``of``, as ``owner`` knows it; its id in upper case."""
    return f"terminal/{owner}/{of}/{terminal_id.upper()}"


def advice_stream(owner: PartyId, of: PartyId, advice_id: str) -> str:
    """The stream of what the provider ``of`` says it took in one payment, likewise."""
    return f"advice/{owner}/{of}/{advice_id.upper()}"


def contract_stream(owner: PartyId, contract_id: str) -> str:
    """The stream of one customer's contract: its bill lines."""
    return f"contract/{owner}/{contract_id}"


def peer_stream(owner: PartyId, peer_id: str) -> str:
    """The stream of a roaming connection: registered, renewed, ended."""
    return f"peer/{owner}/{peer_id}"


def client_stream(owner: PartyId, of: PartyId, hub: str = "") -> str:
    """The stream of how a hub is connected to a party.

    Args:
        hub: our name for the hub that tells of it; empty: ``owner`` is the hub.
    """
    return f"client/{owner}/{of}/{hub}" if hub else f"client/{owner}/{of}"


def agreement_stream(owner: PartyId, peer_id: str) -> str:
    """The stream of what is agreed with a peer; operators write to it, so it is not the connection's own."""
    return f"agreement/{owner}/{peer_id}"


def owner_of(stream: str) -> PartyId:
    """The party whose stream this is (its second segment)."""
    return PartyId.parse(stream.split("/", 2)[1])


def token_ref(key: bytes, uid: str) -> str:
    """The pseudonym under which facts know a token (T28): without the key, nobody gets back to the uid.

    Args:
        key: the installation's secret of at least 16 bytes.
        uid: as presented; compared without case, as OCPI's CiString.
    Returns:
        26 characters, safe in a stream name.
    """
    digest = hmac.new(key, uid.upper().encode(), hashlib.sha256).digest()
    return digest[:13].hex()
