"""Commands to a station. Each one asked for gets exactly one result, whatever happens (P5)."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from elstrada.charging import reserve
from elstrada.charging.decision import Decision
from elstrada.charging.state import SessionState, StationState
from elstrada.model import facts as f
from elstrada.model.answers import CommandDone, TellStation
from elstrada.model.asks import Command, CommandReply
from elstrada.model.device import CommandName, CommandResult, StationOrder
from elstrada.model.ids import Fresh
from elstrada.model.reservation import Reservation
from elstrada.redaction import redacted_json

_CHARGES = frozenset({CommandName.START, CommandName.RESERVE})
LATE = "its time had run out before the station was told"
NO_TURN = "its turn did not come in time"
NEVER_TOLD = frozenset({LATE, NO_TURN})
"""Details of a TIMEOUT of which it is sure that the station did nothing; after any other it may have."""


def command(state: StationState, ask: Command, now: datetime, fresh: Fresh) -> Decision:
    """Someone wants the station to do something, until the deadline and not later."""
    if ask.command_id in state.commands:
        return Decision()  # It is under way; its one result comes to whoever asked first.
    session = state.sessions.get(ask.session_id or "")
    requested = _requested(ask, fresh)
    until = (ask.asked_at or now) + timedelta(seconds=ask.deadline_s)
    if until <= now:
        return _refused(requested, CommandResult.TIMEOUT, LATE)
    if state.connection_id is None:
        return _refused(requested, CommandResult.OFFLINE, "the station is not connected")
    if ask.name is CommandName.STOP and (session is None or not session.open):
        return _refused(requested, CommandResult.UNKNOWN, f"no session {ask.session_id} runs here")
    if ask.name is CommandName.START and ask.token is None:
        return _refused(requested, CommandResult.REJECTED, "a remote start needs a token")
    if ask.name in _CHARGES and ask.token is not None and ask.token.out_of_credit:
        return _refused(requested, CommandResult.REJECTED, "the token's prepaid credit is spent or on hold")
    if ask.name is CommandName.START and ask.token is not None:
        kept_away = reserve.barred(state, ask.token, ask.evse_id, now, now)
        if kept_away is not None:
            return _refused(requested, CommandResult.OCCUPIED, kept_away.note)
    if ask.name is CommandName.CALL and (ask.action is None or ask.payload is None):
        return _refused(requested, CommandResult.REJECTED, "a call needs an action and its fields")
    if ask.name is CommandName.CHANGE_PASSWORD and ask.secret is None:
        return _refused(requested, CommandResult.REJECTED, "no password is offered to this station")
    if ask.name is CommandName.INSTALL_SIGNED and ask.certificate is None:
        return _refused(requested, CommandResult.REJECTED, "there is no certificate to give")
    if ask.name is CommandName.SEND_LOCAL_LIST and ask.local_list is None:
        return _refused(requested, CommandResult.REJECTED, "an update of a list needs the update")
    kept = _reservation(state, ask, now, fresh)
    if isinstance(kept, tuple):
        return _refused(requested, *kept)
    requested = msgspec.structs.replace(requested, reservation=kept)
    order = msgspec.structs.replace(_order(ask, session, fresh), reservation=kept)
    tell = TellStation(command_id=ask.command_id, order=order, until=until)
    return Decision(facts=(requested,), questions=(tell,))


def reply(state: StationState, ask: CommandReply, now: datetime) -> Decision:
    """The station replied, or did not in time. A second reply changes nothing."""
    pending = state.commands.get(ask.command_id)
    if pending is None or pending.answered:
        return Decision()
    response = None if ask.response is None else redacted_json(ask.response)
    answered = f.CommandAnswered(ask.command_id, ask.result, ask.detail, response)
    return Decision(
        CommandDone(ask.result, ask.detail, response, ask.unsent),
        (answered, *reserve.replied(state, pending, ask.result, now)),
    )


def overdue(state: StationState, now: datetime) -> tuple[f.StationFact, ...]:
    """Results for commands whose reply will never come, such as those a crash cut short."""
    facts: list[f.StationFact] = []
    for command in state.commands.values():
        if command.due <= now and not command.answered:
            result = CommandResult.TIMEOUT
            facts.append(f.CommandAnswered(command.command_id, result, "no reply in time"))
            facts += reserve.replied(state, command, result, now)
    return tuple(facts)


def unfollowed(state: StationState, now: datetime, wait_s: int) -> tuple[f.RemoteStartLapsed, ...]:
    """Accepted remote starts that have led to nothing in this time (rule 33)."""
    return tuple(
        f.RemoteStartLapsed(command.command_id, (now - command.accepted_at) // timedelta(seconds=1))
        for command in state.commands.values()
        if command.accepted_at is not None and now - command.accepted_at >= timedelta(seconds=wait_s)
    )


def _requested(ask: Command, fresh: Fresh) -> f.CommandRequested:
    return f.CommandRequested(
        command_id=ask.command_id,
        name=ask.name,
        asked_by=ask.asked_by,
        evse_id=ask.evse_id,
        connector_id=ask.connector_id,
        # Partners are told of the session before it begins, so that it has its id already.
        session_id=fresh.id if ask.name is CommandName.START else ask.session_id,
        token_ref=(ask.token.ref or None) if ask.token else None,
        token_party=ask.token.known.party if ask.token and ask.token.known else None,
        authorization_reference=ask.authorization_reference,
        remote_start_id=fresh.number if ask.name is CommandName.START else None,
        deadline_s=ask.deadline_s,
        action=ask.action,
        payload=None if ask.payload is None else redacted_json(ask.payload),
    )


def _reservation(
    state: StationState, ask: Command, now: datetime, fresh: Fresh
) -> Reservation | reserve.Refusal | None:
    """The reservation that a command is about; a refusal if it cannot be asked of the station; None: no such command."""
    match ask.name:
        case CommandName.RESERVE:
            return reserve.wished(state, ask, now, fresh)
        case CommandName.CANCEL_RESERVATION:
            return reserve.meant(state, ask)
        case _:
            return None


def _order(ask: Command, session: SessionState | None, fresh: Fresh) -> StationOrder:
    return StationOrder(
        name=ask.name,
        evse_id=ask.evse_id,
        connector_id=ask.connector_id,
        transaction_id=session.transaction_id if session else None,
        token_uid=ask.token.uid if ask.token else None,
        token_type=ask.token.type if ask.token else "RFID",
        token_additional=ask.token.additional if ask.token else (),
        remote_start_id=fresh.number if ask.name is CommandName.START else None,
        hard=ask.hard,
        operative=ask.operative,
        message=ask.message,
        action=ask.action,
        payload=ask.payload,
        certificate=ask.certificate,
        secret=ask.secret,
        local_list=ask.local_list,
    )


def _refused(requested: f.CommandRequested, result: CommandResult, detail: str) -> Decision:
    answered = f.CommandAnswered(requested.command_id, result, detail)
    return Decision(CommandDone(result, detail, unsent=True), (requested, answered))
