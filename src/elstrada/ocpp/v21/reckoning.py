"""The cost that a station of 2.1 reckoned, as it stands in a TransactionEvent (I07, I11)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from elstrada.model.reckoning import (
    MOST_DECIMALS,
    MOST_MONEY,
    MOST_TARIFFS,
    Reckoning,
    StationCost,
    StationPrice,
)
from elstrada.ocpp.intake import MAX_NUMBER, Intake
from elstrada.ocpp.v21 import messages as m
from elstrada.redaction import redacted

_COST = "/costDetails"
_MAX_TARIFF_ID = 60
_MAX_REASON = 500
_GRAIN = Decimal(1).scaleb(-MOST_DECIMALS)


def reckoning(message: m.TransactionEventRequest, intake: Intake) -> Reckoning | None:
    """What the station tells of the cost; None: nothing. What is no amount of money is left out, with a doubt."""
    details = message.cost_details
    tariff_ids = tuple(dict.fromkeys(_tariffs(message)))
    if len(tariff_ids) > MOST_TARIFFS:
        intake.doubt(f"{_COST}/chargingPeriods", "maxItems", f"{len(tariff_ids)} tariffs in one session")
    cost = None if details is None else _cost(details, intake)
    if cost is None and not tariff_ids:
        return None
    return Reckoning(tariff_ids=tariff_ids[:MOST_TARIFFS], cost=cost)


def money(amount: Decimal | None, pointer: str, intake: Intake) -> Decimal | None:
    """An amount in the unit of its currency; None where the station says none, or none that money can be."""
    if amount is None:
        return None
    if not amount.is_finite() or abs(amount) > MOST_MONEY:
        intake.doubt(pointer, "money", f"no amount of money: {str(amount)[:30]}")
        return None
    exponent = amount.as_tuple().exponent
    fine = isinstance(exponent, int) and exponent < -MOST_DECIMALS
    return amount.quantize(_GRAIN) if fine else amount


def _tariffs(message: m.TransactionEventRequest) -> Iterator[str]:
    """The ids named, the oldest first; that of the transaction is the one that holds now."""
    details = message.cost_details
    for period in (details.charging_periods or ()) if details is not None else ():
        if period.tariff_id:
            yield period.tariff_id[:_MAX_TARIFF_ID]
    if message.transaction_info.tariff_id:
        yield message.transaction_info.tariff_id[:_MAX_TARIFF_ID]


def _cost(details: m.CostDetailsType, intake: Intake) -> StationCost:
    cost, usage, at = details.total_cost, details.total_usage, f"{_COST}/totalCost"
    failed = details.failure_to_calculate or False
    return StationCost(
        currency=cost.currency[:3].upper(),
        total=_price(cost.total, f"{at}/total", intake) or StationPrice(),
        bound=cost.type_of_cost[:20],
        fixed=_price(cost.fixed, f"{at}/fixed", intake),
        energy=_price(cost.energy, f"{at}/energy", intake),
        charging_time=_price(cost.charging_time, f"{at}/chargingTime", intake),
        idle_time=_price(cost.idle_time, f"{at}/idleTime", intake),
        reservation_time=_price(cost.reservation_time, f"{at}/reservationTime", intake),
        reservation_fixed=_price(cost.reservation_fixed, f"{at}/reservationFixed", intake),
        session_s=_seconds(usage.charging_time, f"{_COST}/totalUsage/chargingTime", intake),
        idle_s=_seconds(usage.idle_time, f"{_COST}/totalUsage/idleTime", intake),
        periods=len(details.charging_periods or ()),
        failure=redacted(details.failure_reason or "")[:_MAX_REASON] if failed else None,
    )


def _price(price: m.PriceType | m.TotalPriceType | None, pointer: str, intake: Intake) -> StationPrice | None:
    if price is None:
        return None
    return StationPrice(
        before_taxes=money(price.excl_tax, f"{pointer}/exclTax", intake),
        after_taxes=money(price.incl_tax, f"{pointer}/inclTax", intake),
    )


def _seconds(seconds: int, pointer: str, intake: Intake) -> int | None:
    if 0 <= seconds <= MAX_NUMBER:
        return seconds
    intake.doubt(pointer, "minimum", f"expected seconds, got {str(seconds)[:30]}")
    return None
