"""What a gateway has done, as plain numbers: counting costs the way of a message a tenth of a microsecond."""

from __future__ import annotations

from elstrada.model.device import CommandName, CommandResult
from elstrada.ocpp.versions import Version

ANSWERED, REFUSED, UNANSWERED, TAKEN = "answered", "refused", "unanswered", "taken"
"""Outcomes of a station's call: a result, an error, or a socket that was closed instead (P8); and of a message
that is sent without being answered: it was read, or refused in silence."""
OTHER = "other"


class GatewayTally:
    """Counts since the process began."""

    def __init__(self) -> None:
        self.messages: dict[tuple[str, str, str], int] = {}
        """By version, action and outcome."""
        self.commands: dict[tuple[str, str], int] = {}
        """By name and result."""
        self.opened = 0
        self.closes: dict[int, int] = {}
        """By the close code."""

    def message(self, version: Version, action: str, outcome: str) -> None:
        """Count a station's message. Actions that no standard knows are counted together."""
        key = (version.protocol.value, action if version.knows(action) else OTHER, outcome)
        self.messages[key] = self.messages.get(key, 0) + 1

    def command(self, name: CommandName, result: CommandResult) -> None:
        """Count a command by how it ended."""
        key = (name.value, result.value)
        self.commands[key] = self.commands.get(key, 0) + 1

    def closed(self, code: int) -> None:
        """Count a socket that is gone. A station may choose of four thousand codes; unusual ones are one."""
        known = code if code in _CODES else 0
        self.closes[known] = self.closes.get(known, 0) + 1


_CODES = frozenset({1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})
