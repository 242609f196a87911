"""Certificates: stations' own, as they are asked for and given, and those of contracts, as they are judged."""

from __future__ import annotations

from enum import StrEnum

import msgspec

OWN = frozenset({"", "ChargingStationCertificate"})
"""Words of OCPP for the certificate by which a station proves who it is; empty: it did not say."""
V2G_20 = "V2G20Certificate"
V2G = frozenset({"V2GCertificate", V2G_20})
"""For those by which it proves to cars what it is (ISO 15118-2, and -20)."""


class SignedCertificate(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a station is given that asked for a certificate."""

    chain: str
    """PEM, the station's own first."""
    kind: str = ""
    """OCPP's word for it, as the station used it."""
    wire_id: int | None = None
    """OCPP 2.1: the requestId under which it asked."""


# --- the status of any certificate ------------------------------------------------------------------


class CertificateId(msgspec.Struct, frozen=True):
    """How OCSP names a certificate. Source: RFC 6960 §4.1.1 (CertID)."""

    algorithm: str
    """SHA256, SHA384 or SHA512."""
    issuer_name_hash: str
    """Hexadecimal, lower case."""
    issuer_key_hash: str
    """Likewise."""
    serial: str
    """Hexadecimal, lower case, without leading zeros."""


class StatusQuestion(msgspec.Struct, frozen=True):
    """Is a certificate still good, and who knows?"""

    certificate: CertificateId
    urls: tuple[str, ...]
    """Of OCSP responders, or of revocation lists, to be tried in this order."""
    by_list: bool = False
    """The addresses are of revocation lists (CRL)."""


class ChainQuestion(msgspec.Struct, frozen=True):
    """A question about one certificate of a chain."""

    question: StatusQuestion
    as_asked: str
    """The certificate's name in the station's own words, a JSON object, with which it is answered."""


class CertificateState(StrEnum):
    """What an issuer says of a certificate. Source: OCPP 2.1 CertificateStatusEnumType."""

    GOOD = "Good"
    REVOKED = "Revoked"
    UNKNOWN = "Unknown"
    FAILED = "Failed"
    """It could not be learnt."""


# --- contracts --------------------------------------------------------------------------------------


class ContractProof(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a car shows of its contract; the station passes on one or both. Source: OCPP 2.0.1 part 2, C07."""

    chain: str = ""
    """PEM, the contract's own certificate first; empty: the station has checked the chain itself."""
    hashes: tuple[StatusQuestion, ...] = ()
    """The certificates of the chain, of which the status is to be learnt."""


class ContractStatus(StrEnum):
    """What we make of a contract's certificate. Source: OCPP 2.x AuthorizeCertificateStatusEnumType."""

    ACCEPTED = "Accepted"
    SIGNATURE_ERROR = "SignatureError"
    CERTIFICATE_EXPIRED = "CertificateExpired"
    CERTIFICATE_REVOKED = "CertificateRevoked"
    NO_CERTIFICATE_AVAILABLE = "NoCertificateAvailable"
    CERT_CHAIN_ERROR = "CertChainError"
    CONTRACT_CANCELLED = "ContractCancelled"


class ContractWish(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A car wants its contract's certificate put in, or renewed. Source: OCPP 2.x Get15118EVCertificate."""

    exi: str
    """The car's own message, Base64; nobody here opens it."""
    schema_version: str
    """Of ISO 15118: the namespace of that message."""
    update: bool = False
    most_chains: int | None = None
    """OCPP 2.1: how many contracts the car can take."""
    prioritized: tuple[str, ...] = ()
    """OCPP 2.1: eMAIDs that it would like first."""
