"""What was said is there, paired and without secrets; what cannot be written is counted, and holds nobody up."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from wire_book import Book, line

from elstrada.roles.wirelog.reading import Wanted, every
from elstrada.roles.wirelog.store import Bounds

UID = "04A2B3C4D5E6F7"
PASSWORD = "correct-horse-battery"


def call(message_id: str, action: str, /, **payload: object) -> bytes:
    return json.dumps([2, message_id, action, payload]).encode()


def result(message_id: str, /, **payload: object) -> bytes:
    return json.dumps([3, message_id, payload]).encode()


def test_a_call_and_its_answer_are_one_whoever_calls(book: Book) -> None:
    tap = book.tap()
    tap.received(call("a", "BootNotification", chargePointModel="M"))
    tap.sent(call("b", "Reset", type="Soft"))
    tap.sent(result("a", status="Accepted"))
    tap.received(result("b", status="Rejected"))
    book.settle()

    opened, boot, reset = book.read()
    assert (opened.kind, opened.text) == ("opened", "ocpp1.6, plain, from 192.0.2.7")
    assert (boot.direction, boot.action, boot.outcome) == ("from station", "BootNotification", "answered")
    assert boot.answer is not None
    assert (boot.answer.kind, boot.answer.outcome) == ("result", "Accepted")
    assert boot.answer.latency_ms >= 0
    assert (reset.direction, reset.action, reset.message_id) == ("to station", "Reset", "b")
    assert reset.answer is not None
    assert reset.answer.outcome == "Rejected"


def test_the_same_message_id_in_both_directions_is_two_calls(book: Book) -> None:
    tap = book.tap()
    tap.received(call("1", "Heartbeat"))
    tap.sent(call("1", "ClearCache"))
    tap.received(result("1", status="Accepted"))
    book.settle()

    _, heartbeat, cleared = book.read()
    assert heartbeat.answer is None
    assert heartbeat.outcome == "unanswered"
    assert cleared.answer is not None


def test_an_error_is_an_answer_that_refuses(book: Book) -> None:
    tap = book.tap()
    tap.received(call("a", "Nonsense"))
    tap.sent(b'[4,"a","NotImplemented","no such action",{}]')
    book.settle()

    nonsense = book.read(action="nonsense")[0]
    assert nonsense.outcome == "refused"
    assert nonsense.answer is not None
    assert (nonsense.answer.kind, nonsense.answer.outcome) == ("error", "NotImplemented")


def test_an_answer_in_a_later_batch_finds_its_call(book: Book) -> None:
    tap = book.tap()
    tap.received(call("a", "Authorize", idTag=UID))
    book.settle()
    tap.sent(result("a", idTagInfo={"status": "Accepted"}))
    book.settle()

    (authorize,) = book.read(action="Authorize")
    assert authorize.answer is not None


@pytest.mark.rule(35)
def test_entries_are_found_by_action_direction_id_and_time(book: Book) -> None:
    tap = book.tap()
    tap.received(call("a", "Heartbeat"))
    tap.sent(call("b", "ClearCache"))
    book.settle()

    assert [one.message_id for one in book.read(action="HEARTBEAT")] == ["a"]
    assert [one.message_id for one in book.read(inbound=False)] == ["b"]
    assert [one.message_id for one in book.read(message_id="b")] == ["b"]
    assert book.read(until=datetime.now(UTC) - timedelta(minutes=1)) == []
    assert len(book.read(since=datetime.now(UTC) - timedelta(minutes=1))) == 3


FRAMES_WITH_SECRETS = [
    call("1", "Authorize", idTag=UID),
    call("2", "StartTransaction", connectorId=1, idTag=UID, meterStart=0),
    call("3", "TransactionEvent", idToken={"idToken": UID, "type": "ISO14443"}, eventType="Started"),
    call("4", "ChangeConfiguration", key="AuthorizationKey", value=PASSWORD),
    call(
        "5",
        "SetVariables",
        setVariableData=[
            {
                "component": {"name": "S"},
                "variable": {"name": "BasicAuthPassword"},
                "attributeValue": PASSWORD,
            }
        ],
    ),
    call("6", "SendLocalList", localAuthorizationList=[{"idTag": UID, "idTagInfo": {"parentIdTag": UID}}]),
    call("7", "DataTransfer", vendorId="v", data=json.dumps({"idTag": UID, "password": PASSWORD})),
    call("8", "GetDiagnostics", location=f"ftp://me:{PASSWORD}@files.example/d"),
    call("9", "Authorize", idToken={"idToken": UID, "type": "eMAID"}, certificate=f"-----BEGIN {UID}"),
    call("10", "Get15118EVCertificate", exiRequest=UID, action="Install"),
    call("11", "NotifyCustomerInformation", data=f"holder {UID}", seqNo=0),
    call(
        "12", "SetNetworkProfile", connectionData={"basicAuthPassword": PASSWORD, "apn": {"simPin": 7314159}}
    ),
    result("13", idTagInfo={"status": "Accepted", "parentIdTag": UID}),
    result("14", idTokenInfo={"status": "Accepted", "groupIdToken": {"idToken": UID, "type": "Central"}}),
    result("15", exiResponse=UID, status="Accepted"),
    result("16", configurationKey=[{"key": "AuthorizationKey", "readonly": False, "value": PASSWORD}]),
    b'[4,"17","GenericError","idTag: %s",{"idTag":"%s"}]' % (UID.encode(), UID.encode()),
    b'[4,"171","GenericError","unknown idTag %s",{}]' % UID.encode(),
    b'[2,"18","Authorize",{"idTag":"%s"}' % UID.encode(),
    b'[2,"19","Authorize",{"\\u0069dTag":"%s"}]' % UID.encode(),
    b'[2,"20","Authorize",{"\\u0069dTag":"%s"' % UID.encode(),
    b'[2,"21","Authorize",{"idTag":"%s","idTag":1}]' % UID.encode(),
    b'[2,"22","Authorize",{"idTag":["%s"]}]' % UID.encode(),
    b'{"idTag":"%s"}' % UID.encode(),
    b'[2,"23","Authorize",{"idTag":7314159}]',
    b"\xff\xfe idTag %s" % UID.encode(),
]


@pytest.mark.rule(35)
def test_no_secret_and_no_whole_uid_is_ever_in_the_file(book: Book) -> None:
    tap = book.tap()
    for frame in FRAMES_WITH_SECRETS:
        tap.received(frame)
        tap.sent(frame)
    tap.closed(1008, f"idTag {UID}", by_us=False)
    book.settle()
    book.writer.stop()

    assert book.written == book.noted
    lying = book.bytes().lower()
    assert len(lying) > 10_000
    for secret in (UID, PASSWORD, "7314159"):
        assert secret.lower().encode() not in lying


def test_what_holds_no_secret_is_kept_to_the_letter(book: Book) -> None:
    frame = b'[2, "a", "MeterValues", {"connectorId":1,"meterValue":[{"sampledValue":[{"value":"1.50"}]}]}]'
    book.tap().received(frame)
    book.settle()

    assert book.read(action="MeterValues")[0].text == frame.decode()


@pytest.mark.parametrize(
    "frame", [b"", b"[", b"nonsense", b"[[]]", b"[2]", b'[2,"a"]', b"[7,1]", b"\xff", b"[" * 9999]
)
def test_whatever_comes_is_noted_and_stops_nothing(book: Book, frame: bytes) -> None:
    tap = book.tap()
    tap.received(frame)
    tap.received(call("a", "Heartbeat"))
    book.settle()

    _, garbled, heartbeat = book.read()
    assert (garbled.kind, garbled.size) == ("garbled", len(frame))
    assert heartbeat.action == "Heartbeat"


# --- connections ------------------------------------------------------------------------------------


def test_a_connection_tells_from_where_how_and_why_it_ended(book: Book) -> None:
    tap = book.tap()
    ahead = datetime.now(UTC) + timedelta(seconds=90)
    for number in range(5):
        at = ahead if number else datetime(1970, 1, 1, tzinfo=UTC)
        tap.received(call(str(number), "StatusNotification", timestamp=at.isoformat(), connectorId=1))
        tap.sent(result(str(number)))
    tap.received(call("h", "Heartbeat"))
    tap.closed(1006, "connection lost", by_us=False)
    book.settle()

    (connected,) = book.connections()
    assert (connected.protocol, connected.security, connected.remote) == ("ocpp1.6", "plain", "192.0.2.7")
    assert (connected.received, connected.sent) == (6, 5)
    assert connected.closed_at is not None
    assert connected.ended == "1006 the line broke: connection lost"
    assert connected.heartbeat_at is not None
    assert connected.clock_ahead_s == pytest.approx(90, abs=5)
    assert connected.answer_ms is not None
    assert connected.reply_ms is None


def test_who_ended_it_is_told(book: Book) -> None:
    book.tap(connection_id="c1").closed(1012, "service restart", by_us=True)
    book.tap(connection_id="c2").closed(1000, "", by_us=False)
    book.settle()

    ends = [connected.ended for connected in book.connections()]
    assert sorted(ends) == [
        "1000 a regular end (by the station or the network)",
        "1012 restart: service restart (by us)",
    ]


def test_sockets_of_a_life_that_ended_without_a_word_are_not_open_in_the_next(tmp_path: Path) -> None:
    with Book(tmp_path) as first:
        first.tap().received(call("a", "Heartbeat"))
        first.settle()
    with Book(tmp_path) as second:
        second.tap(connection_id="c2")
        second.settle()
        new, old = second.connections()
    assert (new.connection, new.closed_at) == ("c2", None)
    assert old.ended == "the node ended without a word (by us)"


def test_refused_handshakes_are_noted_but_not_more_than_a_few_a_minute(book: Book) -> None:
    for _ in range(200):
        book.log.refused(line(connection_id=""), 401, "wrong password, from 192.0.2.7")
    book.settle()

    refused = book.read()
    assert len(refused) == 60
    assert (refused[0].kind, refused[0].outcome) == ("refused", "401")
    assert book.log.dropped == 140


# --- bounds -----------------------------------------------------------------------------------------


def test_the_file_stays_within_its_size_under_a_flood_and_keeps_the_newest(tmp_path: Path) -> None:
    bounds = Bounds(size_bytes=16 << 20)
    with Book(tmp_path, bounds) as book:
        tap = book.tap()
        for number in range(10_000):
            while book.log.waiting > 4_000:
                time.sleep(0.005)
            tap.received(call(str(number), "StatusNotification", connectorId=1, info="x" * 2_000))
        book.settle(60)
        last = book.read()[-1]
        assert last.message_id == "9999"
        assert book.writer.lost == 0
        assert os.path.getsize(book.path) <= bounds.size_bytes
        assert len(book.bytes()) <= bounds.size_bytes + (8 << 20)  # With what is written ahead.


@pytest.mark.rule(35)
def test_what_is_older_than_it_may_be_goes(tmp_path: Path) -> None:
    with Book(tmp_path, Bounds(days=1)) as book:
        tap = book.tap()
        tap.received(call("old", "Heartbeat"), datetime.now(UTC) - timedelta(days=2))
        book.settle()
        assert [one.message_id for one in book.read(action="Heartbeat")] == ["old"]
    with Book(tmp_path, Bounds(days=1)) as book:
        book.tap().received(call("new", "Heartbeat"))
        book.settle()
        assert [one.message_id for one in book.read(action="Heartbeat")] == ["new"]


def test_what_does_not_fit_into_the_queue_is_dropped_counted_and_soon_over(tmp_path: Path) -> None:
    book = Book(tmp_path, waiting_bytes=100_000)  # Its writer does not run.
    tap = book.tap()
    began = time.perf_counter()
    for number in range(10_000):
        tap.received(call(str(number), "Heartbeat"))
    assert time.perf_counter() - began < 1
    assert book.log.waiting < 500
    assert book.log.dropped > 9_000


# --- a store in trouble -----------------------------------------------------------------------------


def test_a_broken_file_is_replaced_and_the_connection_goes_on_in_the_new_one(tmp_path: Path) -> None:
    with Book(tmp_path) as book:
        tap = book.tap()
        book.settle()
    book.path.write_bytes(os.urandom(100_000))
    with Book(tmp_path) as book:
        tap = book.tap()
        book.settle()
        assert book.writer.lost > 0
        until = time.monotonic() + 20
        while not book.written:
            assert time.monotonic() < until
            tap.received(call("a", "Heartbeat"))
            time.sleep(0.1)
        book.settle()
        assert book.writer.trouble == ""
        assert book.read(action="Heartbeat")
        (connected,) = book.connections()
        assert connected.connection == "c1"


def test_a_locked_file_loses_lines_and_only_while_it_is_locked(book: Book) -> None:
    tap = book.tap()
    book.settle()
    with sqlite3.connect(book.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.perf_counter()
        for number in range(100):
            tap.received(call(str(number), "Heartbeat"))
        assert time.perf_counter() - began < 0.5
        book.settle()
        assert book.writer.lost == 100
        assert "locked" in book.writer.trouble
        other.execute("ROLLBACK")
    until = time.monotonic() + 20
    while book.writer.trouble:
        assert time.monotonic() < until
        tap.received(call("again", "Heartbeat"))
        time.sleep(0.1)
    assert {one.message_id for one in book.read(action="Heartbeat")} == {"again"}


def test_where_no_file_can_be_lines_are_lost_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "wire").write_text("in the way")
    with Book(tmp_path / "wire") as book:
        book.tap().received(call("a", "Heartbeat"))
        book.settle()
        assert book.writer.lost == 2
        assert book.writer.trouble


def test_a_full_file_refuses_lines_until_there_is_room(tmp_path: Path) -> None:
    """SQLite says that the disk is full when the file may not grow; so it does when the disk is."""
    bounds = Bounds(size_bytes=300_000)
    with Book(tmp_path, bounds) as book:
        tap = book.tap()
        for number in range(40):
            tap.received(call(str(number), "DataTransfer", vendorId="v", data="x" * 60_000))
        book.settle()
        assert book.writer.lost > 0
        assert "full" in book.writer.trouble
        assert os.path.getsize(book.path) <= bounds.size_bytes
        until = time.monotonic() + 20
        while book.writer.trouble:
            assert time.monotonic() < until
            tap.received(call("small", "Heartbeat"))
            time.sleep(0.1)
        assert list(every([book.path], Wanted(station_id="CP1", action="Heartbeat")))
