"""OCPI's headers: who calls (Authorization), which call it is (ids), and between which parties (routing)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

import msgspec

from elstrada.model.http import HttpRequest
from elstrada.model.ids import PartyId
from elstrada.ocpi.scalars import party

_MAX_TOKEN = 64
_MAX_ID = 128


class Ids(msgspec.Struct, frozen=True):
    """What a response must echo (R-14). Both are absent where the caller gave none."""

    request_id: str | None = None
    correlation_id: str | None = None

    def headers(self) -> dict[str, str]:
        given = {"x-request-id": self.request_id, "x-correlation-id": self.correlation_id}
        return {name: value for name, value in given.items() if value is not None}


class Routing(msgspec.Struct, frozen=True):
    """From which party to which. A side is None where the caller left it out."""

    to_party: PartyId | None = None
    from_party: PartyId | None = None

    def headers(self) -> dict[str, str]:
        return _pair("to", self.to_party) | _pair("from", self.from_party)

    def swapped(self) -> Routing:
        """For the response: it goes back where the request came from."""
        return Routing(to_party=self.from_party, from_party=self.to_party)


def authorization(token: str, *, plain: bool = False) -> str:
    """The header that shows a credentials token. Source: OCPI 2.2.1 transport_and_format (2.2-d2).

    Args:
        plain: as 2.1.1 has it, not in base64 (R-02).
    """
    return f"Token {token if plain else base64.b64encode(token.encode()).decode()}"


def token_of(headers: Mapping[str, str]) -> str | None:
    """The credentials token a request shows, or None if there is none to believe (R-01).

    Only base64 of printable ASCII is read; a raw token is not (R-02), nor one with a line end (R-03).
    """
    try:
        return _believable(base64.b64decode(_shown(headers), validate=True).decode("ascii"))
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None


def plain_token_of(headers: Mapping[str, str]) -> str | None:
    """The same of a request of 2.1.1, which shows the token as it is (R-02)."""
    return _believable(_shown(headers))


def _shown(headers: Mapping[str, str]) -> str:
    scheme, _, shown = headers.get("authorization", "").partition(" ")
    return shown.strip() if scheme.lower() == "token" and len(shown) <= 2 * _MAX_TOKEN else ""


def _believable(token: str) -> str | None:
    printable = token.isascii() and token.isprintable() and " " not in token
    return token if token and printable and len(token) <= _MAX_TOKEN else None


def read_ids(request: HttpRequest) -> Ids:
    """The ids to echo; what could not stand in a header again is dropped."""
    return Ids(
        _echoable(request.headers.get("x-request-id")), _echoable(request.headers.get("x-correlation-id"))
    )


def read_routing(headers: Mapping[str, str]) -> Routing:
    """The parties that a request names.

    Raises:
        ValueError: half a party, or no party id.
    """
    return Routing(to_party=_read_party(headers, "to"), from_party=_read_party(headers, "from"))


def _pair(side: str, of: PartyId | None) -> dict[str, str]:
    if of is None:
        return {}
    return {f"ocpi-{side}-country-code": of.country_code, f"ocpi-{side}-party-id": of.party_id}


def _read_party(headers: Mapping[str, str], side: str) -> PartyId | None:
    country_code = headers.get(f"ocpi-{side}-country-code")
    party_id = headers.get(f"ocpi-{side}-party-id")
    if country_code is None and party_id is None:
        return None
    try:
        return party(country_code or "", party_id or "")
    except ValueError:
        raise ValueError(
            f"OCPI-{side} headers name no party; both country code and party id are needed"
        ) from None


def _echoable(value: str | None) -> str | None:
    if value is None or len(value) > _MAX_ID or not (value.isascii() and value.isprintable()):
        return None
    return value
