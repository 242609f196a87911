"""May this token charge here? By our own knowledge where that is enough, else by asking its eMSP.

R-49: NEVER always asks, ALWAYS never asks, ALLOWED may decide alone, ALLOWED_OFFLINE asks and falls
back on our knowledge only when nobody answers.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from elstrada.charging import reserve
from elstrada.charging.allowance import refused
from elstrada.charging.decision import Decision
from elstrada.charging.state import PendingCommand, StationState
from elstrada.model import answers, asks
from elstrada.model import facts as f
from elstrada.model.agreement import Asking, Silence
from elstrada.model.asks import PresentedToken
from elstrada.model.certificates import ContractStatus
from elstrada.model.device import CommandName
from elstrada.model.token import Allowed, AuthMethod, Token, Verdict, Whitelist


def authorize(state: StationState, ask: asks.Authorize, now: datetime) -> Decision:
    """Judge a token presented before a session.

    Of a contract whose certificate is no good nobody is asked (C07.FR.15 to .17); of a good one its eMSP
    has the last word (C07.FR.13, .14). An eMAID whose certificate was no good is worth no more without it.
    """
    shown = ask.contract_status
    charges = any(one.ended_at is None and one.token_ref == ask.token.ref for one in state.sessions.values())
    # Shown again it may mean to stop its own session, which holds the credit.
    spent = None if charges else refused(ask.token)
    verdict = (
        _of_a_bad_certificate(shown, ask.token.known)
        or (_of_a_refused_contract(state, ask.token, now) if shown is None else None)
        or spent
        or _kept_away(state, ask, now)
        or ask.verdict
        or reserve.authorized(state, ask.token, ask.evse_id, now)
        or (None if charges else _not_agreed(ask.token))
        or local_verdict(state, ask.token)
    )
    if verdict is None:
        return Decision(questions=(question(state, ask.token, ask.evse_id),))
    if shown is ContractStatus.ACCEPTED and verdict.allowed in _NO_CONTRACT:
        shown = ContractStatus.CONTRACT_CANCELLED
    told = with_group(verdict, ask.token)
    return Decision(answers.Judged(told, shown), (decided(ask.token, ask.evse_id, verdict, shown),))


def _kept_away(state: StationState, ask: asks.Authorize, now: datetime) -> Verdict | None:
    """The refusal of a token that can begin nothing here: all is reserved for others.

    Where a session runs it may mean to end that, by its group if it is not its own.
    """
    if any(session.ended_at is None for session in state.sessions.values()):
        return None
    return reserve.barred(state, ask.token, ask.evse_id, now, now)


_NO_CONTRACT = frozenset({Allowed.BLOCKED, Allowed.EXPIRED, Allowed.NOT_ALLOWED})
"""C07.FR.13: a good certificate of a contract that is none any more."""


def _of_a_bad_certificate(status: ContractStatus | None, known: Token | None) -> Verdict | None:
    match status:
        case None | ContractStatus.ACCEPTED:
            return None
        case ContractStatus.CERTIFICATE_EXPIRED:
            return _refusal(Allowed.EXPIRED, known, "its contract's certificate has ended")
        case _:
            return _refusal(Allowed.NOT_ALLOWED, known, f"its contract's certificate: {status.value}")


def _of_a_refused_contract(state: StationState, token: PresentedToken, now: datetime) -> Verdict | None:
    """The refusal of an eMAID by itself while the car is here whose certificate for it was no good."""
    refused_contract = state.refused_contracts.get(token.ref)
    if refused_contract is None or not refused_contract.holds(now):
        return None
    return _of_a_bad_certificate(refused_contract.status, token.known)


def judge(
    state: StationState, token: PresentedToken, evse_id: int | None, now: datetime, replied: Verdict | None
) -> Verdict | answers.AskParty:
    """Judge the token of a session that has begun: by remote start, an earlier grant, ourselves or its eMSP."""
    spent = refused(token)
    if spent is not None:
        return spent  # Whoever else would let it charge.
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
    refused_contract = _of_a_refused_contract(state, token, now)
    if refused_contract is not None:
        return refused_contract
    reserved = reserve.authorized(state, token, evse_id, now)
    if reserved is not None:
        return reserved
    if token.known is None or token.known.valid:
        grant = state.grants.get(token.ref)
        if grant is not None and grant.holds(now):
            return grant.verdict
    return _not_agreed(token) or local_verdict(state, token) or question(state, token, evse_id)


def judge_at_the_end(
    state: StationState, token: PresentedToken, evse_id: int | None, now: datetime
) -> Verdict:
    """Judge a token that ends a session. Its eMSP is not asked: there is nothing left to allow."""
    judged = judge(state, token, evse_id, now, None)
    return judged.fallback if isinstance(judged, answers.AskParty) else judged


def _not_agreed(token: PresentedToken) -> Verdict | None:
    """The refusal of a partner's token that may not charge here as agreed; None: it may."""
    if token.standing is None or not token.standing.refusal:
        return None
    return _refusal(Allowed.NOT_ALLOWED, token.known, token.standing.refusal)


