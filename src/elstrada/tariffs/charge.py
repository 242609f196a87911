"""One priced volume, before it becomes a line: what price() collects and step_size adjusts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_CEILING, Decimal

import msgspec

from elstrada.model.cost import CostLine
from elstrada.model.tariff import Dimension
from elstrada.tariffs.compile import Offer, PriceList
from elstrada.tariffs.policy import Policy, Steps

_ZERO = Decimal(0)
_SNAP_S = Decimal("0.36")
_QUANTUM = Decimal("1e-12")
_HOURS = (Dimension.TIME, Dimension.PARKING_TIME)


class Charge(msgspec.Struct, frozen=True):
    """This much of a dimension in one period, at the price of one offer."""

    dimension: Dimension
    reserved: bool
    """For the reservation, not the session."""
    start: datetime
    by: PriceList
    offer: Offer
    measured: Decimal
    quantity: Decimal
    """As billed."""
    reason: str = ""

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.offer.price

    def line(self) -> CostLine:
        return CostLine(
            dimension=self.dimension.value,
            start=self.start,
            tariff_id=self.by.tariff.id,
            element=self.offer.element,
            quantity=self.quantity,
            measured=self.measured,
            unit_price=self.offer.price,
            amount=self.amount,
            vat=self.offer.vat,
            reason=self.reason,
            reserved=self.reserved,
        )


def stepped(
    charges: Sequence[Charge], policy: Policy, free: Mapping[Dimension, Sequence[Decimal]]
) -> list[Charge]:
    """Apply step_size; the surplus has the price of the last (rule 10).

    Args:
        free: what the session used and has no price, which counts only if the policy says so (A7).
    """
    result = list(charges)
    match policy.steps:
        case Steps.SESSION:
            for group in _by_session(charges, policy):
                _step(result, group, policy, free if policy.step_what_is_free else {})
        case Steps.BLOCKS:
            for group in _by_component(charges):
                _step(result, group, policy, {})
        case Steps.NONE:
            pass
    return result


def _by_session(charges: Sequence[Charge], policy: Policy) -> Iterator[list[int]]:
    """Energy, parking or else time, and the reservation or each purpose of a booking, each once per session.

    Parking, wherever it stands, is rounded instead of time (A8), or else whichever of them came last.
    """
    hours = [c.dimension for c in charges if c.dimension in _HOURS and not c.reserved]
    parked = Dimension.PARKING_TIME in (hours[-1:] if policy.step_last_time else hours)
    timed = Dimension.PARKING_TIME if parked else Dimension.TIME
    for dimension in (Dimension.ENERGY, timed):
        yield [n for n, c in enumerate(charges) if c.dimension is dimension and not c.reserved]
    reserved: dict[str | None, list[int]] = {}
    for n, c in enumerate(charges):
        if c.reserved and c.dimension is Dimension.TIME:
            purpose = c.offer.limits.booking if c.offer.limits else None
            reserved.setdefault(purpose, []).append(n)
    yield from reserved.values()


def _by_component(charges: Sequence[Charge]) -> Iterable[list[int]]:
    """What each price component was charged for."""
    groups: dict[tuple[str, int, Dimension, bool], list[int]] = {}
    for n, c in enumerate(charges):
        if c.dimension is not Dimension.FLAT:
            groups.setdefault((c.by.name, c.offer.element, c.dimension, c.reserved), []).append(n)
    return groups.values()


def _step(
    charges: list[Charge], group: list[int], policy: Policy, free: Mapping[Dimension, Sequence[Decimal]]
) -> None:
    if not group:
        return
    last = charges[group[-1]]
    step = last.offer.step_size
    measured = [charges[n].measured for n in group]
    measured += [] if last.reserved else free.get(last.dimension, ())
    total = sum(measured, _ZERO)
    if step <= 0 or total < 0:  # Step 0 is none (rule 11); energy given back is not rounded (A22).
        return
    per_unit = 1000 if last.dimension is Dimension.ENERGY else 3600
    units, billed = units_billed(measured, step, per_unit, snap=policy.snap_hours)
    surplus = billed / per_unit - total
    if surplus:
        quantity = with_surplus(last.measured, surplus)
        unit = "Wh" if per_unit == 1000 else "s"
        reason = f"step {step} {unit}: {_plain(units)} -> {_plain(billed)} {unit}"
        charges[group[-1]] = Charge(
            last.dimension, last.reserved, last.start, last.by, last.offer, last.measured, quantity, reason
        )


def units_billed(
    measured: Sequence[Decimal], step: int, per_unit: int, *, snap: bool = True
) -> tuple[Decimal, Decimal]:
    """Wh or seconds of these volumes: as measured, and as billed by this step.

    Args:
        snap: an hour near a whole second is that second (A15).
    """
    if snap and per_unit == 3600:
        units = sum([_whole_seconds(volume) for volume in measured], _ZERO)
    else:
        units = sum(measured, _ZERO) * per_unit
    return units, (units / step).to_integral_value(ROUND_CEILING) * step


def with_surplus(volume: Decimal, surplus: Decimal) -> Decimal:
    """What is billed of the last volume."""
    return (volume + surplus).quantize(_QUANTUM).normalize()


def _whole_seconds(hours: Decimal) -> Decimal:
    """In seconds. An hour of four decimals is up to 0.36 s off: such a one is the whole second (A15)."""
    seconds = hours * 3600
    whole = seconds.to_integral_value()
    return whole if whole == seconds or abs(seconds - whole) <= _SNAP_S else seconds


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
