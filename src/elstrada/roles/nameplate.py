"""What a node is called: a name that stays the same over its lives, and that no other node has."""

from __future__ import annotations

import os
import re
import secrets
import socket
from pathlib import Path

from elstrada.settings import node_id

FILE_NAME = "node"


def name_of_node(configured: str | None, data_dir: Path) -> str:
    """The configured name, else the one kept in the data folder, which is made at the first start.

    Raises:
        ValueError: the kept one cannot be a name.
    """
    if configured is not None:
        return configured
    path = data_dir / FILE_NAME
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w") as file:
            file.write(_made() + "\n")
    kept = path.read_text()[:100].strip()
    try:
        return node_id(kept)
    except ValueError as problem:
        raise ValueError(f"{path} holds no name of a node: {problem}; remove it, or set node") from None


def _made() -> str:
    """The machine's name, for people, and some chance, for machines that were copied."""
    host = re.sub(r"[^A-Za-z0-9-]+", "-", socket.gethostname().partition(".")[0]).strip("-")[:40]
    return f"{host or 'node'}-{secrets.token_hex(3)}"
