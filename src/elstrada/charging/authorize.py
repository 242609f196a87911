"""May this token charge here? By our own knowledge where that is enough, else by asking its eMSP.

R-49: NEVER always asks, ALWAYS never asks, ALLOWED may decide alone, ALLOWED_OFFLINE asks and falls
back on our knowledge only when nobody answers.
"""

from __future__ import annotations

from datetime import datetime

from elstrada.charging.decision import Decision
from elstrada.charging.state import PendingCommand, StationState
from elstrada.model import answers, asks
from elstrada.model import facts as f
from elstrada.model.asks import PresentedToken
from elstrada.model.device import CommandName
from elstrada.model.token import Allowed, AuthMethod, Token, Verdict, Whitelist


def authorize(state: StationState, ask: asks.Authorize, now: datetime) -> Decision:
    """Judge a token presented before a session."""
    verdict = ask.verdict or local_verdict(state, ask.token)
    if verdict is None:
        return Decision(questions=(question(state, ask.token, ask.evse_id),))
    return Decision(answers.Judged(verdict), (decided(ask.token, ask.evse_id, verdict),))


def judge(
    state: StationState, token: PresentedToken, evse_id: int | None, now: datetime, replied: Verdict | None
) -> Verdict | answers.AskParty:
    """Judge the token of a session that has begun: by remote start, an earlier grant, ourselves or its eMSP."""
    if replied is not None:
        return replied
    started_by = remote_start_of(state, token, evse_id, now)
    if started_by is not None:
        return Verdict(
            allowed=Allowed.ALLOWED,
            method=AuthMethod.COMMAND,
            party=started_by.token_party,
            authorization_reference=started_by.authorization_reference,
            note=f"remote start {started_by.command_id}",  # nobody is asked again.
        )
    if token.known is None or token.known.valid:
        grant = state.grants.get(token.ref)
        if grant is not None and grant.holds(now):
            return grant.verdict
    return local_verdict(state, token) or question(state, token, evse_id)


def remote_start_of(
    state: StationState, token: PresentedToken, evse_id: int | None, now: datetime
) -> PendingCommand | None:
    """The remote start that this token's session answers, if there is one."""
    for command in state.commands.values():
        if command.name is not CommandName.START or command.token_ref != token.ref:
            continue
        if command.started or command.due < now:
            continue
        if command.evse_id is None or not evse_id or command.evse_id == evse_id:
            return command
    return None


def local_verdict(state: StationState, token: PresentedToken) -> Verdict | None:
    """What we may decide alone; None when its eMSP must be asked."""
    known = token.known
    if known is None:
        return None
    if known.party == state.owner:
        return _by_record(known, "our own token")
    match known.whitelist:
        case Whitelist.ALWAYS:
            return _by_record(known, "whitelist ALWAYS")
        case Whitelist.ALLOWED if known.valid:
            return _by_record(known, "whitelist ALLOWED")
        case _:
            return None


def question(state: StationState, token: PresentedToken, evse_id: int | None) -> answers.AskParty:
    """The question to the token's eMSP, with what holds when nobody answers."""
    known = token.known
    if known is None:
        fallback = _refusal(Allowed.NOT_ALLOWED, None, "nobody knows this token")
    elif known.whitelist is Whitelist.NEVER:
        fallback = _refusal(Allowed.NOT_ALLOWED, known, "whitelist NEVER and its party did not answer")
    else:
        # A partner's outage never refuses a driver who may charge.
        fallback = _by_record(known, f"its party did not answer, whitelist {known.whitelist.value}")
    return answers.AskParty(
        token_ref=token.ref,
        token_uid=token.uid,
        token_type=token.type,
        party=known.party if known else None,
        evse_id=evse_id,
        station_id=state.station_id,
        fallback=fallback,
    )


def decided(token: PresentedToken, evse_id: int | None, verdict: Verdict) -> f.AuthorizationDecided:
    """The fact of a judgement."""
    return f.AuthorizationDecided(
        token_ref=token.ref,
        allowed=verdict.allowed,
        method=verdict.method,
        token_party=verdict.party,
        evse_id=evse_id,
        authorization_reference=verdict.authorization_reference,
        note=verdict.note,
    )


def _by_record(known: Token, note: str) -> Verdict:
    if not known.valid:
        return _refusal(Allowed.BLOCKED, known, note)
    return Verdict(allowed=Allowed.ALLOWED, method=AuthMethod.WHITELIST, party=known.party, note=note)


def _refusal(allowed: Allowed, known: Token | None, note: str) -> Verdict:
    party = known.party if known else None
    return Verdict(allowed=allowed, method=AuthMethod.WHITELIST, party=party, note=note)
