"""Telling other nodes that a log has grown, so that their followers need not wait until they look.

A ring is a hint, and may be lost: every node also looks by itself now and then. Nothing is carried that
is not in the log.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Bell(Protocol):
    """Carries rings between the nodes of one log. Both methods are called on the node's event loop."""

    def ring(self, shard: int) -> None:
        """Facts were committed to this shard: let the other nodes know. Neither waits nor raises."""
        ...

    def on_ring(self, heard: Callable[[int], None]) -> None:
        """Call ``heard`` with the shard, on the event loop, whenever another node rings."""
        ...
