"""How EVSEs are fed: as their location says, and their station."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal, InvalidOperation

import msgspec

from elstrada.charging.composite import Supply
from elstrada.model.device import Station
from elstrada.model.location import Connector, Location
from elstrada.model.mirror import Variable
from elstrada.spine import tables as t
from elstrada.spine.face import Spine

_PHASES = {"AC_1_PHASE": 1, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2, "AC_3_PHASE": 3}
"""By OCPI's PowerType; DC has none, and what it draws from the grid is not known."""


async def connectors_of(spine: Spine, station: Station, evse_id: int | None) -> list[Connector]:
    """The connectors of an EVSE, or of all of a station, as far as it is placed."""
    owner, found = str(station.owner), list[Connector]()
    for place in (one for one in station.places if evse_id in (None, one.evse_id)):
        row = await spine.get(t.location, owner=owner, party=owner, location_id=place.location_id)
        location = msgspec.json.decode(str(row["document"]), type=Location) if row else None
        evses = location.evses if location else ()
        found += [plug for evse in evses if evse.uid == place.evse_uid for plug in evse.connectors]
    return found


def supply_of(
    connectors: Iterable[Connector], voltage: int | None = None, phases: int | None = None
) -> Supply | None:
    """Voltage and phases, if all connectors have the same; None: they have not, or nobody says.

    Args:
        voltage: what holds instead of what they say; ``phases`` likewise.
    """
    found = {(plug.max_voltage, _PHASES.get(plug.power_type)) for plug in connectors}
    if len(found) != 1:
        return None
    ((told_voltage, told_phases),) = found
    voltage, phases = voltage or told_voltage, phases or told_phases
    return None if phases is None else Supply(voltage=voltage, phases=phases)


def most_a(connectors: Iterable[Connector]) -> Decimal | None:
    """The most that any of an EVSE's AC connectors gives, per phase; None: nobody says, or one is DC."""
    plugs = tuple(connectors)
    if not plugs or any(plug.power_type not in _PHASES for plug in plugs):
        return None
    return Decimal(max(plug.max_amperage for plug in plugs))


def most_w(connectors: Iterable[Connector], power: Variable | None) -> Decimal | None:
    """The most that an EVSE gives, by its connectors and its device model (EVSE.Power); None: nobody says."""
    watts = [plug.max_electric_power for plug in connectors]
    told = [Decimal(max(one for one in watts if one is not None))] if watts and None not in watts else []
    limit = power.characteristics.max_limit if power is not None and power.characteristics else None
    with suppress(InvalidOperation):  # A station's text that is no number.
        told += [] if limit is None else [Decimal(limit)]
    return min((one for one in told if one.is_finite() and one > 0), default=None)
