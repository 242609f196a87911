"""Checks of a CDR we received, one function each in one table. Numbers V01 to V52 as in the rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

import msgspec

from elstrada.billing.trace import CLOCKS_DIFFER
from elstrada.model.cdr import Cdr
from elstrada.model.currencies import CURRENCIES
from elstrada.model.quantity import hours
from elstrada.model.session import ChargingPeriod

_ZERO = Decimal(0)
_WH = Decimal("0.001")
_PER_MILLE = Decimal("0.001")
_36_SECONDS = Decimal("0.01")  # Of an hour.
_CENT = Decimal("0.01")
_PER_CENT = Decimal("0.01")


class Severity(StrEnum):
    REJECT = "R"
    """Refuse it: the issuer must correct it."""
    HOLD = "H"
    """Keep it, and bill it only when somebody has looked."""
    WARN = "W"


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the receiver knows beside the CDR."""

    token: bool
    """We issued the token."""
    now: datetime
    """When the CDR came, or is looked at again."""
    blocked_since: datetime | None = None
    """Of a token that may not charge: since when."""
    billed_as: str | None = None
    """Another CDR of the same session and party that is on a bill."""
    price: Decimal | None = None
    """Before taxes, as the CDR's own tariffs give it; None where it was not reckoned."""
    not_priced: str = ""
    """Why the CDR's own tariffs give no price."""
    content_hash: str = ""
    """Of this CDR as received."""
    earlier_hash: str | None = None
    """Of a CDR of the same party and id that came before."""
    currency: str | None = None
    """Of the agreement with the issuer, if it names one."""
    energy_back: bool = False
    """The contract covers energy from the car, so negative volumes are right."""


class Finding(msgspec.Struct, frozen=True):
    check: str
    severity: Severity
    text: str

    def __str__(self) -> str:
        return f"{self.check} {self.severity}: {self.text}"


class Check(msgspec.Struct, frozen=True):
    id: str
    severity: Severity
    find: Callable[[Cdr, Known], str | None]
    """What is wrong, or None."""


def validate(cdr: Cdr, known: Known) -> tuple[Finding, ...]:
    """Everything the checks find, in the order of their numbers."""
    return tuple(
        Finding(check.id, check.severity, text)
        for check in CHECKS
        if (text := check.find(cdr, known)) is not None
    )


def may_be_billed(findings: tuple[Finding, ...]) -> bool:
    """No finding refuses or holds the CDR."""
    return all(finding.severity is Severity.WARN for finding in findings)


def other_content(_: Cdr, known: Known) -> str | None:
    if known.earlier_hash in (None, known.content_hash):
        return None
    return "a CDR of this party and id came before with other content"


def session_billed_before(cdr: Cdr, known: Known) -> str | None:
    if cdr.credit or known.billed_as is None:
        return None
    return f"session {(cdr.session_id or '')[:36]!r} is on a bill already, by CDR {known.billed_as[:39]!r}"


def ends_before_it_starts(cdr: Cdr, _: Known) -> str | None:
    if cdr.end_date_time >= cdr.start_date_time:
        return None
    return f"end {cdr.end_date_time.isoformat()} is before start {cdr.start_date_time.isoformat()}"


def takes_energy_in_no_time(cdr: Cdr, _: Known) -> str | None:
    if cdr.end_date_time != cdr.start_date_time or cdr.total_energy <= 0:
        return None
    return f"{cdr.total_energy} kWh between {cdr.start_date_time.isoformat()} and the same instant"


def lies_in_the_future(cdr: Cdr, known: Known) -> str | None:
    latest = max(cdr.start_date_time, cdr.end_date_time)
    if latest <= known.now + CLOCKS_DIFFER:
        return None
    return f"{latest.isoformat()} is more than 5 minutes after {known.now.isoformat()}"


def energy_differs_from_periods(cdr: Cdr, _: Known) -> str | None:
    energy = sum((volume_of(period, "ENERGY") for period in cdr.charging_periods), _ZERO)
    if abs(energy - cdr.total_energy) <= max(_WH, abs(cdr.total_energy) * _PER_MILLE):
        return None
    return f"periods sum to {energy} kWh, total_energy is {cdr.total_energy}"


def time_differs_from_clock(cdr: Cdr, _: Known) -> str | None:
    length = hours(cdr.end_date_time - cdr.start_date_time)
    if abs(cdr.total_time - length) <= _36_SECONDS:
        return None
    return f"total_time is {cdr.total_time} h, from start to end it is {length} h"


