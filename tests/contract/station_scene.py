"""A station server with a gatekeeper that remembers everything, and raw sockets to knock with."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
import struct
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import uvloop

from authority import Authority, Issued, trusting
from elstrada.net.certificates import Certificates, TlsFiles
from elstrada.net.clock import SystemClock
from elstrada.net.doors import Tls
from elstrada.net.engines import STATION_ENGINES
from elstrada.net.face import Admitted, Knock, Line, Refused, StationSocket
from elstrada.net.station_server import StationLimits, StationServer

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0
RIGHT = "Basic " + base64.b64encode(b"CP1:right").decode()
WRONG = "Basic " + base64.b64encode(b"CP1:wrong").decode()


class Notebook:
    """A Line that echoes and remembers. A frame ``close 4000`` makes it say goodbye, ``boom`` raise."""

    def __init__(self, socket: StationSocket) -> None:
        self.socket = socket
        self.frames: list[bytes] = []
        self.closes: list[tuple[int, str]] = []
        self.gone = asyncio.Event()

    def received(self, frame: bytes) -> None:
        self.frames.append(frame)
        if frame.startswith(b"close "):
            self.socket.close(int(frame[6:10]), frame[10:].decode())
        elif frame == b"boom":
            raise RuntimeError("a bug of ours")
        else:
            self.socket.send(frame)

    def closed(self, code: int, reason: str) -> None:
        self.closes.append((code, reason))
        self.gone.set()


class Gatekeeper:
    """Lets in whoever shows the right password, with the first of the known subprotocols offered."""

    def __init__(self, ping_interval_s: float | None = None) -> None:
        self.knocks: list[Knock] = []
        self.lines: list[Notebook] = []
        self._ping_interval_s = ping_interval_s

    def admit(self, knock: Knock) -> Admitted | Refused:
        self.knocks.append(knock)
        if knock.path == "/ocpp/unready":
            return Refused(503, {"retry-after": "7"})
        if knock.path == "/ocpp/boom":
            raise RuntimeError("an inner secret")
        if knock.path == "/ocpp/assumed":
            return Admitted("SE*ELS", "CP1", "ocpp1.6", assumed=True)
        if knock.headers.get("authorization") != RIGHT:
            return Refused(401, {"www-authenticate": 'Basic realm="stations"'})
        offered = [name.strip() for name in knock.headers.get("sec-websocket-protocol", "").split(",")]
        chosen = next((name for name in offered if name in ("ocpp1.6", "ocpp2.0.1")), None)
        return Admitted("SE*ELS", "CP1", chosen, ping_interval_s=self._ping_interval_s)

    def opened(self, socket: StationSocket, admitted: Admitted) -> Line:
        line = Notebook(socket)
        self.lines.append(line)
        return line


class Scene:
    """One running server."""

    def __init__(
        self, server: StationServer, gatekeeper: Gatekeeper, trust: ssl.SSLContext | None = None
    ) -> None:
        self.server, self.gatekeeper, self.trust = server, gatekeeper, trust
        """With ``trust`` stations come by TLS."""
        self.strayed: list[tuple[str, str, str]] = []
        """Who did not get through the TLS handshake: address, code, sample."""
        self.certificates: Certificates | None = None

    @property
    def port(self) -> int:
        port = self.server.port if self.trust is None else self.server.tls_port
        assert port is not None
        return port

    @property
    def url(self) -> str:
        return f"{'ws' if self.trust is None else 'wss'}://localhost:{self.port}/ocpp/CP1"

    async def connect(self, source: str = "127.0.0.1", trust: ssl.SSLContext | None = None) -> Wire:
        trust = trust or self.trust
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            self.port,
            local_addr=(source, 0),
            limit=4 * 1024 * 1024,
            ssl=trust,
            server_hostname="localhost" if trust else None,
            ssl_shutdown_timeout=1 if trust else None,
        )
        return Wire(reader, writer)

    async def bare(self, source: str = "127.0.0.1") -> Wire:
        """A connection that says nothing, not even of TLS."""
        return Wire(*await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0)))

    async def knock(self, source: str = "127.0.0.1", **changes: str | None) -> tuple[Wire, Reply]:
        wire = await self.connect(source)
        wire.write(handshake(**changes))
        return wire, await wire.reply()

    async def enter(self, **changes: str | None) -> tuple[Wire, Notebook]:
        wire, reply = await self.knock(**changes)
        assert reply.status == 101, reply
        await until(lambda: bool(self.gatekeeper.lines))
        return wire, self.gatekeeper.lines[-1]


class Reply:
    """Status and headers of a response."""

    def __init__(self, head: bytes) -> None:
        first, *rest = head.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1]) if first else 0
        self.headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in rest if line)}

    def __repr__(self) -> str:
        return f"Reply({self.status}, {self.headers})"


class Wire:
    """The station's end of a connection, down to single bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def write(self, content: bytes) -> None:
        self.writer.write(content)

    async def reply(self) -> Reply:
        """The response, or one of status 0 if the connection just ends."""
        try:
            async with asyncio.timeout(5):
                return Reply(await self.reader.readuntil(b"\r\n\r\n"))
        except (asyncio.IncompleteReadError, ConnectionResetError, ssl.SSLError):
            return Reply(b"")

    async def frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame."""
        async with asyncio.timeout(5):
            first, second = await self.reader.readexactly(2)
            size = second & 127
            if size == 126:
                (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
            return first & 15, await self.reader.readexactly(size)

    async def close_code(self) -> int:
        """The code of the next close frame, whatever comes before it; 1006 if the line just ends."""
        try:
            while True:
                opcode, payload = await self.frame()
                if opcode == CLOSE:
                    return struct.unpack("!H", payload[:2])[0] if payload else 1005
        except (asyncio.IncompleteReadError, ConnectionResetError, ssl.SSLError):
            return 1006

    async def ended(self) -> bool:
        """Wait for the end of the stream."""
        try:
            async with asyncio.timeout(5):
                while await self.reader.read(65536):
                    pass
        except (ConnectionResetError, ssl.SSLError):
            pass
        return True

    def drop(self) -> None:
        """Reset the connection (RST)."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER: on, 0 s
        self.writer.transport.abort()


