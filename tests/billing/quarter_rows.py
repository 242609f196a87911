"""Quarter-hours for tests of what is made of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from elstrada.model.quarter import EvsePower, QuarterSource, RegisterQuarter, SessionQuarter

NOON = datetime(2026, 3, 2, 11, tzinfo=UTC)
"""A Monday, 12:00 in Stockholm."""
QUARTER = timedelta(minutes=15)


def part(quarter: int | datetime = 0, **other: object) -> SessionQuarter:
    """A whole quarter at 11 kW, so many quarters after noon."""
    told: dict[str, object] = {
        "session_id": "s1",
        "quarter": NOON + quarter * QUARTER if isinstance(quarter, int) else quarter,
        "station_id": "CP1",
        "evse_id": 1,
        "energy_wh": 2_750,
        "connected_s": 900,
        "charging_s": 900,
        "least_w": None,
        "peak_w": None,
        "imbalance_ma": None,
        "inlet_wh": None,
        "outlet_wh": None,
        "source": QuarterSource.METERED,
        "begun": False,
        "ended": False,
        "failed": False,
        "begun_wh": None,
        "ended_wh": None,
        "total_wh": None,
        "total_s": None,
    }
    return SessionQuarter(**(told | other))  # type: ignore[arg-type]


def whole(quarter: int | datetime, energy_wh: int = 10_000, **other: object) -> SessionQuarter:
    """A session that begins and ends in one quarter."""
    told: dict[str, object] = {"begun": True, "ended": True, "failed": energy_wh == 0, "total_s": 900}
    told |= {"session_id": f"s{quarter}", "energy_wh": energy_wh, "total_wh": energy_wh}
    return part(quarter, **(told | other))


def register(quarter: int, first_wh: int, last_wh: int, evse_id: int = 1) -> RegisterQuarter:
    begin = NOON + quarter * QUARTER
    return RegisterQuarter(
        station_id="CP1",
        evse_id=evse_id,
        quarter=begin,
        first_at=begin,
        first_wh=first_wh,
        last_at=begin + timedelta(minutes=14),
        last_wh=last_wh,
    )


def evse(evse_id: int = 1, power_w: int | None = 22_000) -> EvsePower:
    return EvsePower(
        station_id="CP1", evse_id=evse_id, location_id="L1", time_zone="Europe/Stockholm", power_w=power_w
    )
