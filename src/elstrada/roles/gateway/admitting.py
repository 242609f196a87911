"""Changes the decision on a station's admission."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from elstrada.model.admission import StationAdmission
from elstrada.model.device import Station
from elstrada.model.facts import StationAdmitted
from elstrada.model.ids import PartyId
from elstrada.net.face import Clock
from elstrada.roles.gateway.records import change_record
from elstrada.spine.face import Spine


async def admit(
    spine: Spine,
    clock: Clock,
    owner: PartyId,
    station_id: str,
    change: Callable[[StationAdmission], StationAdmission],
) -> StationAdmission | None:
    """Change it, and return what is decided then; None if there is no such station.

    Raises:
        SpineDown: it may or may not have been changed.
    """

    def admitted(station: Station) -> tuple[Station, StationAdmitted] | None:
        now = change(station.admission)
        if now == station.admission:
            return None
        fact = StationAdmitted(now.state, now.by, now.make, now.reason)
        return msgspec.structs.replace(station, admission=now), fact

    station = await change_record(spine, clock, owner, station_id, admitted)
    return None if station is None else station.admission
