"""A WebSocket client that is little more than a TCP connection: light, and free to misbehave."""

from __future__ import annotations

import asyncio
import base64
import os
from urllib.parse import urlsplit

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_LARGEST = 1 << 20


class Refused(Exception):
    """The server answered the knock with another status than 101."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


class RawSocket:
    """An open WebSocket. Source: RFC 6455 §5.2."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def dial(cls, stations_url: str, station: str, password: str, protocol: str) -> RawSocket:
        """Open a station's socket.

        Raises:
            Refused: another status than 101.
            OSError, asyncio.IncompleteReadError: nobody is there, or is there no longer.
        """
        url = urlsplit(f"{stations_url}{station}")
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        basic = base64.b64encode(f"{station}:{password}".encode()).decode()
        head = (
            f"GET {url.path} HTTP/1.1",
            f"Host: {url.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Protocol: {protocol}",
            f"Authorization: Basic {basic}",
        )
        try:
            writer.write("\r\n".join((*head, "", "")).encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            status = int(answer.split(maxsplit=2)[1])
            if status != 101:
                raise Refused(status)
        except BaseException:
            writer.close()
            raise
        return cls(reader, writer)

    def send(self, payload: bytes, opcode: int = TEXT, *, head: int = 0x80) -> None:
        """Send one frame. Its mask is zero, which is as good as any and costs nothing.

        Args:
            head: FIN and the reserved bits; 0x80 is FIN alone.
        """
        length = len(payload)
        if length < 126:
            size = bytes([0x80 | length])
        elif length < 1 << 16:
            size = bytes([0x80 | 126]) + length.to_bytes(2)
        else:
            size = bytes([0x80 | 127]) + length.to_bytes(8)
        self.send_bytes(bytes([head | opcode]) + size + bytes(4) + payload)

    def send_bytes(self, content: bytes) -> None:
        """Send what may be no frame at all."""
        self._writer.write(content)

    async def receive(self) -> tuple[int, bytes]:
        """The next frame: opcode and payload.

        Raises:
            OSError, asyncio.IncompleteReadError: the line is gone.
        """
        first, second = await self._reader.readexactly(2)
        length = second & 0x7F
        if length >= 126:
            length = int.from_bytes(await self._reader.readexactly(2 if length == 126 else 8))
        assert length < _LARGEST
        return first & 0x0F, await self._reader.readexactly(length)

    def close(self) -> None:
        """Hang up without a word."""
        self._writer.close()

    def abort(self) -> None:
        """Hang up, whatever is still to be sent or read."""
        self._writer.transport.abort()
