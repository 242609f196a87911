"""Charging profiles: how much a station may give when, in one shape over OCPP 1.6, 2.0.1 and 2.1."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, cast

import msgspec

_encode = msgspec.json.Encoder(decimal_format="number").encode
_words = msgspec.json.Decoder(dict[str, object], float_hook=Decimal).decode


class Purpose(StrEnum):
    """What a profile is for, in the words of OCPP 2.1; a station may report others (``Profile.purpose``)."""

    STATION_MAX = "ChargingStationMaxProfile"
    """The whole station gives no more; 1.6 calls it ChargePointMaxProfile."""
    TX_DEFAULT = "TxDefaultProfile"
    """For sessions that have no profile of their own."""
    TX = "TxProfile"
    """For one session, and gone with it."""
    EXTERNAL = "ChargingStationExternalConstraints"
    """Set by somebody else than us, such as the grid operator."""
    PRIORITY = "PriorityCharging"
    """Overrules TX and TX_DEFAULT while its driver is in a hurry (2.1 K21)."""
    LOCAL_GENERATION = "LocalGeneration"
    """What is made on the spot, and comes on top (2.1 K27)."""


class ProfileKind(StrEnum):
    """When a profile's schedules begin."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"
    """When the session's power flows."""
    DYNAMIC = "Dynamic"
    """Now: one period, whose limit is changed again and again (2.1 K28)."""


class RateUnit(StrEnum):
    """What limits count."""

    A = "A"
    """Per phase. Source: OCPP 2.0.1 part 2, K01.FR.51."""
    W = "W"
    """Over all phases."""


OURS = "CSO"
"""The source of what we set. Source: OCPP 2.0.1 part 2, ChargingLimitSourceEnumType."""


class Period(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A stretch of a schedule, until the next begins."""

    start_s: int
    """After the schedule's start."""
    limit: Decimal | None = None
    """None: this period sets no upper limit (2.1, operation modes)."""
    phases: int | None = None
    """None: 3. Source: K01.FR.49."""
    mode: str | None = None
    """An OperationModeEnumType of 2.1; None: ChargingOnly."""
    setpoint: Decimal | None = None
    """What it shall take; negative: give (2.1, block Q)."""
    discharge_limit: Decimal | None = None
    """It gives no more; 0 or negative."""


class Schedule(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Limits over time."""

    unit: str
    """A or W."""
    periods: tuple[Period, ...]
    """In order of time."""
    start: datetime | None = None
    duration_s: int | None = None
    """None: it has no end of its own."""
    min_rate: Decimal | None = None
    """Below this the car charges badly; in the same unit."""


class Profile(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A charging profile as it lies in a station."""

    id: int
    """Unique in its station."""
    evse_id: int | None = None
    """0: the whole station; None: the station chooses, with the session that is to begin."""
    stack_level: int
    """Of several with the same purpose the highest counts."""
    purpose: str
    kind: str
    transaction_id: str | None = None
    """Of its session, as the station calls it."""
    recurrency: str | None = None
    """Daily or Weekly."""
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    source: str
    """Who set it: CSO (us), EMS, SO, Other, or what a station of 2.1 calls it."""
    schedules: tuple[Schedule, ...]
    """One; up to three where a car may choose (ISO 15118)."""
    wire: msgspec.Raw
    """The profile in the station's own OCPP version, with all that it says besides."""

    def is_valid(self, at: datetime) -> bool:
        """Source: K01.FR.10, .36 and .37."""
        begun = self.valid_from is None or self.valid_from <= at
        return begun and (self.valid_to is None or at < self.valid_to)

    @property
    def is_dynamic(self) -> bool:
        """Does it consist of one period whose limit changes (2.1 K28.FR.01)?"""
        shape = [len(schedule.periods) for schedule in self.schedules]
        return self.kind == ProfileKind.DYNAMIC and shape == [1]

    @property
    def is_ours(self) -> bool:
        return self.source == OURS and self.purpose != Purpose.EXTERNAL

    def adjusted(self, update: bytes) -> Profile:
        """A dynamic profile after an update of its only period (2.1 K28.FR.06); another stays as it is.

        Args:
            update: a ChargingScheduleUpdateType as JSON; what it does not name stays.
        """
        if not self.is_dynamic:
            return self
        changes = _words(update)
        wire = _words(bytes(self.wire))
        period = _only_period(wire)
        period.update({name: value for name, value in changes.items() if name in UPDATED})
        schedule = self.schedules[0]
        first = msgspec.structs.replace(
            schedule.periods[0],
            limit=_number(period.get("limit")),
            setpoint=_number(period.get("setpoint")),
            discharge_limit=_number(period.get("dischargeLimit")),
        )
        schedules = (msgspec.structs.replace(schedule, periods=(first,)),)
        return msgspec.structs.replace(self, schedules=schedules, wire=msgspec.Raw(_encode(wire)))

    @property
    def setpoint(self) -> bytes | None:
        """What a dynamic profile says now, as a ChargingScheduleUpdateType in JSON; None: it is not dynamic."""
        if not self.is_dynamic:
            return None
        period = _only_period(_words(bytes(self.wire)))
        return _encode({name: period[name] for name in UPDATED if name in period})


UPDATED = tuple(
    f"{name}{phase}"
    for name in ("limit", "dischargeLimit", "setpoint", "setpointReactive")
    for phase in ("", "_L2", "_L3")
)
"""The fields of a period that an update can change. Source: OCPP 2.1 part 2, ChargingScheduleUpdateType."""


def _number(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _only_period(wire: dict[str, object]) -> dict[str, object]:
    """The only period of a dynamic profile (K28.FR.01), for reading and writing."""
    schedule = cast("list[dict[str, Any]]", wire["chargingSchedule"])[0]
    return cast("dict[str, object]", schedule["chargingSchedulePeriod"][0])


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that we set, as a profile of one period that begins at once."""

    profile_id: int
    evse_id: int
    """0: the whole station."""
    purpose: Purpose
    stack_level: int
    unit: RateUnit
    limit: Decimal
    """Tenths at most. Source: OCPP 1.6 §7.14, 2.0.1 part 2, ChargingSchedulePeriodType."""
    start: datetime
    until: datetime | None = None
    transaction_id: str | None = None
    """TX: of which session."""

    @property
    def duration_s(self) -> int | None:
        return None if self.until is None else int((self.until - self.start).total_seconds())


class SessionProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Limits over time that we set for one session."""

    profile_id: int
    evse_id: int
    transaction_id: str
    stack_level: int
    schedule: Schedule
    """Begins when it says so; else with the session's charging."""


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a station says it takes (rule 28); None: it does not say."""

    units: frozenset[RateUnit] | None = None
    max_stack_level: int | None = None
    max_periods: int | None = None
    max_profiles: int | None = None

    @property
    def are_told(self) -> bool:
        return self.units is not None and self.max_stack_level is not None
