"""The connection: calls that cross, come late, come twice, never come."""

from __future__ import annotations

import json
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from elstrada.ocpp.connection import (
    MAX_EXPIRED,
    MAX_FOREIGN_PER_MINUTE,
    MAX_HELD,
    MAX_QUEUED,
    MAX_REMEMBERED,
    AnswerDisputed,
    CallReceived,
    CallRepeated,
    CallTimedOut,
    Connection,
    ErrorReceived,
    ForeignResult,
    ResultReceived,
    SendReceived,
    Violation,
)
from elstrada.ocpp.faults import Fault
from elstrada.ocpp.versions import OCPP16, OCPP21, OCPP201

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SOON = NOW + timedelta(seconds=30)
LATER = NOW + timedelta(seconds=60)
START = b'[2,"s1","StartTransaction",{"connectorId":1,"idTag":"A","meterStart":0,"timestamp":"2026-11-21T12:00:00Z"}]'


@pytest.fixture
def connection() -> Connection:
    return Connection(OCPP16.dialect)


def beat(message_id: str) -> bytes:
    return b'[2,"%s","Heartbeat",{}]' % message_id.encode()


def test_a_call_is_handed_out_and_answered(connection: Connection) -> None:
    (event,) = connection.receive(beat("h1"), NOW)

    assert event == CallReceived("h1", "Heartbeat", b"{}")
    assert connection.answer("h1", b'{"currentTime":"x"}') == ()
    assert connection.frames_to_send() == [b'[3,"h1",{"currentTime":"x"}]']
    assert connection.frames_to_send() == []


def test_a_call_is_refused_in_the_spelling_of_its_version() -> None:
    for version, code in ((OCPP16, "FormationViolation"), (OCPP201, "FormatViolation")):
        connection = Connection(version.dialect)
        connection.receive(beat("h1"), NOW)

        connection.refuse("h1", Fault.FORMAT_VIOLATION, "why")

        assert connection.frames_to_send() == [b'[4,"h1","%s","why",{}]' % code.encode()]


@pytest.mark.rule(9)
def test_rule_9_calls_of_both_sides_may_cross(connection: Connection) -> None:
    connection.call("Reset", b'{"type":"Soft"}', message_id="c1", now=NOW, deadline=SOON)

    (theirs,) = connection.receive(beat("h1"), NOW)
    (ours,) = connection.receive(b'[3,"c1",{"status":"Accepted"}]', NOW)
    connection.answer("h1", b"{}")

    assert isinstance(theirs, CallReceived)
    assert ours == ResultReceived("c1", "Reset", b'{"status":"Accepted"}')
    assert connection.frames_to_send() == [b'[2,"c1","Reset",{"type":"Soft"}]', b'[3,"h1",{}]']


@pytest.mark.rule(10)
def test_rule_10_a_call_of_ours_may_be_made_while_theirs_is_open(connection: Connection) -> None:
    connection.receive(beat("h1"), NOW)

    connection.call("Reset", b"{}", message_id="c1", now=NOW, deadline=SOON)
    (event,) = connection.receive(b'[3,"c1",{}]', NOW)

    assert isinstance(event, ResultReceived)


def test_only_one_call_of_ours_is_in_flight_and_the_rest_wait_in_order(connection: Connection) -> None:
    for number in range(3):
        assert connection.call("Reset", b"{}", message_id=f"c{number}", now=NOW, deadline=SOON)

    assert connection.frames_to_send() == [b'[2,"c0","Reset",{}]']
    connection.receive(b'[4,"c0","InternalError","broken",{}]', NOW)
    assert connection.frames_to_send() == [b'[2,"c1","Reset",{}]']
    connection.receive(b'[3,"c1",{}]', NOW)
    assert connection.frames_to_send() == [b'[2,"c2","Reset",{}]']


def test_the_queue_of_our_calls_is_bounded(connection: Connection) -> None:
    accepted = [
        connection.call("Reset", b"{}", message_id=f"c{n}", now=NOW, deadline=SOON)
        for n in range(MAX_QUEUED + 1)
    ]

    assert accepted == [True] * MAX_QUEUED + [False]


def test_a_call_that_is_late_already_is_not_made(connection: Connection) -> None:
    assert not connection.call("Reset", b"{}", message_id="c1", now=NOW, deadline=NOW)
    assert connection.frames_to_send() == []


def test_an_error_is_matched_to_its_call(connection: Connection) -> None:
    connection.call("Reset", b"{}", message_id="c1", now=NOW, deadline=SOON)

    (event,) = connection.receive(b'[4,"c1","NotSupported",null,{}]', NOW)

    assert event == ErrorReceived("c1", "Reset", "NotSupported", "")


