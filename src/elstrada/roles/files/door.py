"""The stations' file door: GET and HEAD of an image, PUT and POST of a log, at one-time addresses only.

Whatever is wrong with an address, unknown, used, expired, or another purpose's, is answered alike (T23).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from urllib.parse import quote

from elstrada.model.http import HttpResponse
from elstrada.model.transfer import Purpose
from elstrada.net.entrance import joined_headers
from elstrada.net.face import Clock, Strayed
from elstrada.net.http import HttpLimits, Message, Receive, Send, nowhere, respond
from elstrada.redaction import redacted
from elstrada.roles.files.addresses import (
    Files,
    begin_upload,
    count_sent,
    end_upload,
    find,
    note_trouble,
    number,
    read_path,
    shown_name,
)
from elstrada.roles.files.download import Span, asked, send_file
from elstrada.roles.files.folder import Incoming
from elstrada.roles.files.upload import FORM_BYTES, Cut, Hearing, take_file
from elstrada.roles.keys import Keys
from elstrada.spine.face import Row, Spine, SpineDown

LIMITS = HttpLimits(head_bytes=16 * 1024, body_bytes=1 << 62, body_s=86_400.0, connections=500)
"""How much of a body is read, and how slowly, the door decides by what is expected at the address."""
MOST_AT_ONCE = 4
"""Requests in hand at one address: a station's own, and those of which it does not know yet that they died."""
_PURPOSES = {"GET": Purpose.FIRMWARE, "HEAD": Purpose.FIRMWARE, "PUT": Purpose.LOG, "POST": Purpose.LOG}
_AWAY = HttpResponse(503, {"retry-after": "60", "connection": "close"})
_NOTHING = HttpResponse(404, {"connection": "close"})

log = logging.getLogger(__name__)


