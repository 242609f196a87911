"""Open files: each station's socket is one, so a process takes as many as it may have."""

from __future__ import annotations

import logging
import resource

from elstrada.spine import tables as t
from elstrada.spine.face import Spine

log = logging.getLogger(__name__)

SPARE = 500
"""Files beside the stations' sockets: the store, HTTP, NATS, and newcomers who are not let in yet."""
UNLIMITED = 1 << 30
"""Stands for no limit."""


def needed(stations: int) -> int:
    """How many a process must be able to open that holds all stations, as it does when the others are gone."""
    return stations + SPARE


def may_have() -> int:
    """The hard limit: what this process can take without being root."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return UNLIMITED if hard == resource.RLIM_INFINITY else hard


def take_all() -> int:
    """Raise the soft limit, which shells keep low for the sake of old programs, to the hard one.

    Returns:
        How many files this process may open from now on.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (
        OSError,
        ValueError,
    ) as problem:  # macOS has an unlimited hard limit, and refuses to be taken at its word.
        log.warning("the limit of open files stays at %d: %s", soft, problem)
        return soft
    return may_have()


async def warn_if_few(spine: Spine, allowed: int) -> None:
    """Say in the log when not all stations that are on record could connect to this node.

    Raises:
        SpineDown: the store cannot be asked.
    """
    counted = await spine.count(t.station)
    stations = sum(int(str(row["count"])) for row in counted)
    if allowed < needed(stations):
        log.warning(
            "this process may open %d files, and %d stations need %d: raise the hard limit (LimitNOFILE, ulimit -Hn)",
            allowed,
            stations,
            needed(stations),
        )