def test_a_call_times_out_at_its_deadline_and_makes_room_for_the_next(connection: Connection) -> None:
    connection.call("Reset", b"{}", message_id="c1", now=NOW, deadline=SOON)
    connection.call("Reset", b"{}", message_id="c2", now=NOW, deadline=LATER)
    connection.frames_to_send()

    assert connection.due() == SOON
    assert connection.tick(SOON - timedelta(microseconds=1)) == ()
    assert connection.tick(SOON) == (CallTimedOut("c1", "Reset", sent=True),)
    assert connection.frames_to_send() == [b'[2,"c2","Reset",{}]']
    assert connection.due() == LATER
    assert connection.tick(LATER) == (CallTimedOut("c2", "Reset", sent=True),)
    assert connection.due() is None


def test_a_call_that_waited_too_long_is_never_sent(connection: Connection) -> None:
    connection.call("Reset", b"{}", message_id="c1", now=NOW, deadline=LATER)
    connection.call("Reset", b"{}", message_id="c2", now=NOW, deadline=SOON)

    assert connection.tick(SOON) == (CallTimedOut("c2", "Reset", sent=False),)
    assert connection.due() == LATER
    assert connection.frames_to_send() == [b'[2,"c1","Reset",{}]']


def test_p5_a_call_whose_time_ran_out_while_the_process_stood_still_is_never_sent(
    connection: Connection,
) -> None:
    """On waking, the answer to the call in flight may be read before the timer runs."""
    connection.call("Reset", b"{}", message_id="c1", now=NOW, deadline=SOON)
    connection.call("Reset", b"{}", message_id="c2", now=NOW, deadline=SOON)
    connection.call("Reset", b"{}", message_id="c3", now=NOW, deadline=LATER)
    connection.frames_to_send()

    events = connection.receive(b'[3,"c1",{"status":"Accepted"}]', SOON)

    assert [type(event) for event in events] == [ResultReceived, CallTimedOut]
    assert events[1] == CallTimedOut("c2", "Reset", sent=False)
    assert connection.frames_to_send() == [b'[2,"c3","Reset",{}]']
    assert connection.due() == LATER


@pytest.mark.parametrize("frame", [b'[3,"c1",{"status":"Accepted"}]', b'[4,"c1","InternalError","",{}]'])
@pytest.mark.rule(11)
def test_rule_11_a_late_answer_is_matched_to_its_call_once(connection: Connection, frame: bytes) -> None:
    connection.call("Reset", b"{}", message_id="c1", now=NOW, deadline=SOON)
    connection.tick(SOON)

    (first,) = connection.receive(frame, LATER)
    (second,) = connection.receive(frame, LATER)

    assert isinstance(first, ResultReceived | ErrorReceived)
    assert (first.id, first.action, first.late) == ("c1", "Reset", True)
    assert isinstance(second, ForeignResult)


@pytest.mark.parametrize("frame", [b'[3,"c1"]', b'[4,"c1"]', b'[3,"c1",{},{}]', b'[4,"c1",7,"",{}]'])
def test_an_answer_nobody_can_read_ends_its_call_at_once(connection: Connection, frame: bytes) -> None:
    connection.call("Reset", b"{}", message_id="c1", now=NOW, deadline=SOON)
    connection.call("Reset", b"{}", message_id="c2", now=NOW, deadline=SOON)
    connection.frames_to_send()

    violation, ended = connection.receive(frame, NOW)

    assert isinstance(violation, Violation)
    assert isinstance(ended, ErrorReceived)
    assert (ended.id, ended.code, ended.late) == ("c1", "RpcFrameworkError", False)
    assert b'"c2"' in connection.frames_to_send()[0], "the next is sent"
    (again,) = connection.receive(frame, NOW)
    assert isinstance(again, Violation)


def test_only_the_last_timed_out_calls_are_remembered(connection: Connection) -> None:
    for number in range(MAX_EXPIRED + 1):
        connection.call("Reset", b"{}", message_id=f"c{number}", now=NOW, deadline=SOON)
        connection.tick(SOON)

    (forgotten,) = connection.receive(b'[3,"c0",{}]', LATER)
    (remembered,) = connection.receive(b'[3,"c1",{}]', LATER)

    assert isinstance(forgotten, ForeignResult)
    assert isinstance(remembered, ResultReceived)


def test_t12_a_guessed_result_completes_nothing(connection: Connection) -> None:
    connection.call("Reset", b"{}", message_id="c1", now=NOW, deadline=SOON)
    connection.call("Reset", b"{}", message_id="c2", now=NOW, deadline=SOON)

    (wrong,) = connection.receive(b'[3,"guess",{}]', NOW)
    (early,) = connection.receive(b'[3,"c2",{}]', NOW)

    assert isinstance(wrong, ForeignResult)
    assert isinstance(early, ForeignResult), "c2 was not sent yet"
    assert connection.tick(SOON)[0].id == "c1"