def periods_out_of_order(cdr: Cdr, _: Known) -> str | None:
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


def periods_say_nothing(cdr: Cdr, known: Known) -> str | None:
    if not cdr.charging_periods:
        return "there is no charging period"
    for number, period in enumerate(cdr.charging_periods, 1):
        if not period.dimensions:
            return f"period {number} has no dimension"
        for one in period.dimensions:
            if one.volume < 0 and not (one.type == "ENERGY" and known.energy_back):
                return f"period {number} has {one.volume} of {one.type}"
    return None


def price_differs_from_tariffs(cdr: Cdr, known: Known) -> str | None:
    if cdr.credit:
        return None
    asked = cdr.total_cost.before_taxes
    if known.price is None:
        return f"{asked} {cdr.currency}, and {known.not_priced}" if known.not_priced else None
    if abs(asked - known.price) <= max(_CENT, abs(known.price) * _PER_CENT):
        return None
    return f"total_cost is {asked} {cdr.currency} before taxes, its own tariffs give {known.price}"


def wrong_currency(cdr: Cdr, known: Known) -> str | None:
    if cdr.currency not in CURRENCIES:
        return f"{cdr.currency[:8]!r} is no currency of ISO 4217"
    agreed = {tariff.currency for tariff in cdr.tariffs} | ({known.currency} - {None})
    others = sorted(str(one) for one in agreed if one != cdr.currency)
    return f"the CDR is in {cdr.currency}, tariff or agreement in {', '.join(others)}" if others else None


def tariff_missing(cdr: Cdr, _: Known) -> str | None:
    if cdr.total_cost.before_taxes <= 0:
        return None
    if not cdr.tariffs:
        return f"{cdr.total_cost.before_taxes} {cdr.currency} and no tariff"
    known = {tariff.id.upper() for tariff in cdr.tariffs}
    for number, period in enumerate(cdr.charging_periods, 1):
        if period.tariff_id is not None and period.tariff_id.upper() not in known:
            return f"period {number} names tariff {period.tariff_id[:36]!r}, which the CDR does not carry"
    return None


def unknown_token(_: Cdr, known: Known) -> str | None:
    return None if known.token else "the token is not one of ours"


def token_blocked(cdr: Cdr, known: Known) -> str | None:
    """A block that came while the car was charging, or later, takes nothing back."""
    if known.blocked_since is None or known.blocked_since > cdr.start_date_time:
        return None
    return f"the token was blocked at {known.blocked_since.isoformat()}, before the session began"


def is_credit(cdr: Cdr, _: Known) -> str | None:
    if not cdr.credit:
        return None
    of = f"CDR {cdr.credit_reference_id[:39]!r}" if cdr.credit_reference_id else "no CDR it names"
    return f"it credits {of}: see to the customer's bill by hand"


def costs_less_than_nothing(cdr: Cdr, _: Known) -> str | None:
    before, after = cdr.total_cost.before_taxes, cdr.total_cost.after_taxes
    if cdr.credit or (before >= 0 and (after is None or after >= 0)):
        return None
    return f"total_cost is {before} {cdr.currency} before taxes, and the CDR is no credit"


CHECKS: tuple[Check, ...] = (
    Check("V01", Severity.REJECT, other_content),
    Check("V02", Severity.HOLD, session_billed_before),
    Check("V06", Severity.REJECT, ends_before_it_starts),
    Check("V06", Severity.HOLD, takes_energy_in_no_time),
    Check("V07", Severity.HOLD, lies_in_the_future),
    Check("V14", Severity.REJECT, energy_differs_from_periods),
    Check("V15", Severity.HOLD, time_differs_from_clock),
    Check("V17", Severity.REJECT, periods_out_of_order),
    Check("V18", Severity.REJECT, periods_say_nothing),
    Check("V20", Severity.HOLD, price_differs_from_tariffs),
    Check("V24", Severity.REJECT, wrong_currency),
    Check("V25", Severity.HOLD, tariff_missing),
    Check("V29", Severity.REJECT, unknown_token),
    Check("V30", Severity.HOLD, token_blocked),
    Check("V41", Severity.HOLD, is_credit),  # Milder than the rule: nothing sets off a credit yet.
    Check("V42", Severity.REJECT, costs_less_than_nothing),
)


def volume_of(period: ChargingPeriod, kind: str) -> Decimal:
    """The period's volume of a dimension; 0 where it has none."""
    return sum((one.volume for one in period.dimensions if one.type == kind), _ZERO)