def handshake(path: str = "/ocpp/CP1", start: str = "GET {path} HTTP/1.1", **changes: str | None) -> bytes:
    """An opening handshake; keyword arguments replace headers (``_`` for ``-``), None leaves one out."""
    headers: dict[str, str | None] = {
        "host": "localhost",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec_websocket_key": base64.b64encode(os.urandom(16)).decode(),
        "sec_websocket_version": "13",
        "sec_websocket_protocol": "ocpp1.6",
        "authorization": RIGHT,
    } | changes
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([start.format(path=path), *lines, "", ""]).encode("latin-1")


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, mask: bool = True, rsv: int = 0) -> bytes:
    """One frame as a client sends it."""
    head = bytes([fin << 7 | rsv << 4 | opcode])
    flag = mask << 7
    if len(payload) < 126:
        head += bytes([flag | len(payload)])
    elif len(payload) < 65536:
        head += struct.pack("!BH", flag | 126, len(payload))
    else:
        head += struct.pack("!BQ", flag | 127, len(payload))
    if not mask:
        return head + payload
    key = b"\x21\x42\x63\x84"
    return head + key + bytes(byte ^ key[n % 4] for n, byte in enumerate(payload))


async def until(holds: Callable[[], bool], timeout_s: float = 3.0) -> None:
    """Wait for a condition of the other end, which has no event to wait for."""
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class Papers:
    """An authority of ours, one of the stations' and a stranger, and what the first has issued to us."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ours = Authority(folder / "ours", "Ours")
        self.theirs = Authority(folder / "theirs", "Theirs")
        self.stranger = Authority(folder / "stranger", "Stranger")
        self.server = self.ours.server(file="server")

    def files(self, *more: Issued) -> TlsFiles:
        return TlsFiles(
            certificates=(self.server.certificate, *(one.certificate for one in more)),
            keys=(self.server.key, *(one.key for one in more)),
            authorities=(self.theirs.file,),
        )


@cache
def papers() -> Papers:
    """Made once for all that do not change them."""
    return Papers(Path(tempfile.mkdtemp(prefix="elstrada-papers-")))


@asynccontextmanager
async def scene(
    engine: str,
    limits: StationLimits | None = None,
    *,
    ping_interval_s: float | None = None,
    files: TlsFiles | None = None,
) -> AsyncIterator[Scene]:
    """A server of one engine with a gatekeeper, closed afterwards; with ``files`` it has TLS only."""
    gatekeeper, clock, strayed = Gatekeeper(ping_interval_s), SystemClock(), list[tuple[str, str, str]]()
    tls = Tls(
        certificates=None if files is None else Certificates(files, clock),
        strayed=lambda *said: strayed.append(said),
    )
    server = await STATION_ENGINES[engine](
        gatekeeper,
        host="127.0.0.1",
        port=0 if files is None else None,
        clock=clock,
        limits=limits,
        tls=tls,
    )
    stage = Scene(server, gatekeeper, None if files is None else trusting(papers().ours))
    stage.strayed, stage.certificates = strayed, tls.certificates
    try:
        yield stage
    finally:
        await server.close(per_second=10_000)


LOOPS = {"asyncio": asyncio.run, "uvloop": uvloop.run}
"""uvloop is what serves; the other is what every Python has. The fallback runs on the one that serves."""

PLAIN = ["picows on uvloop", "picows on asyncio", "websockets on uvloop"]

Play = Callable[[Scene], Coroutine[object, object, None]]


def played(
    engine: str, play: Play, limits: StationLimits | None = None, *, ping: float | None = None
) -> None:
    """Run a play in a scene, by TLS if the engine's name says so."""
    library, loop = engine.removesuffix(" over TLS").split(" on ")
    files = papers().files() if engine.endswith(" over TLS") else None

    async def whole() -> None:
        async with scene(library, limits, ping_interval_s=ping, files=files) as stage:
            await play(stage)

    LOOPS[loop](whole())
