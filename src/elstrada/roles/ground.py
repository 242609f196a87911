"""What a house stands on: the engines and hands that outlive it, or that a demonstration makes otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec
from prometheus_client.metrics_core import Metric

from elstrada.net.face import Chance, Clock
from elstrada.roles.keys import Keys
from elstrada.roles.traces import NoTraces, Traces
from elstrada.spine.face import Spine
from elstrada.spine.post import Post
from elstrada.spine.tally import WriterTally


def _nothing_amiss() -> str:
    return ""


def _no_metrics() -> tuple[Metric, ...]:
    return ()


def _no_writers() -> tuple[WriterTally, ...]:
    return ()


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is there before a node, and after it."""

    spine: Spine
    post: Post
    keys: Keys
    clock: Clock
    """The world's, which a demonstration may let run fast."""
    wall: Clock
    """The machine's."""
    chance: Chance
    node: str
    """This node's name."""
    transport: Callable[[], str] = _nothing_amiss
    """What has been wrong with the way to other nodes for long; empty: nothing."""
    tallies: Callable[[], Sequence[WriterTally]] = _no_writers
    """What the spine's writers have done."""
    metrics: Callable[[], Iterable[Metric]] = _no_metrics
    """Of the way to other nodes."""
    traces: Traces = NoTraces()
