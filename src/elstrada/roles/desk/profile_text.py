"""How charging profiles read for people."""

from __future__ import annotations

from elstrada.model.profile import Period, Profile, Schedule

MOST_SHOWN = 6
"""Periods of a schedule."""


def profile_text(profile: Profile) -> str:
    """``TxProfile of EVSE 1, level 0, Absolute, session 7: 16 A from 2026-03-01 17:00:00Z for 600 s``."""
    place = {0: " of the station", None: ""}.get(profile.evse_id, f" of EVSE {profile.evse_id}")
    kind = f"{profile.recurrency or ''} {profile.kind}".strip()
    session = f", session {profile.transaction_id}" if profile.transaction_id else ""
    valid = "".join(
        f", {word} {at:%F %TZ}" for word, at in (("from", profile.valid_from), ("to", profile.valid_to)) if at
    )
    by = "" if profile.is_ours else f", by {profile.source}"
    schedules = " or ".join(schedule_text(one) for one in profile.schedules)
    return f"{profile.purpose}{place}, level {profile.stack_level}, {kind}{session}{valid}{by}: {schedules}"


def schedule_text(schedule: Schedule) -> str:
    """The limits in turn; the end is left out of a long one."""
    shown = (_period(period, schedule.unit) for period in schedule.periods[:MOST_SHOWN])
    rest = len(schedule.periods) - MOST_SHOWN
    more = f", and {rest} more" if rest > 0 else ""
    start = f" from {schedule.start:%F %TZ}" if schedule.start else ""
    length = "" if schedule.duration_s is None else f" for {schedule.duration_s} s"
    return f"{', '.join(shown)}{more}{start}{length}"


def _period(period: Period, unit: str) -> str:
    limit = "no limit" if period.limit is None else f"{period.limit:f} {unit}"
    phases = "" if period.phases is None else f" on {period.phases} phase{'s'[: period.phases > 1]}"
    more = [
        f"{name} {value:f} {unit}"
        for name, value in (("setpoint", period.setpoint), ("giving back to", period.discharge_limit))
        if value is not None
    ]
    besides = [period.mode, *more] if period.mode else more
    told = f" ({', '.join(besides)})" if besides else ""
    return f"{limit}{phases}{told}" + (f" after {period.start_s} s" if period.start_s else "")
