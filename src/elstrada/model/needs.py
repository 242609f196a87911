"""What a car says that it needs (ISO 15118), in one shape over OCPP 2.0.1 and 2.1."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from elstrada.model.profile import Schedule

_PHASES = {"AC_single_phase": 1, "AC_two_phase": 2, "AC_three_phase": 3}


class Needs(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How much a car wants by when, and what it can take. None: it does not say."""

    evse_id: int
    told_at: datetime
    transfer: str
    """An EnergyTransferModeEnumType of OCPP 2.1, which has all those of 2.0.1."""
    departure: datetime | None = None
    energy_wh: int | None = None
    """To be charged until then."""
    min_a: Decimal | None = None
    """With less it does not charge at all. AC: per phase."""
    max_a: Decimal | None = None
    """AC: per phase; DC: on its side."""
    max_voltage: Decimal | None = None
    """AC: line to neutral."""
    min_w: Decimal | None = None
    max_w: Decimal | None = None
    max_periods: int | None = None
    """Of one schedule."""
    wire: msgspec.Raw
    """The whole message in the station's own OCPP version."""

    @property
    def is_dc(self) -> bool:
        return self.transfer.startswith("DC")

    @property
    def discharges(self) -> bool:
        """Does it want to give energy back, too (bidirectional power transfer)?"""
        return "BPT" in self.transfer

    @property
    def phases(self) -> int | None:
        """None: DC, or a mode that does not say."""
        return _PHASES.get(self.transfer)


class NeedsAnswer(StrEnum):
    """What becomes of a car's needs."""

    PLANNED = "PLANNED"
    """A schedule follows at once."""
    LATER = "LATER"
    """A schedule follows when the session has begun."""
    NO_PLAN = "NO_PLAN"
    """None will be given: the car charges within the limits that there are."""
    NOT_ALLOWED = "NOT_ALLOWED"
    """Its driver may not have this kind of energy transfer."""


class CarSchedule(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How a car said that it will charge."""

    evse_id: int
    told_at: datetime
    schedule: Schedule
    within: bool
    """Is it within the limits?"""
    text: str = ""
    """Where it is not."""
    wire: msgspec.Raw


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule of ours for one session."""

    schedule: Schedule
    energy_wh: int | None
    """What the car can take by it until it leaves; None: the voltage is not known."""
    missing_wh: int | None
    """Of what it wants; None: it does not say, or ``energy_wh`` is not known."""


class NoPlan(msgspec.Struct, frozen=True):
    """Why there is none."""

    why: str


class PlannedProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A plan as it is put to a station: a TxProfile."""

    profile_id: int
    evse_id: int
    stack_level: int
    transaction_id: str
    schedule: Schedule