def test_t12_more_than_ten_foreign_results_a_minute_close(connection: Connection) -> None:
    events = [connection.receive(b'[3,"x",{}]', NOW)[0] for _ in range(MAX_FOREIGN_PER_MINUTE + 1)]

    assert all(isinstance(event, ForeignResult) for event in events[:-1])
    assert isinstance(events[-1], Violation)
    assert events[-1].close == 1008
    assert isinstance(connection.receive(b'[3,"x",{}]', NOW + timedelta(minutes=1))[0], ForeignResult)


def test_t12_twenty_thousand_unsolicited_results_take_no_memory(connection: Connection) -> None:
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(20_000):
        connection.receive(b'[3,"x%d",{}]' % number, NOW)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()

    assert grown < 64 * 1024  # 20,000 kept ids would be 1 MB
    assert connection.frames_to_send() == []


@pytest.mark.rule(12)
def test_rule_12_the_same_call_again_gets_the_same_answer_and_changes_nothing(connection: Connection) -> None:
    connection.receive(START, NOW)
    connection.answer("s1", b'{"transactionId":5}')
    first = connection.frames_to_send()

    (event,) = connection.receive(START, LATER)

    assert event == CallRepeated("s1", "StartTransaction")
    assert connection.frames_to_send() == first


@pytest.mark.rule(12)
def test_rule_12_also_on_the_stations_next_connection(connection: Connection) -> None:
    connection.receive(START, NOW)
    connection.answer("s1", b'{"transactionId":5}')

    again = Connection(OCPP16.dialect, answers=connection.answers)
    (event,) = again.receive(START, LATER)

    assert isinstance(event, CallRepeated)
    assert again.frames_to_send() == connection.frames_to_send()


def test_an_id_used_again_for_another_call_is_another_call(connection: Connection) -> None:
    connection.receive(START, NOW)
    connection.answer("s1", b'{"transactionId":5}')

    (event,) = connection.receive(START.replace(b'"A"', b'"B"'), NOW)

    assert isinstance(event, CallReceived)


def test_a_call_repeated_before_its_answer_is_answered_once(connection: Connection) -> None:
    connection.receive(START, NOW)

    assert connection.receive(START, NOW) == (CallRepeated("s1", "StartTransaction"),)
    connection.receive(beat("h1"), NOW)
    assert connection.receive(beat("h1"), NOW) == (CallRepeated("h1", "Heartbeat"),)
    assert [event.id for event in connection.answer("s1", b"{}")] == ["h1"]
    assert connection.answer("h1", b"{}") == ()
    assert len(connection.frames_to_send()) == 2


def test_only_the_last_answers_that_move_a_session_are_kept(connection: Connection) -> None:
    for number in range(MAX_REMEMBERED + 1):
        for frame in (START.replace(b"s1", b"s%d" % number), beat(f"h{number}")):
            (event,) = connection.receive(frame, NOW)
            connection.answer(event.id, b"{}")

    assert connection.answers is not None
    assert list(connection.answers) == [f"s{number}" for number in range(1, MAX_REMEMBERED + 1)]


def test_calls_sent_without_waiting_are_held_in_order_and_not_without_bound(connection: Connection) -> None:
    connection.receive(beat("h0"), NOW)
    for number in range(MAX_HELD):
        assert connection.receive(beat(f"h{number + 1}"), NOW) == ()

    (event,) = connection.receive(beat("last"), NOW)

    assert isinstance(event, Violation)
    assert event.close == 1008
    for number in range(MAX_HELD):
        (held,) = connection.answer(f"h{number}", b"{}")
        assert held.id == f"h{number + 1}"


def test_a_call_is_answered_once(connection: Connection) -> None:
    connection.receive(beat("h1"), NOW)
    connection.answer("h1", b"{}")

    with pytest.raises(LookupError, match="h1"):
        connection.answer("h1", b"{}")


# --- since 2.1 ------------------------------------------------------------------------------------------

SEND = b'[6,"n1","NotifyPeriodicEventStream",{"id":1}]'
RESULT_ERROR = b'[5,"h1","FormatViolation","no such field",{}]'


def test_21_a_send_comes_at_any_time_and_is_never_answered() -> None:
    connection = Connection(OCPP21.dialect)
    connection.receive(beat("h1"), NOW)

    events = connection.receive(SEND, NOW) + connection.receive(SEND, NOW)

    assert events == (SendReceived("n1", "NotifyPeriodicEventStream", b'{"id":1}'),) * 2
    assert connection.frames_to_send() == []
    assert connection.answer("h1", b"{}") == ()


