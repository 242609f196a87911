"""Which quirks a station has: by what it said when it booted last, and by what an operator said of it."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from elstrada.model.admission import Make
from elstrada.model.device import Protocol
from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.model.quirk import Quirk, QuirkTable, Repair
from elstrada.ocpp.quirks import Treatment
from elstrada.roles.gateway.roll import Roll
from elstrada.roles.gateway.seat import Seat
from elstrada.spine import tables as t
from elstrada.spine.face import Spine
from elstrada.spine.makes import make_in


class Treating:
    """Knows the table of quirks, and the stations that offer no subprotocol because of one."""

    def __init__(self, table: QuirkTable, spine: Spine, roll: Roll) -> None:
        self.table, self._spine, self._roll = table, spine, roll
        self._assumed: dict[tuple[str, str], Protocol] = {}
        """Bounded by the roll: only stations on it are looked at."""

    async def of_returning(self, seat: Seat) -> Treatment | None:
        """For a station that has connected, and may not boot (rule 4); None: it has no quirk.

        Raises:
            SpineDown: nobody knows.
        """
        row = await self._spine.get(t.station_state, owner=str(seat.owner), station_id=seat.station_id)
        return await self.of_make(seat, make_in(row))

    async def of_make(self, seat: Seat, make: Make | None) -> Treatment | None:
        """Likewise, for a station that says what it is.

        Raises:
            SpineDown: the zone of its location is needed, and cannot be read.
        """
        owner, station_id = str(seat.owner), seat.station_id
        quirks = self._quirks(owner, station_id, make)
        if not quirks:
            return None
        wants_zone = any(Repair.LOCAL_TIME in quirk.does.repairs for quirk in quirks)
        return Treatment(quirks, await self._zone(owner, station_id) if wants_zone else None)

    def assumed(self, owner: str, station_id: str) -> Protocol | None:
        """What a station speaks that offers no subprotocol, as far as ``look`` found out."""
        return self._assumed.get((owner, station_id))

    async def look(self, owner: PartyId, station_id: str) -> None:
        """Find out for a station that offered no subprotocol, for its next try.

        Raises:
            SpineDown: nobody knows.
        """
        row = await self._spine.get(t.station_state, owner=str(owner), station_id=station_id)
        quirks = self._quirks(str(owner), station_id, make_in(row))
        spoken = next((one.does.assumes for one in quirks if one.does.assumes is not None), None)
        if spoken is not None:
            self._assumed[str(owner), station_id] = spoken
        else:
            self._assumed.pop((str(owner), station_id), None)

    def _quirks(self, owner: str, station_id: str, make: Make | None) -> tuple[Quirk, ...]:
        record = self._roll.station(owner, station_id)
        return self.table.of(make, record.quirks if record is not None else {})

    async def _zone(self, owner: str, station_id: str) -> ZoneInfo | None:
        """Of the place where the station stands; None: it has none."""
        record = self._roll.station(owner, station_id)
        for place in record.places if record is not None else ():
            key = {"owner": owner, "party": owner, "location_id": place.location_id}
            row = await self._spine.get(t.location, **key)
            if row is None:
                continue
            try:
                return ZoneInfo(msgspec.json.decode(str(row["document"]), type=Location).time_zone)
            except (ZoneInfoNotFoundError, ValueError):
                continue  # No zone of this machine's; the clock stays in doubt.
        return None
