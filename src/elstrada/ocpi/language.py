"""A version's language: its wire structs for the model's nouns, and the way to and from them.

Roles speak to peers of any version through this alone; only ``ocpi`` knows the versions' own structs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Generic, TypeVar, cast

import msgspec

from elstrada.model.booking import Booking, BookingLocation, BookingRequest, Calendar
from elstrada.model.cdr import Cdr
from elstrada.model.ids import PartyId
from elstrada.model.location import Connector, DisplayText, Evse, Location
from elstrada.model.party import ClientInfo
from elstrada.model.reconciliation import InvoiceRecord
from elstrada.model.session import Session
from elstrada.model.tariff import Tariff
from elstrada.model.terminal import AdviceText, Terminal
from elstrada.model.token import Token, TokenIdentity
from elstrada.ocpi.body import Json, Mismatch, Object, plain, shape
from elstrada.ocpi.findings import Translated
from elstrada.ocpi.patch import merged, patch_time
from elstrada.ocpi.scalars import Instant, same

M = TypeVar("M")
W = TypeVar("W", bound=msgspec.Struct)

RefOf = Callable[[str], str]
"""Turns a token's uid into the pseudonym under which the model knows it."""


class Noun(msgspec.Struct, Generic[M], frozen=True):
    """One kind of object in one version."""

    wire: type[msgspec.Struct]
    _read: Callable[[msgspec.Struct, PartyId | None], Translated[M]]
    _write: Callable[[M], Translated[msgspec.Struct]]

    def read(self, wire: msgspec.Struct, of: PartyId | None = None) -> Translated[M]:
        """To the model.

        Args:
            of: whose it is, as the address or the peer's credentials say; 2.1.1 does not say it itself.
        Raises:
            Mismatch: a value has no meaning there.
        """
        assert isinstance(wire, self.wire), f"{type(wire).__name__} is not of this version"
        return self._read(wire, of)

    def write(self, value: M) -> Translated[msgspec.Struct]:
        """To the wire, with what this version cannot say."""
        return self._write(value)

    def patched(self, value: M, patch: Object, of: PartyId | None = None) -> M:
        """The object with the fields that a peer patches.

        Raises:
            Mismatch: a field does not fit.
        """
        return self.read(shape(merged(plain(self.write(value).value), patch), self.wire), of).value


class Held(msgspec.Struct, Generic[M], frozen=True):
    """The same of what names a token, which the model knows by a pseudonym."""

    wire: type[msgspec.Struct]
    _read: Callable[
        [msgspec.Struct, RefOf, PartyId | None, TokenIdentity | None], tuple[Translated[M], TokenIdentity]
    ]
    _write: Callable[[M, TokenIdentity, Location | None], Translated[msgspec.Struct]]
    _contract: Callable[[msgspec.Struct], str] | None = None

    def contract(self, wire: msgspec.Struct) -> str | None:
        """The contract by which this version names a token; None where it names the token itself."""
        return None if self._contract is None else self._contract(wire)

    def read(
        self,
        wire: msgspec.Struct,
        ref_of: RefOf,
        of: PartyId | None = None,
        identity: TokenIdentity | None = None,
    ) -> tuple[M, TokenIdentity]:
        """To the model, and beside it whose token it is.

        Args:
            of: whose it is, as for other objects.
            identity: a token of the contract that it names.
        Raises:
            Mismatch: a value has no meaning there.
        """
        assert isinstance(wire, self.wire), f"{type(wire).__name__} is not of this version"
        translated, found = self._read(wire, ref_of, of, identity)
        return translated.value, found

    def write(
        self, value: M, identity: TokenIdentity, place: Location | None = None
    ) -> Translated[msgspec.Struct]:
        """To the wire, with what this version cannot say.

        Args:
            place: its location, for a version that ``embeds`` it.
        """
        return self._write(value, identity, place)

    def patched(
        self,
        value: M,
        identity: TokenIdentity,
        patch: Object,
        ref_of: RefOf,
        appended: frozenset[str],
        of: PartyId | None = None,
    ) -> tuple[M, TokenIdentity]:
        """The object with the fields that a peer patches.

        Args:
            appended: the lists that grow instead of being replaced.
        Raises:
            Mismatch: a field does not fit.
        """
        document = merged(plain(self.write(value, identity).value), patch, appended=appended)
        wire = shape(document, self.wire)
        contract = self.contract(wire)
        if contract is not None and not same(contract, identity.contract_id):
            raise Mismatch("the contract does not change - at `$.auth_id`")
        return self.read(wire, ref_of, of, identity)


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """The command to start a session, as the model has it."""

    response_url: str
    token: Token
    location_id: str
    evse_uid: str | None
    connector_id: str | None
    authorization_reference: str | None


