"""Sessions at a station: any order, any number of times, the same session (P2, P3)."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elstrada.charging import station
from elstrada.charging.decision import Decision
from elstrada.charging.remote import LATE
from elstrada.charging.session import GRACE, LONGEST, QUIET, doubtful
from elstrada.charging.state import KEPT_OPEN, KEPT_SESSIONS, StationState, evolve
from elstrada.model import answers, asks
from elstrada.model import facts as f
from elstrada.model.device import CommandName, CommandResult, ConnectorStatus
from elstrada.model.ids import Fresh, PartyId
from elstrada.model.quantity import MeterSample
from elstrada.model.token import Allowed, AuthMethod, Token, Verdict, Whitelist

CPO, EMSP = PartyId("SE", "ELS"), PartyId("SE", "RET")
T0 = datetime(2026, 3, 1, 8, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def token(*, valid: bool = True, whitelist: Whitelist = Whitelist.ALLOWED, party: PartyId = EMSP) -> Token:
    return Token(
        party=party,
        uid="04A1",
        contract_id="SERETC1",
        issuer="Ret",
        valid=valid,
        whitelist=whitelist,
        last_updated=T0,
    )


CARD = asks.PresentedToken(uid="04A1", ref="r1", known=token())


class Desk:
    """A station's stream in memory: decides, records, remembers what was answered."""

    def __init__(self) -> None:
        self.state = StationState(owner=CPO, station_id="S1")
        self.log: list[tuple[f.StationFact, datetime]] = []
        self._number = 100

    def ask(self, ask: asks.StationAsk, now: datetime) -> Decision:
        self._number += 1
        decision = station.decide(self.state, ask, now, Fresh(f"id-{self._number}", self._number))
        for fact in decision.facts:
            self.state = evolve(self.state, fact, now)
            self.log.append((fact, now))
        return decision

    def happen(self, fact: f.StationFact, now: datetime) -> None:
        self.state = evolve(self.state, fact, now)

    def told(self, kind: type) -> list[f.StationFact]:
        return [fact for fact, _ in self.log if isinstance(fact, kind)]


ONLINE = f.StationConnected("ocpp2.0.1", "c1")


def start16(seconds: float = 0, **changes: object) -> asks.StartSession:
    given: dict[str, object] = {
        "evse_id": 1,
        "connector_id": 1,
        "token": CARD,
        "at": at(seconds),
        "meter_wh": 1000,
    }
    return asks.StartSession(**(given | changes))  # type: ignore[arg-type]


def stop16(transaction: str, seconds: float, meter_wh: int = 6000, **changes: object) -> asks.EndSession:
    given: dict[str, object] = {"transaction_id": transaction, "at": at(seconds), "meter_wh": meter_wh}
    return asks.EndSession(**(given | changes))  # type: ignore[arg-type]


def sample(seconds: float, wh: int, power_w: int | None = None) -> MeterSample:
    return MeterSample(at=at(seconds), energy_wh=wh, power_w=power_w)


def noted(decision: Decision) -> answers.SessionNoted:
    assert isinstance(decision.answer, answers.SessionNoted)
    return decision.answer


def test_a_session_of_ocpp_1_6_starts_is_metered_ends_and_is_complete() -> None:
    desk = Desk()
    transaction = noted(desk.ask(start16(), at(0))).transaction_id
    desk.ask(
        asks.UpdateSession(transaction_id=transaction, at=at(60), samples=(sample(60, 3000, 7000),)), at(60)
    )
    decision = desk.ask(stop16(transaction, 120), at(121))
    assert [type(fact) for fact in decision.facts] == [f.SessionEnded, f.SessionCompleted]
    (completed,) = desk.told(f.SessionCompleted)
    assert completed == f.SessionCompleted("id-101", at(0), at(120), 5000)
    (sampled,) = desk.told(f.MeterSampled)
    assert isinstance(sampled, f.MeterSampled)
    assert (sampled.energy_wh, sampled.power_w) == (2000, 7000)


@pytest.mark.rule(13)
def test_p2_a_resent_start_gets_the_same_answer_and_no_new_fact() -> None:
    desk = Desk()
    first = desk.ask(start16(), at(0))
    again = desk.ask(start16(), at(500))
    assert again.answer == first.answer
    assert again.facts == ()


def wrong_clock(seconds: float, said_at: str, **changes: object) -> asks.StartSession:
    return start16(seconds, said_at=said_at, clock_suspect=True, **changes)


@pytest.mark.rule(13)
def test_p2_a_resent_start_of_a_station_with_a_wrong_clock_is_known() -> None:
    desk = Desk()
    first = desk.ask(wrong_clock(0, "2000-01-01T00:00:10Z"), at(0))
    again = desk.ask(wrong_clock(300, "2000-01-01T00:00:10Z"), at(300))
    assert (again.answer, again.facts) == (first.answer, ())