class FileDoor:
    """An ASGI application."""

    def __init__(self, spine: Spine, keys: Keys, clock: Clock, files: Files) -> None:
        self._spine, self._keys, self._clock, self._files = spine, keys, clock, files
        self._in_hand: dict[str, int] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await nowhere(scope, receive, send)
            return
        try:
            headers = _headers(scope)
            waits = headers.get("expect", "").lower() == "100-continue"
            await self._serve(scope, headers, Hearing(receive, waits=waits), send)
        except SpineDown as down:
            log.warning("the store is down: %s", down)
            await respond(send, _AWAY)

    async def _serve(self, scope: Message, headers: Mapping[str, str], receive: Hearing, send: Send) -> None:
        method, told = str(scope["method"]), read_path(str(scope["path"]))
        purpose = _PURPOSES.get(method)
        if purpose is None:
            await _refuse(receive, send, HttpResponse(405, {"allow": ", ".join(_PURPOSES)}))
            return
        row = told and await find(self._spine, self._keys, told[0], purpose, self._clock.now())
        if not told or not row:
            await _refuse(receive, send, _NOTHING)
            return
        if purpose is Purpose.FIRMWARE and not self._files.at_hand(row):
            log.error("an image is at node %s, and the station was led to %s", row["node"], self._files.node)
            await respond(send, _AWAY)
            return
        key = str(row["transfer_id"])
        if self._in_hand.get(key, 0) >= MOST_AT_ONCE:
            await respond(send, _AWAY)
            return
        self._in_hand[key] = self._in_hand.get(key, 0) + 1
        try:
            if purpose is Purpose.FIRMWARE:
                await self._give(row, method, headers, receive, send)
            else:
                await self._take(row, scope, headers, told[1], receive, send)
        finally:
            self._in_hand[key] -= 1
            if not self._in_hand[key]:
                del self._in_hand[key]

    # --- firmware ---------------------------------------------------------------------------------------

    async def _give(
        self, row: Row, method: str, headers: Mapping[str, str], receive: Receive, send: Send
    ) -> None:
        size, etag = number(row, "size"), f'"{row["sha256"]}"'
        path = self._files.folder.image(str(row["file"]))
        if not await asyncio.to_thread(lambda: path.is_file() and path.stat().st_size == size):
            log.error("the image %s is not in the folder, or not whole", path)
            await note_trouble(self._spine, row, "the image is gone from the folder", self._clock.now())
            await respond(send, _AWAY)
            return
        try:
            part = asked(headers, size, etag)
        except ValueError:
            await respond(send, HttpResponse(416, {"content-range": f"bytes */{size}"}))
            return
        span = part or Span(0, size)
        await send(_head_of(row, span, size, etag, ranged=part is not None))
        if method == "HEAD":
            await send({"type": "http.response.body"})
            return
        await send_file(path, span, receive, send, partial(self._count, row))

    async def _count(self, row: Row, sent: int) -> None:
        try:
            await count_sent(self._spine, row, sent, self._clock.now())
        except SpineDown as down:  # The station has most of its answer already.
            log.warning("%d bytes that were sent could not be counted: %s", sent, down)

    # --- logs -------------------------------------------------------------------------------------------

    async def _take(
        self,
        row: Row,
        scope: Message,
        headers: Mapping[str, str],
        name: str,
        receive: Hearing,
        send: Send,
    ) -> None:
        most, said = number(row, "most"), headers.get("content-length", "")
        try:
            if "content-range" in headers:
                # RFC 9110 §14.5: whoever does not take parts must not take this for the whole.
                raise Cut(400, "a part of a file was sent; only whole ones are taken")
            if said.isdecimal() and int(said) > most + FORM_BYTES:
                raise Cut(413, f"larger than {most} bytes: {said}")
            if not await begin_upload(self._spine, row):
                await _refuse(receive, send, _NOTHING)
                return
            ours = await self._receive(row, headers, name, most, receive)
        except Cut as cut:
            await note_trouble(self._spine, row, cut.says, self._clock.now())
            if cut.status:
                await _refuse(receive, send, HttpResponse(cut.status, {"connection": "close"}))
            return
        if not ours:
            await _refuse(receive, send, _NOTHING)
        else:
            # RFC 9110 §9.3.4 wants 201 of a PUT; of a POST, some stations know no other success than 200.
            await respond(send, HttpResponse(201 if scope["method"] == "PUT" else 200))

    async def _receive(
        self, row: Row, headers: Mapping[str, str], name: str, most: int, receive: Receive
    ) -> bool:
        """Take a file, and have it on disk and in the store; False: another one came first.

        Raises:
            Cut: it did not come whole; nothing of it is left.
        """
        folder = self._files.folder
        expected = _expected(headers, most)
        folder.reserved += expected
        try:
            if await asyncio.to_thread(folder.room) < 0:
                log.error("there is no room for a log of %d bytes in %s", expected, folder.root)
                raise Cut(507, "no room: see files.quota_megabytes, and the disk")
            said, incoming, kept = await self._written(headers, most, receive)
        except OSError as problem:
            log.error("a log cannot be written to %s: %s", folder.root, problem)
            raise Cut(507, f"it could not be written: {problem.strerror}") from problem
        finally:
            folder.reserved -= expected
        ours = await end_upload(
            self._spine,
            row,
            {
                "file": kept,
                "file_name": shown_name(said or name) or None,
                "size": incoming.size,
                "sha256": incoming.sha256,
                "moved": incoming.size,
                "moved_at": self._clock.now(),
                "node": self._files.node,
            },
        )
        if not ours:
            await asyncio.to_thread(_discard, self._files, kept)
        return ours

    async def _written(
        self, headers: Mapping[str, str], most: int, receive: Receive
    ) -> tuple[str | None, Incoming, str]:
        """What the station calls the file, the file, and its name here once it survives a power cut."""
        folder = self._files.folder
        incoming = await asyncio.to_thread(folder.begin)
        try:
            said = await take_file(receive, headers, incoming, most)
            return said, incoming, await asyncio.to_thread(folder.keep_log, incoming)
        finally:
            await asyncio.to_thread(incoming.drop)


async def _refuse(receive: Hearing, send: Send, response: HttpResponse) -> None:
    """Say no, once what still comes has been heard; the server counts it (``strayed``)."""
    await receive.pass_over()
    await respond(send, response)


def without_addresses(strayed: Strayed) -> Strayed:
    """``strayed``, told what does not let anybody in."""
    return lambda remote, code, sample: strayed(remote, code, redacted(sample))


def _discard(files: Files, kept: str) -> None:
    files.folder.log(kept).unlink(missing_ok=True)


def _expected(headers: Mapping[str, str], most: int) -> int:
    """How much room a file may need."""
    said = headers.get("content-length", "")
    return min(int(said), most) if said.isdecimal() else most


def _headers(scope: Message) -> dict[str, str]:
    return joined_headers(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
    )


def _head_of(row: Row, span: Span, size: int, etag: str, *, ranged: bool) -> Message:
    headers = {
        "content-type": "application/octet-stream",
        "content-length": str(span.end - span.begin),
        "content-disposition": f'attachment; filename="{quote(str(row["file_name"]))}"',
        "accept-ranges": "bytes",
        "etag": etag,
        "cache-control": "no-store",
    }
    if ranged:
        headers["content-range"] = f"bytes {span.begin}-{span.end - 1}/{size}"
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": "http.response.start", "status": 206 if ranged else 200, "headers": pairs}
