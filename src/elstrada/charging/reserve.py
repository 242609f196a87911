"""Reservations of a station: made, replaced, cancelled, used, over; and whom they keep away.

The station has the last word on what it keeps. What it keeps we know by its answer, and no second reservation
of one EVSE is asked of it. Source: OCPP 1.6 §5.1, §5.13; OCPP 2.1 part 2, H01 to H04.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from elstrada.charging.state import PendingCommand, StationState
from elstrada.model import facts as f
from elstrada.model.asks import Command, PresentedToken
from elstrada.model.device import CommandName, CommandResult, ConnectorStatus
from elstrada.model.ids import Fresh
from elstrada.model.notices import Notice, NoticeKind
from elstrada.model.reservation import Reservation, ReservationState
from elstrada.model.token import Allowed, AuthMethod, Verdict

LONGEST = timedelta(days=7)
"""From now to its end, at most."""
MOST = 64
"""Reservations of one station at a time."""
NOT_ASKED_AGAIN = timedelta(minutes=15)
"""OCPI 2.2.1 mod_commands, ReserveNow: so long a card that was reserved for needs no authorization by its eMSP."""
_NEVER_ASKED = frozenset({"APP_USER", "AD_HOC_USER"})
_OUT = frozenset({ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE})

Refusal = tuple[CommandResult, str]


# --- asked for --------------------------------------------------------------------------------------------


def wished(state: StationState, ask: Command, now: datetime, fresh: Fresh) -> Reservation | Refusal:
    """The reservation that a RESERVE asks for, or why it cannot be asked of the station."""
    wish, token = ask.reservation, ask.token
    if wish is None or token is None or not token.ref:
        return CommandResult.REJECTED, "a reservation needs a token and a time until which it holds"
    if wish.expires_at <= now:
        return CommandResult.REJECTED, "the reservation would be over before it is made"
    if wish.expires_at - now > LONGEST:
        return CommandResult.REJECTED, f"a reservation holds for {LONGEST.days} days at most"
    before = _replaced(state, ask)
    if wish.replaces is not None and before is None:
        return CommandResult.UNKNOWN, f"no reservation {wish.replaces} is kept here"
    number = before.id if before is not None else _free(state, fresh.number)
    others = [one for one in _spoken_for(state, now) if one.id != number]
    if any(one.id == number for one in _pending(state)):
        return CommandResult.REJECTED, "this reservation is being made already"
    if before is None and len(state.reservations) + len(_pending(state)) >= MOST:
        return CommandResult.REJECTED, f"the station has {MOST} reservations, which is the most"
    if ask.evse_id and any(one.evse_id == ask.evse_id for one in others):
        return CommandResult.OCCUPIED, f"EVSE {ask.evse_id} is reserved already"
    return Reservation(
        id=number,
        evse_id=ask.evse_id or 0,
        connector_type=wish.connector_type,
        token_ref=token.ref,
        token_party=token.known.party if token.known else None,
        group_ref=token.group_ref,
        made_for=ask.asked_by,
        partner_ref=wish.partner_ref,
        authorization_reference=ask.authorization_reference,
        command_id=ask.command_id,
        session_id=before.session_id if before is not None else fresh.id,
        reserved_at=now,
        expires_at=wish.expires_at,
        booking_id=wish.booking_id,
    )


def meant(state: StationState, ask: Command) -> Reservation | Refusal:
    """The reservation that a CANCEL_RESERVATION means: only whoever made it and the station's owner may."""
    held = state.reservations.get(ask.reservation_id or 0)
    if held is None or ask.asked_by not in (held.reservation.made_for, state.owner):
        return CommandResult.UNKNOWN, f"no reservation {ask.reservation_id} is kept here"
    return held.reservation