def test_a_second_try_with_the_same_card_and_register_is_a_session_of_its_own() -> None:
    desk = Desk()
    first = noted(desk.ask(wrong_clock(0, "2000-01-01T00:00:10Z", meter_wh=50_000), at(0)))
    desk.ask(stop16(first.transaction_id, 20, 50_000), at(20))
    second = noted(desk.ask(wrong_clock(60, "2000-01-01T00:01:10Z", meter_wh=50_000), at(60)))
    assert second.transaction_id != first.transaction_id
    desk.ask(stop16(second.transaction_id, 900, 80_000), at(900))
    energies = [fact.energy_wh for fact in desk.told(f.SessionCompleted)]  # type: ignore[union-attr]
    assert energies == [0, 30_000]


@pytest.mark.rule(13)
def test_p2_a_resent_start_is_known_after_its_session_has_ended() -> None:
    desk = Desk()
    first = noted(desk.ask(start16(), at(0)))
    desk.ask(stop16(first.transaction_id, 60), at(60))
    again = desk.ask(start16(), at(7000))
    assert noted(again).transaction_id == first.transaction_id
    assert again.facts == ()


@pytest.mark.rule(14)
def test_rule_14_a_repeated_stop_is_acknowledged_and_not_counted_twice() -> None:
    desk = Desk()
    transaction = noted(desk.ask(start16(), at(0))).transaction_id
    desk.ask(stop16(transaction, 60), at(60))
    again = desk.ask(stop16(transaction, 60), at(65))
    assert again == Decision(answers.SessionNoted(transaction))


def test_the_same_meter_values_again_are_no_new_fact() -> None:
    desk = Desk()
    transaction = noted(desk.ask(start16(), at(0))).transaction_id
    values = asks.UpdateSession(transaction_id=transaction, at=at(60), samples=(sample(60, 3000),))
    assert len(desk.ask(values, at(60)).facts) == 1
    assert desk.ask(values, at(70)).facts == ()


@pytest.mark.parametrize("name", ["-1", "0", "987654"])
@pytest.mark.rule(17)
def test_rule_17_a_stop_with_a_wrong_transaction_belongs_to_the_one_open_session_of_its_token(
    name: str,
) -> None:
    desk = Desk()
    desk.ask(start16(), at(0))
    desk.ask(stop16(name, 60, token=CARD), at(60))
    assert len(desk.told(f.SessionCompleted)) == 1


@pytest.mark.rule(17)
@pytest.mark.parametrize("said_at", [None, "1970-01-01T00:03:42.996Z"], ids=["right clock", "wrong clock"])
def test_a_stop_that_names_no_session_ends_no_other_when_it_is_sent_again(said_at: str | None) -> None:
    def stop(heard: float) -> asks.EndSession:
        when = 60 if said_at is None else heard
        return stop16("-1", when, token=CARD, said_at=said_at, clock_suspect=said_at is not None)

    desk = Desk()
    desk.ask(start16(0), at(0))
    desk.ask(stop(60), at(60))
    desk.ask(start16(120, meter_wh=6000), at(120))
    again = desk.ask(stop(180), at(180))
    assert again.facts == ()
    assert [fact.session_id for fact in desk.told(f.SessionEnded) if isinstance(fact, f.SessionEnded)] == [
        "id-101"
    ]


@pytest.mark.rule(17)
@pytest.mark.parametrize(("stop_wh", "ended"), [(1_900, 1), (500_700, 2)])
def test_of_two_sessions_of_one_token_a_stop_ends_the_one_that_its_register_fits(
    stop_wh: int, ended: int
) -> None:
    desk = two_sessions_of_one_token(500_000)
    desk.ask(stop16("-1", 60, meter_wh=stop_wh, token=CARD), at(60))
    (end,) = desk.told(f.SessionEnded)
    assert isinstance(end, f.SessionEnded)
    assert (end.session_id, end.energy_wh) == (f"id-10{ended}", 900 if ended == 1 else 700)


@pytest.mark.rule(17)
def test_of_two_sessions_that_fit_alike_a_stop_ends_the_one_whose_connector_is_free() -> None:
    desk = two_sessions_of_one_token(1_000)
    status = asks.ReportStatus(evse_id=2, connector_id=1, status=ConnectorStatus.FINISHING, at=at(58))
    desk.ask(status, at(58))
    desk.ask(stop16("-1", 60, meter_wh=1_900, token=CARD), at(60))
    (end,) = desk.told(f.SessionEnded)
    assert isinstance(end, f.SessionEnded)
    assert end.session_id == "id-102"


@pytest.mark.rule(17)
def test_a_stop_that_fits_two_sessions_alike_ends_neither() -> None:
    desk = two_sessions_of_one_token(1_000)
    decision = desk.ask(stop16("-1", 60, meter_wh=1_900, token=CARD), at(60))
    assert noted(decision).transaction_id == "-1"
    assert [type(fact) for fact in decision.facts] == [f.StrayReported]


def two_sessions_of_one_token(second_wh: int) -> Desk:
    """id-101 at EVSE 1 from 1,000 Wh, id-102 at EVSE 2 from so many."""
    desk = Desk()
    desk.ask(start16(), at(0))
    desk.ask(start16(1, evse_id=2, meter_wh=second_wh), at(1))
    return desk


