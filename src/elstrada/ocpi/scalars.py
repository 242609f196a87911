"""The wire's own scalars: instants in at most 25 characters, numbers of at most four decimals."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from elstrada.model.ids import PartyId

_LENIENT = re.compile(
    r"^(\d{4})-(\d{1,2})-(\d{1,2})[Tt ](\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?\s*([Zz]|[+-]\d{2}:?\d{2})?$",
    re.ASCII,
)
_STRICT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
"""As most write it, and ``datetime`` reads it."""
_DECIMALS = 4  # OCPI 2.2.1 types, number.


class Instant:
    """A point in time as OCPI writes it.

    Read leniently: no zone means UTC (R-18), an offset is converted, missing zero padding (which a
    sample of the standard shows) is forgiven. Written in UTC with ``Z`` and at most milliseconds,
    because the type is string(25).
    """

    __slots__ = ("at",)

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Instant) and self.at == other.at

    def __hash__(self) -> int:
        return hash(self.at)

    def __repr__(self) -> str:
        return f"Instant({self})"

    def __str__(self) -> str:
        at = self.at if self.at.tzinfo is UTC else self.at.astimezone(UTC)
        # Both cut what they do not show.
        spec = "milliseconds" if at.microsecond >= 1000 else "seconds"
        return at.replace(tzinfo=None).isoformat(timespec=spec) + "Z"

    @classmethod
    def parse(cls, text: str) -> Instant:
        """Read an instant.

        Raises:
            ValueError: not a date and time, or one that does not exist.
        """
        if len(text) == 20 and (at := _as_most_write_it(text)) is not None:
            return cls(at)
        found = _LENIENT.match(text.strip())
        if found is None:
            raise ValueError(f"expected a date and time like 2026-01-31T17:00:00Z, got {text[:32]!r}")
        year, month, day, hour, minute, second, fraction, zone = found.groups()
        micros = int((fraction or "0")[:6].ljust(6, "0"))
        local = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second), micros, _offset(zone)
        )
        try:
            return cls(local.astimezone(UTC))
        except OverflowError:
            raise ValueError(f"a time outside the calendar: {text[:32]!r}") from None


@lru_cache(1_000)  # What changes at once, as all of a location, bears one date.
def _as_most_write_it(text: str) -> datetime | None:
    if _STRICT.fullmatch(text):
        with contextlib.suppress(ValueError):  # The lenient way says what is wrong.
            return datetime.fromisoformat(text)
    return None


def _offset(zone: str | None) -> timezone:
    if zone is None or zone in "Zz":
        return UTC
    hours, minutes = int(zone[:3]), int(zone[0] + zone[-2:])
    return timezone(timedelta(hours=hours, minutes=minutes))


def instant(at: datetime | None) -> Instant | None:
    """Wrap a moment of the model for the wire."""
    return None if at is None else Instant(at)


def moment(value: Instant | None) -> datetime | None:
    """Unwrap an instant of the wire for the model."""
    return None if value is None else value.at


def number(value: Decimal) -> Decimal:
    """A number as the wire may carry it: at most four decimals, no exponent (R-65)."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int), "numbers on the wire are finite"
    if exponent < -_DECIMALS:
        value = value.quantize(Decimal(1).scaleb(-_DECIMALS), rounding=ROUND_HALF_EVEN)
    return value if exponent <= 0 else value.quantize(Decimal(1))


def fits(value: Decimal) -> bool:
    """Does the number survive the wire's four decimals?"""
    return number(value) == value


def whole(value: Decimal) -> int:
    """An integer that a peer may have written with decimals (``230.0``); anything finer is rounded."""
    return int(value.to_integral_value(ROUND_HALF_EVEN))


@lru_cache(1_000)
def party(country_code: str, party_id: str) -> PartyId:
    """A party from its two fields, in any case (R-22).

    Raises:
        ValueError: not a party id.
    """
    return PartyId(country_code.strip().upper(), party_id.strip().upper())


def same(left: str, right: str) -> bool:
    """Compare two CiStrings: without case, keeping both as they are (R-22)."""
    return left.casefold() == right.casefold()
