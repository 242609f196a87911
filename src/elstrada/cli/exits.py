"""Exit codes, the same for every command."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    ERROR = 1
    USAGE = 2
    CONFIG = 3
    """The configuration is invalid."""
    UNREACHABLE = 4
    """The server, the database, the station or the peer cannot be reached."""
    REFUSED = 5
    """The station or the peer said no; or it could be done, and would do harm."""
    CHECKS = 6
    """A document or a check was found wrong."""
    INTERRUPTED = 130
    """By Ctrl-C, as shells say it."""
