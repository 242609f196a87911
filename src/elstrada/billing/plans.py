"""What the retailer's customer pays for a session: her plan, and VAT by the country of the charge point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from zoneinfo import ZoneInfo

from elstrada.billing.vat import vat_percent
from elstrada.model.cdr import Cdr
from elstrada.model.cost import CostLine
from elstrada.model.currencies import payable
from elstrada.model.invoice import BillLine, Contract, Plan, RetailMode

_ONE = Decimal(1)
_HUNDRED = Decimal(100)

MOST_KWH = Decimal(100_000)
MOST_COST = Decimal(10**9)
"""Beyond any session of any vehicle in any currency: such a CDR is nonsense, whatever it is."""


class NotRated(Exception):
    """The plan cannot price this CDR; the message says why."""


def bill_line(cdr: Cdr, plan: Plan, contract: Contract, *, zone: ZoneInfo) -> BillLine:
    """Rate a CDR by a plan.

    Money is rounded to the smallest unit of its currency, half away from zero: net once, VAT on the net
    (EN 16931 sums nets per rate on the invoice). The rate is that of the session's last local day.

    Args:
        plan: with the prices of the session's day (``Plan.on``).
        zone: of the charge point.
    Returns:
        The line; with ``vat_percent`` None where no rate is known, and then it must be held.
    Raises:
        NotRated: the plan adds to a wholesale cost in another currency, or the CDR is nonsense.
    """
    if abs(cdr.total_energy) > MOST_KWH or abs(cdr.total_cost.before_taxes) > MOST_COST:
        raise NotRated(f"more than {MOST_KWH} kWh or {MOST_COST} {plan.currency} in one session")
    lines = tuple(_MODES[plan.mode](cdr, plan))
    net = payable(sum((line.amount for line in lines), Decimal(0)), plan.currency)
    country = cdr.cdr_location.country
    percent = vat_percent(country, cdr.end_date_time.astimezone(zone).date())
    vat = None if percent is None else payable(net * percent / _HUNDRED, plan.currency)
    notes = () if percent is not None else (f"no VAT rate is known for {country}: hold this line",)
    return BillLine(
        id=bill_line_id(cdr),
        contract_id=contract.id,
        customer_id=contract.customer_id,
        supply_point_id=contract.supply_point_id,
        plan_id=plan.id,
        cdr_party=cdr.party,
        cdr_id=cdr.id,
        evse_id=cdr.cdr_location.evse_id,
        place=", ".join(part for part in (cdr.cdr_location.name, cdr.cdr_location.city) if part),
        start_date_time=cdr.start_date_time,
        end_date_time=cdr.end_date_time,
        time_zone=zone.key,
        country=country,
        quantity_kwh=cdr.total_energy,
        net=net,
        vat_percent=percent,
        vat=vat,
        gross=None if vat is None else net + vat,
        currency=plan.currency,
        wholesale_net=cdr.total_cost.before_taxes,
        wholesale_currency=cdr.currency,
        lines=lines,
        notes=notes,
    )


def bill_line_id(cdr: Cdr) -> str:
    """One CDR, one line: ids are unique within the issuing party."""
    return f"{cdr.party}*{cdr.id}"


def _fixed_per_kwh(cdr: Cdr, plan: Plan) -> Iterator[CostLine]:
    """Mode b: the plan's own price; what the CPO asks does not matter."""
    yield _line(cdr, plan, "ENERGY", cdr.total_energy, plan.price_per_kwh, "price of the plan")
    yield from _per_session(cdr, plan)


def _cost_plus(cdr: Cdr, plan: Plan) -> Iterator[CostLine]:
    """Mode a: the CPO's price before tax, a share on top, an amount per kWh and per session."""
    if cdr.currency != plan.currency:
        raise NotRated(
            f"plan {plan.id} adds to the cost in {plan.currency}, CDR {cdr.id} of {cdr.party} "
            f"is in {cdr.currency}; nothing is converted"
        )
    wholesale = cdr.total_cost.before_taxes
    yield _line(cdr, plan, "WHOLESALE", _ONE, wholesale, "price of the charge point's operator")
    if plan.markup_percent:
        share = plan.markup_percent / _HUNDRED
        yield _line(cdr, plan, "MARKUP", wholesale, share, f"{plan.markup_percent} % on it")
    if plan.price_per_kwh:
        yield _line(cdr, plan, "ENERGY", cdr.total_energy, plan.price_per_kwh, "added per kWh")
    yield from _per_session(cdr, plan)


def _per_session(cdr: Cdr, plan: Plan) -> Iterator[CostLine]:
    if plan.price_per_session:
        yield _line(cdr, plan, "FLAT", _ONE, plan.price_per_session, "per session")


_MODES: dict[RetailMode, Callable[[Cdr, Plan], Iterator[CostLine]]] = {
    RetailMode.FIXED_PER_KWH: _fixed_per_kwh,
    RetailMode.COST_PLUS: _cost_plus,
}


def _line(
    cdr: Cdr, plan: Plan, dimension: str, quantity: Decimal, unit_price: Decimal, reason: str
) -> CostLine:
    return CostLine(
        dimension=dimension,
        start=cdr.start_date_time,
        tariff_id=plan.id,
        element=0,
        quantity=quantity,
        measured=quantity,
        unit_price=unit_price,
        amount=quantity * unit_price,
        reason=reason,
    )