LATER = sample(30, 910_040)


@pytest.mark.rule(23)
@pytest.mark.parametrize(
    ("begin", "samples"), [(0, ()), (0, (LATER,)), (0, (sample(0, 0), LATER)), (None, (sample(0, 0), LATER))]
)
def test_a_register_that_begins_at_a_false_0_does_not_bill_the_odometer(
    begin: int | None, samples: tuple[MeterSample, ...]
) -> None:
    desk = Desk()
    transaction = noted(desk.ask(start16(meter_wh=begin), at(0))).transaction_id
    if samples:
        desk.ask(asks.UpdateSession(transaction_id=transaction, at=at(30), samples=samples), at(30))
    desk.ask(stop16(transaction, 60, meter_wh=910_083), at(60))
    (done,) = desk.told(f.SessionCompleted)
    assert isinstance(done, f.SessionCompleted)
    went_on = 910_040 if samples else 910_083
    assert done.energy_wh == 910_083 - went_on
    assert done.notes == (f"The register began at 0 and went on at {went_on} Wh; it counts from there.",)


@pytest.mark.rule(23)
def test_a_register_that_counts_each_session_from_0_is_believed() -> None:
    desk = Desk()
    transaction = noted(desk.ask(start16(meter_wh=0), at(0))).transaction_id
    news = asks.UpdateSession(transaction_id=transaction, at=at(60), samples=(sample(60, 5_800),))
    desk.ask(news, at(60))
    desk.ask(stop16(transaction, 3_600, meter_wh=350_000), at(3_600))
    (done,) = desk.told(f.SessionCompleted)
    assert isinstance(done, f.SessionCompleted)
    assert (done.energy_wh, done.notes) == (350_000, ())


@pytest.mark.rule(17)
def test_rule_17_a_stop_that_fits_nothing_is_kept_for_review_and_answered() -> None:
    desk = Desk()
    desk.ask(start16(), at(0))
    decision = desk.ask(stop16("987654", 60, token=asks.PresentedToken(uid="SECRETUID", ref="r9")), at(60))
    (stray,) = decision.facts
    assert isinstance(stray, f.StrayReported)
    assert "SECRETUID" not in stray.body
    assert noted(decision).transaction_id == "987654"
    assert desk.told(f.SessionEnded) == []


def test_an_end_out_of_an_old_queue_waits_until_it_is_quiet() -> None:
    desk = Desk()
    transaction = noted(desk.ask(start16(offline=True), at(9000))).transaction_id
    desk.ask(stop16(transaction, 60), at(9001))
    assert desk.told(f.SessionCompleted) == []
    late = asks.UpdateSession(transaction_id=transaction, at=at(30), samples=(sample(30, 2000),))
    desk.ask(late, at(9002))
    desk.ask(asks.Tick(), at(9001) + QUIET)
    assert len(desk.told(f.SessionCompleted)) == 1


def events201() -> list[asks.StationAsk]:
    tx = "tx-77"
    return [
        asks.StartSession(
            transaction_id=tx,
            evse_id=1,
            connector_id=1,
            token=CARD,
            at=at(0),
            samples=(sample(0, 500),),
            seq_no=0,
        ),
        asks.UpdateSession(transaction_id=tx, at=at(10), charging=True, seq_no=1),
        asks.UpdateSession(transaction_id=tx, at=at(60), samples=(sample(60, 1500, 6000),), seq_no=2),
        asks.UpdateSession(transaction_id=tx, at=at(120), samples=(sample(120, 2500, 6000),), seq_no=3),
        asks.EndSession(
            transaction_id=tx, at=at(180), samples=(sample(180, 3500),), seq_no=4, reason="EVDisconnected"
        ),
    ]


def outcome(desk: Desk) -> tuple[f.SessionCompleted, str | None, frozenset[MeterSample]]:
    (completed,) = desk.told(f.SessionCompleted)
    assert isinstance(completed, f.SessionCompleted)
    (session,) = desk.state.sessions.values()
    samples = [s for fact, _ in desk.log if isinstance(fact, f.MeterSampled) for s in fact.samples]
    return f.SessionCompleted("", *_times(completed)), session.token_ref, frozenset(samples)


def _times(completed: f.SessionCompleted) -> tuple[datetime, datetime, int]:
    return completed.started_at, completed.ended_at, completed.energy_wh


@given(
    order=st.permutations(range(5)),
    repeats=st.lists(st.integers(0, 4), max_size=6),
    spots=st.lists(st.integers(0, 10), min_size=6, max_size=6),
)
@settings(max_examples=300, deadline=None)
@pytest.mark.rule(19)
def test_p3_any_order_and_any_repetition_end_in_the_same_session(
    order: list[int], repeats: list[int], spots: list[int]
) -> None:
    told = list(order)
    for event, spot in zip(repeats, spots, strict=False):
        told.insert(min(spot, len(told)), event)
    ordered, shuffled = Desk(), Desk()
    for moment, index in enumerate(range(5)):
        ordered.ask(events201()[index], at(1000 + moment))
    for moment, index in enumerate(told):
        shuffled.ask(events201()[index], at(1000 + moment))
    assert outcome(shuffled) == outcome(ordered)


