"""How much a session may take: by its token's allowance, prepaid credit among it, or by its driver's wish.

Source: OCPP 2.1 part 2, E16, TransactionLimitType; C17 for prepaid tokens.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from elstrada.model.ids import PartyId


class LimitKind(StrEnum):
    """What there may be no more of."""

    COST = "COST"
    ENERGY = "ENERGY"
    TIME = "TIME"
    SOC = "SOC"


class LimitedBy(StrEnum):
    """Who set a limit."""

    US = "US"
    """We, for its token may take no more."""
    STATION = "STATION"
    """The station says that it holds, as its driver chose there or as we told it."""


class SessionLimit(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The most that one session may take; None: as much as it likes."""

    cost: Decimal | None = None
    """With taxes."""
    currency: str | None = None
    """Of the cost; None: the station did not say."""
    energy_wh: int | None = None
    time_s: int | None = None
    """From the session's start to its end."""
    soc_percent: int | None = None

    @property
    def is_empty(self) -> bool:
        figures = (self.cost, self.energy_wh, self.time_s, self.soc_percent)
        return all(figure is None for figure in figures)


class Hold(msgspec.Struct, frozen=True):
    """Credit set aside for a session that runs, so that another of the same token does not spend it too."""

    session: str
    """Station and start key, which name a session before it has begun."""
    amount: Decimal
    at: datetime


class Allowance(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a token may take at a CPO's stations. A record; what was spent stands in the CDRs."""

    currency: str
    credit: Decimal | None = None
    """Prepaid and not yet spent, with what is on hold; below zero where a station delivered more than it was
    allowed. None: the token is not prepaid."""
    session: SessionLimit = SessionLimit()
    """The most of one session."""
    holds: tuple[Hold, ...] = ()
    tariff_id: str = ""
    """By which of our tariffs its sessions are priced, wherever they are; empty: by their connector's."""
    ordered_by: PartyId | None = None
    """The payment terminal provider whose order bounds the token; None: an operator or a payment of ours does."""
    transfer: tuple[str, ...] = ()
    """Ways of energy transfer that its sessions may have, in OCPP's words; none: nobody said, so charging alone."""

    @property
    def bounds(self) -> bool:
        """May its token take less than it likes? Otherwise it has a tariff or ways of transfer alone."""
        return self.credit is not None or not self.session.is_empty
