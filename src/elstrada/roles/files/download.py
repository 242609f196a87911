"""An image on its way to a station, whole or in ranges. Source: RFC 9110 §13.1.5, §14."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec

from elstrada.net.http import Receive, Send

BLOCK = 1 << 18


class Span(msgspec.Struct, frozen=True):
    """Bytes of a file, the first and the one after the last."""

    begin: int
    end: int


_RANGE = re.compile(r"bytes=\s*(?:(\d{1,18})-(\d{1,18})?|-(\d{1,18}))\s*", re.IGNORECASE)


def asked(headers: Mapping[str, str], size: int, etag: str) -> Span | None:
    """Which bytes a request wants: None for all of them. Several ranges at once are answered with all.

    Raises:
        ValueError: the file has none of these bytes.
    """
    if headers.get("if-range", etag) != etag:
        return None
    found = _RANGE.fullmatch(headers.get("range", ""))
    if found is None:
        return None
    first, last, suffix = found.groups()
    if first is None:
        begin, end = max(0, size - int(suffix)), size
    else:
        begin, end = int(first), min(size, int(last) + 1 if last else size)
        if last and int(last) < begin:
            return None  # No valid range, and therefore none at all.
    if begin >= end:
        raise ValueError("no byte of the file is in this range")
    return Span(begin, end)


Count = Callable[[int], Awaitable[None]]


async def send_file(path: Path, span: Span, receive: Receive, send: Send, count: Count) -> None:
    """Send the bytes as the body of a response that has begun, until the caller leaves.

    Whoever takes none for too long is cut off by the server (``HttpLimits.stalled_s``).

    Args:
        count: told once how many bytes go out; before the last of them, so that whoever has them all
            cannot ask again before they are counted.
    Raises:
        OSError: the file cannot be read; the response stays incomplete.
    """
    leaving = asyncio.get_running_loop().create_task(_until_gone(receive))
    file = await asyncio.to_thread(path.open, "rb")
    try:
        await _send_blocks(file, span, leaving, send, count)
    finally:
        leaving.cancel()
        await asyncio.to_thread(file.close)


async def _send_blocks(
    file: BinaryIO, span: Span, leaving: asyncio.Task[None], send: Send, count: Count
) -> None:
    file.seek(span.begin)
    at = span.begin
    while at < span.end and not leaving.done():
        block = await asyncio.to_thread(file.read, min(BLOCK, span.end - at))
        if not block:
            raise OSError("the file is shorter than it was")
        at += len(block)
        if at == span.end:
            await count(at - span.begin)
        await send({"type": "http.response.body", "body": block, "more_body": at < span.end})
    if at < span.end:
        await count(at - span.begin)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