def with_group(verdict: Verdict, token: PresentedToken) -> Verdict:
    """A verdict that also says to which group an accepted token belongs, if its eMSP did not say so itself.

    Tokens of one group stop one another's sessions; the group is no part of a fact, nor is how long a station
    may remember the verdict.
    """
    if token.expires_at is not None:
        verdict = replace(verdict, expires_at=token.expires_at)
    if verdict.allowed is not Allowed.ALLOWED or verdict.contract_ref or token.group_ref is None:
        return verdict
    return replace(verdict, contract_ref=token.group_ref)


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
    if known is None and token.paid_here:
        judged = state.grants.get(token.ref)
        if judged is not None and judged.verdict.note == _CALLED_OFF:
            return _refusal(Allowed.BLOCKED, None, _CALLED_OFF)
        # C18: the terminal had it authorized; there is nobody else to ask.
        return Verdict(allowed=Allowed.ALLOWED, method=AuthMethod.WHITELIST, note="paid at the station")
    if known is None:
        return None
    if known.party == state.owner:
        return _by_record(known, "our own token")
    match token.standing.asking if token.standing is not None else Asking.BY_TOKEN:
        case Asking.ALWAYS:
            return None
        case Asking.WHITELIST if known.whitelist is Whitelist.NEVER:
            return _refusal(Allowed.NOT_ALLOWED, known, "whitelist NEVER, and nobody is asked as agreed")
        case Asking.WHITELIST:
            return _by_record(known, f"whitelist {known.whitelist.value}, and nobody is asked as agreed")
        case _:
            return _by_whitelist(known)


def _by_whitelist(known: Token) -> Verdict | None:
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
    silence = token.standing.silence if token.standing is not None else Silence.BY_TOKEN
    if known is None:
        fallback = _refusal(Allowed.NOT_ALLOWED, None, "nobody knows this token")
    elif silence is Silence.REFUSE:
        fallback = _refusal(Allowed.NOT_ALLOWED, known, "its party did not answer, refused as agreed")
    elif silence is Silence.ALLOW:
        fallback = _by_record(known, "its party did not answer, by our record as agreed")
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


def decided(
    token: PresentedToken, evse_id: int | None, verdict: Verdict, contract: ContractStatus | None = None
) -> f.AuthorizationDecided:
    """The fact of a judgement.

    Args:
        contract: what was found of the certificate that a car showed; None: it showed none.
    """
    return f.AuthorizationDecided(
        token_ref=token.ref,
        allowed=verdict.allowed,
        method=verdict.method,
        token_party=verdict.party,
        evse_id=evse_id,
        authorization_reference=verdict.authorization_reference,
        note=verdict.note,
        contract_status=contract,
    )


def called_off(token: PresentedToken) -> f.AuthorizationDecided:
    """The fact that a payment at a terminal was called off before its session began (OCPP 2.1 C19)."""
    return decided(token, None, _refusal(Allowed.BLOCKED, None, _CALLED_OFF))


_CALLED_OFF = "its payment was called off"


def _by_record(known: Token, note: str) -> Verdict:
    if not known.valid:
        return _refusal(Allowed.BLOCKED, known, note)
    return Verdict(allowed=Allowed.ALLOWED, method=AuthMethod.WHITELIST, party=known.party, note=note)


def _refusal(allowed: Allowed, known: Token | None, note: str) -> Verdict:
    party = known.party if known else None
    return Verdict(allowed=allowed, method=AuthMethod.WHITELIST, party=party, note=note)
