"""The log: one record per line, for people or as JSON, without secrets and without floods.

Records of libraries pass the same way as ours. Whatever a record holds, its line holds no control
character (T14) and nothing that looks like a secret (T15). A message that comes many times a second is
written a few times, with how many were left out (F14).
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import Processor

from elstrada.redaction import HIDDEN, redacted

BURST = 20
"""Lines of one message within ``WINDOW_S``; the rest is counted."""
WINDOW_S = 10.0
_MOST_MESSAGES = 1_000
_LONGEST = 20_000
"""Characters of one line."""
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_Event = MutableMapping[str, Any]


def set_up(
    *, level: str, form: Literal["text", "json"], node: str, roles: str, stream: TextIO | None = None
) -> None:
    """Write all records of this process to ``stream`` (by default standard error).

    Args:
        level: the least that is written: debug, info, warning or error.
        form: text for people, or one JSON object per line.
        node: who this is; stands in every JSON line.
        roles: what it does, with commas; likewise.
    """
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(_formatter(form, node, roles))
    handler.addFilter(Flood())
    root = logging.getLogger()
    for former in root.handlers[:]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(level.upper())
    # They tell the phases of their own lives, which are not ours; ``spine.migrate`` says what Alembic came to.
    for talkative in ("uvicorn", "alembic"):
        logging.getLogger(talkative).setLevel(max(root.level, logging.WARNING))


def _formatter(form: str, node: str, roles: str) -> logging.Formatter:
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
    ]
    last: list[Processor] = [
        _with_left_out,
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        _clean,
    ]
    if form == "json":
        last += [_named(node, roles), structlog.processors.JSONRenderer(default=str)]
    else:
        last.append(_line)
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last)


# --- what a line holds ------------------------------------------------------------------------------


def _with_left_out(_: object, __: str, event: _Event) -> _Event:
    left_out = getattr(event.get("_record"), "left_out", 0)
    if left_out:
        event["event"] = f"{event['event']} ({left_out} more like this were left out)"
    return event


def _clean(_: object, __: str, event: _Event) -> _Event:
    """Every text of the event, redacted."""
    return {str(key): _cleaned(str(key), value) for key, value in event.items()}


def _cleaned(key: str, value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    return HIDDEN if redacted(f"{key}=x") != f"{key}=x" else redacted(str(value)[:_LONGEST])


def _named(node: str, roles: str) -> Processor:
    def name(_: object, __: str, event: _Event) -> _Event:
        message = event.pop("event", "")
        first = {key: event.pop(key) for key in ("time", "level", "logger") if key in event}
        return {**first, "message": message, "node": node, "roles": roles, **event}

    return name


def _line(_: object, __: str, event: _Event) -> str:
    """For people: time, level, logger, message, and what else there is."""
    at, level, name = (str(event.pop(key, "")) for key in ("time", "level", "logger"))
    message, trace = str(event.pop("event", "")), event.pop("exception", None)
    rest = " ".join(f"{key}={value}" for key, value in event.items())
    told = _escaped(f"{message}{' ' if rest else ''}{rest}")
    lines = [f"{at} {level.upper()} {name}: {told}"]
    # A traceback has lines of its own; they are indented, so that none can be taken for a record.
    lines += [f"    {_escaped(line)}" for line in str(trace).splitlines()] if trace else []
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape", "backslashreplace").decode(), text)


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:
        """Say that a record could not be written, and where it came from; its arguments may be secret."""
        kind = type(sys.exc_info()[1]).__name__
        with suppress(OSError, ValueError):  # Where nobody reads, nobody can be told.
            self.stream.write(
                f"a log record of {record.pathname}:{record.lineno} cannot be written: {kind}\n"
            )


# --- how many lines ---------------------------------------------------------------------------------


class _Window:
    __slots__ = ("began", "count")

    def __init__(self, began: float) -> None:
        self.began, self.count = began, 0


class Flood(logging.Filter):
    """Lets a message's first ``BURST`` records of each ``WINDOW_S`` through; a message is its template.

    The first one of the next window says how many were left out. Errors with a traceback count as others do.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._windows: OrderedDict[tuple[str, int, str], _Window] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        key = (record.name, record.levelno, str(record.msg)[:200])
        now, window = self._now(), self._windows.get(key)
        if window is None or now - window.began >= WINDOW_S:
            self._begin(key, now)
            # Told by the formatter: what fails in a filter would fail whoever logs.
            record.left_out = 0 if window is None else max(window.count - BURST + 1, 0)
            return True
        window.count += 1
        return window.count < BURST

    def _begin(self, key: tuple[str, int, str], now: float) -> None:
        self._windows[key] = _Window(now)
        self._windows.move_to_end(key)
        if len(self._windows) > _MOST_MESSAGES:
            self._windows.popitem(last=False)
