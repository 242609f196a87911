"""Nodes: what a process of an installation does, and what is known of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec


class Part(StrEnum):
    """What a node can be asked to do."""

    GATEWAY = "gateway"
    """Hold the stations' sockets."""
    ROAMER = "roamer"
    """Keep peers up to date, and be kept up to date by them."""
    RATER = "rater"
    """Make CDRs, and keep the quarter-hours of meters."""
    BILLER = "biller"
    """Make bill lines."""
    PAGES = "pages"
    """Show people what goes on, and do what the operator's desk asks for."""


ALL_PARTS = frozenset(Part)


SILENT_AFTER = timedelta(seconds=10)
"""A node says every two seconds that it lives; one that was not seen for so long has trouble."""
GONE_AFTER = timedelta(seconds=30)
"""A node that was not seen for so long is gone."""


class NodeState(StrEnum):
    """How a node is, as others see it."""

    SERVING = "serving"
    DRAINING = "draining"
    """It sends its stations and its work to others, and ends."""
    SILENT = "silent"
    """Not seen for longer than a healthy node is ever silent: it stands still, or cannot commit."""
    GONE = "gone"
    """Not seen for so long that others have taken over its work."""


class NodeSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A node as the others see it: the record ``node``."""

    id: str
    roles: tuple[Part, ...]
    started_at: datetime
    """Of its present life."""
    seen_at: datetime
    """When it last said that it lives."""
    version: str
    address: str
    """Of its health listener."""
    leaving_at: datetime | None = None
    """Since when it has been sending its stations and its work to others; None while it stays."""


def state_of(
    now: datetime, started_at: datetime, seen_at: datetime, leaving_at: datetime | None
) -> NodeState:
    """How a node is by what its record says; see ``NodeSeen``."""
    unseen = now - seen_at
    if unseen > GONE_AFTER:
        return NodeState.GONE
    if unseen > SILENT_AFTER:
        return NodeState.SILENT
    # A former life may have been leaving, and a version that does not know of this writes nothing here.
    leaving = leaving_at is not None and leaving_at >= started_at
    return NodeState.DRAINING if leaving else NodeState.SERVING
