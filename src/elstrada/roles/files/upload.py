"""A log on its way from a station: raw or as a form, bounded in size, time and patience."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from elstrada.net.http import Message, Receive
from elstrada.roles.files.folder import Incoming
from elstrada.roles.files.multipart import FilePart, NotMultipart, boundary_of, name_in

IDLE_S = 30.0
"""For so long a station may send nothing."""
GRACE_S = 60.0
LEAST_BYTES_PER_S = 512
"""Slower than this, once ``GRACE_S`` are over, is too slow."""
FORM_BYTES = 64 * 1024
"""What a form may need beside the file."""
_BLOCK = 1 << 18


class Cut(Exception):
    """An upload ended without a whole file.

    Args:
        status: what the station is answered; 0 where nobody is there to be answered.
        says: why, for the operator.
    """

    def __init__(self, status: int, says: str) -> None:
        super().__init__(says)
        self.status, self.says = status, says


class Body:
    """The file in a request's body, as it comes."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        """
        Raises:
            NotMultipart: the body says that it is a form, and is none.
        """
        boundary = boundary_of(headers.get("content-type", ""))
        self._part = None if boundary is None else FilePart(boundary)
        self._said = name_in(headers.get("content-disposition", ""))  # N01.FR.19.

    def feed(self, piece: bytes) -> bytes:
        return piece if self._part is None else self._part.feed(piece)

    def check_whole(self) -> None:
        """
        Raises:
            NotMultipart: the form ended before the file did.
        """
        if self._part is not None and not self._part.whole:
            raise NotMultipart("the form ends before the file does")

    @property
    def name(self) -> str | None:
        """What the station calls the file, if it says so."""
        return (self._part and self._part.name) or self._said


async def take_file(
    receive: Receive, headers: Mapping[str, str], incoming: Incoming, most_bytes: int
) -> str | None:
    """Write a request's file to disk; returns its name, if it has one.

    Raises:
        Cut: it did not come whole.
        OSError: it cannot be written.
    """
    try:
        body = Body(headers)
        await _take(receive, body, incoming, most_bytes)
        body.check_whole()
    except NotMultipart as problem:
        raise Cut(400, f"not the form that it says it is: {problem}") from None
    if incoming.size == 0:
        # An address that is good for one file is not spent on none.
        raise Cut(400, "nothing was in it")
    return body.name


async def _take(receive: Receive, body: Body, incoming: Incoming, most_bytes: int) -> None:
    clock = asyncio.get_running_loop().time
    began, came, waiting, more = clock(), 0, bytearray(), True
    while more:
        late_s = began + GRACE_S + came / LEAST_BYTES_PER_S - clock()
        piece, more = await _next(receive, min(IDLE_S, late_s), came)
        came += len(piece)
        waiting += body.feed(piece)
        if incoming.size + len(waiting) > most_bytes or came > most_bytes + FORM_BYTES:
            raise Cut(413, f"larger than {most_bytes} bytes")
        if len(waiting) >= _BLOCK or not more:
            await asyncio.to_thread(incoming.write, bytes(waiting))
            waiting.clear()


async def _next(receive: Receive, within_s: float, came: int) -> tuple[bytes, bool]:
    try:
        async with asyncio.timeout(within_s):
            message = await receive()
    except TimeoutError:
        raise Cut(408, f"too slow: {came} bytes came") from None
    if message["type"] != "http.request":
        raise Cut(0, f"broke off after {came} bytes")
    return message.get("body", b""), bool(message.get("more_body", False))


class Hearing:
    """``receive``, which knows whether the body has ended.

    Args:
        waits: the caller sends nothing before it is asked to (``Expect: 100-continue``).
    """

    def __init__(self, receive: Receive, *, waits: bool) -> None:
        self._receive = receive
        self._ended = waits  # Asking for it, only to say no, would be unkind.

    async def __call__(self) -> Message:
        message = await self._receive()
        self._ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def pass_over(self, most_bytes: int = 1 << 22, within_s: float = 5.0) -> None:
        """Read some of what still comes, so that a station that is sending gets to read the answer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while most_bytes > 0 and not self._ended:
                    most_bytes -= len((await self()).get("body", b""))
