"""Short ways to write a metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

Labelled = Mapping[tuple[str, ...], float]
"""Values by their labels' values."""


def total(name: str, says: str, values: Labelled, labels: Sequence[str] = ()) -> Metric:
    """What only rises; ``name`` without ``_total``."""
    family = CounterMetricFamily(f"elstrada_{name}", says, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def gauge(name: str, says: str, values: Labelled, labels: Sequence[str] = ()) -> Metric:
    """What rises and falls."""
    family = GaugeMetricFamily(f"elstrada_{name}", says, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def one(value: float) -> Labelled:
    """A value without labels."""
    return {(): value}


Counted = tuple[tuple[str, ...], Sequence[int], float]
"""Labels' values, counts per bucket (not added up, the last is of what exceeds all bounds), and the sum."""


def histogram(
    name: str, says: str, bounds: Sequence[float], counted: Iterable[Counted], labels: Sequence[str] = ()
) -> Metric:
    """A distribution over ``bounds``."""
    family = HistogramMetricFamily(f"elstrada_{name}", says, labels=labels)
    limits = [*map(str, bounds), "+Inf"]
    for key, counts, summed in counted:
        buckets = [(limit, float(count)) for limit, count in zip(limits, accumulate(counts), strict=True)]
        family.add_metric(key, buckets, summed)
    return family
