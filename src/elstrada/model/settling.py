"""How long a station that came back is left alone, with what we ask by ourselves."""

from __future__ import annotations

import msgspec


class SettleRules(msgspec.Struct, frozen=True, kw_only=True):
    """When a station has settled (rule 5)."""

    quiet_s: float = 3
    """For so long it tells nothing: what it kept while it was away is told."""
    most_s: float = 60
    """After so long it has settled, whatever it tells: a meter may never be quiet."""
