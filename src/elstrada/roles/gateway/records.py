"""Changes a station's record and tells of it in the record's own stream: both commit together."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from elstrada.model.device import Station
from elstrada.model.facts import StationAdmitted, StationSecured
from elstrada.model.ids import PartyId, station_security_stream
from elstrada.net.face import Clock
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, RowMoved, Spine, StreamMoved, Work

_MOST_TRIES = 3
"""How often it is tried again because somebody else changed the record meanwhile."""

Change = Callable[[Station], tuple[Station, StationSecured | StationAdmitted] | None]
"""What a record becomes, and the fact of it; None: it stays as it is."""


async def change_record(
    spine: Spine, clock: Clock, owner: PartyId, station_id: str, change: Change
) -> Station | None:
    """Change it, and return what it is then; None if there is no such station.

    Raises:
        SpineDown: it may or may not have been changed.
    """
    for left in reversed(range(_MOST_TRIES)):
        try:
            return await _tried(spine, clock, owner, station_id, change)
        except (RowMoved, StreamMoved):
            if not left:
                raise
    raise AssertionError("the last try returns or raises")


async def _tried(
    spine: Spine, clock: Clock, owner: PartyId, station_id: str, change: Change
) -> Station | None:
    row = await spine.get(t.station, owner=str(owner), station_id=station_id)
    if row is None:
        return None
    station = msgspec.json.decode(str(row["document"]), type=Station)
    changed = change(station)
    if changed is None:
        return station
    now, fact = changed
    stream = station_security_stream(owner, station_id)
    columns = {
        "owner": str(owner),
        "station_id": station_id,
        "document": msgspec.json.encode(now).decode(),
        "changed_at": clock.now(),
    }
    await spine.commit(
        Work(
            appends=(Append(stream, await spine.version(stream), (fact,)),),
            writes=(Put(t.station, columns, expected={"document": row["document"]}),),
        )
    )
    return now
