"""Sessions that came to nothing: who paid on the spot went away before any energy flowed, and pays nothing.

Source: OCPP 2.1 part 2, C20.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from elstrada.billing.trace import Trace
from elstrada.model.facts import Fact, MeterSampled, SessionEnded, SessionStarted, SessionUpdated
from elstrada.model.tariff import Tariff
from elstrada.model.token import Allowed

_WENT_AWAY = frozenset({"StopAuthorized", "EVConnectTimeout"})
"""OCPP 2.1's reasons of an end, C20.FR.01 and .02."""
NOTE = "called off before any energy flowed: nothing is to be paid (OCPP 2.1 C20)"


def was_called_off(told: Trace, facts: Sequence[Fact]) -> bool:
    """Was a session that nobody's contract pays ended by its driver, or for want of a car, before it charged?"""
    if told.token_party is not None or told.energy_wh:
        return False
    paid = any(
        isinstance(fact, SessionStarted | SessionUpdated) and fact.allowed is Allowed.ALLOWED
        for fact in facts
    )
    went_away = any(isinstance(fact, SessionEnded) and fact.trigger in _WENT_AWAY for fact in facts)
    return paid and went_away and not any(_charges(fact) for fact in facts)


def without_prices(tariff: Tariff) -> Tariff:
    """A tariff by which a session costs nothing, whatever it was."""
    return replace(tariff, elements=(), min_price=None)


def _charges(fact: Fact) -> bool:
    match fact:
        case SessionStarted() | SessionUpdated():
            return bool(fact.charging)
        case MeterSampled():
            return any((sample.power_w or 0) > 0 for sample in fact.samples)
        case _:
            return False
