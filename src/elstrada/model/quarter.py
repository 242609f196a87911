"""Quarter-hours: what a session, or a meter between sessions, did from one quarter of an hour to the next.

All begin at a quarter of an UTC hour. Days and months are made of them where they are shown.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class QuarterSource(StrEnum):
    """How it is known when a session took its energy."""

    METERED = "METERED"
    """By readings of its register no further apart than ``billing.measure.LONG_GAP``."""
    ESTIMATED = "ESTIMATED"
    """Some of it is spread evenly between readings that are further apart."""


class SessionQuarter(msgspec.Struct, frozen=True, kw_only=True):
    """A session's part in a quarter of an hour; of a session all parts sum to the whole."""

    session_id: str
    quarter: datetime
    """Its first instant."""
    station_id: str
    evse_id: int
    """OCPP number; 0 if no fact says."""
    energy_wh: int
    connected_s: int
    charging_s: int
    """Until its last rest, as tariffs mean it (``billing.register``)."""
    least_w: int | None
    """Of the power that the station told within; None: it told none."""
    peak_w: int | None
    imbalance_ma: int | None
    """The most that currents of its phases differed at one instant; None: they were not told."""
    inlet_wh: int | None
    """What the meter at the station's inlet counted while that at the outlet counted ``outlet_wh``."""
    outlet_wh: int | None
    """None, as ``inlet_wh``: not both were told."""
    source: QuarterSource
    begun: bool
    """The session began in this quarter."""
    ended: bool
    failed: bool
    """It ended, and had taken nothing although its meter works."""
    begun_wh: int | None
    """Register, if it began here and that is known."""
    ended_wh: int | None
    """Register, if it ended here and that is known."""
    total_wh: int | None
    """Of the whole session, if it ended here."""
    total_s: int | None


class RegisterQuarter(msgspec.Struct, frozen=True, kw_only=True):
    """An import register as it was told in a quarter of an hour without naming a session."""

    station_id: str
    evse_id: int
    """0: the station's own meter."""
    quarter: datetime
    first_at: datetime
    first_wh: int
    last_at: datetime
    last_wh: int


class EvsePower(msgspec.Struct, frozen=True, kw_only=True):
    """An EVSE of ours as reports count it."""

    station_id: str
    evse_id: int
    location_id: str | None
    """None: it has no place in our locations, as all that follows."""
    time_zone: str | None
    power_w: int | None
    """The most that its connectors give."""
