"""The log: a line per record that a machine or a person can read, without secrets, without floods."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
import structlog
from _pytest.logging import LogCaptureHandler

from elstrada.redaction import redacted
from elstrada.roles.logs import BURST, WINDOW_S, Flood, set_up
from elstrada.spine.migrate import migrate
from pace import ratio

Written = Callable[[], list[str]]

HOSTILE = "S1\r\n2026-01-01T00:00:00Z ERROR root: forged \x1b[2J\x00\x7f\u2028\udcff end"
"""What a station might call itself (T14)."""
CANARY = "c4n4ry-5ecret-0042"
SECRETS = [
    f"postgresql://elstrada:{CANARY}@db/elstrada",
    f"nats://{CANARY}@nats:4222",
    f"nats://a:{CANARY}@n1:4222,nats://b:{CANARY}@n2:4222",
    f"host=db password={CANARY} dbname=x",
    f"https://peer.example/ocpi?token={CANARY}&x=1",
    f"Authorization: Token {CANARY}",
    f"authorization: {CANARY}",
    f'{{"Authorization": "Basic {CANARY}=="}}',
    f"{{'authorization': 'Token {CANARY}'}}",
    f'["BasicAuthPassword", {{"password": "{CANARY}"}}]',
    f"AuthorizationKey={CANARY}",
    f"the header was Bearer {CANARY}",
    f'{{"idTag": "{CANARY}"}}',
    f"vin={CANARY}",
    f"token_out: '{CANARY} with a blank'",
]


@pytest.fixture(params=["text", "json"])
def form(request: pytest.FixtureRequest) -> Literal["text", "json"]:
    return request.param


@pytest.fixture
def written(form: Literal["text", "json"]) -> Iterator[Written]:
    """A log that is set up, and its lines."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    set_up(level="info", form=form, node="n1", roles="gateway,pages", stream=stream)
    yield lambda: stream.getvalue().splitlines()
    root.handlers[:] = handlers
    root.setLevel(level)


@contextmanager
def unseen_by_pytest() -> Iterator[None]:
    """What pytest captures of the log it sends to another process, which half a surrogate would break."""
    root = logging.getLogger()
    captures = [handler for handler in root.handlers if isinstance(handler, LogCaptureHandler)]
    for handler in captures:
        root.removeHandler(handler)
    yield
    for handler in captures:
        root.addHandler(handler)


def test_whatever_a_record_holds_it_is_one_line_without_control_characters(
    written: Written, form: str
) -> None:
    """T14."""
    with unseen_by_pytest():
        logging.getLogger("elstrada.x").warning("station %s knocked", HOSTILE)
    (line,) = written()
    assert line.isprintable()
    assert "forged" in line
    if form == "json":
        assert HOSTILE.replace("\r", "") != line


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_are_hidden_wherever_they_come_from(written: Written, text: str) -> None:
    """T15."""
    log = logging.getLogger("some.library")
    log.warning("%s", text)
    log.warning(text.replace("%", "%%"))
    try:
        raise RuntimeError(text)
    except RuntimeError:
        log.exception("it failed")
    told = "\n".join(written())
    assert CANARY not in told
    assert "***" in told


def test_hiding_leaves_the_rest_as_it_is() -> None:
    assert redacted("postgresql://elstrada:x@db:5432/e?sslmode=require") == (
        "postgresql://elstrada:***@db:5432/e?sslmode=require"
    )
    for harmless in (
        "http://127.0.0.1:8000/ocpi/versions",
        "token SE*RET*01 is blocked",
        "a token was presented at EVSE 2",
        "3 tokens: 2 valid",
        "mail@example.com",
    ):
        assert redacted(harmless) == harmless


@pytest.mark.parametrize(
    "hostile", ["a", "a-", "a.b", "://", "Token ", "password", "password-", "password_a-"]
)
def test_hiding_takes_time_in_proportion_to_the_text(hostile: str) -> None:
    """Four times the text is four times the work; it would be sixteen if it grew with the square."""
    short, long = (hostile * (length // len(hostile)) for length in (20_000, 80_000))
    assert ratio(lambda: redacted(long), lambda: redacted(short)) < 8


def test_hiding_in_a_hostile_text_takes_no_longer_than_in_a_plain_one() -> None:
    """Words with hyphens made it a hundred times as slow once: one line of the log took half a second."""
    hostile, plain = "a-" * 10_000, "a " * 10_000
    assert ratio(lambda: redacted(hostile), lambda: redacted(plain)) < 10


def test_a_migration_is_one_line_however_many_revisions_it_runs(written: Written, tmp_path: Path) -> None:
    """A line for each was cut short as a flood, as if a new database had stopped at its twentieth revision."""
    for revision in ("0034", "0035", "0035"):
        migrate(tmp_path / "new.db", revision)
    made, brought_on = written()
    assert "the database is at revision 0034 now; before: none" in made
    assert "the database is at revision 0035 now; before: 0034" in brought_on


def test_each_json_line_says_who_when_what_and_whatever_was_bound(written: Written, form: str) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1", token="c4n4ry"):
        logging.getLogger("elstrada.x").error("%d sockets", 3)
    (line,) = written()
    if form == "text":
        assert "ERROR elstrada.x: 3 sockets " in line
        assert {"request_id=r-1", "token=***"} < set(line.split())
        return
    found = json.loads(line)
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "error",
        "logger": "elstrada.x",
        "message": "3 sockets",
        "node": "n1",
        "roles": "gateway,pages",
        "request_id": "r-1",
        "token": "***",
    }


def test_a_traceback_in_text_cannot_be_taken_for_a_record(written: Written, form: str) -> None:
    with unseen_by_pytest():
        try:
            raise ValueError(HOSTILE)
        except ValueError:
            logging.getLogger("x").exception("bad")
    first, *rest = written()
    assert "bad" in first
    assert all(line.startswith("    ") and line.isprintable() for line in rest)
    assert bool(rest) == (form == "text")


def test_a_mass_disconnect_is_a_few_lines_and_a_count(written: Written) -> None:
    """F14: 19,000 sockets cut at once."""
    log = logging.getLogger("elstrada.net.stations")
    for number in range(19_000):
        log.info("station %s was cut", number)
    log.info("something else")
    assert len(written()) == BURST + 1


def test_what_was_left_out_is_told_when_the_message_comes_again(written: Written) -> None:
    now = 0.0
    log, flood = logging.getLogger("x"), Flood(lambda: now)
    logging.getLogger().handlers[0].filters[:] = [flood]
    for number in range(100):
        log.info("100 %% of %s", number)
    assert len(written()) == BURST
    now = WINDOW_S
    log.info("100 %% of %s", "late")
    assert "100 % of late (80 more like this were left out)" in written()[-1]


def test_a_record_that_cannot_be_written_fails_nobody_and_tells_no_argument(written: Written) -> None:
    ours = logging.getLogger().handlers[0]
    ours.handle(logging.LogRecord("x", 20, "roles/x.py", 7, "%d sockets of %s", (CANARY, 1), None))
    assert written() == ["a log record of roles/x.py:7 cannot be written: TypeError"]


def test_messages_are_told_apart_and_their_number_is_bounded() -> None:
    flood = Flood(lambda: 0.0)
    passed = [
        flood.filter(logging.LogRecord("x", 20, "", 0, f"template {n}", (), None)) for n in range(5_000)
    ]
    assert all(passed)
    assert len(flood._windows) <= 1_000
