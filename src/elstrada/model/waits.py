"""How long this installation waits for others."""

from __future__ import annotations

import msgspec


class Waits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, of a real clock, as configured (``limits``) or by default."""

    authorize_s: int = 8
    """For an eMSP's answer while a driver stands at the station."""
    command_s: int = 30
    """For a station's answer to a command."""
    peer_s: int = 10
    """For any other HTTP response of a peer."""

    @property
    def long_answer_s(self) -> int:
        """For a page of a list, and for a peer's part of the handshake, in which it calls us twice first."""
        return 3 * self.peer_s
