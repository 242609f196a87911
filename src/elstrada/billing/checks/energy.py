"""Checks of energy and power: can it have been that much?"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import chain, pairwise

from elstrada.billing.checks.face import (
    WH,
    ZERO,
    Check,
    Known,
    Outcome,
    Unexamined,
    connector_in,
    total_of,
    volume_of,
)
from elstrada.model.cdr import Cdr
from elstrada.model.examination import Severity
from elstrada.model.location import Connector
from elstrada.model.quantity import hours

_PER_MILLE = Decimal("0.001")
_HUNDRED = Decimal(100)
_KW = Decimal(1000)
_PHASES = {"AC_1_PHASE": 1, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2, "AC_3_PHASE": 3, "DC": 1}
_SECOND = timedelta(seconds=1)
_NO_CONNECTOR = "we have no copy of its connector"
_NO_POWER = "our copy of its connector tells no power"


def power_kw(connector: Connector) -> Decimal | None:
    """The most a connector gives; None: its copy does not tell.

    Source: OCPI 2.3.0 mod_locations, Connector: max_voltage is line to neutral for AC.
    """
    if connector.max_electric_power:
        return Decimal(connector.max_electric_power) / _KW
    phases = _PHASES.get(connector.power_type)
    if phases is None or connector.max_voltage <= 0 or connector.max_amperage <= 0:
        return None
    return Decimal(connector.max_voltage * connector.max_amperage * phases) / _KW


def more_than_the_connector_gives(cdr: Cdr, known: Known) -> Outcome:
    """V10."""
    power = _power(cdr, known)
    if not isinstance(power, Decimal):
        return power
    charging = max(cdr.total_time - (cdr.total_parking_time or ZERO), ZERO)
    most = power * charging * (_HUNDRED + known.limits.power_percent) / _HUNDRED
    if cdr.total_energy <= most + WH:
        return None
    return f"{cdr.total_energy} kWh in {charging} h of charging at a connector of {power} kW"


def period_too_strong(cdr: Cdr, known: Known) -> Outcome:
    """V11: a second is granted to each period, as times are told by the second."""
    power = _power(cdr, known)
    if not isinstance(power, Decimal):
        return power
    most = power * (_HUNDRED + known.limits.period_power_percent) / _HUNDRED
    starts = (period.start_date_time for period in cdr.charging_periods)
    for number, (period, (start, end)) in enumerate(
        zip(cdr.charging_periods, pairwise(chain(starts, (cdr.end_date_time,))), strict=True), 1
    ):
        energy = volume_of(period, "ENERGY")
        if energy > most * hours(end - start + _SECOND) + WH:
            took = f"{energy} kWh from {start.isoformat()} to {end.isoformat()}"
            return f"period {number} takes {took} at a connector of {power} kW"
    return None


def _power(cdr: Cdr, known: Known) -> Decimal | Unexamined:
    connector = connector_in(known, cdr)
    if connector is None:
        return Unexamined(_NO_CONNECTOR)
    power = power_kw(connector)
    return Unexamined(_NO_POWER) if power is None else power


def more_than_a_car_holds(cdr: Cdr, known: Known) -> Outcome:
    """V12."""
    if cdr.total_energy > known.limits.most_kwh:
        return f"{cdr.total_energy} kWh, more than the {known.limits.most_kwh} kWh of any car"
    if cdr.total_energy < 0 and not known.limits.energy_back:
        return f"{cdr.total_energy} kWh, and energy from the car is not agreed"
    return None


def energy_differs_from_periods(cdr: Cdr, _: Known) -> Outcome:
    """V14."""
    energy = total_of(cdr, "ENERGY")
    if abs(energy - cdr.total_energy) <= max(WH, abs(cdr.total_energy) * _PER_MILLE):
        return None
    return f"periods sum to {energy} kWh, total_energy is {cdr.total_energy}"


CHECKS = (
    Check("V10", Severity.HOLD, more_than_the_connector_gives),
    Check("V11", Severity.HOLD, period_too_strong),
    Check("V12", Severity.HOLD, more_than_a_car_holds),
    Check("V14", Severity.REJECT, energy_differs_from_periods),
)
