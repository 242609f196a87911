"""How long this installation waits for others, and how often it looks for work of its own."""

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
    silence_s: int = 300
    """For a sign of life of a party that is connected to us as its hub, before it is asked for one."""

    @property
    def long_answer_s(self) -> int:
        """For a page of a list, and for a peer's part of the handshake, in which it calls us twice first."""
        return 3 * self.peer_s

    @property
    def passed_on_s(self) -> float:
        """For the answer to what a hub passes on: whoever asked the hub waits somewhat longer than this."""
        return 0.75 * min(self.peer_s, self.authorize_s)

    @property
    def passed_list_s(self) -> float:
        """The same for a page of a list."""
        return 0.75 * self.long_answer_s


class Looks(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds between two looks of a node at its memory: what others wrote, what has fallen due."""

    roll_s: float = 1.0
    """For stations that were added or changed."""
    lists_s: float = 1.0
    """For local authorization lists that are behind."""
    tariffs_s: float = 10.0
    """For tariffs of ours that stations have, and that were replaced."""
    custody_s: float = 2.0
    """Whether the sockets of this node still speak for their stations."""
    ends_s: float = 2.0
    """For sessions and commands of connected stations whose time is up."""
    sweep_s: float = 10.0
    """The same for stations that are away."""
    marks_s: float = 0.5
    """For what is to be brought to peers."""
    callbacks_s: float = 2.0
    """For results of commands that are still owed to peers."""
    pulse_s: float = 2.0
    """For parties of a hub that came, went or fell silent."""
    findings_s: float = 1.0
    """Between two times that findings are written down."""
