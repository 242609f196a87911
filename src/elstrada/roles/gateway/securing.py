"""Changes what is demanded of a station."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from elstrada.model.device import Station
from elstrada.model.facts import StationSecured
from elstrada.model.ids import PartyId
from elstrada.model.security import SecuredBy, StationSecurity
from elstrada.net.face import Clock
from elstrada.roles.gateway.records import change_record
from elstrada.spine.face import Spine


async def secure(
    spine: Spine,
    clock: Clock,
    owner: PartyId,
    station_id: str,
    change: Callable[[StationSecurity], StationSecurity],
    by: SecuredBy,
    reason: str = "",
) -> StationSecurity | None:
    """Change it, and return what is demanded then; None if there is no such station.

    Raises:
        SpineDown: it may or may not have been changed.
    """

    def secured(station: Station) -> tuple[Station, StationSecured] | None:
        security = change(station.security)
        if security == station.security:
            return None
        fact = StationSecured(minimum=security.minimum, proven=security.proven, by=by, reason=reason)
        return msgspec.structs.replace(station, security=security), fact

    station = await change_record(spine, clock, owner, station_id, secured)
    return None if station is None else station.security
