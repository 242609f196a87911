"""Decides whether a station that boots may work with us, by its record and by what other stations are."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.charging.admission import at_boot
from elstrada.model.admission import Admission, Make, StationAdmission
from elstrada.model.asks import Boot
from elstrada.model.device import Station
from elstrada.model.ids import PartyId
from elstrada.net.face import Clock
from elstrada.roles.gateway.admitting import admit
from elstrada.roles.gateway.roll import Roll
from elstrada.roles.gateway.seat import Seat
from elstrada.spine import tables as t
from elstrada.spine.face import Spine

_PAGE = 500


class Onboarding(msgspec.Struct, frozen=True):
    """What becomes of stations whose make is new."""

    hold: bool = False
    """They are held until they were read and set up, or an operator decides."""
    template: Mapping[str, str] = {}
    """What they are set to: variables and configuration keys by name, as ``Variable.key`` writes it."""


class Reception:
    """Knows the makes that work with us."""

    def __init__(self, spine: Spine, clock: Clock, roll: Roll, onboarding: Onboarding) -> None:
        self._spine, self._clock, self._roll = spine, clock, roll
        self.onboarding = onboarding
        self._known: set[tuple[str, Make]] = set()
        """With their owner; a make that works does not become unknown while we live."""

    async def judge(self, seat: Seat, boot: Boot) -> Admission:
        """The decision by the record as it stands now, not a second ago; it may change the record.

        Raises:
            SpineDown: nothing is decided.
        """
        make = make_of(boot)
        row = await self._spine.get(t.station, owner=str(seat.owner), station_id=seat.station_id)
        if row is None:
            # Taken off the roll while it was connected: its connection is all that is left of it.
            return Admission.REJECTED
        known = self.onboarding.hold and await self._is_known(seat.owner, make)

        def change(admission: StationAdmission) -> StationAdmission:
            return at_boot(admission, make, hold=self.onboarding.hold, known=known)

        admission = msgspec.json.decode(str(row["document"]), type=Station).admission
        if change(admission) == admission:
            return admission.state
        decided = await admit(self._spine, self._clock, seat.owner, seat.station_id, change)
        await self._roll.refresh()
        return Admission.REJECTED if decided is None else decided.state

    async def _is_known(self, owner: PartyId, make: Make) -> bool:
        """Does a station of this make work with us? The view holds what each said when it booted last."""
        if (str(owner), make) in self._known:
            return True
        where = {
            "owner": str(owner),
            "vendor": make.vendor,
            "model": make.model,
            "firmware": make.firmware,
        }
        offset, rows = 0, [None] * _PAGE
        while len(rows) == _PAGE:
            rows = await self._spine.find(
                t.station_state, where, order=("station_id",), limit=_PAGE, offset=offset
            )
            offset += _PAGE
            for row in rows:
                station = self._roll.station(str(owner), str(row["station_id"]))
                if station is not None and station.admission.state is Admission.ACCEPTED:
                    self._known.add((str(owner), make))
                    return True
        return False


def make_of(boot: Boot) -> Make:
    return Make(boot.vendor, boot.model, boot.firmware)