def replied(
    state: StationState, pending: PendingCommand, result: CommandResult, now: datetime
) -> tuple[f.ReservationChanged, ...]:
    """What the end of a command makes of a reservation; nothing, if it is of another kind."""
    one = pending.reservation
    match pending.name, result:
        case _ if one is None:
            return ()
        case CommandName.RESERVE, CommandResult.ACCEPTED:
            return (f.ReservationChanged(one, ReservationState.HELD, now),)
        case CommandName.RESERVE, CommandResult.TIMEOUT if one.id not in state.reservations:
            return (f.ReservationChanged(one, ReservationState.UNCERTAIN, now, detail="no reply in time"),)
        case CommandName.CANCEL_RESERVATION, CommandResult.ACCEPTED:
            return (f.ReservationChanged(one, ReservationState.CANCELED, now, by=pending.asked_by),)
        case CommandName.CANCEL_RESERVATION, CommandResult.UNKNOWN:
            # 1.6 §5.1: Rejected says that it keeps no such reservation.
            says = "the station knows no such reservation"
            return (f.ReservationChanged(one, ReservationState.REMOVED, now, detail=says),)
        case _:
            return ()


def _replaced(state: StationState, ask: Command) -> Reservation | None:
    """The living reservation that a RESERVE replaces: one of the same asker, by our number or by theirs (R-58)."""
    wish = ask.reservation
    assert wish is not None, "a RESERVE has a wish"
    for held in state.reservations.values():
        one = held.reservation
        if one.made_for != ask.asked_by:
            continue
        named = wish.partner_ref is not None and one.partner_ref == wish.partner_ref
        if named or one.id == wish.replaces:
            return one
    return None


def _free(state: StationState, number: int) -> int:
    """This number, or the next that no reservation has: at a station they are few."""
    taken = {one.id for one in _pending(state)} | state.reservations.keys()
    while number in taken:
        number = number % (2**31 - 1) + 1
    return number


def _pending(state: StationState) -> list[Reservation]:
    """Those that the station was asked for, and has not answered."""
    return [
        command.reservation
        for command in state.commands.values()
        if command.name is CommandName.RESERVE and command.reservation is not None
    ]


def living(state: StationState, now: datetime) -> list[Reservation]:
    """Those that the station keeps."""
    return [
        held.reservation
        for held in state.reservations.values()
        if held.state is ReservationState.HELD and now < held.reservation.expires_at
    ]


def _spoken_for(state: StationState, now: datetime) -> list[Reservation]:
    return living(state, now) + _pending(state)


# --- kept -------------------------------------------------------------------------------------------------


def own(state: StationState, token: PresentedToken, evse_id: int | None, now: datetime) -> Reservation | None:
    """The reservation that this token may use at this EVSE: one of the EVSE before one of any."""
    mine = [one for one in living(state, now) if _is_for(one, token) and _fits(one, evse_id)]
    return max(mine, key=lambda one: (bool(one.evse_id), -one.id), default=None)


def barred(
    state: StationState, token: PresentedToken, evse_id: int | None, at: datetime, now: datetime
) -> Verdict | None:
    """The refusal of a token where others have reserved; None: it may start there as far as that goes.

    Args:
        evse_id: None or 0 if the station does not say where; then it is refused if it could start nowhere.
        at: when it was presented, which the station may tell much later.
    """
    kept = [one for one in living(state, now) if one.reserved_at <= at]
    others = [one for one in kept if not _is_for(one, token)]
    reserved = {one.evse_id for one in others if one.evse_id}
    mine = own(state, token, evse_id, now)
    if not others or (mine is not None and (mine.evse_id or evse_id not in reserved)):
        return None
    # Which EVSEs have a connector of some type, the station knows alone.
    of_any = sum(1 for one in others if not one.evse_id and one.connector_type is None)
    free = _free_evses(state) - reserved
    if evse_id:
        away = evse_id in reserved or (evse_id in _evses(state) and len(free - {evse_id}) < of_any)
    else:
        away = bool(others) and bool(_evses(state)) and len(free) <= of_any
    if not away:
        return None
    return Verdict(
        allowed=Allowed.NOT_ALLOWED,
        method=AuthMethod.WHITELIST,
        party=token.known.party if token.known else None,
        note="what is free there is reserved for another token",
        # It is no worse elsewhere or later: the station shall not remember this.
        expires_at=now,
    )