@pytest.mark.rule(19)
def test_missing_numbers_are_waited_for_and_then_named() -> None:
    desk = Desk()
    desk.happen(ONLINE, at(0))
    for event in (e for i, e in enumerate(events201()) if i != 2):
        desk.ask(event, at(200))
    assert desk.told(f.SessionCompleted) == []
    desk.ask(asks.Tick(), at(200) + GRACE - timedelta(seconds=1))
    assert desk.told(f.SessionCompleted) == []
    desk.ask(asks.Tick(), at(200) + GRACE)
    (completed,) = desk.told(f.SessionCompleted)
    assert isinstance(completed, f.SessionCompleted)
    assert completed.gaps == (2,)


@pytest.mark.rule(19)
def test_missing_messages_are_waited_for_while_their_station_is_away() -> None:
    """They may lie in its queue; once it is back it has as long as any other."""
    desk = Desk()
    desk.ask(events201()[4], at(200))
    desk.ask(asks.Tick(), at(200) + 10 * GRACE)
    desk.happen(ONLINE, at(200) + 10 * GRACE)
    desk.ask(asks.Tick(), at(200) + 11 * GRACE - timedelta(seconds=1))
    assert desk.told(f.SessionCompleted) == []
    desk.ask(events201()[0], at(200) + 11 * GRACE)
    desk.ask(asks.Tick(), at(200) + 11 * GRACE)
    (completed,) = desk.told(f.SessionCompleted)
    assert isinstance(completed, f.SessionCompleted)
    assert (completed.started_at, completed.gaps) == (at(0), (1, 2, 3))


def test_a_station_that_never_comes_back_is_not_waited_for_longer_than_a_day() -> None:
    desk = Desk()
    desk.ask(events201()[4], at(200))
    desk.ask(asks.Tick(), at(200) + LONGEST - timedelta(seconds=1))
    assert desk.told(f.SessionCompleted) == []
    desk.ask(asks.Tick(), at(200) + LONGEST)
    assert len(desk.told(f.SessionCompleted)) == 1


def test_an_end_whose_start_never_came_is_completed_with_a_note() -> None:
    desk = Desk()
    desk.happen(ONLINE, at(0))
    desk.ask(events201()[4], at(200))
    desk.ask(asks.Tick(), at(200) + GRACE)
    (completed,) = desk.told(f.SessionCompleted)
    assert isinstance(completed, f.SessionCompleted)
    assert completed.notes
    assert completed.energy_wh == 0


@pytest.mark.rule(19)
def test_sequence_numbers_that_are_always_zero_lose_nothing() -> None:
    desk = Desk()
    for event in events201():
        desk.ask(msgspec.structs.replace(event, seq_no=0), at(200))
    (completed,) = desk.told(f.SessionCompleted)
    assert isinstance(completed, f.SessionCompleted)
    assert completed.energy_wh == 3000


@pytest.mark.rule(24)
def test_rule_24_meter_values_without_a_session_go_to_the_one_running_there() -> None:
    desk = Desk()
    desk.ask(start16(), at(0))
    desk.ask(asks.RecordMeter(evse_id=1, connector_id=1, samples=(sample(30, 1800),)), at(30))
    desk.ask(asks.RecordMeter(evse_id=2, connector_id=1, samples=(sample(30, 9),)), at(30))
    first, second = desk.told(f.MeterSampled)
    assert isinstance(first, f.MeterSampled)
    assert isinstance(second, f.MeterSampled)
    assert (first.session_id, first.energy_wh) == ("id-101", 800)
    assert second.session_id is None


@pytest.mark.rule(24)
def test_rule_24_what_a_connector_shows_that_is_free_again_goes_to_no_session() -> None:
    desk = Desk()
    desk.ask(start16(), at(0))
    free = asks.ReportStatus(evse_id=1, connector_id=1, status=ConnectorStatus.AVAILABLE, at=at(100))
    desk.ask(free, at(100))
    for seconds in (90, 160):  # The first is out of a queue.
        desk.ask(
            asks.RecordMeter(evse_id=1, connector_id=1, samples=(sample(seconds, 1800),)), at(seconds + 100)
        )
    assert [fact.session_id for fact in desk.told(f.MeterSampled) if isinstance(fact, f.MeterSampled)] == [
        "id-101",
        None,
    ]


