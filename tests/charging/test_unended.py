"""Rule 18: a session whose end never comes is closed by rule, and opened again if the end does come."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sessions import CARD, Desk, at, noted, sample, start16, stop16

from elstrada.charging import unended
from elstrada.model import answers, asks
from elstrada.model import facts as f
from elstrada.model.device import CommandName, ConnectorStatus
from elstrada.model.unended import EndRules, Presumed

HOUR = 3600
RULES = EndRules()
GRACE, SILENT = RULES.grace_s, RULES.silent_s


def present() -> Desk:
    desk = Desk()
    desk.ask(asks.Connect(connection_id="c1", protocol="ocpp1.6"), at(-600))
    return desk


def running(desk: Desk, seconds: float = 0, **changes: object) -> str:
    """A session that was heard of a minute after its start, with 2 kWh."""
    transaction = noted(desk.ask(start16(seconds, **changes), at(seconds))).transaction_id
    news = asks.UpdateSession(
        transaction_id=transaction, at=at(seconds + 60), samples=(sample(seconds + 60, 3000, 7000),)
    )
    desk.ask(news, at(seconds + 60))
    return transaction


def shows(desk: Desk, status: ConnectorStatus, seconds: float) -> None:
    desk.ask(asks.ReportStatus(evse_id=1, connector_id=1, status=status, at=at(seconds)), at(seconds))


def ticked(desk: Desk, seconds: float) -> list[type]:
    return [type(fact) for fact in desk.ask(asks.Tick(RULES), at(seconds)).facts]


def ends(desk: Desk) -> list[f.SessionEnded]:
    return [fact for fact, _ in desk.log if isinstance(fact, f.SessionEnded)]


def completion(desk: Desk) -> f.SessionCompleted:
    (fact,) = (fact for fact, _ in desk.log if isinstance(fact, f.SessionCompleted))
    return fact


@pytest.mark.rule(18)
@pytest.mark.parametrize(
    "status", [ConnectorStatus.AVAILABLE, ConnectorStatus.PREPARING, ConnectorStatus.FINISHING]
)
def test_a_connector_that_is_free_for_an_hour_ends_its_session(status: ConnectorStatus) -> None:
    desk = present()
    running(desk)
    shows(desk, status, 100)
    assert ticked(desk, 100 + HOUR - 1) == []
    assert ticked(desk, 100 + HOUR) == [f.SessionEnded]
    (end,) = ends(desk)
    assert (end.presumed, end.at, end.energy_wh, end.meter_wh) == (
        Presumed.CONNECTOR_FREE,
        at(60),
        2000,
        None,
    )
    assert ticked(desk, 100 + HOUR + GRACE - 1) == []
    assert ticked(desk, 100 + HOUR + GRACE) == [f.SessionCompleted]
    done = completion(desk)
    assert (done.started_at, done.ended_at, done.energy_wh) == (at(0), at(60), 2000)
    assert done.notes == ("Its end never came; its connector is free again, so its last news stands for it.",)
    assert ticked(desk, 100 + 10 * HOUR + GRACE) == []


@pytest.mark.rule(18)
def test_registers_that_a_free_connector_goes_on_to_tell_keep_no_session_open() -> None:
    desk = present()
    running(desk)
    shows(desk, ConnectorStatus.AVAILABLE, 100)
    for seconds in range(160, 100 + HOUR, 60):
        desk.ask(asks.RecordMeter(evse_id=1, connector_id=1, samples=(sample(seconds, 3000),)), at(seconds))
    assert ticked(desk, 100 + HOUR) == [f.SessionEnded]


@pytest.mark.parametrize("told_at", [-30, 30])
def test_what_a_connector_said_before_the_session_was_last_heard_of_ends_nothing(told_at: float) -> None:
    desk = present()
    shows(desk, ConnectorStatus.PREPARING, told_at) if told_at < 0 else None
    transaction = noted(desk.ask(start16(), at(0))).transaction_id
    if told_at > 0:
        shows(desk, ConnectorStatus.PREPARING, told_at)
    for hour in range(1, 4):
        seconds = hour * HOUR - 60
        news = asks.UpdateSession(
            transaction_id=transaction, at=at(seconds), samples=(sample(seconds, 1000 + hour * 5000),)
        )
        desk.ask(news, at(seconds))
        assert ticked(desk, seconds + HOUR - 61) == []
    assert ends(desk) == []


@pytest.mark.rule(18)
def test_a_later_session_at_its_evse_ends_the_one_before() -> None:
    desk = present()
    first = running(desk)
    running(desk, 7200, meter_wh=50_000)
    desk.ask(asks.ReportStatus(evse_id=1, connector_id=1, status=ConnectorStatus.CHARGING), at(7300))
    assert ticked(desk, 7200 + HOUR - 1) == []
    assert ticked(desk, 7200 + HOUR) == [f.SessionEnded]
    (end,) = ends(desk)
    assert end.presumed is Presumed.NEXT_SESSION
    assert end.session_id == desk.state.session_by_transaction(first).session_id  # type: ignore[union-attr]


@pytest.mark.rule(18)
def test_a_station_that_comes_back_has_its_queue_to_tell_first() -> None:
    desk = present()
    transaction = running(desk)
    desk.ask(asks.Disconnect(connection_id="c1", reason="line cut"), at(100))
    assert ticked(desk, 5 * HOUR) == [], "it is away, and may be charging"
    desk.ask(asks.Connect(connection_id="c2", protocol="ocpp1.6"), at(5 * HOUR))
    shows(desk, ConnectorStatus.AVAILABLE, 5 * HOUR + 1)
    assert ticked(desk, 6 * HOUR) == []
    desk.ask(stop16(transaction, 900, 9000), at(6 * HOUR))
    assert ticked(desk, 6 * HOUR + 60) == [f.SessionCompleted]
    assert (completion(desk).energy_wh, completion(desk).notes) == (8000, ())


@pytest.mark.rule(18)
def test_a_session_of_a_station_that_never_comes_back_is_over_after_long_silence() -> None:
    desk = present()
    running(desk)
    desk.ask(asks.Disconnect(connection_id="c1", reason="line cut"), at(100))
    assert ticked(desk, 60 + SILENT - 1) == []
    assert ticked(desk, 60 + SILENT) == [f.SessionEnded]
    assert ends(desk)[0].presumed is Presumed.SILENCE


def test_a_connector_in_use_is_believed_however_long_its_session_is_silent() -> None:
    desk = present()
    running(desk)
    shows(desk, ConnectorStatus.SUSPENDED_EV, 100)
    assert ticked(desk, 10 * SILENT) == []


def began201(desk: Desk) -> None:
    desk.ask(start16(transaction_id="tx", seq_no=0), at(0))
    desk.ask(
        asks.UpdateSession(transaction_id="tx", at=at(60), seq_no=1, samples=(sample(60, 3000),)), at(60)
    )


@pytest.mark.rule(18)
def test_a_station_that_knows_a_session_no_more_ends_it_at_once() -> None:
    """2.x E14.FR.01: of a transaction that it does not know, a station says that it does not go on."""
    desk = present()
    began201(desk)
    (asked,) = unended.doubted(desk.state, at(2 * HOUR), RULES)
    desk.ask(asks.QueueReport(session_id=asked.session_id, in_queue=False, ongoing=False), at(2 * HOUR))
    assert ticked(desk, 2 * HOUR + 2) == [f.SessionEnded]
    assert ends(desk)[0].presumed is Presumed.NOT_ONGOING
    assert ticked(desk, 2 * HOUR + 31) == []
    assert ticked(desk, 2 * HOUR + 32) == [f.SessionCompleted]


@pytest.mark.parametrize(("ongoing", "in_queue"), [(True, False), (False, True), (None, False)])
def test_a_station_that_has_more_to_tell_of_a_session_ends_nothing(
    ongoing: bool | None, in_queue: bool
) -> None:
    desk = present()
    began201(desk)
    (asked,) = unended.doubted(desk.state, at(2 * HOUR), RULES)
    desk.ask(asks.QueueReport(session_id=asked.session_id, in_queue=in_queue, ongoing=ongoing), at(2 * HOUR))
    assert ticked(desk, 2 * HOUR + 60) == []
    assert bool(unended.doubted(desk.state, at(2 * HOUR + 60), RULES)) is (ongoing is not True)


def test_a_station_of_1_6_is_not_asked_what_it_cannot_answer() -> None:
    desk = present()
    running(desk)
    assert unended.doubted(desk.state, at(10 * HOUR), RULES) == ()


@pytest.mark.rule(18)
def test_a_true_end_within_the_grace_replaces_the_presumed_one() -> None:
    desk = present()
    transaction = running(desk)
    shows(desk, ConnectorStatus.AVAILABLE, 100)
    ticked(desk, 100 + HOUR)
    decision = desk.ask(stop16(transaction, 99, 9000), at(2 * HOUR))
    assert [type(fact) for fact in decision.facts] == [f.SessionEnded]
    assert ticked(desk, 2 * HOUR + 30) == [f.SessionCompleted]
    done = completion(desk)
    assert (done.ended_at, done.energy_wh) == (at(99), 8000)
    assert done.notes == (
        "Its end had been presumed at 2026-03-01T08:01:00Z with 2000 Wh before its station told it.",
    )
    assert ticked(desk, 2 * HOUR + GRACE) == [], "one end is billed"


@pytest.mark.rule(18)
def test_news_within_the_grace_opens_the_session_again() -> None:
    desk = present()
    transaction = running(desk)
    desk.ask(asks.Disconnect(connection_id="c1", reason="line cut"), at(100))
    ticked(desk, 60 + SILENT)
    back = SILENT + HOUR
    desk.ask(asks.Connect(connection_id="c2", protocol="ocpp1.6"), at(back))
    news = asks.UpdateSession(transaction_id=transaction, at=at(back), samples=(sample(back, 30_000, 7000),))
    assert [type(fact) for fact in desk.ask(news, at(back)).facts] == [f.SessionReopened, f.MeterSampled]
    session = desk.state.session_by_transaction(transaction)
    assert session is not None
    assert (session.ended_at, session.presumed, session.energy_wh, session.power_w) == (
        None,
        None,
        29_000,
        7000,
    )
    assert ticked(desk, back + GRACE) == []
    desk.ask(stop16(transaction, back + 60, 31_000), at(back + 60))
    assert (completion(desk).energy_wh, completion(desk).ended_at) == (30_000, at(back + 60))


@pytest.mark.rule(18)
def test_a_true_end_after_the_completion_is_kept_once_with_both_figures_and_bills_nothing() -> None:
    desk = present()
    transaction = running(desk)
    shows(desk, ConnectorStatus.AVAILABLE, 100)
    ticked(desk, 100 + HOUR)
    ticked(desk, 100 + HOUR + GRACE)
    late = 2 * HOUR + GRACE
    decision = desk.ask(stop16(transaction, 99, 9000), at(late))
    assert decision.answer == answers.SessionNoted(transaction)
    (stray,) = decision.facts
    assert isinstance(stray, f.StrayReported)
    assert (stray.energy_wh, stray.completed_wh) == (8000, 2000)
    assert '"meter_wh":9000' in stray.body
    again = desk.ask(stop16(transaction, 99, 9000), at(late + 60))
    assert (again.answer, again.facts) == (decision.answer, ())
    assert completion(desk).energy_wh == 2000


def test_a_stop_that_names_no_transaction_finds_the_session_whose_end_was_presumed() -> None:
    desk = present()
    transaction = running(desk)
    shows(desk, ConnectorStatus.AVAILABLE, 100)
    ticked(desk, 100 + HOUR)
    desk.ask(stop16("-1", 99, 9000, token=CARD), at(2 * HOUR))
    assert desk.told(f.StrayReported) == []
    session = desk.state.session_by_transaction(transaction)
    assert session is not None
    assert (session.presumed, session.meter_stop_wh) == (None, 9000)


def test_a_session_whose_end_is_presumed_can_still_be_told_to_stop() -> None:
    desk = present()
    transaction = running(desk)
    shows(desk, ConnectorStatus.AVAILABLE, 100)
    ticked(desk, 100 + HOUR)
    session = desk.state.session_by_transaction(transaction)
    assert session is not None
    ask = asks.Command(
        command_id="k", name=CommandName.STOP, asked_by=desk.state.owner, session_id=session.session_id
    )
    (tell,) = desk.ask(ask, at(2 * HOUR)).questions
    assert isinstance(tell, answers.TellStation)


def test_an_end_without_a_start_is_presumed_too() -> None:
    desk = present()
    desk.ask(asks.UpdateSession(transaction_id="tx", at=at(60), seq_no=4, samples=(sample(60, 500),)), at(60))
    assert ticked(desk, 60 + SILENT) == [f.SessionEnded]
    assert ticked(desk, 60 + SILENT + GRACE) == [f.SessionCompleted]
    assert completion(desk).ended_at == at(60)


_STEPS = st.lists(
    st.sampled_from(["news", "free", "charging", "away", "back", "tick", "hours", "days", "next"]),
    max_size=25,
)


@given(_STEPS, st.sampled_from(["", "early", "late"]))
@settings(max_examples=200, deadline=None)
@pytest.mark.rule(18)
def test_whatever_comes_a_session_is_completed_once_and_never_beyond_its_last_register(
    steps: list[str], true_end: str
) -> None:
    desk, now, wh = present(), 60.0, 3000
    transaction = running(desk)
    session_id = desk.state.session_by_transaction(transaction).session_id  # type: ignore[union-attr]
    for number, step in enumerate(steps):
        now += {"hours": 3 * HOUR, "days": SILENT}.get(step, 120)
        if step == "news":
            wh += 100
            news = asks.UpdateSession(transaction_id=transaction, at=at(now), samples=(sample(now, wh),))
            desk.ask(news, at(now))
        elif step in ("free", "charging"):
            shows(desk, ConnectorStatus.AVAILABLE if step == "free" else ConnectorStatus.CHARGING, now)
        elif step == "away" and desk.state.connection_id:
            desk.ask(asks.Disconnect(connection_id=desk.state.connection_id, reason="cut"), at(now))
        elif step == "back":
            desk.ask(asks.Connect(connection_id=f"b{number}", protocol="ocpp1.6"), at(now))
        elif step == "next":
            desk.ask(start16(now, meter_wh=wh), at(now))
        else:
            ticked(desk, now)
    over = session_id in {getattr(fact, "session_id", None) for fact in desk.told(f.SessionCompleted)}
    if true_end == "early":
        desk.ask(stop16(transaction, now, wh + 50), at(now))
    if desk.state.connection_id:
        desk.ask(asks.Disconnect(connection_id=desk.state.connection_id, reason="cut"), at(now))
    for _ in range(3):
        now += SILENT + GRACE
        ticked(desk, now)
    if true_end == "late":
        desk.ask(stop16(transaction, now, wh + 50), at(now))
    mine = [fact for fact, _ in desk.log if getattr(fact, "session_id", None) == session_id]
    (done,) = (fact for fact in mine if isinstance(fact, f.SessionCompleted))
    told = [s for fact in mine if isinstance(fact, f.MeterSampled) for s in fact.samples]
    heard = [s for s in told if s.at <= done.ended_at]
    by_true_end = true_end == "early" and not over
    assert done.energy_wh == max(s.energy_wh or 0 for s in heard) - 1000 + (50 if by_true_end else 0)
    too_late = bool(true_end) and not by_true_end
    assert len([fact for fact in mine if isinstance(fact, f.StrayReported)]) == too_late
