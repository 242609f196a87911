"""The one-time codes on stations' displays, and the addresses that they stand in (OCPP 2.1 part 2, C25).

The standard prints an alphabet that it calls base62 with 61 characters, without o; its author's white paper has all 62.
Stations may have either, so codes of both are good (docs/guide/ad-hoc-payment.md).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_DOWN, Decimal

import msgspec

VERSION = "v1"
LEAST_VALID_S, MOST_VALID_S = 6, 3600
LEAST_LENGTH, MOST_LENGTH = 6, 32
"""2.1 part 2, 2.4.2; an HMAC has 32 bytes."""
_BASE62 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_AS_PRINTED = _BASE62.replace("o", "")
_MOST_WH, _MOST_S = 10**7, 7 * 24 * 3600
_CENT, _MOST_MONEY = Decimal("0.01"), Decimal(10_000)
_AMOUNT = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,6})?", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver entered at the station before he scanned the code; None: nothing."""

    energy_wh: int | None = None
    time_s: int | None = None
    cost: Decimal | None = None


class NoWish(ValueError):
    """A parameter is no amount; the text names it."""


def code(secret: str, at: datetime, *, valid_s: int, length: int, alphabet: str = _BASE62) -> str:
    """The code that a station shows at a moment (TOTP algorithm, version 1)."""
    return _of_interval(secret, int(at.timestamp()) // valid_s, length, alphabet)


def is_good(shown: str, secret: str, now: datetime, *, valid_s: int, length: int) -> bool:
    """Is this the code of now, or of the interval before or after (Validation of TOTP)?"""
    interval = int(now.timestamp()) // valid_s
    return any(
        hmac.compare_digest(
            shown.encode(errors="replace"), _of_interval(secret, interval + step, length, alphabet).encode()
        )
        for step in (0, -1, 1)
        for alphabet in (_BASE62, _AS_PRINTED)
    )


def wish(query: Mapping[str, str]) -> Wish:
    """The parameters maxenergy (Wh), maxtime (s) and maxcost; others are passed over (C25.FR.59, .60).

    Raises:
        NoWish: one of them is no amount above zero, or beyond any session.
    """
    told = {name.lower(): value for name, value in query.items()}
    return Wish(
        energy_wh=_whole(told, "maxenergy", _MOST_WH),
        time_s=_whole(told, "maxtime", _MOST_S),
        cost=_money(told, "maxcost"),
    )


def _of_interval(secret: str, interval: int, length: int, alphabet: str) -> str:
    digest = hmac.new(secret.encode(), interval.to_bytes(8, "big"), hashlib.sha256).digest()
    offset = digest[-1] & 0x0F
    return "".join(alphabet[digest[(offset + i) % len(digest)] % len(alphabet)] for i in range(length))


def _whole(told: Mapping[str, str], name: str, most: int) -> int | None:
    text = told.get(name)
    if text is None:
        return None
    if not _WHOLE.fullmatch(text) or not 0 < int(text) <= most:
        raise NoWish(f"{name}: expected 1 to {most}")
    return int(text)


def _money(told: Mapping[str, str], name: str) -> Decimal | None:
    text = told.get(name)
    if text is None:
        return None
    if not _AMOUNT.fullmatch(text) or not _CENT <= Decimal(text) <= _MOST_MONEY:
        raise NoWish(f"{name}: expected an amount from {_CENT} to {_MOST_MONEY}")
    return Decimal(text).quantize(_CENT, ROUND_DOWN)