def test_p2_a_session_forgotten_by_the_state_is_recalled_from_its_facts() -> None:
    desk = Desk()
    first = noted(desk.ask(start16(), at(0)))
    desk.ask(stop16(first.transaction_id, 10), at(10))
    old = [(fact, when) for fact, when in desk.log if getattr(fact, "session_id", None) == "id-101"]
    for round_ in range(1, KEPT_SESSIONS + 2):
        transaction = noted(desk.ask(start16(round_ * 100), at(round_ * 100))).transaction_id
        desk.ask(stop16(transaction, round_ * 100 + 10), at(round_ * 100 + 10))
    assert len(desk.state.sessions) <= KEPT_SESSIONS + 1
    column, value = station.forgotten(desk.state, start16()) or ("", "")
    assert column == "start_key"
    assert value == old[0][0].start_key  # type: ignore[union-attr]
    desk.state = desk.state.recalling(_station_facts(old))
    again = desk.ask(start16(), at(5000))
    assert noted(again).transaction_id == first.transaction_id
    assert again.facts == ()


def _station_facts(log: Iterable[tuple[f.StationFact, datetime]]) -> Iterable[tuple[f.StationFact, datetime]]:
    return log


def shown(desk: Desk, card: asks.PresentedToken, seq_no: int) -> f.SessionUpdated:
    """A card is shown during the session of ``events201``."""
    update = asks.UpdateSession(transaction_id="tx-77", at=at(40), token=card, seq_no=seq_no)
    (fact,) = [fact for fact in desk.ask(update, at(40)).facts if isinstance(fact, f.SessionUpdated)]
    return fact


@pytest.mark.parametrize("valid", [True, False])
def test_t8_another_card_shown_later_neither_pays_nor_frees(valid: bool) -> None:
    desk = Desk()
    desk.ask(events201()[0], at(0))
    other = msgspec.structs.replace(token(valid=valid, whitelist=Whitelist.ALWAYS), uid="04B2")
    fact = shown(desk, asks.PresentedToken(uid="04B2", ref="r2", known=other), 1)
    assert (fact.token_ref, fact.token_party) == (None, None)
    (session,) = desk.state.sessions.values()
    assert (session.token_ref, session.token_party) == ("r1", EMSP)


def test_a_session_without_an_accepted_card_belongs_to_the_first_accepted_one() -> None:
    desk = Desk()
    blocked = asks.PresentedToken(uid="04B2", ref="r2", known=token(valid=False, whitelist=Whitelist.ALWAYS))
    desk.ask(msgspec.structs.replace(events201()[0], token=blocked), at(0))
    assert shown(desk, blocked, 1).token_ref is None
    assert shown(desk, CARD, 2).token_ref == "r1"
    (session,) = desk.state.sessions.values()
    assert (session.token_ref, session.allowed) == ("r1", Allowed.ALLOWED)


@pytest.mark.parametrize("seq_no", [12_000_000, 2**31 - 1])
def test_t9_an_absurd_sequence_number_costs_nothing(seq_no: int) -> None:
    desk = Desk()
    desk.ask(events201()[0], at(0))
    tracemalloc.start()
    desk.ask(asks.UpdateSession(transaction_id="tx-77", at=at(5), charging=True, seq_no=seq_no), at(5))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_t12_a_station_that_begins_sessions_without_end_has_a_bounded_state() -> None:
    desk = Desk()
    for number in range(300):
        desk.ask(start16(number, meter_wh=number), at(number))
    assert len(desk.state.sessions) <= KEPT_OPEN + KEPT_SESSIONS
    early = station.forgotten(desk.state, start16(0, meter_wh=0))
    assert early is not None, "the oldest can be recalled"


def test_rule_17_meter_values_of_an_unknown_transaction_begin_no_session() -> None:
    desk = Desk()
    decision = desk.ask(asks.UpdateSession(transaction_id="987654", at=at(5), samples=(sample(5, 9),)), at(5))
    (stray,) = decision.facts
    assert isinstance(stray, f.StrayReported)
    assert '"energy_wh":9' in stray.body
    assert desk.state.sessions == {}


@pytest.mark.rule(14)
def test_news_after_the_completion_is_kept_and_changes_nothing_that_was_told() -> None:
    desk = Desk()
    desk.happen(ONLINE, at(0))
    ended = asks.EndSession(transaction_id="tx-77", at=at(180), seq_no=2)
    desk.ask(events201()[0], at(0))
    desk.ask(ended, at(180))
    desk.ask(asks.Tick(), at(180) + GRACE)
    late = asks.UpdateSession(transaction_id="tx-77", at=at(60), samples=(sample(60, 51_500),), seq_no=1)
    (fact,) = desk.ask(late, at(900)).facts
    assert isinstance(fact, f.MeterSampled)
    assert (fact.energy_wh, fact.power_w) == (None, None)
    (completed,) = desk.told(f.SessionCompleted)
    assert isinstance(completed, f.SessionCompleted)
    assert completed.energy_wh == 0