class Responded(msgspec.Struct, frozen=True):
    """The first answer to a command."""

    result: str
    timeout_s: Decimal | None = None
    """By when the second comes; None where the version does not say."""
    detail: str = ""
    """Why, if it says so."""


class Resulted(msgspec.Struct, frozen=True):
    """The second answer to a command: what the station said."""

    result: str
    detail: str = ""


class Commands(msgspec.Struct, frozen=True, kw_only=True):
    """How a version says what an eMSP wants done, and how it ended."""

    read_start: Callable[[msgspec.Struct, PartyId], Start]
    """The body of START_SESSION. Args: whose token it brings. Raises: Mismatch."""
    write_start: Callable[[Start], msgspec.Struct]
    read_response: Callable[[Json], Responded]
    """Raises: Mismatch."""
    write_response: Callable[[str, int, str], msgspec.Struct]
    """Args: the result as 2.2.1 has it; seconds until the second answer; why, in English, or nothing."""
    read_result: Callable[[msgspec.Struct], Resulted]
    write_result: Callable[[str, tuple[DisplayText, ...]], msgspec.Struct]
    names_connector: bool = True
    """Can a start name the connector?"""
    cancels_reservations: bool = True
    """Is there a command that takes back a reservation?"""


class Authorized(msgspec.Struct, frozen=True):
    """An eMSP's answer to an authorization."""

    allowed: str
    token: Token | None = None
    """None where the version leaves it at the uid that was asked about."""
    authorization_reference: str | None = None


class Authorizing(msgspec.Struct, frozen=True, kw_only=True):
    """How a version asks and answers whether a token may charge."""

    read: Callable[[Json], Authorized]
    """Raises: Mismatch."""
    write: Callable[[Authorized, msgspec.Struct | None], msgspec.Struct]
    """Args: the place that was asked about, to be repeated."""
    type_of: Callable[[str], str]
    """The word for a token's type."""
    parameters: tuple[str, ...] = ("type",)
    """The query's names for it: 2.1.1 calls it by two, and peers read either."""
    knows_no_token: bool = True
    """Is there a code for a token that nobody knows (2004)?"""


class Bookings(msgspec.Struct, frozen=True, kw_only=True):
    """How a version speaks of bookings."""

    location: Noun[BookingLocation]
    calendar: Noun[Calendar]
    booking: Noun[Booking]
    read_request: Callable[[msgspec.Struct], BookingRequest]
    """Raises: Mismatch."""
    write_request: Callable[[BookingRequest], msgspec.Struct]
    renewed: Callable[[Json], Json]
    """A document, or some of its fields, as the edition we speak has them."""


