"""When a station that came, or booted, has told what it had to tell (rule 5).

A station that comes back boots, tells how its connectors are, and sends what it kept while it was away
(1.6 §4.10, 2.0.1 part 2, E12). Many makes lose or refuse what they are asked meanwhile, and some reboot.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from elstrada.model.settling import SettleRules

UNNOTICED = frozenset({"Heartbeat"})
"""Calls that are no part of coming back: they come at any time."""


class Coming(msgspec.Struct, frozen=True):
    """A station since it came, or booted."""

    began_at: datetime
    heard_at: datetime
    """When it told something last."""

    def heard(self, action: str, now: datetime) -> Coming:
        """After a call of the station."""
        if action in UNNOTICED:
            return self
        return Coming(self.began_at, max(self.heard_at, now))

    def settles_at(self, rules: SettleRules) -> datetime:
        """When it has settled, if it tells nothing more until then."""
        quiet = self.heard_at + timedelta(seconds=rules.quiet_s)
        return min(quiet, self.began_at + timedelta(seconds=rules.most_s))


def come(now: datetime) -> Coming:
    """A station that comes, or boots, just now."""
    return Coming(now, now)
