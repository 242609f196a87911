"""What the gateway does with the charging profiles in a station's mirror."""

from __future__ import annotations

import msgspec

from elstrada.charging.state import SessionState
from elstrada.model import asks
from elstrada.model.answers import Setpoint
from elstrada.model.mirror import Cleared, Learned
from elstrada.model.profile import Purpose
from elstrada.ocpp.profiles import KIND, ended
from elstrada.roles.gateway.mirror import Mirror
from elstrada.roles.gateway.seat import Seat

# --- what stations ask ------------------------------------------------------------------------------


async def setpoint(mirror: Mirror, seat: Seat, ask: asks.PullSetpoint) -> Setpoint:
    """What a dynamic profile says now.

    Raises:
        SpineDown: it is not answered.
    """
    profile = await mirror.profile(seat.owner, seat.station_id, ask.profile_id)
    # K28.FR.12: one that we did not install, or that is not dynamic, is invalid.
    update = profile.setpoint if profile is not None and profile.is_ours else None
    return Setpoint(None if update is None else update.decode())


def running(seat: Seat, evse_id: int | None) -> SessionState | None:
    """The session that runs on an EVSE, as far as remembered; the latest."""
    open_ = (one for one in seat.state.sessions.values() if one.ended_at is None and one.evse_id == evse_id)
    return next(reversed(tuple(open_)), None)


# --- when sessions end ------------------------------------------------------------------------------


async def session_ended(mirror: Mirror, seat: Seat, ask: asks.EndSession) -> None:
    """Forget what is of a session that ended: the station does, too (1.6 §3.13.1, 2.x K01).

    Raises:
        SpineDown: it is not forgotten.
    """
    kept = await mirror.of_sessions(seat.owner, seat.station_id)
    session = seat.state.session_by_transaction(ask.transaction_id)
    evse_id = session.evse_id if session is not None else ask.evse_id
    next_one = running(seat, evse_id)  # What names no session is then its, such as a remote start's profile.
    of_it = {ask.transaction_id} if next_one is not None else {ask.transaction_id, str(evse_id)}
    gone = tuple((kind, key) for kind, key, _ in kept if kind is not KIND and key in of_it)
    profiles = (document for kind, _, document in kept if kind is KIND)
    cleared = tuple[Cleared, ...]()
    if any(_purpose_of(document) == Purpose.TX for document in profiles):
        cleared = ended(ask.transaction_id, evse_id, with_nameless=next_one is None)
    if gone or cleared:
        await mirror.take(seat.owner, seat.station_id, Learned(gone=gone, cleared=cleared))


class _Purpose(msgspec.Struct):
    purpose: str


def _purpose_of(document: str) -> str:
    return msgspec.json.decode(document, type=_Purpose).purpose
