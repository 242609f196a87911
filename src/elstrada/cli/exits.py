"""Exit codes, the same for every command."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    ERROR = 1
    USAGE = 2
    CONFIG = 3
    UNREACHABLE = 4
    REFUSED = 5
    CHECKS = 6
    UNKNOWN = 7
    INTERRUPTED = 130
    """As shells say it."""


MEANINGS = {
    Exit.OK: "done",
    Exit.ERROR: "not done: something named does not exist, exists already, or is in another state",
    Exit.USAGE: "not done: the command line cannot be understood",
    Exit.CONFIG: "not done: the configuration is invalid",
    Exit.UNREACHABLE: "not done: the server, the database, the station or the peer cannot be reached",
    Exit.REFUSED: "not done: the station or the peer said no, or it would do harm",
    Exit.CHECKS: "a document or a check was found wrong",
    Exit.UNKNOWN: "nobody knows whether it was done: look before you repeat it",
    Exit.INTERRUPTED: "interrupted by Ctrl-C; what was asked of a server before may be done",
}
"""What they mean, for people."""
