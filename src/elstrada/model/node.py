"""Nodes: what a process of an installation does, and what is known of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class Part(StrEnum):
    """What a node can be asked to do."""

    GATEWAY = "gateway"
    """Hold the stations' sockets."""
    ROAMER = "roamer"
    """Keep peers up to date, and be kept up to date by them."""
    RATER = "rater"
    """Make CDRs."""
    BILLER = "biller"
    """Make bill lines."""
    PAGES = "pages"
    """Show people what goes on, and do what the operator's desk asks for."""


ALL_PARTS = frozenset(Part)


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
