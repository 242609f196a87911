"""Where a session of ours charges, as charging profiles see it: how its station speaks, what it takes and allows."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from elstrada.charging.limits import Running
from elstrada.model.asks import Command
from elstrada.model.device import CommandName, Protocol
from elstrada.model.ids import PartyId
from elstrada.model.profile import Period, RateUnit, Schedule
from elstrada.ocpi.v221.translate.steering import MOST_PERIODS, MOST_RATE
from elstrada.ocpp.profiles import ProfileWords
from elstrada.ocpp.wire import Wire, encode
from elstrada.roles.planning import Place, place_of
from elstrada.roles.roaming.means import Means
from elstrada.spine import tables as t
from elstrada.spine.face import Row

if TYPE_CHECKING:
    from elstrada.ocpp.versions import Version


class Stand(msgspec.Struct, frozen=True, kw_only=True):
    """A session that runs, at a station whose OCPP version we know."""

    owner: PartyId
    station_id: str
    running: Running
    words: ProfileWords
    deadline_s: int

    def call(self, command_id: str, asked_by: PartyId, action: str, fields: Wire) -> Command:
        """A call of the station for the session's sake."""
        return Command(
            command_id=command_id,
            name=CommandName.CALL,
            asked_by=asked_by,
            session_id=self.running.session_id,
            action=action,
            payload=encode(fields).decode(),
            deadline_s=self.deadline_s,
        )

    def question(self, command_id: str, asked_by: PartyId, duration_s: int) -> Command:
        """The call that asks the station what it will allow the session."""
        fields = self.words.asked(self.running.evse_id, duration_s, None)
        return self.call(command_id, asked_by, "GetCompositeSchedule", fields)


async def stand_of(means: Means, owner: PartyId, session: Row) -> Stand | None:
    """Where a session stands; None: it has ended, or its station has not said yet where it is.

    Args:
        session: its row of the view.
    """
    station_id = str(session["station_id"])
    evse_id, transaction_id = session["evse_id"], session["transaction_id"]
    version = await _version_of(means, owner, station_id)
    if version is None or session["ended_at"] is not None:
        return None
    if not isinstance(evse_id, int) or not isinstance(transaction_id, str):
        return None
    if version.protocol is Protocol.OCPP16 and not transaction_id.isdecimal():
        return None  # It began in another version, and this one cannot name it.
    running = Running(session_id=str(session["session_id"]), transaction_id=transaction_id, evse_id=evse_id)
    return Stand(
        owner=owner,
        station_id=station_id,
        running=running,
        words=version.profiles,
        deadline_s=means.waits.command_s,
    )


async def place_at(means: Means, stand: Stand) -> Place:
    """What is known of the station there."""
    return await place_of(
        means.spine, means.quirks, stand.owner, stand.station_id, stand.running.evse_id, stand.words
    )


async def active_at(means: Means, stand: Stand, response: str | None) -> Schedule | None:
    """What a station says that it allows, with a limit at all times; None: it does not say, or not how much.

    Where nothing limits, it is what the EVSE gives at most.

    Args:
        response: to its ``question``.
    """
    told = None if response is None else stand.words.composed(response.encode())
    if told is None or not told.periods or told.unit not in frozenset(RateUnit):
        return None
    room = (await place_at(means, stand)).room
    capacity = room.max_a if told.unit == RateUnit.A else room.max_w
    periods = [_limited(one, capacity) for one in told.periods[:MOST_PERIODS]]
    if any(one.limit is None for one in periods):
        return None
    return Schedule(
        unit=told.unit,
        periods=tuple(periods),
        start=told.start or means.clock.now(),
        duration_s=told.duration_s,
    )


def _limited(period: Period, capacity: Decimal | None) -> Period:
    limit = capacity if period.limit is None else period.limit
    bounded = None if limit is None else min(max(limit, Decimal(0)), MOST_RATE)
    return Period(start_s=max(period.start_s, 0), limit=bounded)


async def _version_of(means: Means, owner: PartyId, station_id: str) -> Version | None:
    """The OCPP version of a station's last connection."""
    from elstrada.ocpp.versions import VERSIONS  # It loads the messages of three versions.

    state = await means.spine.get(t.station_state, owner=str(owner), station_id=station_id)
    return None if state is None else VERSIONS.get(str(state["protocol"]))
