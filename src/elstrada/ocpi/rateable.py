"""The part of a CDR that its price depends on, of any version, straight from bytes: for pricing very many.

One struct reads all three versions, and periods become the model's own at once. What it does not know it
passes over; whoever wants the whole CDR reads the version's own struct. Tariffs stay as text until somebody
asks for them, because thousands of CDRs repeat the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.session import ChargingPeriod
from elstrada.model.tariff import Tariff
from elstrada.ocpi.body import MAX_PAGE, BadJson, Json, Mismatch, encode, parse, shape
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.versions import LANGUAGES

UNTOLD_PARTY = PartyId("ZZ", "ZZZ")
"""Of a tariff of 2.1.1, which does not say whose it is; ISO 3166 gives no country these letters."""
V211, V221, V230 = "2.1.1", "2.2.1", "2.3.0"
_MAGNITUDE = 30
"""Powers of ten of the largest and the smallest number anybody means."""
_MOMENTS = frozenset({"start_date_time", "end_date_time", "stop_date_time"})
_AT = re.compile(r"^(?P<reason>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_LACKS = re.compile(r"^Object missing required field `(?P<field>\w+)`$")
_ENTRY = re.compile(r"/(\d+)")


class Misread(ValueError):
    """A document cannot be read: where in it, and why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path = path
        """Such as ``charging_periods[2].dimensions[0].volume``; empty for the whole document."""
        self.reason = reason


class StatedTax(msgspec.Struct, frozen=True):
    """A tax line of 2.3.0."""

    amount: Decimal


class StatedPrice(msgspec.Struct, frozen=True):
    """A cost as the CDR has it: 2.2.1 tells two sums, 2.3.0 one and the taxes on it."""

    excl_vat: Decimal | None = None
    incl_vat: Decimal | None = None
    before_taxes: Decimal | None = None
    taxes: tuple[StatedTax, ...] | None = None

    @property
    def net(self) -> Decimal | None:
        return self.before_taxes if self.excl_vat is None else self.excl_vat

    @property
    def gross(self) -> Decimal | None:
        """With taxes; None where the CDR does not tell them."""
        if self.before_taxes is None:
            return self.incl_vat
        return sum((tax.amount for tax in self.taxes or ()), self.before_taxes)


class Place(msgspec.Struct, frozen=True):
    """CdrLocation; of 2.1.1 the whole location, which may have a time zone."""

    country: str = ""
    time_zone: str | None = None


