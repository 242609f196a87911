"""The watchdog: ends a process whose event loop stands still, for whoever supervises it to start anew (F17)."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable

log = logging.getLogger(__name__)

EXIT_STUCK = 70
"""EX_SOFTWARE: of a process that ended itself because its loop was stuck."""
_BEAT_S = 0.5
_LOOK_S = 1.0
_SAYING_S = 2.0


class Watchdog:
    """A thread that looks whether the loop goes on.

    It counts its own looks and not the clock, so that a process which was stopped as a whole (SIGSTOP, a
    sleeping laptop) is not taken for one that is stuck.
    """

    def __init__(self, stuck_s: float, end: Callable[[int], object] = os._exit) -> None:
        """Not yet watching.

        Args:
            stuck_s: how long the loop may stand still.
            end: ends the process with an exit code, at once.
        """
        self.worst_s = 0.0
        """By how much a beat was late, at most, since ``take_worst``."""
        self._stuck_s, self._end = stuck_s, end
        self._beats = 0
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._over = threading.Event()
        self._watched = threading.get_ident()

    def start(self) -> None:
        """Watch the running loop, whose thread this is."""
        self._beat()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        self._over.set()
        if self._timer is not None:
            self._timer.cancel()

    @property
    def lag_s(self) -> float:
        """By how much the next beat is late now."""
        return max(self._loop.time() - self._due, 0.0)

    def take_worst(self) -> float:
        """The worst lag since this was asked last, in seconds."""
        worst, self.worst_s = max(self.worst_s, self.lag_s), 0.0
        return worst

    def _beat(self) -> None:
        self._beats += 1
        now = self._loop.time()
        self.worst_s = max(self.worst_s, now - self._due)
        self._due = now + _BEAT_S
        self._timer = self._loop.call_at(self._due, self._beat)

    def _watch(self) -> None:
        seen, still_s = self._beats, 0.0
        while not self._over.wait(_LOOK_S):
            if self._beats != seen:
                seen, still_s = self._beats, 0.0
                continue
            still_s += _LOOK_S
            if still_s >= self._stuck_s:
                self._bark(still_s)
                return

    def _bark(self, still_s: float) -> None:
        # In a thread of its own: the loop may be stuck in the very log, at a pipe that nobody reads.
        saying = threading.Thread(target=self._say, args=(still_s,), daemon=True)
        saying.start()
        saying.join(_SAYING_S)
        self._end(EXIT_STUCK)

    def _say(self, still_s: float) -> None:
        frame = sys._current_frames().get(self._watched)  # pyright: ignore[reportPrivateUsage]  The documented way.
        stack = "".join(traceback.format_stack(frame)) if frame is not None else "(no stack)\n"
        log.critical(
            "the event loop stands still for %d s, so the process ends; it is at\n%s", still_s, stack
        )
