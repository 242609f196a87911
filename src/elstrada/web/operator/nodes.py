"""The installation's nodes as the overview shows them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from elstrada.model.node import NodeState, state_of
from elstrada.web.operator.rows import NodeRow

SHOWN = 24
"""Nodes that the page lists."""
_URGENCY = (NodeState.GONE, NodeState.SILENT, NodeState.DRAINING, NodeState.SERVING)


class NodeLine(msgspec.Struct, frozen=True, kw_only=True):
    """One node, as its own record tells of it."""

    id: str
    state: NodeState
    roles: tuple[str, ...]
    since: datetime
    """When its present life began."""
    seen_at: datetime
    unseen_s: int
    version: str


class Nodes(msgspec.Struct, frozen=True):
    """All of them, if there is something to say: one node that serves alone shows this page anyhow."""

    lines: tuple[NodeLine, ...] = ()
    """Those in trouble first; at most ``SHOWN``. Empty: there is nothing to say."""
    count: int = 0


def shown(nodes: Sequence[NodeRow], now: datetime) -> Nodes:
    """What is said of the nodes at a moment of the machine's clock, by which they say that they live."""
    lines = sorted(
        (_line(node, now) for node in nodes), key=lambda line: (_URGENCY.index(line.state), line.id)
    )
    if len(lines) < 2 and not any(line.state is NodeState.GONE for line in lines):
        return Nodes()
    return Nodes(tuple(lines[:SHOWN]), len(lines))


def _line(node: NodeRow, now: datetime) -> NodeLine:
    return NodeLine(
        id=node.id,
        state=state_of(now, node.started_at, node.seen_at, node.leaving_at),
        roles=tuple(node.roles.split(",")),
        since=node.started_at,
        seen_at=node.seen_at,
        unseen_s=max(0, (now - node.seen_at) // timedelta(seconds=1)),
        version=node.version,
    )
