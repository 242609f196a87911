"""Checks of times: order, length, and agreement between the times that a CDR tells."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

from elstrada.billing.checks.face import SECONDS_36, ZERO, Check, Known, Outcome, total_of
from elstrada.billing.trace import CLOCKS_DIFFER
from elstrada.model.cdr import Cdr
from elstrada.model.examination import Severity
from elstrada.model.quantity import hours

_EPOCH = date(1970, 1, 1)


def ends_before_it_starts(cdr: Cdr, _: Known) -> Outcome:
    """V06."""
    if cdr.end_date_time >= cdr.start_date_time:
        return None
    return f"end {cdr.end_date_time.isoformat()} is before start {cdr.start_date_time.isoformat()}"


def takes_energy_in_no_time(cdr: Cdr, _: Known) -> Outcome:
    """V06."""
    if cdr.end_date_time != cdr.start_date_time or cdr.total_energy <= 0:
        return None
    return f"{cdr.total_energy} kWh between {cdr.start_date_time.isoformat()} and the same instant"


def lies_in_the_future(cdr: Cdr, known: Known) -> Outcome:
    """V07."""
    latest = max(cdr.start_date_time, cdr.end_date_time)
    if latest <= known.now + CLOCKS_DIFFER:
        return None
    return f"{latest.isoformat()} is more than 5 minutes after {known.now.isoformat()}"


def lies_at_the_epoch(cdr: Cdr, known: Known) -> Outcome:
    """V07: what a station without a clock says."""
    if known.limits.epoch_dates or _EPOCH not in (cdr.start_date_time.date(), cdr.end_date_time.date()):
        return None
    return "it is dated 1970-01-01: the station had no clock"


def comes_late(cdr: Cdr, known: Known) -> Outcome:
    """V08."""
    return _later_than(cdr, known, known.limits.late_days, "agreed")


def comes_too_late(cdr: Cdr, known: Known) -> Outcome:
    """V08."""
    return _later_than(cdr, known, known.limits.legal_days, "owed at all")


def _later_than(cdr: Cdr, known: Known, days: int, word: str) -> Outcome:
    waited = (known.received_at or known.now) - cdr.end_date_time
    if waited <= timedelta(days=days):
        return None
    return f"it came {waited.days} days after the session's end; {days} are {word}"


def lasts_too_long(cdr: Cdr, known: Known) -> Outcome:
    """V09."""
    length = cdr.end_date_time - cdr.start_date_time
    if length <= timedelta(hours=known.limits.longest_h):
        return None
    return f"it lasts {hours(length)} h, more than {known.limits.longest_h} h"


def costs_in_no_time(cdr: Cdr, known: Known) -> Outcome:
    """V09: below a minute, and not free."""
    length = cdr.end_date_time - cdr.start_date_time
    if not timedelta(0) <= length < timedelta(seconds=known.limits.shortest_s):
        return None
    cost = cdr.total_cost.before_taxes
    if cost <= 0:
        return None
    return f"it lasts {length.seconds} s and costs {cost} {cdr.currency}"


def time_differs_from_clock(cdr: Cdr, _: Known) -> Outcome:
    """V15."""
    length = hours(cdr.end_date_time - cdr.start_date_time)
    if abs(cdr.total_time - length) <= SECONDS_36:
        return None
    return f"total_time is {cdr.total_time} h, from start to end it is {length} h"


def parking_does_not_fit(cdr: Cdr, _: Known) -> Outcome:
    """V16."""
    told, parked = cdr.total_parking_time or ZERO, total_of(cdr, "PARKING_TIME")
    if abs(told - parked) > SECONDS_36:
        return f"total_parking_time is {told} h, the periods have {parked} h of PARKING_TIME"
    if told > cdr.total_time + SECONDS_36:
        return f"total_parking_time is {told} h, more than total_time ({cdr.total_time} h)"
    return None


def periods_out_of_order(cdr: Cdr, _: Known) -> Outcome:
    """V17."""
    starts = [period.start_date_time for period in cdr.charging_periods]
    for number, (one, after) in enumerate(pairwise(starts), 2):
        if after <= one:
            return f"period {number} starts at {after.isoformat()}, not after the one before it"
    if starts and starts[0] < cdr.start_date_time:
        return f"the first period starts at {starts[0].isoformat()}, before the session"
    # A session of no length is V06's business.
    if starts and starts[-1] >= cdr.end_date_time > cdr.start_date_time:
        return f"the last period starts at {starts[-1].isoformat()}, when the session is over"
    return None


CHECKS = (
    Check("V06", Severity.REJECT, ends_before_it_starts),
    Check("V06", Severity.HOLD, takes_energy_in_no_time),
    Check("V07", Severity.HOLD, lies_in_the_future),
    Check("V07", Severity.HOLD, lies_at_the_epoch),
    Check("V08", Severity.WARN, comes_late, credits=False),
    Check("V08", Severity.REJECT, comes_too_late, credits=False),
    Check("V09", Severity.HOLD, lasts_too_long, credits=False),
    Check("V09", Severity.HOLD, costs_in_no_time, credits=False),
    Check("V15", Severity.HOLD, time_differs_from_clock),
    Check("V16", Severity.HOLD, parking_does_not_fit),
    Check("V17", Severity.REJECT, periods_out_of_order),
)
