"""Commands to a station. Each one asked for gets exactly one result, whatever happens (P5)."""

from __future__ import annotations

from datetime import datetime, timedelta

from elstrada.charging.decision import Decision
from elstrada.charging.state import SessionState, StationState
from elstrada.model import facts as f
from elstrada.model.answers import CommandDone, TellStation
from elstrada.model.asks import Command, CommandReply
from elstrada.model.device import CommandName, CommandResult, StationOrder
from elstrada.model.ids import Fresh
from elstrada.redaction import redacted_json

LATE = "its time had run out before the station was told"


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
    if ask.name is CommandName.STOP and (session is None or session.ended_at is not None):
        return _refused(requested, CommandResult.UNKNOWN, f"no session {ask.session_id} runs here")
    if ask.name is CommandName.START and ask.token is None:
        return _refused(requested, CommandResult.REJECTED, "a remote start needs a token")
    if ask.name is CommandName.CALL and (ask.action is None or ask.payload is None):
        return _refused(requested, CommandResult.REJECTED, "a call needs an action and its fields")
    tell = TellStation(command_id=ask.command_id, order=_order(ask, session, fresh), until=until)
    return Decision(facts=(requested,), questions=(tell,))


def reply(state: StationState, ask: CommandReply) -> Decision:
    """The station replied, or did not in time. A second reply changes nothing."""
    pending = state.commands.get(ask.command_id)
    if pending is None or pending.answered:
        return Decision()
    response = None if ask.response is None else redacted_json(ask.response)
    return Decision(
        CommandDone(ask.result, ask.detail, response),
        (f.CommandAnswered(ask.command_id, ask.result, ask.detail, response),),
    )


def overdue(state: StationState, now: datetime) -> tuple[f.StationFact, ...]:
    """Results for commands whose reply will never come, such as those a crash cut short."""
    return tuple(
        f.CommandAnswered(command.command_id, CommandResult.TIMEOUT, "no reply in time")
        for command in state.commands.values()
        if command.due <= now and not command.answered
    )


def _requested(ask: Command, fresh: Fresh) -> f.CommandRequested:
    return f.CommandRequested(
        command_id=ask.command_id,
        name=ask.name,
        asked_by=ask.asked_by,
        evse_id=ask.evse_id,
        connector_id=ask.connector_id,
        session_id=ask.session_id,
        token_ref=ask.token.ref if ask.token else None,
        token_party=ask.token.known.party if ask.token and ask.token.known else None,
        authorization_reference=ask.authorization_reference,
        remote_start_id=fresh.number if ask.name is CommandName.START else None,
        deadline_s=ask.deadline_s,
        action=ask.action,
        payload=None if ask.payload is None else redacted_json(ask.payload),
    )


def _order(ask: Command, session: SessionState | None, fresh: Fresh) -> StationOrder:
    return StationOrder(
        name=ask.name,
        evse_id=ask.evse_id,
        connector_id=ask.connector_id,
        transaction_id=session.transaction_id if session else None,
        token_uid=ask.token.uid if ask.token else None,
        token_type=ask.token.type if ask.token else "RFID",
        remote_start_id=fresh.number if ask.name is CommandName.START else None,
        hard=ask.hard,
        operative=ask.operative,
        message=ask.message,
        action=ask.action,
        payload=ask.payload,
    )


def _refused(requested: f.CommandRequested, result: CommandResult, detail: str) -> Decision:
    answered = f.CommandAnswered(requested.command_id, result, detail)
    return Decision(CommandDone(result, detail), (requested, answered))