class Language(msgspec.Struct, frozen=True, kw_only=True):
    """All that differs between versions about the objects that parties share."""

    version: str
    location: Noun[Location]
    evse: Noun[Evse]
    connector: Noun[Connector]
    tariff: Noun[Tariff]
    token: Noun[Token]
    session: Held[Session]
    cdr: Held[Cdr]
    invoice: Noun[InvoiceRecord] | None = None
    """Which CDRs an invoice covers; None where a version does not tell."""
    commands: Commands
    authorizing: Authorizing
    client: Noun[ClientInfo] | None = None
    """What a hub tells of its parties; None: the version knows no hubs."""
    terminal: Noun[Terminal] | None = None
    """None, as of the next: the version has no payment terminals."""
    advice: Noun[AdviceText] | None = None
    bookings: Bookings | None = None
    """None: the version has none."""
    appended: frozenset[str] = frozenset()
    """Lists of a session that a PATCH adds to (R-37)."""
    plain_token: bool = False
    """A credentials token stands in its header as it is, and not in base64 (R-02)."""
    sided: bool = False
    """No role stands with an endpoint or in credentials: each side of the market has addresses of its own."""
    tells_all: bool = False
    """A location that it tells is shown to everybody: it has no word for one that is not published (R-39)."""
    embeds: bool = False
    """Sessions and CDRs hold their location."""
    dated_patches: bool = True
    """A PATCH says its date (R-33)."""
    steers: bool = True
    """Are there charging preferences and charging profiles?"""
    typed_addresses: bool = True
    """The address of a token says its type, RFID if absent (R-44)."""

    def dated(self, patch: Object, now: datetime, known: datetime) -> Object:
        """A patch with its date.

        One that needs none has that of its arrival, and is never older than what it changes.

        Raises:
            Mismatch: it lacks the date that this version demands, or has one that is none.
        """
        if not self.dated_patches and patch.get("last_updated") is None:
            # The wire carries milliseconds; cut, the date would be older than what it changes.
            arrived = max(now, known) + timedelta(microseconds=999)
            return patch | {"last_updated": str(Instant(arrived))}
        patch_time(patch)
        return patch


def noun(wire: type[W], read: Callable[[W], Translated[M]], write: Callable[[M], Translated[W]]) -> Noun[M]:
    """Bind a wire struct that says whose it is, and its two translations."""
    return Noun(
        wire,
        lambda found, _: read(cast("W", found)),
        cast("Callable[[M], Translated[msgspec.Struct]]", write),
    )


def owned(
    wire: type[W], read: Callable[[W, PartyId], Translated[M]], write: Callable[[M], Translated[W]]
) -> Noun[M]:
    """The same of one that does not say whose it is."""

    def read_of(found: msgspec.Struct, of: PartyId | None) -> Translated[M]:
        assert of is not None, f"whose {wire.__name__} is it?"
        return read(cast("W", found), of)

    return Noun(wire, read_of, cast("Callable[[M], Translated[msgspec.Struct]]", write))


def part(wire: type[W], read: Callable[[W], M], write: Callable[[M], W]) -> Noun[M]:
    """The same of a part of an object, whose losses are told with the whole."""
    return noun(wire, lambda found: Translated(read(found)), lambda value: Translated(write(value)))


def held(
    wire: type[W],
    read: Callable[[W, RefOf], tuple[Translated[M], TokenIdentity]],
    write: Callable[[M, TokenIdentity], Translated[W]],
) -> Held[M]:
    """The same of what names a token."""
    return Held(
        wire,
        lambda found, ref_of, _of, _identity: read(cast("W", found), ref_of),
        lambda value, identity, _place: cast("Translated[msgspec.Struct]", write(value, identity)),
    )


def contracted(
    wire: type[W],
    read: Callable[[W, RefOf, PartyId, TokenIdentity], tuple[Translated[M], TokenIdentity]],
    write: Callable[[M, TokenIdentity, Location | None], Translated[W]],
    contract: Callable[[W], str],
) -> Held[M]:
    """The same of what names a contract, does not say whose it is, and holds its location."""

    def read_of(
        found: msgspec.Struct, ref_of: RefOf, of: PartyId | None, identity: TokenIdentity | None
    ) -> tuple[Translated[M], TokenIdentity]:
        assert of is not None, f"whose {wire.__name__} is it?"
        assert identity is not None, f"whose token does the {wire.__name__} name?"
        return read(cast("W", found), ref_of, of, identity)

    return Held(
        wire,
        read_of,
        cast("Callable[[M, TokenIdentity, Location | None], Translated[msgspec.Struct]]", write),
        cast("Callable[[msgspec.Struct], str]", contract),
    )