# --- authorization -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("whitelist", "valid", "alone"),
    [
        (Whitelist.ALWAYS, True, Allowed.ALLOWED),
        (Whitelist.ALWAYS, False, Allowed.BLOCKED),
        (Whitelist.ALLOWED, True, Allowed.ALLOWED),
        (Whitelist.ALLOWED, False, None),
        (Whitelist.ALLOWED_OFFLINE, True, None),
        (Whitelist.ALLOWED_OFFLINE, False, None),
        (Whitelist.NEVER, True, None),
        (Whitelist.NEVER, False, None),
    ],
)
def test_r49_the_whitelist_says_whether_the_emsp_is_asked(
    whitelist: Whitelist, valid: bool, alone: Allowed | None
) -> None:
    card = asks.PresentedToken(uid="04A1", ref="r1", known=token(valid=valid, whitelist=whitelist))
    decision = Desk().ask(asks.Authorize(token=card), at(0))
    if alone is None:
        (question,) = decision.questions
        assert isinstance(question, answers.AskParty)
        assert question.party == EMSP
        expected = Allowed.ALLOWED if valid and whitelist is not Whitelist.NEVER else None
        assert (question.fallback.allowed is Allowed.ALLOWED) == (expected is Allowed.ALLOWED)
        assert decision.answer is None
        assert decision.facts == ()
    else:
        assert isinstance(decision.answer, answers.Judged)
        assert decision.answer.verdict.allowed is alone
        assert decision.questions == ()


def test_a_start_asks_once_and_the_reply_is_in_the_session() -> None:
    desk = Desk()
    card = asks.PresentedToken(uid="04A1", ref="r1", known=token(whitelist=Whitelist.NEVER))
    asked = desk.ask(start16(token=card), at(0))
    assert asked.answer is None
    assert len(asked.questions) == 1
    verdict = Verdict(
        allowed=Allowed.ALLOWED, method=AuthMethod.AUTH_REQUEST, party=EMSP, authorization_reference="ref-9"
    )
    desk.ask(start16(token=card, verdict=verdict), at(1))
    (started,) = desk.told(f.SessionStarted)
    assert isinstance(started, f.SessionStarted)
    assert (started.auth_method, started.authorization_reference) == (AuthMethod.AUTH_REQUEST, "ref-9")


def test_r51_a_start_after_an_authorization_asks_nobody_and_keeps_its_reference() -> None:
    desk = Desk()
    card = asks.PresentedToken(uid="04A1", ref="r1", known=token(whitelist=Whitelist.NEVER))
    verdict = Verdict(
        allowed=Allowed.ALLOWED, method=AuthMethod.AUTH_REQUEST, party=EMSP, authorization_reference="ref-9"
    )
    desk.ask(asks.Authorize(token=card, verdict=verdict), at(0))
    decision = desk.ask(start16(20, token=card), at(20))
    assert decision.questions == ()
    assert noted(decision).verdict == verdict


def test_a_grant_serves_one_session() -> None:
    desk = Desk()
    card = asks.PresentedToken(uid="04A1", ref="r1", known=token(whitelist=Whitelist.NEVER))
    verdict = Verdict(allowed=Allowed.ALLOWED, method=AuthMethod.AUTH_REQUEST, party=EMSP)
    desk.ask(asks.Authorize(token=card, verdict=verdict), at(0))
    first = desk.ask(start16(20, token=card), at(20))
    desk.ask(stop16(noted(first).transaction_id, 60), at(60))
    again = desk.ask(start16(80, token=card, meter_wh=6000), at(80))
    assert len(again.questions) == 1


def test_a_card_blocked_after_its_grant_starts_nothing() -> None:
    desk = Desk()
    desk.ask(asks.Authorize(token=CARD), at(0))
    blocked = asks.PresentedToken(uid="04A1", ref="r1", known=token(valid=False, whitelist=Whitelist.ALWAYS))
    verdict = noted(desk.ask(start16(20, token=blocked), at(20))).verdict
    assert verdict is not None
    assert verdict.allowed is Allowed.BLOCKED


# --- commands ------------------------------------------------------------------------------------------


def connected() -> Desk:
    desk = Desk()
    desk.ask(asks.Connect(protocol="ocpp1.6", connection_id="c1"), at(0))
    return desk


def command(name: CommandName, **changes: object) -> asks.Command:
    return asks.Command(command_id="k1", name=name, asked_by=EMSP, **changes)  # type: ignore[arg-type]


def test_r50_a_session_after_a_remote_start_asks_nobody() -> None:
    desk = connected()
    app = asks.PresentedToken(uid="APP1", type="APP_USER", ref="r7", known=None)
    asked = desk.ask(
        command(CommandName.START, token=app, evse_id=1, authorization_reference="auth-5"), at(1)
    )
    (tell,) = asked.questions
    assert isinstance(tell, answers.TellStation)
    assert tell.order.token_uid == "APP1"
    desk.ask(asks.CommandReply(command_id="k1", result=CommandResult.ACCEPTED), at(2))
    decision = desk.ask(start16(5, token=app), at(5))
    assert decision.questions == ()
    (started,) = desk.told(f.SessionStarted)
    assert isinstance(started, f.SessionStarted)
    assert (started.auth_method, started.authorization_reference, started.command_id) == (
        AuthMethod.COMMAND,
        "auth-5",
        "k1",
    )