class Rateable(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a CDR that pricing reads, as the wire names them."""

    country_code: str | None = None
    party_id: str | None = None
    id: str
    start_date_time: datetime
    end_date_time: datetime | None = None
    stop_date_time: datetime | None = None
    """The end, in 2.1.1."""
    currency: str
    cdr_location: Place | None = None
    location: Place | None = None
    """The place, in 2.1.1."""
    charging_periods: tuple[ChargingPeriod, ...]
    tariffs: msgspec.Raw = msgspec.Raw(b"")
    booking_id: str | None = None
    credit: bool | None = None
    total_cost: StatedPrice | Decimal | None = None
    """A number alone in 2.1.1: without VAT."""
    total_fixed_cost: StatedPrice | None = None
    total_energy_cost: StatedPrice | None = None
    total_time_cost: StatedPrice | None = None
    total_parking_cost: StatedPrice | None = None
    total_reservation_cost: StatedPrice | None = None

    @property
    def end(self) -> datetime:
        end = self.end_date_time or self.stop_date_time
        assert end is not None, "read_cdr refuses a CDR without an end"
        return end

    @property
    def place(self) -> Place:
        return self.cdr_location or self.location or _NOWHERE

    @property
    def name(self) -> str:
        """Its id, and whose it is where it says so."""
        owner = f"{self.country_code}*{self.party_id}*" if self.country_code and self.party_id else ""
        return owner + self.id

    @property
    def version(self) -> str:
        """Of OCPI, as its fields show it."""
        cost = self.total_cost
        if isinstance(cost, Decimal) or self.location is not None or self.stop_date_time is not None:
            return V211
        if isinstance(cost, StatedPrice):
            return V221 if cost.before_taxes is None else V230
        if self.booking_id is not None:
            return V230
        text = bytes(self.tariffs)
        return _version_of_tariffs(text) if text else V211 if self.country_code is None else V221


class _Page(msgspec.Struct, frozen=True):
    """OCPI's envelope."""

    data: msgspec.Raw
    status_code: int


_NOWHERE = Place()
_CDR = msgspec.json.Decoder(Rateable)
_PAGE = msgspec.json.Decoder(_Page)
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def documents_in(body: bytes) -> Iterator[tuple[str, bytes]]:
    """The objects of a document, each with its path: of a list, an envelope or a page, else itself."""
    try:
        if body.startswith(b"["):
            for index, entry in enumerate(_LIST.decode(body)):
                yield f"[{index}]", bytes(entry)
            return
        if b'"status_code"' not in body:
            yield "", body
            return
        data = bytes(_PAGE.decode(body).data).strip()
    except (msgspec.MsgspecError, RecursionError):
        yield "", body  # No envelope, or no JSON, which its reader says.
        return
    for path, entry in documents_in(data):
        yield f"data{path}", entry


def read_cdr(body: bytes) -> Rateable:
    """Read a CDR of any version.

    Times and nulls are forgiven what OCPI's readers forgive (R-18, R-46); of a key that stands twice the
    last counts.

    Raises:
        Misread: it is no CDR, or one that cannot be priced.
    """
    try:
        cdr = _CDR.decode(body)
        if not _is_plain(cdr):
            cdr = _mended(body)
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
        cdr = _mended(body)
    _refuse_disorder(cdr)
    return cdr


def read_tariffs(body: bytes, version: str, owner: PartyId = UNTOLD_PARTY) -> tuple[Tariff, ...]:
    """Read a list of tariffs.

    Args:
        body: a JSON list; empty for none.
        version: of OCPI.
        owner: whose they are, in 2.1.1.
    Raises:
        Misread: one is no tariff of that version, or has a number that nobody means.
    """
    listed = _parsed(body) if body else None
    if not isinstance(listed, list | None):
        raise Misread("", "expected a list of tariffs")
    return tuple(_tariff(one, version, owner, index) for index, one in enumerate(listed or ()))


def tariffs_in(body: bytes, version: str | None = None) -> tuple[Tariff, ...]:
    """Read a document of one tariff or several: alone, in a list, an envelope or a page.

    Args:
        version: of OCPI; None to find it by the fields.
    Raises:
        Misread: as ``read_tariffs``.
    """
    found: list[Tariff] = []
    for path, entry in documents_in(body):
        try:
            found += read_tariffs(b"[" + entry + b"]", version or _version_of_tariffs(entry))
        except Misread as problem:
            where = path + problem.path.removeprefix("[0]")
            raise Misread(where.removeprefix("."), problem.reason) from None
    return tuple(found)


def _version_of_tariffs(text: bytes) -> str:
    if b'"tax_included"' in text or b'"before_taxes"' in text:
        return V230
    return V221 if b'"country_code"' in text else V211


def _tariff(wire: Json, version: str, owner: PartyId, index: int) -> Tariff:
    noun = LANGUAGES[version].tariff
    try:
        tariff = noun.read(shape(wire, noun.wire), owner).value
    except Mismatch as problem:
        raise _located(str(problem), f"[{index}]") from None
    _refuse_unmeant(tariff, f"[{index}]")
    return tariff


def _is_plain(cdr: Rateable) -> bool:
    """Are all times in UTC and all volumes numbers to reckon with?"""
    for period in cdr.charging_periods:
        if period.start_date_time.tzinfo is not UTC:
            return False
        for one in period.dimensions:
            volume = one.volume  # As _is_meant, without a call for each.
            if not (volume.is_finite() and -_MAGNITUDE <= volume.adjusted() <= _MAGNITUDE):
                return False
    return (
        cdr.start_date_time.tzinfo is UTC and (cdr.end_date_time or cdr.stop_date_time or _UTC).tzinfo is UTC
    )


_UTC = datetime(1970, 1, 1, tzinfo=UTC)


def _mended(body: bytes) -> Rateable:
    """The same with all that OCPI's readers forgive, and with a reason where that does not help."""
    document = _parsed(body)
    if not isinstance(document, dict):
        raise Misread("", "expected an object: a CDR")
    try:
        cdr = _CDR.decode(encode(_forgiven(document)))
    except msgspec.ValidationError as problem:
        raise _located(str(problem)) from None
    _refuse_unmeant(cdr)
    return cdr


def _parsed(body: bytes) -> Json:
    try:
        return parse(body, limit=MAX_PAGE)
    except BadJson as problem:
        raise Misread("", str(problem).replace("body", "the document", 1)) from None


def _forgiven(value: Json) -> Json:
    """Without nulls, and every time as RFC 3339 in UTC where it can be understood."""
    if isinstance(value, list):
        return [_forgiven(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _in_utc(member) if name in _MOMENTS and isinstance(member, str) else _forgiven(member)
        for name, member in value.items()
        if member is not None
    }


def _in_utc(text: str) -> str:
    try:
        return Instant.parse(text).at.isoformat().replace("+00:00", "Z")
    except ValueError:
        return text  # The decoder says where it stands.


def _refuse_disorder(cdr: Rateable) -> None:
    """Refuse what has no price: no end, no periods, or periods that do not follow each other."""
    if cdr.end_date_time is None and cdr.stop_date_time is None:
        raise Misread("end_date_time", "missing")
    if not cdr.charging_periods:
        raise Misread("charging_periods", "at least one is needed")
    before = cdr.charging_periods[0].start_date_time
    for index, period in enumerate(cdr.charging_periods):
        if period.start_date_time < before:
            raise Misread(f"charging_periods[{index}].start_date_time", "before that of the period before it")
        before = period.start_date_time
    if cdr.end < before:
        raise Misread(
            "stop_date_time" if cdr.end_date_time is None else "end_date_time", "before the last period"
        )


def _located(message: str, within: str = "") -> Misread:
    """What a decoder says, as a path and a reason."""
    found = _AT.match(message)
    assert found is not None
    path, reason = found["path"] or "", found["reason"]
    path = within + _ENTRY.sub(r"[\1]", path.removeprefix("$")).replace("/", ".")
    lacks = _LACKS.match(reason)
    if lacks is not None:
        path, reason = f"{path}.{lacks['field']}", "missing"
    return Misread(path.removeprefix("."), reason)


def _refuse_unmeant(struct: msgspec.Struct, path: str = "") -> None:
    for where, number in _numbers(struct, path):
        if not _is_meant(number):
            raise Misread(where, f"{str(number)[:40]} is no number that can be reckoned with")


def _is_meant(number: Decimal) -> bool:
    return number.is_finite() and -_MAGNITUDE <= number.adjusted() <= _MAGNITUDE


def _numbers(value: object, path: str = "") -> Iterator[tuple[str, Decimal]]:
    """Every number of a struct, with its path."""
    if isinstance(value, Decimal):
        yield path.removeprefix("."), value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _numbers(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, tuple):
        for index, item in enumerate(cast("tuple[object, ...]", value)):
            yield from _numbers(item, f"{path}[{index}]")
