"""When a price of a tariff holds, in the words of OCPP 2.1. All bounds are half-open there too."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal, localcontext

import msgspec

from elstrada.model.tariff import TariffRestrictions
from elstrada.ocpp.v21 import messages as m

_SIX = Decimal("0.000001")
"""OCPP 2.1 part 2, 3.1: no decimal sent to a station has more decimals."""
_THOUSAND = Decimal(1000)
_AT_START = ("start_time_of_day", "end_time_of_day", "day_of_week", "valid_from_date", "valid_to_date")
"""What a fixed fee can depend on, besides means of payment, of which our tariffs know nothing."""


class Loss(msgspec.Struct, frozen=True):
    """What a tariff says and a station cannot be told."""

    pointer: str
    """JSON pointer into the tariff."""
    note: str
    misleads: bool = False
    """Without it a station would show or reckon another price than we do."""


def exact(amount: Decimal, divisor: Decimal) -> Decimal | None:
    """The quotient, if six decimals are enough to write it."""
    with localcontext() as context:
        context.prec = 50
        quotient = (amount / divisor).quantize(_SIX)
        if quotient * divisor != amount:
            return None
    # Written as people write it: 5 rather than 5.000000, and 10 rather than 1E+1.
    return Decimal(f"{quotient.normalize():f}")


def conditions(limits: TariffRestrictions | None, pointer: str) -> m.TariffConditionsType | Loss | None:
    """What must hold for a price to count; None: nothing. Reservations are told apart elsewhere."""
    if limits is None:
        return None
    try:
        begin, end = _window(limits)
        first, last = _day(limits.start_date), _day(limits.end_date)
        days = tuple(m.DayOfWeekEnumType(day.title()) for day in dict.fromkeys(limits.day_of_week))
    except ValueError as problem:
        return Loss(pointer, f"cannot be read: {problem}", misleads=True)
    said = m.TariffConditionsType(
        start_time_of_day=begin,
        end_time_of_day=end,
        day_of_week=days or None,
        valid_from_date=first,
        valid_to_date=last,
        min_energy=_in_base_unit(limits.min_kwh),
        max_energy=_in_base_unit(limits.max_kwh),
        min_current=limits.min_current,
        max_current=limits.max_current,
        min_power=_in_base_unit(limits.min_power),
        max_power=_in_base_unit(limits.max_power),
        min_time=limits.min_duration,
        max_time=limits.max_duration,
    )
    for name in said.__struct_fields__:
        value = getattr(said, name)
        if isinstance(value, Decimal) and exact(value, Decimal(1)) is None:
            return Loss(pointer, f"{value} has more than six decimals", misleads=True)
    return None if said == m.TariffConditionsType() else said


def decided_at_start(
    said: m.TariffConditionsType | None, pointer: str
) -> m.TariffConditionsFixedType | Loss | None:
    """The same for a flat fee, which a station decides on as the session begins (I12.FR.30)."""
    if said is None:
        return None
    of_the_clock = {name: getattr(said, name) for name in _AT_START}
    if m.TariffConditionsType(**of_the_clock) != said:
        return Loss(pointer, "a flat fee depends on the clock alone at a station", misleads=True)
    return m.TariffConditionsFixedType(**of_the_clock)


def _window(limits: TariffRestrictions) -> tuple[str | None, str | None]:
    """The local times between which it holds; none where that is the whole day (A2, A3)."""
    if limits.start_time is None and limits.end_time is None:
        return None, None
    begin, end = _minute(limits.start_time or "00:00"), _minute(limits.end_time or "00:00")
    return (None, None) if begin == end else (begin, end)


def _minute(text: str) -> str:
    read = time.fromisoformat(text)
    return f"{read.hour:02}:{read.minute:02}"


def _day(text: str | None) -> str | None:
    return None if text is None else date.fromisoformat(text).isoformat()


def _in_base_unit(kilo: Decimal | None) -> Decimal | None:
    """Wh of kWh, W of kW."""
    return None if kilo is None else Decimal(f"{(kilo * _THOUSAND).normalize():f}")
