"""Limits of sessions: told once, remembered, and a stop sent once (OCPP 2.1 C17, E16; P5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from elstrada.charging import station
from elstrada.charging.decision import Decision
from elstrada.charging.state import StationState, evolve
from elstrada.model import answers, asks
from elstrada.model import facts as f
from elstrada.model.allowance import LimitedBy, LimitKind, SessionLimit
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.ids import Fresh, PartyId
from elstrada.model.token import Allowed, Token, Whitelist

CPO = PartyId("SE", "ELS")
T0 = datetime(2026, 3, 1, 8, tzinfo=UTC)
KNOWN = Token(
    party=CPO, uid="04", contract_id="C", issuer="I", valid=True, whitelist=Whitelist.ALLOWED, last_updated=T0
)
MOST = SessionLimit(cost=Decimal(20), currency="EUR")
CARD = asks.PresentedToken(uid="04", ref="r", known=KNOWN, limit=MOST)
SPENT = asks.PresentedToken(uid="04", ref="r", known=KNOWN, out_of_credit=True)
START = asks.StartSession(transaction_id="t", evse_id=1, connector_id=1, token=CARD, at=T0, seq_no=0)


class Stream:
    def __init__(self) -> None:
        self.state = StationState(owner=CPO, station_id="S", connection_id="c")
        self.facts: list[f.StationFact] = []
        self.number = 0

    def ask(self, ask: asks.StationAsk) -> Decision:
        self.number += 1
        now = T0 + timedelta(seconds=self.number)
        decision = station.decide(self.state, ask, now, Fresh(f"s{self.number}", self.number))
        for fact in decision.facts:
            self.state = evolve(self.state, fact, now)
            self.facts.append(fact)
        return decision

    def of(self, kind: type) -> list[f.StationFact]:
        return [fact for fact in self.facts if isinstance(fact, kind)]


def noted(decision: Decision) -> answers.SessionNoted:
    assert isinstance(decision.answer, answers.SessionNoted)
    return decision.answer


def update(seq_no: int, **more: object) -> asks.UpdateSession:
    return replace(asks.UpdateSession(transaction_id="t", at=T0, seq_no=seq_no), **more)


def reached(kind: LimitKind = LimitKind.COST, command_id: str = "c1") -> asks.LimitReached:
    return asks.LimitReached(session_id="s1", kind=kind, command_id=command_id)


def test_a_session_is_told_its_limit_and_a_resend_the_same() -> None:
    stream = Stream()
    first = stream.ask(START)
    assert noted(first).limit == MOST
    assert stream.of(f.SessionLimited) == [f.SessionLimited("s1", T0, MOST, LimitedBy.US)]
    again = stream.ask(replace(START, token=replace(CARD, limit=None)))
    assert (noted(again).limit, again.facts) == (MOST, ())


def test_a_token_shown_later_limits_the_session_and_a_second_one_does_not() -> None:
    stream = Stream()
    stream.ask(replace(START, token=None))
    assert noted(stream.ask(update(1, token=CARD))).limit == MOST
    less = replace(CARD, limit=SessionLimit(cost=Decimal(1)))
    assert noted(stream.ask(update(2, token=less))).limit is None, "it is told once"
    assert len(stream.of(f.SessionLimited)) == 1


def test_without_credit_a_token_is_refused_wherever_it_is_shown() -> None:
    stream = Stream()
    judged = stream.ask(asks.Authorize(token=SPENT)).answer
    assert isinstance(judged, answers.Judged)
    assert judged.verdict.allowed is Allowed.NO_CREDIT
    answer = noted(stream.ask(replace(START, token=SPENT)))
    assert answer.verdict is not None
    assert (answer.verdict.allowed, answer.limit) == (Allowed.NO_CREDIT, None)
    started = asks.Command(command_id="c", name=CommandName.START, asked_by=CPO, token=SPENT)
    done = stream.ask(started).answer
    assert isinstance(done, answers.CommandDone)
    assert done.result is CommandResult.REJECTED


def test_a_token_whose_own_session_holds_the_credit_may_be_shown_to_stop_it() -> None:
    stream = Stream()
    stream.ask(START)
    judged = stream.ask(asks.Authorize(token=SPENT)).answer
    assert isinstance(judged, answers.Judged)
    assert judged.verdict.allowed is Allowed.ALLOWED


def test_a_session_that_has_taken_all_is_stopped_once() -> None:
    stream = Stream()
    stream.ask(START)
    decision = stream.ask(reached())
    (told,) = decision.questions
    assert isinstance(told, answers.TellStation)
    assert (told.order.name, told.order.transaction_id) == (CommandName.STOP, "t")
    again = stream.ask(reached(command_id="c2"))
    assert (again.facts, again.questions) == ((), ())
    assert len(stream.of(f.CommandRequested)) == 1


def test_a_station_that_sees_to_the_limit_itself_is_not_told_to_stop() -> None:
    stream = Stream()
    stream.ask(START)
    stream.ask(update(1, trigger="CostLimitReached"))
    stream.ask(update(2, trigger="CostLimitReached"))
    assert stream.of(f.SessionLimitReached) == [f.SessionLimitReached("s1", T0, LimitKind.COST, told=True)]
    assert stream.ask(reached()).questions == ()
    assert stream.ask(reached(LimitKind.ENERGY)).questions != (), "another limit is another matter"


def test_what_the_station_says_of_its_limit_is_kept_when_it_is_new() -> None:
    stream = Stream()
    stream.ask(START)
    chosen = SessionLimit(energy_wh=9000)
    stream.ask(update(1, told_limit=chosen, trigger="LimitSet"))
    stream.ask(update(2, told_limit=chosen))
    facts = [fact for fact in stream.of(f.SessionLimited) if fact.by is LimitedBy.STATION]  # type: ignore[attr-defined]
    assert facts == [f.SessionLimited("s1", T0, chosen, LimitedBy.STATION)]


def test_an_ended_session_is_not_stopped() -> None:
    stream = Stream()
    stream.ask(START)
    stream.ask(asks.EndSession(transaction_id="t", at=T0, seq_no=1, trigger="TimeLimitReached"))
    assert len(stream.of(f.SessionLimitReached)) == 1
    assert stream.ask(reached()).facts == ()
