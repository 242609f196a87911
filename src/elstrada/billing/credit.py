"""Prepaid credit: set aside when a session begins, spent when it is priced. What sessions hold is never more than
what there is, whatever their number and order."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from elstrada.model.allowance import Allowance, Hold, SessionLimit

MOST_HOLDS = 50
"""Sessions of one token at a time; a token of more has no credit for another."""
_NONE = Decimal(0)


class Granted(NamedTuple):
    """What a session may take."""

    allowance: Allowance
    """As it is now."""
    limit: SessionLimit | None
    """None: there is no credit for it."""


def free(allowance: Allowance) -> Decimal | None:
    """The credit that no session holds, never below zero; None: the token is not prepaid."""
    if allowance.credit is None:
        return None
    return max(allowance.credit - sum((hold.amount for hold in allowance.holds), _NONE), _NONE)


def granted(allowance: Allowance) -> SessionLimit | None:
    """What a session might take that began now; None: there is no credit for it."""
    left = free(allowance)
    if left is None:
        return allowance.session
    if not left or len(allowance.holds) >= MOST_HOLDS:
        return None
    return _bounded(allowance, left)


def held(allowance: Allowance, session: str, now: datetime) -> Granted:
    """Set credit aside for a session: all that is free, or the most of one session.

    A session asked for again holds what it held.
    """
    known = next((hold for hold in allowance.holds if hold.session == session), None)
    if known is not None:
        return Granted(allowance, _bounded(allowance, known.amount))
    limit = granted(allowance)
    if limit is None or limit.cost is None or allowance.credit is None:
        return Granted(allowance, limit)
    hold = Hold(session, limit.cost, now)
    return Granted(replace(allowance, holds=(*allowance.holds, hold)), limit)


def spent(allowance: Allowance, session: str, cost: Decimal) -> Allowance:
    """A session was priced: what it held is free again, and what it cost is gone."""
    left = None if allowance.credit is None else allowance.credit - cost
    return replace(released(allowance, session), credit=left)


def released(allowance: Allowance, session: str) -> Allowance:
    """What a session held is free again."""
    return replace(allowance, holds=tuple(hold for hold in allowance.holds if hold.session != session))


def session_key(station_id: str, start_key: str | None, transaction_id: str | None) -> str:
    """The name of a session's hold; of one whose start never came, by its name at the station (2.x)."""
    return f"{station_id}/{start_key or f'tx|{transaction_id}'}"


def _bounded(allowance: Allowance, amount: Decimal) -> SessionLimit:
    most = allowance.session.cost
    cost = amount if most is None else min(amount, most)
    return replace(allowance.session, cost=cost, currency=allowance.currency)
