"""What a station reckoned of a session by itself. It is a claim: our price comes from our own tariffs.

Source: OCPP 2.1 part 2, I07 and I11, CostDetailsType, TotalCostType, TotalUsageType.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

MOST_TARIFFS = 10
"""Tariffs remembered of a session that changed them."""
MOST_MONEY = Decimal(10**9)
"""No session costs more, and none earns a driver more."""
MOST_DECIMALS = 6
"""An amount of more is rounded to so many."""


class StationPrice(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An amount as the station told it; None: it did not say."""

    before_taxes: Decimal | None = None
    after_taxes: Decimal | None = None


class StationCost(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The cost of a session, as its station reckons it."""

    currency: str
    total: StationPrice
    bound: str = "NormalCost"
    """NormalCost; MinCost or MaxCost where the tariff's least or most took the place of the sum."""
    fixed: StationPrice | None = None
    energy: StationPrice | None = None
    charging_time: StationPrice | None = None
    idle_time: StationPrice | None = None
    reservation_time: StationPrice | None = None
    reservation_fixed: StationPrice | None = None
    session_s: int | None = None
    """How long it lasted, by the station."""
    idle_s: int | None = None
    """How long of this no energy flowed."""
    periods: int = 0
    """How many periods the cost was put together of."""
    failure: str | None = None
    """Why the station could not reckon; empty: it did not say why. None: it could."""


class Reckoning(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """By which tariffs a station prices a session, and what it comes to."""

    tariff_ids: tuple[str, ...] = ()
    """In the station's words, in the order in which they held; MOST_TARIFFS at most."""
    cost: StationCost | None = None
    """None: it named a tariff only."""
