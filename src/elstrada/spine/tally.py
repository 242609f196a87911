"""What a writer thread has done, as plain numbers that anyone may read."""

from __future__ import annotations

from bisect import bisect_left

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds by which transactions are counted, in seconds; the last count is of what took longer."""


class WriterTally:
    """Written by one thread, read by another: a reader may miss the latest batch, and never sees nonsense."""

    def __init__(self, shard: int = 0) -> None:
        self.shard = shard
        self.waiting = 0
        """Works handed in and not answered."""
        self.batches = [0] * (len(SECONDS) + 1)
        """Transactions by the time they took, not added up."""
        self.seconds = 0.0
        self.works = 0
        self.failed = 0
        """Works that were answered with an error, expected ones included."""

    def batch(self, works: int, failed: int, seconds: float) -> None:
        """Count one transaction."""
        self.batches[bisect_left(SECONDS, seconds)] += 1
        self.seconds += seconds
        self.works += works
        self.failed += failed
