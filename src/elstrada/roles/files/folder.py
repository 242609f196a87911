"""The folder with the files. Nothing in it bears a name that somebody outside chose.

``images/<sha256>`` firmware; ``logs/<uuid>`` what stations left; ``coming/<uuid>`` what is not whole yet.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import uuid
from pathlib import Path

_IMAGE = re.compile(r"[0-9a-f]{64}")
_LOG = re.compile(r"[0-9a-f-]{36}")
LEFTOVER_S = 24 * 3600
"""A file that nothing refers to is removed when it is so old; before, it may be on its way."""
_BLOCK = 1 << 20


class NoRoom(Exception):
    """The folder may not hold so much more."""


class Folder:
    """Files on disk. Its methods block."""

    def __init__(self, root: Path, quota_bytes: int) -> None:
        self.root, self._quota = root, quota_bytes
        self.reserved = 0
        """Bytes promised to files that are coming."""

    def prepare(self) -> None:
        """Make the folder, for its owner only.

        Raises:
            OSError: it cannot be made or written to.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in (self._images, self._logs, self._coming):
            part.mkdir(mode=0o700, exist_ok=True)

    def image(self, sha256: str) -> Path:
        """Where an image is."""
        return self._images / _checked(_IMAGE, sha256)

    def log(self, name: str) -> Path:
        """Where a log is that came whole."""
        return self._logs / _checked(_LOG, name)

    def room(self) -> int:
        """How many bytes more may come, promised ones left out; negative if too much is promised."""
        used = sum(path.stat().st_size for path in self._all())
        told = os.statvfs(self.root)
        return min(self._quota - used, told.f_bavail * told.f_frsize) - self.reserved

    def begin(self) -> Incoming:
        """A new file, which is nothing until it is kept."""
        return Incoming(self._coming / str(uuid.uuid4()))

    def keep_log(self, incoming: Incoming) -> str:
        """Make what came a log, durably; returns its name."""
        name = incoming.path.name
        incoming.move_to(self.log(name))
        return name

    def add_piece(self, upload: str, offset: int, content: bytes) -> None:
        """Put the next piece of a file that is handed in, in pieces.

        Raises:
            NoRoom: the folder is full.
            ValueError: it does not go on where the last one ended.
        """
        path = self.piece(upload)
        size = path.stat().st_size if path.exists() else 0
        if offset != size:
            raise ValueError(f"a piece begins at {offset}, and {size} bytes are there")
        if len(content) > self.room():
            raise NoRoom
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            file.write(content)

    def piece(self, upload: str) -> Path:
        """Where the pieces of a file are gathered."""
        return self._coming / _checked(_LOG, upload)

    def keep_image(self, upload: str) -> str:
        """Make gathered pieces an image, durably; returns its SHA-256."""
        path = self.piece(upload)
        sha256 = sha256_of(path)
        with path.open("rb") as file:
            os.fsync(file.fileno())
        path.replace(self.image(sha256))
        sync_folder(self._images)
        return sha256

    def leftovers(self) -> list[Path]:
        """Files that are not whole and to which nothing was added for long."""
        return self.old(self._coming)

    def logs(self) -> list[Path]:
        """Logs that have been there for a while."""
        return self.old(self._logs)

    def old(self, part: Path) -> list[Path]:
        """Files of a part that are older than ``LEFTOVER_S``."""
        before = time.time() - LEFTOVER_S
        return [path for path in part.iterdir() if path.stat().st_mtime < before]

    def clear(self) -> None:
        """Remove what the last life of this process left half done; only where no other process writes."""
        for path in self._coming.iterdir():
            path.unlink(missing_ok=True)

    def _all(self) -> list[Path]:
        return [path for part in (self._images, self._logs, self._coming) for path in part.iterdir()]

    @property
    def _images(self) -> Path:
        return self.root / "images"

    @property
    def _logs(self) -> Path:
        return self.root / "logs"

    @property
    def _coming(self) -> Path:
        return self.root / "coming"


class Incoming:
    """A file that is coming, with its hash as far as it is there. Its methods block."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, content: bytes) -> None:
        self._file.write(content)
        self._hash.update(content)
        self.size += len(content)

    def move_to(self, place: Path) -> None:
        """Have it under its name survive a power cut."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self.path.replace(place)
        sync_folder(place.parent)

    def drop(self) -> None:
        """It is not wanted, or broke off."""
        self._file.close()
        self.path.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """The hash of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a power cut."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _checked(pattern: re.Pattern[str], name: str) -> str:
    """A name of our own making; whatever else is asked for is no file."""
    if pattern.fullmatch(name) is None:
        raise ValueError(f"not the name of a file here: {name[:64]!r}")
    return name