def authorized(
    state: StationState, token: PresentedToken, evse_id: int | None, now: datetime
) -> Verdict | None:
    """The judgement of a token whose eMSP reserved for it lately, and is not asked again.

    Source: OCPI 2.2.1 mod_commands, ReserveNow: never for apps, for cards within 15 minutes.
    """
    one = own(state, token, evse_id, now)
    if one is None or one.made_for == state.owner or one.token_ref != token.ref:
        return None
    kind = token.known.type if token.known is not None else token.type
    if kind not in _NEVER_ASKED and now - one.reserved_at > NOT_ASKED_AGAIN:
        return None
    return Verdict(
        allowed=Allowed.ALLOWED,
        method=AuthMethod.COMMAND,
        party=one.token_party,
        authorization_reference=one.authorization_reference,
        note=f"reservation {one.id}",
    )


def _is_for(one: Reservation, token: PresentedToken) -> bool:
    return one.token_ref == token.ref or (one.group_ref is not None and one.group_ref == token.group_ref)


def _fits(one: Reservation, evse_id: int | None) -> bool:
    return not one.evse_id or not evse_id or one.evse_id == evse_id


def _evses(state: StationState) -> set[int]:
    """Those that the station told of."""
    return {int(place.partition("/")[0]) for place in state.connectors} - {0}


def _free_evses(state: StationState) -> set[int]:
    """Those that work, and at which nobody charges."""
    used = {one.evse_id for one in state.sessions.values() if one.ended_at is None}
    return {evse_id for evse_id in _evses(state) - used if not _is_out(state, evse_id)}


def _is_out(state: StationState, evse_id: int) -> bool:
    """Does nothing of the EVSE work? What is said of it as a whole (connector 0) is said of all its connectors."""
    if any(_status(state, place) in _OUT for place in ("0/0", f"{evse_id}/0")):
        return True
    own_places = [place for place in state.connectors if place.partition("/")[0] == str(evse_id)]
    connectors = [place for place in own_places if not place.endswith("/0")]
    return bool(connectors) and all(_status(state, place) in _OUT for place in connectors)


def _status(state: StationState, place: str) -> ConnectorStatus | None:
    known = state.connectors.get(place)
    return known[0] if known is not None else None


# --- over -------------------------------------------------------------------------------------------------


def used(one: Reservation | None, session_id: str, at: datetime) -> tuple[f.ReservationChanged, ...]:
    """The end of a reservation that a session uses."""
    if one is None:
        return ()
    return (f.ReservationChanged(one, ReservationState.USED, at, session_id=session_id),)


def using(
    state: StationState, token: PresentedToken | None, number: int | None, evse_id: int | None, now: datetime
) -> Reservation | None:
    """The reservation that a session uses.

    Args:
        token: with which it charges; None: none was shown.
        number: of the reservation that ends by it, as the station says.
    """
    held = state.reservations.get(number or 0)
    if held is not None and (token is None or _is_for(held.reservation, token)):
        return held.reservation
    return own(state, token, evse_id, now) if token is not None and evse_id else None


def told(state: StationState, notice: Notice) -> tuple[f.ReservationChanged, ...]:
    """A station tells that a reservation ended (2.x ReservationStatusUpdate)."""
    if notice.kind is not NoticeKind.RESERVATION or not notice.subject.isdecimal():
        return ()
    held = state.reservations.get(int(notice.subject))
    if held is None:
        return ()
    over = ReservationState.EXPIRED if notice.status == "Expired" else ReservationState.REMOVED
    return (f.ReservationChanged(held.reservation, over, notice.at, detail="the station says so"),)


def expired(state: StationState, now: datetime) -> tuple[f.ReservationChanged, ...]:
    """The reservations whose time is over."""
    return tuple(
        f.ReservationChanged(held.reservation, ReservationState.EXPIRED, held.reservation.expires_at)
        for held in state.reservations.values()
        if held.reservation.expires_at <= now
    )


def lost(state: StationState, at: datetime) -> Iterable[f.ReservationChanged]:
    """The reservations of what is out of order (1.6 §5.13), by the statuses as they are now."""
    evses = _evses(state)
    nothing_works = all(_is_out(state, evse_id) for evse_id in evses) if evses else False
    nothing_works = nothing_works or _status(state, "0/0") in _OUT
    for held in state.reservations.values():
        one = held.reservation
        if _is_out(state, one.evse_id) if one.evse_id else nothing_works:
            where = f"EVSE {one.evse_id}" if one.evse_id else "the station"
            yield f.ReservationChanged(one, ReservationState.LOST, at, detail=f"{where} is out of order")