def test_21_an_answer_that_the_station_cannot_read_is_known_and_not_given_again() -> None:
    connection = Connection(OCPP21.dialect)
    connection.receive(beat("h1"), NOW)
    connection.answer("h1", b"{}")
    connection.frames_to_send()

    for frame in (RESULT_ERROR, b'[5,"h1","FormatViolation",null]'):
        (event,) = connection.receive(frame, NOW)
        assert isinstance(event, AnswerDisputed)
        assert (event.id, event.code) == ("h1", "FormatViolation")
    assert connection.frames_to_send() == []


def test_21_a_result_that_makes_no_sense_is_disputed_and_before_it_is_not() -> None:
    for version, frames in ((OCPP21, [b'[5,"o1","FormatViolation","no",{}]']), (OCPP201, []), (OCPP16, [])):
        connection = Connection(version.dialect)
        connection.dispute("o1", Fault.FORMAT_VIOLATION, "no")
        assert connection.frames_to_send() == frames


@pytest.mark.parametrize("frame", [b'[6,"n1"]', b'[6,"n1",{},{}]', b"[5]", b'[6,"n1","A",{"a":"\\u0000"}]'])
def test_21_a_broken_send_is_counted_and_not_answered(frame: bytes) -> None:
    connection = Connection(OCPP21.dialect)

    (event,) = connection.receive(frame, NOW)

    assert isinstance(event, Violation)
    assert event.close is None
    assert connection.frames_to_send() == []


@pytest.mark.parametrize("frame", [SEND, RESULT_ERROR])
def test_before_21_they_are_unknown_message_types(frame: bytes) -> None:
    for version in (OCPP16, OCPP201):
        connection = Connection(version.dialect)
        (event,) = connection.receive(frame, NOW)
        assert isinstance(event, Violation)
        assert "unknown message type" in event.text
        assert connection.frames_to_send() == []


def test_an_idle_connection_takes_less_than_two_kilobytes() -> None:
    frames = [b'[2,"h%d","Heartbeat",{}]' % number for number in range(1000)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    connections = [Connection(OCPP16.dialect) for _ in range(1000)]
    for connection, frame in zip(connections, frames, strict=True):
        (event,) = connection.receive(frame, NOW)
        connection.answer(event.id, b"{}")
        connection.frames_to_send()
    taken = (tracemalloc.get_traced_memory()[0] - before) / len(connections)
    tracemalloc.stop()

    assert taken < 2048


class TwoEnds(RuleBasedStateMachine):
    """Whatever happens in whatever order: one call in flight each way, one end for every call of ours."""

    @initialize()
    def begin(self) -> None:
        self.now, self.count = NOW, 0
        self.connection = Connection(OCPP201.dialect)
        self.handed_out: list[str] = []
        self.in_flight: str | None = None
        self.called: set[str] = set()
        self.ended: list[str] = []

    def look(self, events: tuple[object, ...]) -> None:
        for event in events:
            match event:
                case CallReceived(id):
                    assert not self.handed_out
                    self.handed_out.append(id)
                case CallTimedOut(id, _, sent):
                    assert sent == (id == self.in_flight)
                    self.in_flight = None if sent else self.in_flight
                    self.ended.append(id)
                case ResultReceived(id, late=late):
                    assert late == (id != self.in_flight)
                    if not late:
                        self.in_flight = None
                        self.ended.append(id)
                case _:
                    pass
        for frame in self.connection.frames_to_send():
            kind, message_id, *_ = json.loads(frame)
            if kind == 2:
                assert self.in_flight is None
                self.in_flight = message_id

    @rule()
    def they_call(self) -> None:
        self.count += 1
        self.look(self.connection.receive(beat(f"h{self.count}"), self.now))

    @rule()
    def we_answer(self) -> None:
        if self.handed_out:
            self.look(self.connection.answer(self.handed_out.pop(), b"{}"))

    @rule(seconds=st.integers(1, 60))
    def we_call(self, seconds: int) -> None:
        self.count += 1
        deadline = self.now + timedelta(seconds=seconds)
        if self.connection.call("Reset", b"{}", message_id=f"c{self.count}", now=self.now, deadline=deadline):
            self.called.add(f"c{self.count}")
        self.look(())

    @rule(data=st.data())
    def they_answer(self, data: st.DataObject) -> None:
        if self.called:
            message_id = data.draw(st.sampled_from(sorted(self.called)))
            self.look(self.connection.receive(b'[3,"%s",{}]' % message_id.encode(), self.now))

    @rule(seconds=st.integers(1, 40))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.look(self.connection.tick(self.now))

    @invariant()
    def no_call_ends_twice(self) -> None:
        assert len(self.ended) == len(set(self.ended))

    @invariant()
    def every_call_has_ended_or_has_a_deadline_to_come(self) -> None:
        due = self.connection.due()
        assert (due is None) == (set(self.ended) == self.called)
        assert due is None or due > self.now or self.now == NOW


TestTwoEnds = TwoEnds.TestCase
TestTwoEnds.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
