"""Verbs on nodes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.asks import DrainNode
from elstrada.model.node import NodeSeen, NodeState, Part, state_of
from elstrada.roles.desk import face
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.presence import nodes
from elstrada.spine.post import NobodyThere, NoReply

_PATIENCE_S = 10.0


class ListNodes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class NodeLine(msgspec.Struct, frozen=True, kw_only=True):
    node: str
    state: NodeState
    roles: tuple[Part, ...]
    version: str
    address: str
    """Of its health listener."""
    started_at: datetime
    seen_at: datetime


class DrainOne(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    node: Annotated[str, Meta(description="Which, as `elstrada node list` says.")]


class Draining(msgspec.Struct, frozen=True):
    node: str
    state: NodeState


async def list_nodes(desk: Desk, params: ListNodes) -> tuple[NodeLine, ...]:
    """Every node on record."""
    now = (desk.wall or desk.clock).now()
    return tuple(_line(node, now) for node in await nodes(desk.spine))


async def drain_node(desk: Desk, params: DrainOne) -> Draining:
    """Have a node send its stations away, finish its work and end."""
    assert desk.post is not None, "the table says that this verb needs the post"
    known = {node.id for node in await nodes(desk.spine)}
    if params.node not in known:
        raise Refused(
            Kind.MISSING, f"there is no node {params.node[:63]!r}", "see `elstrada node list`", "/node"
        )
    try:
        await desk.post.ask(node_address(params.node), DrainNode(), timeout_s=_PATIENCE_S)
    except (NobodyThere, NoReply) as problem:
        raise Refused(Kind.UNREACHABLE, f"node {params.node} does not answer: {problem}") from None
    return Draining(params.node, NodeState.DRAINING)


def node_address(node: str) -> str:
    """Where a node takes what is asked of itself."""
    return f"@{node}/node"


def _line(node: NodeSeen, now: datetime) -> NodeLine:
    return NodeLine(
        node=node.id,
        state=state_of(now, node.started_at, node.seen_at, node.leaving_at),
        roles=node.roles,
        version=node.version,
        address=node.address,
        started_at=node.started_at,
        seen_at=node.seen_at,
    )


VERBS = (
    Verb(
        "node list", "List nodes and how they are.", ListNodes, tuple[NodeLine, ...], list_nodes, reads=True
    ),
    Verb(
        "node drain",
        "Have a node send its stations away and end.",
        DrainOne,
        Draining,
        drain_node,
        face.Part.POST,
    ),
)
