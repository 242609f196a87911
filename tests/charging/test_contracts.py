"""C07 at the decider: what a contract's certificate is worth, and when its party is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from elstrada.charging.authorize import authorize
from elstrada.charging.decision import Decision
from elstrada.charging.state import KEPT_GRANTS, LONGEST_VISIT, StationState, evolve
from elstrada.charging.station import decide
from elstrada.model import answers, asks
from elstrada.model import facts as f
from elstrada.model.certificates import ContractStatus
from elstrada.model.device import CommandName, CommandResult, ConnectorStatus
from elstrada.model.ids import Fresh, PartyId
from elstrada.model.token import Allowed, AuthMethod, Token, Verdict, Whitelist

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
US, PARTNER = PartyId("SE", "ELS"), PartyId("SE", "RET")
STATE = StationState(owner=US, station_id="CP1")
EMAID = "SERETC00000001X"


def ask(
    status: ContractStatus | None, whitelist: Whitelist = Whitelist.NEVER, verdict: Verdict | None = None
) -> asks.Authorize:
    known = Token(
        party=PARTNER,
        uid=EMAID,
        type="EMAID",
        contract_id=EMAID,
        issuer="Retail El",
        valid=True,
        whitelist=whitelist,
        last_updated=NOW,
    )
    token = asks.PresentedToken(EMAID, "EMAID", "ref", known)
    return asks.Authorize(token=token, contract_status=status, verdict=verdict)


BAD = {
    ContractStatus.SIGNATURE_ERROR: Allowed.NOT_ALLOWED,
    ContractStatus.CERTIFICATE_EXPIRED: Allowed.EXPIRED,
    ContractStatus.CERTIFICATE_REVOKED: Allowed.NOT_ALLOWED,
    ContractStatus.NO_CERTIFICATE_AVAILABLE: Allowed.NOT_ALLOWED,
    ContractStatus.CERT_CHAIN_ERROR: Allowed.NOT_ALLOWED,
    ContractStatus.CONTRACT_CANCELLED: Allowed.NOT_ALLOWED,
}


def test_every_status_but_one_is_bad() -> None:
    assert set(ContractStatus) - BAD.keys() == {ContractStatus.ACCEPTED}


@pytest.mark.parametrize("status", BAD)
@pytest.mark.parametrize("whitelist", Whitelist)
@pytest.mark.parametrize("said", [None, Allowed.ALLOWED])
def test_of_a_bad_certificate_nobody_is_asked_and_nobody_is_heard(
    status: ContractStatus, whitelist: Whitelist, said: Allowed | None
) -> None:
    """C07.FR.15 to .17."""
    verdict = Verdict(allowed=said, method=AuthMethod.AUTH_REQUEST) if said else None
    decision = authorize(STATE, ask(status, whitelist, verdict), NOW)
    assert decision.questions == ()
    assert isinstance(decision.answer, answers.Judged)
    assert (decision.answer.verdict.allowed, decision.answer.contract_status) == (BAD[status], status)
    (fact,) = decision.facts
    assert isinstance(fact, f.AuthorizationDecided)
    assert (fact.allowed, fact.contract_status) == (BAD[status], status)


@pytest.mark.parametrize(
    ("allowed", "status"),
    [
        (Allowed.ALLOWED, ContractStatus.ACCEPTED),
        (Allowed.NO_CREDIT, ContractStatus.ACCEPTED),
        (Allowed.BLOCKED, ContractStatus.CONTRACT_CANCELLED),
        (Allowed.EXPIRED, ContractStatus.CONTRACT_CANCELLED),
        (Allowed.NOT_ALLOWED, ContractStatus.CONTRACT_CANCELLED),
    ],
)
def test_of_a_good_certificate_its_party_has_the_last_word(allowed: Allowed, status: ContractStatus) -> None:
    """C07.FR.13, .14."""
    first = authorize(STATE, ask(ContractStatus.ACCEPTED), NOW)
    assert [type(one) for one in first.questions] == [answers.AskParty]
    verdict = Verdict(allowed=allowed, method=AuthMethod.AUTH_REQUEST, party=PARTNER)
    decision = authorize(STATE, ask(ContractStatus.ACCEPTED, verdict=verdict), NOW)
    assert decision.answer == answers.Judged(verdict, status)


def test_a_token_without_a_certificate_is_judged_as_any() -> None:
    decision = authorize(STATE, ask(None, Whitelist.ALWAYS), NOW)
    assert isinstance(decision.answer, answers.Judged)
    assert decision.answer.contract_status is None
    assert decision.answer.verdict.allowed is Allowed.ALLOWED


# --- after a refusal, while the car is here ----------------------------------------------------------


def after(state: StationState, *decisions: Decision, at: datetime = NOW) -> StationState:
    for decision in decisions:
        for fact in decision.facts:
            state = evolve(state, fact, at)
    return state


def refused_at(
    evse_id: int | None = None, status: ContractStatus = ContractStatus.CERTIFICATE_REVOKED
) -> StationState:
    """Occupied at both EVSEs, and a contract was refused."""
    state = told(told(STATE, 1, ConnectorStatus.OCCUPIED), 2, ConnectorStatus.OCCUPIED)
    shown = msgspec.structs.replace(ask(status, Whitelist.ALWAYS), evse_id=evse_id)
    return after(state, authorize(state, shown, NOW))


def told(state: StationState, evse_id: int, status: ConnectorStatus) -> StationState:
    fact = f.ConnectorStatusChanged(evse_id=evse_id, connector_id=1, status=status, at=NOW)
    return evolve(state, fact, NOW)


def begun(state: StationState, now: datetime = NOW, evse_id: int = 1) -> Decision:
    """A session begins with the eMAID alone, which may always charge by its record."""
    start = asks.StartSession(
        transaction_id="tx",
        evse_id=evse_id,
        connector_id=1,
        token=ask(None, Whitelist.ALWAYS).token,
        at=now,
        seq_no=0,
    )
    return decide(state, start, now, Fresh(id="s1", number=1))


def allowed(decision: Decision) -> Allowed | None:
    match decision.answer:
        case answers.SessionNoted(verdict=Verdict() as verdict):
            return verdict.allowed
        case answers.Judged(verdict=verdict):
            return verdict.allowed
        case _:
            return None


@pytest.mark.parametrize("status", BAD)
def test_a_refused_contract_does_not_charge_by_its_emaid_alone(status: ContractStatus) -> None:
    state = refused_at(status=status)
    decision = begun(state)
    assert allowed(decision) is BAD[status]
    started = next(fact for fact in decision.facts if isinstance(fact, f.SessionStarted))
    assert started.allowed is BAD[status]
    update = asks.UpdateSession(
        transaction_id="tx", token=ask(None, Whitelist.ALWAYS).token, at=NOW, evse_id=1, seq_no=1
    )
    assert allowed(decide(after(state, decision), update, NOW, Fresh(id="s2", number=2))) is BAD[status]
    assert allowed(authorize(state, ask(None, Whitelist.ALWAYS), NOW)) is BAD[status]


@pytest.mark.parametrize("verdict", [None, Verdict(allowed=Allowed.ALLOWED, method=AuthMethod.AUTH_REQUEST)])
def test_nor_is_its_party_asked_again(verdict: Verdict | None) -> None:
    decision = authorize(refused_at(), ask(None, Whitelist.NEVER, verdict), NOW)
    assert (decision.questions, allowed(decision)) == ((), Allowed.NOT_ALLOWED)


def test_an_earlier_grant_is_worth_nothing_after_it() -> None:
    granted = after(STATE, authorize(STATE, ask(None, Whitelist.ALWAYS), NOW))
    state = after(granted, authorize(granted, ask(ContractStatus.CERT_CHAIN_ERROR), NOW))
    assert allowed(begun(state)) is Allowed.NOT_ALLOWED


def test_a_good_contract_of_the_same_emaid_ends_it() -> None:
    state = refused_at()
    good = authorize(state, ask(ContractStatus.ACCEPTED, Whitelist.ALWAYS), NOW)
    assert allowed(good) is Allowed.ALLOWED
    assert allowed(begun(after(state, good))) is Allowed.ALLOWED


def test_asking_by_the_emaid_alone_does_not_end_it() -> None:
    state = refused_at()
    state = after(state, authorize(state, ask(None, Whitelist.ALWAYS), NOW), begun(state))
    assert allowed(authorize(state, ask(None, Whitelist.ALWAYS), NOW)) is Allowed.NOT_ALLOWED


@pytest.mark.parametrize(
    ("evse_id", "free", "ends"),
    [(1, (1,), True), (1, (2,), False), (None, (1,), False), (None, (1, 2), True)],
)
def test_it_ends_when_the_car_has_left_for_certain(
    evse_id: int | None, free: tuple[int, ...], ends: bool
) -> None:
    """OCPP 2.x names no EVSE in an Authorize: then all of them must be free."""
    state = refused_at(evse_id)
    for one in free:
        state = told(state, one, ConnectorStatus.AVAILABLE)
    assert allowed(begun(state)) is (Allowed.ALLOWED if ends else Allowed.NOT_ALLOWED)


def test_a_connector_with_a_fault_may_still_have_the_car_on_it() -> None:
    state = told(told(refused_at(), 1, ConnectorStatus.FAULTED), 2, ConnectorStatus.AVAILABLE)
    assert allowed(begun(state)) is Allowed.NOT_ALLOWED


def test_it_ends_by_itself_where_nobody_tells_that_the_car_left() -> None:
    state = refused_at()
    assert allowed(begun(state, NOW + LONGEST_VISIT)) is Allowed.NOT_ALLOWED
    assert allowed(begun(state, NOW + LONGEST_VISIT + timedelta(seconds=1))) is Allowed.ALLOWED


def test_a_remote_start_charges_and_goes_on_though_its_token_was_refused_as_a_contract() -> None:
    """R-50: its party asked for it, and did not go by the certificate."""
    requested = f.CommandRequested(
        command_id="c1",
        name=CommandName.START,
        asked_by=US,
        deadline_s=30,
        evse_id=1,
        token_ref="ref",
        token_party=PARTNER,
    )
    state = evolve(refused_at(), requested, NOW)
    state = evolve(state, f.CommandAnswered(command_id="c1", result=CommandResult.ACCEPTED, detail=""), NOW)
    decision = begun(state)
    assert allowed(decision) is Allowed.ALLOWED
    update = asks.UpdateSession(
        transaction_id="tx", token=ask(None, Whitelist.ALWAYS).token, at=NOW, evse_id=1, seq_no=1
    )
    assert allowed(decide(after(state, decision), update, NOW, Fresh(id="s2", number=2))) is Allowed.ALLOWED


def test_another_token_is_none_of_its_business_and_refusals_are_bounded() -> None:
    state = refused_at()
    for n in range(2 * KEPT_GRANTS):
        shown = ask(ContractStatus.SIGNATURE_ERROR)
        shown = msgspec.structs.replace(shown, token=msgspec.structs.replace(shown.token, ref=f"ref{n}"))
        state = after(state, authorize(state, shown, NOW))
    assert len(state.refused_contracts) == KEPT_GRANTS
    assert "ref" not in state.refused_contracts
    assert allowed(begun(state)) is Allowed.ALLOWED
