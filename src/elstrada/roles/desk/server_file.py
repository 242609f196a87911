"""Where the serving node of a data directory can be reached: one small file, for its owner only."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

FILE_NAME = "server.json"


class ServerFile(msgspec.Struct, frozen=True):
    """The serving node's address and the secret that its desk demands."""

    url: str
    """Of its HTTP listener, such as http://127.0.0.1:8000."""
    secret: str
    pid: int

    def __repr__(self) -> str:
        return f"ServerFile({self.url!r}, ***, {self.pid})"


def announce(data_dir: Path, server: ServerFile) -> None:
    """Tell commands on this machine where the node is. The file is never readable by others."""
    made = data_dir / f".{FILE_NAME}.{server.pid}"
    made.unlink(missing_ok=True)
    with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(server))
    made.replace(data_dir / FILE_NAME)


def withdraw(data_dir: Path, pid: int) -> None:
    """The node goes away; another node's file is left alone."""
    found = _read(data_dir)
    if found is not None and found.pid == pid:
        (data_dir / FILE_NAME).unlink(missing_ok=True)


def find_server(data_dir: Path) -> ServerFile | None:
    """The node that serves this directory; None if there is none or its process has died."""
    found = _read(data_dir)
    return found if found is not None and _alive(found.pid) else None


def _read(data_dir: Path) -> ServerFile | None:
    try:
        return msgspec.json.decode((data_dir / FILE_NAME).read_bytes(), type=ServerFile)
    except (OSError, msgspec.DecodeError):
        return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
