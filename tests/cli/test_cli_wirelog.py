"""`elstrada station log` reads what nodes wrote, while they write it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from elstrada.cli import root
from elstrada.cli.exits import Exit
from elstrada.net.clock import SystemClock
from elstrada.roles.wirelog.line import Line
from elstrada.roles.wirelog.store import SUFFIX, Bounds
from elstrada.roles.wirelog.tap import Tap, WireLog
from elstrada.roles.wirelog.writer import Writer


class Node:
    """A node's wire log in a data folder."""

    def __init__(self, data: Path, name: str) -> None:
        self.data = data
        self.log = WireLog(SystemClock())
        self.writer = Writer(self.log, data / "wire" / f"{name}{SUFFIX}", Bounds(), SystemClock())
        self.writer.start()

    def tap(self, station: str = "CP1") -> Tap:
        line = Line(
            owner="SE*ELS",
            station_id=station,
            connection_id="c",
            protocol="ocpp1.6",
            security="plain",
            remote="192.0.2.7",
        )
        return self.log.tap(line)

    def settle(self) -> None:
        until = time.monotonic() + 10
        while self.log.waiting or not self.writer.idle:
            assert time.monotonic() < until
            time.sleep(0.02)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path, "n1")
    yield node
    node.writer.stop()


def run(data: Path, *words: str) -> Result:
    return CliRunner().invoke(root, ["--data-dir", str(data), "station", "log", *words])


def said(tap: Tap, message_id: str, action: str = "Heartbeat", at: datetime | None = None) -> None:
    tap.received(f'[2,"{message_id}","{action}",{{}}]'.encode(), at)
    tap.sent(f'[3,"{message_id}",{{"status":"Accepted"}}]'.encode())


def test_a_call_stands_above_its_answer(node: Node) -> None:
    said(node.tap(), "a", "BootNotification")
    node.settle()

    opened, call, answer = run(node.data, "CP1").stdout.splitlines()
    assert "* opened: ocpp1.6, plain, from 192.0.2.7" in opened
    assert '> BootNotification  [2,"a","BootNotification",{}]' in call
    assert "< Accepted after " in answer
    assert answer.endswith('[3,"a",{"status":"Accepted"}]')


def test_json_is_one_object_per_line_with_its_answer_inside(node: Node) -> None:
    said(node.tap(), "a", "BootNotification")
    node.settle()

    lines = [json.loads(line) for line in run(node.data, "CP1", "--json").stdout.splitlines()]
    assert [line["kind"] for line in lines] == ["opened", "call"]
    assert lines[1]["outcome"] == "answered"
    assert lines[1]["answer"]["outcome"] == "Accepted"
    assert lines[1]["answer"]["latency_ms"] >= 0


def test_entries_are_chosen_by_action_direction_id_time_and_number(node: Node) -> None:
    tap = node.tap()
    for number in range(5):
        said(tap, f"h{number}")
    tap.sent(b'[2,"ours","ClearCache",{}]')
    node.settle()

    def ids(*words: str) -> list[str]:
        told = run(node.data, "CP1", "--json", *words).stdout.splitlines()
        return [json.loads(line).get("message_id") for line in told]

    assert ids("--action", "Heartbeat", "--limit", "2") == ["h3", "h4"]
    assert ids("--direction", "out") == ["ours"]
    assert ids("--id", "h2") == ["h2"]
    assert ids("--since", "1h", "--all", "--direction", "in") == ["h0", "h1", "h2", "h3", "h4"]
    assert ids("--until", (datetime.now(UTC) - timedelta(hours=1)).isoformat()) == []


def test_the_files_of_several_nodes_are_one_log_in_the_order_of_time(node: Node, tmp_path: Path) -> None:
    other, now = Node(tmp_path, "n2"), datetime.now(UTC)
    mine, theirs = node.tap(), other.tap()
    for number in range(4):
        said((mine, theirs)[number % 2], f"h{number}", at=now + timedelta(seconds=number))
    node.settle()
    other.settle()
    other.writer.stop()

    def told(*words: str) -> list[str]:
        found = run(tmp_path, "CP1", "--action", "Heartbeat", "--json", *words).stdout.splitlines()
        return [f"{line['node']} {line['message_id']}" for line in map(json.loads, found)]

    assert told() == told("--all") == ["n1 h0", "n2 h1", "n1 h2", "n2 h3"]
    assert told("--node", "n2") == ["n2 h1", "n2 h3"]


def test_follow_tells_a_call_once_it_is_answered(node: Node) -> None:
    tap = node.tap()
    said(tap, "before")
    node.settle()
    command = [sys.executable, "-c", "from elstrada.cli import main; main()", "--data-dir", str(node.data)]
    following = subprocess.Popen(
        [*command, "station", "log", "CP1", "--follow", "--json", "--limit", "1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert following.stdout is not None
        assert json.loads(following.stdout.readline())["message_id"] == "before"
        tap.received(b'[2,"a","BootNotification",{}]')
        said(tap, "b")
        assert json.loads(following.stdout.readline())["message_id"] == "b"
        tap.sent(b'[3,"a",{"status":"Accepted"}]')
        answered = json.loads(following.stdout.readline())
        assert (answered["message_id"], answered["outcome"]) == ("a", "answered")
    finally:
        following.kill()
        following.wait()


def test_a_station_that_was_never_here_and_a_folder_without_logs_are_told_apart(
    node: Node, tmp_path: Path
) -> None:
    said(node.tap(), "a")
    node.settle()
    nothing = run(node.data, "CP9")
    assert (nothing.exit_code, nothing.stdout) == (Exit.OK, "")
    assert "There is nothing" in nothing.stderr

    empty = run(tmp_path / "elsewhere", "CP1")
    assert empty.exit_code == Exit.UNREACHABLE
    assert "there is no wire log in" in empty.stderr


def test_a_file_that_is_no_wire_log_is_named(tmp_path: Path) -> None:
    (tmp_path / "wire").mkdir()
    (tmp_path / "wire" / f"n1{SUFFIX}").write_text("not at all a database" * 100)
    problem = run(tmp_path, "CP1")
    assert problem.exit_code == Exit.UNREACHABLE
    assert "n1.wire.db cannot be read" in problem.stderr


def test_what_a_station_says_does_not_steer_the_terminal(node: Node) -> None:
    node.tap().received(b'[2,"a","Data\x1b[2J",{}]')
    node.tap().received('[2,"b","DataTransfer",{"data":"\u202e"}]'.encode())
    node.settle()
    told = run(node.data, "CP1").stdout
    assert "\x1b" not in told
    assert "\u202e" not in told


@pytest.mark.parametrize("when", ["yesterday", "5x", "2026-13-01"])
def test_a_time_that_cannot_be_read_is_a_wrong_use(node: Node, when: str) -> None:
    problem = run(node.data, "CP1", "--since", when)
    assert problem.exit_code == Exit.USAGE
    assert "expected a time like" in problem.stderr
