"""Limits of a transaction, to and from a station of 2.1 (E16)."""

from __future__ import annotations

from decimal import Decimal

from elstrada.model.allowance import SessionLimit
from elstrada.ocpp.intake import MAX_NUMBER, Intake
from elstrada.ocpp.v21 import messages as m
from elstrada.ocpp.v21.reckoning import money

_LIMIT = "/transactionInfo/transactionLimit"
_MOST_WH = 10**12
_FULL = 100


def limit(message: m.TransactionEventRequest, intake: Intake) -> SessionLimit | None:
    """The limit a station says that holds; None: it says none. A figure without sense is left out, with a doubt."""
    told = message.transaction_info.transaction_limit
    if told is None:
        return None
    energy, time_s, soc = told.max_energy, told.max_time, told.max_so_c
    if energy is not None and not (energy.is_finite() and 0 <= energy <= _MOST_WH):
        intake.doubt(f"{_LIMIT}/maxEnergy", "minimum", f"expected Wh, got {str(energy)[:30]}")
        energy = None
    if time_s is not None and not 0 <= time_s <= MAX_NUMBER:
        intake.doubt(f"{_LIMIT}/maxTime", "minimum", f"expected seconds, got {str(time_s)[:30]}")
        time_s = None
    if soc is not None and not 0 <= soc <= _FULL:
        intake.doubt(f"{_LIMIT}/maxSoC", "maximum", f"expected percent, got {str(soc)[:30]}")
        soc = None
    return SessionLimit(
        cost=money(told.max_cost, f"{_LIMIT}/maxCost", intake),
        energy_wh=None if energy is None else int(energy),
        time_s=time_s,
        soc_percent=soc,
    )


def limit_to_wire(most: SessionLimit) -> m.TransactionLimitType:
    """A limit in 2.1's words; the currency is that of the tariff."""
    return m.TransactionLimitType(
        max_cost=most.cost,
        max_energy=None if most.energy_wh is None else Decimal(most.energy_wh),
        max_time=most.time_s,
        max_so_c=most.soc_percent,
    )
