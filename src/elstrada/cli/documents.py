"""JSON documents out of a stream of any length, one after the other, in memory of one document.

A stream is lines of one document each, or a list whose entries come one by one, or documents that go over
many lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from elstrada.ocpi.body import MAX_PAGE

_CHUNK = 1 << 16
_BOM = b"\xef\xbb\xbf"
_OUTSIDE = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|(["\[\]{}])', re.DOTALL)
"""A whole string, to pass over; or a bracket, or the beginning of a string that does not end here."""
_INSIDE = re.compile(rb'(["\\])')


class Document(msgspec.Struct, frozen=True):
    """A piece of a stream that should be a JSON document."""

    line: int
    """On which it begins, from 1."""
    body: bytes
    problem: str = ""
    """Why there is no whole one; the body is then empty."""


def documents(stream: BinaryIO) -> Iterator[Document]:
    """The documents of a stream.

    It is lines of one document each if the first is whole, or the second begins another; else a list, or
    documents over many lines.
    """
    first, number = b"", 0
    while not first.strip():
        first, number = stream.readline(_CHUNK), number + 1
        if number == 1:
            first = first.removeprefix(_BOM)
        if not first:
            return
    start = first.lstrip()
    if start.startswith(b"["):
        yield from _Scanner(number).run(stream, first)
        return
    if not first.endswith(b"\n"):
        first += stream.readline(MAX_PAGE + 1 - len(first))
    second = stream.readline(MAX_PAGE + 1)
    if start.startswith(b"{") and not _is_whole(first) and second.lstrip()[:1] != b"{":
        yield from _Scanner(number).run(stream, first, second)
    else:
        yield from _lines(stream, number, first, second)


def _is_whole(line: bytes) -> bool:
    """Does everything that this line opens end in it?"""
    scanner = _Scanner(1)
    return bool(list(scanner.feed(line))) and scanner.is_between


def _lines(stream: BinaryIO, number: int, *first: bytes) -> Iterator[Document]:
    waiting = list(first)
    while line := waiting.pop(0) if waiting else stream.readline(MAX_PAGE + 1):
        if len(line) > MAX_PAGE:
            while line and not line.endswith(b"\n"):
                line = waiting.pop(0) if waiting else stream.readline(_CHUNK)
            yield Document(number, b"", _TOO_LONG)
        elif body := line.strip():
            yield Document(number, body)
        number += 1


_TOO_LONG = f"longer than {MAX_PAGE} bytes"


class _Scanner:
    """Finds where documents begin and end by their brackets, whatever pieces the text comes in."""

    def __init__(self, line: int) -> None:
        self._line = line
        self._began = line
        self._pieces: list[bytes] = []
        """Of the document at hand, or of what stands between two."""
        self._size = 0
        self._depth = 0
        """Brackets open in the document at hand."""
        self._listed = False
        """Within the list whose entries are the documents."""
        self._in_string = False
        self._escaped = False

    @property
    def is_between(self) -> bool:
        """Nothing is open."""
        return not (self._depth or self._listed or self._in_string)

    def run(self, stream: BinaryIO, *first: bytes) -> Iterator[Document]:
        """All documents of a stream of which these pieces have been read."""
        for piece in first:
            yield from self.feed(piece)
        while piece := stream.read(_CHUNK):
            yield from self.feed(piece)
        if self._depth:
            yield Document(self._began, b"", "the document has no end")
        else:
            yield from self._stray()
            if self._listed:
                yield Document(self._line, b"", "the list has no end")

    def feed(self, piece: bytes) -> Iterator[Document]:
        """The documents that end in this piece."""
        kept = at = counted = 0
        if self._escaped and piece:
            self._escaped, at = False, 1
        while found := (_INSIDE if self._in_string else _OUTSIDE).search(piece, at):
            mark, at = found[1], found.end()
            if mark is None:
                continue
            if mark == b"\\":
                self._escaped, at = at == len(piece), at + 1
            elif mark == b'"':
                self._in_string = not self._in_string
            elif self._depth == 0:
                self._line += piece.count(b"\n", counted, at)
                counted = at
                self._keep(piece[kept : at - 1])
                yield from self._stray()
                kept = at if self._opens(mark) else at - 1
            elif mark in b"[{":
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == 0:
                    self._keep(piece[kept:at])
                    yield self._taken()
                    kept = at
        self._line += piece.count(b"\n", counted)
        self._keep(piece[kept:])

    def _opens(self, mark: bytes) -> bool:
        """A bracket between documents: is it one of the list around them? Else it begins a document."""
        if mark in b"[]" and self._listed == (mark == b"]"):
            self._listed = not self._listed
            return True
        self._began = self._line
        self._depth += mark in b"[{"
        return False

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= MAX_PAGE:
            self._pieces.append(piece)

    def _taken(self) -> Document:
        whole = self._size <= MAX_PAGE
        found = Document(self._began, b"".join(self._pieces) if whole else b"", "" if whole else _TOO_LONG)
        self._pieces.clear()
        self._size = 0
        return found

    def _stray(self) -> Iterator[Document]:
        """What stands between two documents, which should be nothing but commas and space."""
        between = self._taken()
        stray = between.body.lstrip(b", \t\r\n")
        if between.problem or stray:
            yield Document(self._line - stray.count(b"\n"), b"", "expected an object, which begins with {")
