"""Readiness: may work be sent to this node? By what it gets done, not by what it believes (P8, F17)."""

from __future__ import annotations

from collections.abc import Callable

from elstrada.roles.lags import Lags
from elstrada.roles.node import Node
from elstrada.roles.presence import Presence

SLOW_S = 5.0
"""A loop this late serves nobody well."""


class Readiness:
    """Gathers why a node is not ready, and what is amiss though it is."""

    def __init__(
        self,
        node: Node,
        presence: Presence,
        lags: Lags,
        loop_lag_s: Callable[[], float],
        transport: Callable[[], str],
    ) -> None:
        """Ready as soon as the parts are.

        Args:
            loop_lag_s: how late the event loop is.
            transport: what is wrong with the way to other nodes, if it has been so for long; empty: nothing.
        """
        self.starting, self.draining = True, False
        self._node, self._presence, self._lags = node, presence, lags
        self._loop_lag_s, self._transport = loop_lag_s, transport

    def reasons(self) -> list[str]:
        """Why nothing should be sent here now; empty when the node is ready."""
        reasons = [text for text, holds in self._phases() if holds]
        if self._presence.trouble:
            reasons.append(self._presence.trouble)
        if self._loop_lag_s() > SLOW_S:
            reasons.append(f"the event loop is {self._loop_lag_s():.0f} s late")
        return [*reasons, *self._node.unready(), *self._lags.stuck()]

    def _phases(self) -> tuple[tuple[str, bool], ...]:
        return ("the node is starting", self.starting), ("the node is leaving", self.draining)

    def notes(self) -> list[str]:
        """What does not work as it should, though the node serves."""
        amiss = self._transport()
        return [f"degraded: {amiss}"] if amiss else []
