"""Files the browser loads, read once; a changed file gets a new address, so caches may keep it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

_MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


class Asset(msgspec.Struct, frozen=True):
    """One static file."""

    body: bytes
    media_type: str
    mark: str
    """Eight characters that change with the content."""


def load() -> Mapping[str, Asset]:
    """Every file a page may name, by its path below ``static``; nothing else can be asked for."""
    return dict(_walk(files("elstrada.web") / "static", ""))


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, Asset]]:
    found: list[tuple[str, Asset]] = []
    for entry in folder.iterdir():
        media_type = _MEDIA_TYPES.get(entry.name[entry.name.rfind(".") :])
        if entry.is_dir():
            found += _walk(entry, f"{prefix}{entry.name}/")
        elif media_type is not None:
            body = entry.read_bytes()
            found.append((prefix + entry.name, Asset(body, media_type, hashlib.sha256(body).hexdigest()[:8])))
    return found
