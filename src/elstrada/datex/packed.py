"""Files as publishers hand them out: plain, or gzipped."""

from __future__ import annotations

import gzip
import io
import zlib

MAX_BYTES = 1 << 30
"""Of a file, unpacked. The whole French register is about 150 MB."""
_MAGIC = b"\x1f\x8b"


class Unreadable(Exception):
    """The file is not what it should be: nothing of it can be read."""


def unpacked(content: bytes, limit: int = MAX_BYTES) -> bytes:
    """The content itself, which a gzipped file only wraps.

    Raises:
        Unreadable: damaged, or larger than ``limit`` when unpacked.
    """
    if content[:2] != _MAGIC:
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            plain = packed.read(limit + 1)
    except (OSError, EOFError, zlib.error) as problem:
        raise Unreadable(f"the gzip file is damaged: {problem}") from problem
    if len(plain) > limit:
        raise Unreadable(f"the file unpacks to more than {limit} bytes")
    return plain
