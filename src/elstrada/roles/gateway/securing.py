"""Changes what is demanded of a station: its record and the fact commit together."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from elstrada.model.device import Station
from elstrada.model.facts import StationSecured
from elstrada.model.ids import PartyId, station_security_stream
from elstrada.model.security import SecuredBy, StationSecurity
from elstrada.net.face import Clock
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, RowMoved, Spine, StreamMoved, Work

_MOST_TRIES = 3
"""How often it is tried again because somebody else changed the record meanwhile."""


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
    for left in reversed(range(_MOST_TRIES)):
        try:
            return await _tried(spine, clock, owner, station_id, change, by, reason)
        except (RowMoved, StreamMoved):
            if not left:
                raise
    raise AssertionError("the last try returns or raises")


async def _tried(
    spine: Spine,
    clock: Clock,
    owner: PartyId,
    station_id: str,
    change: Callable[[StationSecurity], StationSecurity],
    by: SecuredBy,
    reason: str,
) -> StationSecurity | None:
    row = await spine.get(t.station, owner=str(owner), station_id=station_id)
    if row is None:
        return None
    station = msgspec.json.decode(str(row["document"]), type=Station)
    security = change(station.security)
    if security == station.security:
        return security
    stream = station_security_stream(owner, station_id)
    fact = StationSecured(minimum=security.minimum, proven=security.proven, by=by, reason=reason)
    document = msgspec.json.encode(msgspec.structs.replace(station, security=security)).decode()
    changed = {
        "owner": str(owner),
        "station_id": station_id,
        "document": document,
        "changed_at": clock.now(),
    }
    await spine.commit(
        Work(
            appends=(Append(stream, (await spine.load(stream)).version, (fact,)),),
            writes=(Put(t.station, changed, expected={"document": row["document"]}),),
        )
    )
    return security
