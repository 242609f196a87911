"""How a CDR is examined: how grave each check is, and where its limits lie. Numbers V01 to V52 as in the rules."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """What follows from a finding."""

    REJECT = "R"
    """Refuse it: the issuer must correct it."""
    HOLD = "H"
    """Keep it, and bill it only when somebody has looked."""
    WARN = "W"


class Thresholds(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where the limits of the checks lie; each default is that of the rules, or stands for "for example" there."""

    parallel_sessions: bool = False
    """V03: one token may charge at two EVSEs at once."""
    speed_kmh: int = 200
    """V05: no driver is faster from one location to the next."""
    epoch_dates: bool = False
    """V07: dates of 1970-01-01 are to be expected from this party's stations."""
    late_days: int = 90
    """V08: a CDR that comes later than this after its session's end is late."""
    legal_days: int = 1095
    """V08: one that comes later than this is owed no more."""
    longest_h: int = 48
    """V09."""
    shortest_s: int = 60
    """V09: of a session that costs something."""
    power_percent: int = 5
    """V10: by how much a session may exceed what its connector can give."""
    period_power_percent: int = 10
    """V11: likewise a period."""
    most_kwh: int = 200
    """V12: of one session of a car."""
    energy_back: bool = False
    """V12, V18: energy from the car is agreed, so negative volumes are right."""
    price_amount: Decimal = Decimal("0.01")
    """V20: by how much a price may differ from the recomputed one; the greater of this and of the next counts."""
    price_percent: Decimal = Decimal(1)
    """V20."""
    reverse_charge: bool = False
    """V23: the receiver owes the VAT, so the CDR bears none."""
    currency: str | None = None
    """V24: of the agreement; None: whichever the tariffs are in."""
    nearness_m: int = 1000
    """V34: by how much a CDR's place may lie beside the stored one."""
    session_kwh: Decimal = Decimal("0.1")
    """V36: by how much the session's last word may differ; the greater of this and of the next counts."""
    session_percent: Decimal = Decimal(1)
    """V36: likewise for energy and for cost."""
    missing_days: int = 7
    """V37: a session that ended longer ago should have its CDR."""
    loss_amount: Decimal = Decimal(1)
    """V45: what a retailer may lose on one session; the greater of this and of the next counts."""
    loss_percent: Decimal = Decimal(50)
    """V45: of the wholesale cost. Who sells at one price everywhere loses at dear places, and means to."""
    round_kwh: int = 5
    """V46: as many CDRs of an EVSE in a row may be of whole kWh."""
    sessions_a_day: int = 20
    """V47: of one token."""
    month_kwh: int | None = None
    """V47: of one token in a calendar month, UTC; None: no cap is agreed."""
    clone_s: int = 600
    """V48: the same token within so many seconds at two operators' EVSEs is suspect."""
    clone_m: int = 5000
    """V48: if they are that far apart."""


class Examination(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is agreed of the CDRs of a party, where it is not the default."""

    thresholds: Thresholds = Thresholds()
    severities: Mapping[str, Severity] = {}
    """By check number; a check that is not here has its own."""