def test_p5_a_session_that_begins_before_the_station_replies_leaves_the_command_its_result() -> None:
    desk = connected()
    desk.ask(command(CommandName.START, token=CARD, evse_id=1), at(1))
    desk.ask(start16(2), at(2))
    (started,) = desk.told(f.SessionStarted)
    assert isinstance(started, f.SessionStarted)
    assert started.command_id == "k1"
    done = desk.ask(asks.CommandReply(command_id="k1", result=CommandResult.ACCEPTED), at(3))
    assert done.answer == answers.CommandDone(CommandResult.ACCEPTED)
    second = desk.ask(start16(900), at(900))
    (fact,) = second.facts
    assert isinstance(fact, f.SessionStarted)
    assert fact.command_id is None


def test_an_accepted_remote_start_explains_no_session_long_after() -> None:
    desk = connected()
    desk.ask(command(CommandName.START, token=CARD, evse_id=1), at(1))
    desk.ask(asks.CommandReply(command_id="k1", result=CommandResult.ACCEPTED), at(2))
    assert not desk.state.waits
    late = desk.ask(start16(3600), at(3600))
    (fact,) = late.facts
    assert isinstance(fact, f.SessionStarted)
    assert (fact.command_id, fact.auth_method) == (None, AuthMethod.WHITELIST)


def test_p5_a_command_has_exactly_one_result() -> None:
    desk = connected()
    desk.ask(command(CommandName.RESET), at(1))
    first = desk.ask(asks.CommandReply(command_id="k1", result=CommandResult.ACCEPTED), at(2))
    second = desk.ask(asks.CommandReply(command_id="k1", result=CommandResult.REJECTED), at(3))
    assert first.answer == answers.CommandDone(CommandResult.ACCEPTED)
    assert second == Decision()
    assert len(desk.told(f.CommandAnswered)) == 1


def test_p5_a_command_cut_short_by_a_crash_times_out() -> None:
    desk = connected()
    desk.ask(command(CommandName.RESET, deadline_s=20), at(1))
    assert desk.ask(asks.Tick(), at(20)).facts == ()
    assert desk.ask(asks.Tick(), at(21)).facts == (
        f.CommandAnswered("k1", CommandResult.TIMEOUT, "no reply in time"),
    )


@pytest.mark.parametrize(
    ("asked_at", "told"), [(None, True), (at(0), True), (at(-19), True), (at(-20), False), (at(-3600), False)]
)
def test_p5_a_command_that_was_asked_for_longer_ago_than_its_deadline_is_not_done(
    asked_at: datetime | None, told: bool
) -> None:
    desk = connected()
    decision = desk.ask(command(CommandName.RESET, deadline_s=20, asked_at=asked_at), at(0))
    if told:
        (tell,) = decision.questions
        assert isinstance(tell, answers.TellStation)
        assert tell.until == (asked_at or at(0)) + timedelta(seconds=20)
        return
    assert decision.answer == answers.CommandDone(CommandResult.TIMEOUT, LATE, unsent=True)
    assert decision.questions == ()
    assert [fact.result for fact in desk.told(f.CommandAnswered)] == [CommandResult.TIMEOUT]
    assert not desk.state.waits


def test_p5_a_remote_start_that_came_too_late_explains_no_session() -> None:
    desk = connected()
    late = command(CommandName.START, token=CARD, evse_id=1, deadline_s=20, asked_at=at(-30))
    desk.ask(late, at(0))
    (fact, *_) = desk.ask(start16(5), at(5)).facts
    assert isinstance(fact, f.SessionStarted)
    assert (fact.command_id, fact.auth_method) == (None, AuthMethod.WHITELIST)


@pytest.mark.rule(32)
def test_rule_32_a_command_to_a_station_that_is_away_is_answered_at_once() -> None:
    decision = Desk().ask(command(CommandName.RESET), at(1))
    assert decision.answer == answers.CommandDone(
        CommandResult.OFFLINE, "the station is not connected", unsent=True
    )
    assert decision.questions == ()


def test_a_stop_for_a_session_that_does_not_run_here_is_unknown() -> None:
    decision = connected().ask(command(CommandName.STOP, session_id="nope"), at(1))
    assert isinstance(decision.answer, answers.CommandDone)
    assert decision.answer.result is CommandResult.UNKNOWN


def test_a_call_travels_whole_and_is_remembered_without_its_secrets() -> None:
    desk = connected()
    payload = '{"key":"AuthorizationKey","value":"c0rrect-horse"}'
    asked = desk.ask(command(CommandName.CALL, action="ChangeConfiguration", payload=payload), at(1))
    (tell,) = asked.questions
    assert isinstance(tell, answers.TellStation)
    assert (tell.order.action, tell.order.payload) == ("ChangeConfiguration", payload)
    (requested,) = desk.told(f.CommandRequested)
    assert isinstance(requested, f.CommandRequested)
    assert requested.payload == '{"key":"AuthorizationKey","value":"***"}'
    said = '{"status":"Accepted","customData":{"token":"c0rrect-horse"}}'
    done = desk.ask(
        asks.CommandReply(command_id="k1", result=CommandResult.ACCEPTED, detail="Accepted", response=said),
        at(2),
    )
    shown = said.replace("c0rrect-horse", "***")
    assert done.answer == answers.CommandDone(CommandResult.ACCEPTED, "Accepted", shown)
    assert done.facts == (f.CommandAnswered("k1", CommandResult.ACCEPTED, "Accepted", shown),)


