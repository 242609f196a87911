"""All metrics of a node as text. A registry of our own: nothing is kept in the process's global one.

Names and units follow Prometheus's conventions (seconds, ``_total`` for what only rises). No label names
a station: there are too many. What each means, and what to alarm on, stands in docs/guide/operations.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

Gather = Callable[[], Iterable[Metric]]
"""One part's metrics, as they are now."""


class Metrics:
    """The metrics of a node."""

    def __init__(self, parts: Sequence[Gather]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Parts(parts))
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def exposed(self) -> bytes:
        """The metrics in the text format 0.0.4."""
        return generate_latest(self._registry)


class _Parts(Collector):
    def __init__(self, parts: Sequence[Gather]) -> None:
        self._parts = parts

    def collect(self) -> Iterable[Metric]:
        for gather in self._parts:
            yield from gather()
