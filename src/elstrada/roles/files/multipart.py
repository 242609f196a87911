"""The file within a multipart/form-data body, as it comes. Source: RFC 7578, RFC 2046 §5.1.1."""

from __future__ import annotations

import re
from email.message import Message
from urllib.parse import unquote

_MOST_HEAD = 16 * 1024
"""Bytes of a part's headers."""
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{1,70}")


class NotMultipart(Exception):
    """The body is not what its Content-Type says."""


def boundary_of(content_type: str) -> bytes | None:
    """The boundary of a multipart body; None: it is no such body.

    Raises:
        NotMultipart: it says that it is, and names no boundary.
    """
    told = Message()
    told["content-type"] = content_type
    if told.get_content_maintype() != "multipart":
        return None
    boundary = told.get_param("boundary")
    if not isinstance(boundary, str) or _BOUNDARY.fullmatch(boundary) is None:
        raise NotMultipart("no boundary is named")
    return boundary.encode()


def name_in(disposition: str) -> str | None:
    """The ``filename`` of a Content-Disposition, if it has one."""
    told = Message()
    told["content-disposition"] = disposition
    name = told.get_filename()
    return unquote(name) if name else None


class FilePart:
    """Takes a body in pieces and gives the content of its first part with a file name."""

    def __init__(self, boundary: bytes) -> None:
        self._line = b"\r\n--" + boundary
        # The first boundary may stand at the very beginning, without the line's end before it.
        self._rest = bytearray(b"\r\n")
        self._within = False
        self._is_file = False
        self.name: str | None = None
        self.whole = False
        """Did the file's part end? What comes after it is passed over."""

    def feed(self, piece: bytes) -> bytes:
        """Take the next piece of the body; returns the next piece of the file.

        Raises:
            NotMultipart: the body is not as it should be.
        """
        if self.whole:
            return b""
        self._rest += piece
        found = bytearray()
        while not self.whole and (self._read_part(found) if self._within else self._read_head()):
            pass
        return bytes(found)

    def _read_part(self, found: bytearray) -> bool:
        """Content up to the next boundary; true if there is one."""
        end = self._rest.find(self._line)
        ready = end if end >= 0 else max(0, len(self._rest) - len(self._line) + 1)
        if self._is_file:
            found += self._rest[:ready]
        del self._rest[:ready]
        if end < 0:
            return False
        self.whole, self._within = self._is_file, False
        return True

    def _read_head(self) -> bool:
        """A boundary and the headers after it; true if they are there."""
        at = self._rest.find(self._line)
        if at < 0:
            if len(self._rest) > _MOST_HEAD:
                raise NotMultipart("no boundary comes")
            return False
        after = at + len(self._line)
        if self._rest.startswith(b"--", after):
            raise NotMultipart("no part has a file name")
        end = self._rest.find(b"\r\n\r\n", after)
        if end < 0:
            if len(self._rest) - after > _MOST_HEAD:
                raise NotMultipart("a part's headers do not end")
            return False
        name = _name_of_part(bytes(self._rest[after:end]))
        self._is_file, self._within = name is not None, True
        self.name = name
        del self._rest[: end + 4]
        return True


def _name_of_part(head: bytes) -> str | None:
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            return name_in(value.strip())
    return None
