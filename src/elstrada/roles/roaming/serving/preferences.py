"""What a driver wants of a session of ours: recorded, and answered as far as we can do anything about it (R-59)."""

from __future__ import annotations

from decimal import Decimal

from elstrada.charging.preferences import answer
from elstrada.model.facts import SessionPreferred
from elstrada.model.ids import PartyId, session_stream
from elstrada.model.location import Connector, Evse
from elstrada.model.party import Role
from elstrada.model.preferences import ChargingPreferences, PreferencesAnswer
from elstrada.ocpi.codes import Why
from elstrada.ocpi.server import Found, Refusal, Result, body_of
from elstrada.ocpi.v221 import sessions as wire
from elstrada.ocpi.v221 import translate
from elstrada.roles.feeding import most_a, most_w, supply_of
from elstrada.roles.roaming.serving.visit import NOT_HERE, Handler, Visit
from elstrada.roles.roaming.stock import told_end
from elstrada.spine.face import Append, Row, StreamMoved, Work

CAPABLE = "CHARGING_PREFERENCES_CAPABLE"
"""By this capability a CPO says at which EVSEs drivers may tell what they want."""
_TRIES = 5


async def put_preferences(visit: Visit) -> Result:
    """The wishes of the driver of one of the caller's own sessions; any other is not known to it (T8)."""
    wanted = translate.preferences_from_wire(body_of(visit.call, wire.ChargingPreferences))
    row = await visit.stock.session_row(visit.own.id, visit.call.path["session_id"])
    parties = {str(party): party for party in visit.parties(Role.EMSP)}
    asked_by = None if row is None else parties.get(str(row["token_party"]))
    if row is None or asked_by is None:
        return NOT_HERE
    evse = await evse_of(visit, row)
    if evse is None or CAPABLE not in evse.capabilities:
        return Refusal(Why.NOT_CAPABLE, f"the EVSE is not {CAPABLE} (R-59)")
    said = PreferencesAnswer.NOT_POSSIBLE
    if told_end(row) is None:
        said = answer(wanted, _most(evse.connectors), visit.means.clock.now())
    return await _noted(visit, str(row["session_id"]), asked_by, wanted, said)


async def evse_of(visit: Visit, session: Row) -> Evse | None:
    """The EVSE at which a session of ours is, as our locations have it."""
    evse_id = session["evse_id"]
    if not isinstance(evse_id, int):
        return None
    key = await visit.stock.place(visit.own.id, str(session["station_id"]), evse_id)
    location = None if key is None else await visit.stock.location(visit.own.id, key[0])
    evses = () if location is None else location.evses
    return next((evse for evse in evses if key is not None and evse.uid == key[1]), None)


def _most(connectors: tuple[Connector, ...]) -> Decimal | None:
    """The most that the EVSE gives, in W; None: its connectors do not say, or not the same."""
    told, amperes, supply = most_w(connectors, None), most_a(connectors), supply_of(connectors)
    if told is not None:
        return told
    if amperes is not None and supply is not None:
        return amperes * supply.voltage * supply.phases
    direct = [plug for plug in connectors if plug.power_type == "DC"]
    if not direct or len(direct) != len(connectors):
        return None
    return max(Decimal(plug.max_voltage) * plug.max_amperage for plug in direct)


async def _noted(
    visit: Visit, session_id: str, by: PartyId, wanted: ChargingPreferences, said: PreferencesAnswer
) -> Result:
    """Note it, unless the same was said last, and answer."""
    spine, fact = visit.means.spine, SessionPreferred(session_id, by, wanted, said)
    stream = session_stream(visit.own.id, session_id)
    for _ in range(_TRIES):
        version = await spine.version(stream)
        last = await spine.facts(stream, after_version=version - 1, limit=1) if version else []
        if last and last[0].fact == fact:
            return Found(said.value)
        try:
            await spine.commit(Work(appends=(Append(stream, version, (fact,)),)))
        except StreamMoved:
            continue
        return Found(said.value)
    return Refusal(Why.BUSY, "the session changes too often; try again")


HANDLERS: dict[str, Handler] = {"put_preferences": put_preferences}
