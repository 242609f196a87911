"""How the EVSEs of a location are doing, from what their connectors say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from elstrada.model.device import EVSE_STATUS_OF, ConnectorStatus
from elstrada.model.location import Evse, EvseStatus, Location

_BUSIEST_FIRST = (
    EvseStatus.CHARGING,
    EvseStatus.RESERVED,
    EvseStatus.BLOCKED,
    EvseStatus.AVAILABLE,
    EvseStatus.UNKNOWN,
    EvseStatus.INOPERATIVE,
    EvseStatus.OUTOFORDER,
)
"""Only one connector of an EVSE is used at a time, so one in use takes all; one that works is enough."""


class Condition(msgspec.Struct, frozen=True):
    """What is known of one EVSE, and since when."""

    status: EvseStatus
    since: datetime


_OUT = (EvseStatus.INOPERATIVE, EvseStatus.OUTOFORDER)

Said = Iterable[tuple[ConnectorStatus, datetime]]
"""What connectors say, and since when."""


def condition(connectors: Said, station: Said = ()) -> Condition | None:
    """The condition of an EVSE, or None while nothing has been said of it.

    Args:
        connectors: of the EVSE.
        station: what is said of the station as a whole (EVSE 0). Out of order, it takes all its EVSEs
            with it, but for one that still charges.
    """
    own, whole = _judged(connectors), _judged(station)
    if whole is None or whole.status not in _OUT:
        return own
    if own is not None and own.status is EvseStatus.CHARGING:
        return own
    return Condition(whole.status, max(whole.since, own.since) if own else whole.since)


def _judged(connectors: Said) -> Condition | None:
    said = [(EVSE_STATUS_OF[status], at) for status, at in connectors]
    if not said:
        return None
    status = min((status for status, _ in said), key=_BUSIEST_FIRST.index)
    return Condition(status, max(at for _, at in said))


def living(location: Location, conditions: Mapping[str, Condition]) -> Location:
    """The location with its EVSEs as they are now; news raises last_updated on both levels (R-35).

    Args:
        conditions: by EVSE uid. One that the record calls PLANNED or REMOVED stays so (R-38).
    """
    evses = tuple(_living_evse(evse, conditions.get(evse.uid)) for evse in location.evses)
    latest = max((evse.last_updated for evse in evses), default=location.last_updated)
    return msgspec.structs.replace(location, evses=evses, last_updated=max(location.last_updated, latest))


def _living_evse(evse: Evse, now: Condition | None) -> Evse:
    if now is None or evse.status in (EvseStatus.PLANNED, EvseStatus.REMOVED):
        return evse
    return msgspec.structs.replace(evse, status=now.status, last_updated=max(evse.last_updated, now.since))