def test_a_call_of_nothing_is_not_made() -> None:
    decision = connected().ask(command(CommandName.CALL, action="Reset"), at(1))
    assert decision.questions == ()
    assert isinstance(decision.answer, answers.CommandDone)
    assert decision.answer.result is CommandResult.REJECTED


# --- the rest ------------------------------------------------------------------------------------------


def test_a_status_said_again_is_no_new_fact() -> None:
    desk = Desk()
    said = asks.ReportStatus(
        evse_id=1, connector_id=1, status=ConnectorStatus.AVAILABLE, error_code="NoError"
    )
    assert len(desk.ask(said, at(0)).facts) == 1
    assert desk.ask(said, at(5)).facts == ()


@pytest.mark.rule(1)
def test_rule_1_the_late_close_of_an_old_socket_leaves_the_new_one() -> None:
    desk = connected()
    desk.ask(asks.Connect(protocol="ocpp1.6", connection_id="c2"), at(5))
    assert desk.ask(asks.Disconnect(connection_id="c1", reason="gone"), at(6)).facts == ()
    assert desk.state.connection_id == "c2"
    desk.ask(asks.Disconnect(connection_id="c2", reason="gone"), at(7))
    assert desk.state.connection_id is None


def test_a_heartbeat_is_never_a_fact() -> None:
    assert Desk().ask(asks.Beat(), at(0)) == Decision(answers.TheTime(at(0)))


def gapped() -> tuple[Desk, str]:
    """A session that has ended, and of which a message is missing."""
    desk = Desk()
    for number, ask in enumerate(events201()):
        if number != 1:
            desk.ask(ask, at(200))
    (ended,) = desk.told(f.SessionEnded)
    assert isinstance(ended, f.SessionEnded)
    assert [one.session_id for one in doubtful(desk.state)] == [ended.session_id]
    return desk, ended.session_id


def test_rule_19_a_session_waits_as_long_as_its_station_says_that_messages_are_in_its_queue() -> None:
    """E14.FR.04; bounded, for a station may say so for ever."""
    desk, session_id = gapped()
    for seconds in (230, 260):
        desk.ask(asks.QueueReport(session_id=session_id, in_queue=True), at(seconds))
    assert len(desk.told(f.SessionQueueReported)) == 1, "what was said before is no news"
    desk.ask(asks.Tick(), at(200) + LONGEST - timedelta(seconds=1))
    assert not desk.told(f.SessionCompleted)
    late, session_id = gapped()
    late.ask(asks.QueueReport(session_id=session_id, in_queue=True), at(230))
    late.ask(events201()[1], at(200) + LONGEST - timedelta(seconds=1))
    (whole,) = late.told(f.SessionCompleted)
    assert isinstance(whole, f.SessionCompleted)
    assert whole.gaps == ()
    desk.ask(asks.Tick(), at(200) + LONGEST)
    (without,) = desk.told(f.SessionCompleted)
    assert isinstance(without, f.SessionCompleted)
    assert len(without.gaps) == 1


def test_rule_19_an_empty_queue_ends_the_wait_once_it_is_quiet() -> None:
    """E14.FR.05, E04.FR.07: what is missing then never comes."""
    desk, session_id = gapped()
    desk.ask(asks.QueueReport(session_id=session_id, in_queue=False), at(220))
    desk.ask(asks.Tick(), at(220) + QUIET - timedelta(seconds=1))
    assert not desk.told(f.SessionCompleted)
    desk.ask(asks.Tick(), at(220) + QUIET)
    assert len(desk.told(f.SessionCompleted)) == 1
    desk.ask(asks.QueueReport(session_id=session_id, in_queue=True), at(300))
    assert len(desk.told(f.SessionQueueReported)) == 1, "of a session that is settled nothing is news"


def test_a_session_that_resumes_after_a_reboot_is_the_same_session() -> None:
    """B13.FR.30, E17.FR.14; rule 4: a boot ends nothing."""
    desk = Desk()
    begin, *_, end = events201()
    desk.ask(begin, at(0))
    desk.ask(asks.Boot(vendor="Maker", model="Box", reason="RemoteReset"), at(90))
    assert isinstance(end, asks.EndSession)
    resumed = asks.UpdateSession(
        transaction_id=end.transaction_id, at=at(100), seq_no=1, charging=True, trigger="TxResumed"
    )
    desk.ask(resumed, at(100))
    desk.ask(msgspec.structs.replace(end, seq_no=2), at(200))
    assert len(desk.told(f.SessionStarted)) == len(desk.told(f.SessionCompleted)) == 1
