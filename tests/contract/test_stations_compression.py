"""Compression of messages (permessage-deflate, RFC 7692) on every station server."""

from __future__ import annotations

import asyncio
import resource
import zlib

import pytest
import websockets
from station_scene import (
    BINARY,
    CONTINUATION,
    PING,
    PLAIN,
    PONG,
    RIGHT,
    TEXT,
    Scene,
    Wire,
    frame,
    played,
)
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate

from elstrada.net.station_server import StationLimits

pytestmark = pytest.mark.parametrize("engine", [*PLAIN, "picows on uvloop over TLS"])

OFFER = "permessage-deflate; client_max_window_bits"
AGREED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
RSV1 = 4
CALL = b'[2,"1","DataTransfer",{"vendorId":"' + b"elstrada " * 30 + b'"}]'


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
@pytest.mark.parametrize("bits", [None, 9, 15])
def test_an_independent_client_and_we_compress_for_each_other(
    engine: str, version: str, bits: int | None
) -> None:
    async def play(stage: Scene) -> None:
        async with websockets.connect(
            stage.url,
            ssl=stage.trust,
            subprotocols=[websockets.Subprotocol(version)],
            additional_headers={"Authorization": RIGHT},
            compression=None,
            extensions=[
                ClientPerMessageDeflateFactory(server_max_window_bits=bits, client_max_window_bits=True)
            ],
        ) as client:
            (extension,) = client.protocol.extensions
            assert isinstance(extension, PerMessageDeflate)
            assert extension.remote_no_context_takeover
            assert extension.local_no_context_takeover
            for text in ("", "hello", "é" * 10_000, "x" * 65_000, CALL.decode() * 100):
                await client.send(text)
                assert await client.recv() == text
            await client.send(["in ", "", "four ", "p" * 9_000])
            assert await client.recv() == "in four " + "p" * 9_000
            await (await client.ping())
        line = stage.gatekeeper.lines[0]
        await line.gone.wait()
        assert line.closes == [(1000, "")]

    played(engine, play)


def test_a_stations_default_client_gets_compression(engine: str) -> None:
    async def play(stage: Scene) -> None:
        async with websockets.connect(
            stage.url,
            ssl=stage.trust,
            subprotocols=[websockets.Subprotocol("ocpp1.6")],
            additional_headers={"Authorization": RIGHT},
        ) as client:
            assert client.protocol.extensions
            await client.send(CALL.decode())
            assert (await client.recv()).encode() == CALL

    played(engine, play)


def test_a_long_answer_stands_shorter_on_the_wire_and_a_short_one_as_it_is(engine: str) -> None:
    async def play(stage: Scene) -> None:
        wire = await compressing(stage)
        wire.write(frame(TEXT, CALL) + frame(TEXT, packed(b"short"), rsv=RSV1))
        bits, payload = await head_and_payload(wire)
        assert bits == 0x80 | RSV1 << 4 | TEXT
        assert len(payload) < len(CALL) / 3
        assert unpacked(payload) == CALL
        assert await head_and_payload(wire) == (0x80 | TEXT, b"short")

    played(engine, play)


def test_a_compressed_message_comes_in_fragments_with_a_ping_between(engine: str) -> None:
    async def play(stage: Scene) -> None:
        wire = await compressing(stage)
        (line,) = stage.gatekeeper.lines
        content = packed(CALL)
        for byte in (
            frame(TEXT, content[:7], fin=False, rsv=RSV1)
            + frame(PING, b"p")
            + frame(CONTINUATION, content[7:20], fin=False)
            + frame(CONTINUATION, content[20:])
            + frame(TEXT, b"plain ", fin=False)
            + frame(CONTINUATION, b"text")
        ):
            wire.write(bytes([byte]))
            await asyncio.sleep(0)
        assert await head_and_payload(wire) == (0x80 | PONG, b"p")
        assert unpacked((await head_and_payload(wire))[1]) == CALL
        assert await head_and_payload(wire) == (0x80 | TEXT, b"plain text")
        assert line.frames == [CALL, b"plain text"]

    played(engine, play)


@pytest.mark.parametrize(
    "offer",
    [
        "permessage-bzip2",
        "permessage-deflate; server_max_window_bits=8",
        'permessage-deflate; "',
        "=;,",
        None,
    ],
)
def test_an_offer_that_cannot_be_kept_leaves_a_station_uncompressed(engine: str, offer: str | None) -> None:
    async def play(stage: Scene) -> None:
        wire, reply = await stage.knock(sec_websocket_extensions=offer)
        assert reply.status == 101
        assert "sec-websocket-extensions" not in reply.headers
        wire.write(frame(TEXT, CALL))
        assert await head_and_payload(wire) == (0x80 | TEXT, CALL)
        wire.write(frame(TEXT, packed(CALL), rsv=RSV1))
        assert await wire.close_code() == 1002

    played(engine, play, StationLimits(closing_s=0.2))


def test_compression_can_be_switched_off(engine: str) -> None:
    async def play(stage: Scene) -> None:
        wire, reply = await stage.knock(sec_websocket_extensions=OFFER)
        assert reply.status == 101
        assert "sec-websocket-extensions" not in reply.headers
        wire.write(frame(TEXT, CALL))
        assert await head_and_payload(wire) == (0x80 | TEXT, CALL)

    played(engine, play, StationLimits(compression=False))


def packed(message: bytes) -> bytes:
    """As an independent station compresses."""
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(message) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")


def unpacked(payload: bytes) -> bytes:
    return zlib.decompressobj(wbits=-15).decompress(payload + b"\x00\x00\xff\xff")


def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, wbits=-15)
    out = b"".join(packer.compress(bytes(1 << 20)) for _ in range(megabytes))
    return (out + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")


BREACHES = {
    "a bomb": (frame(TEXT, bomb(60), rsv=RSV1), 1009),
    "a bomb in pieces": (
        frame(TEXT, bomb(60)[:30_000], fin=False, rsv=RSV1) + frame(CONTINUATION, bomb(60)[30_000:]),
        1009,
    ),
    "a byte too many": (frame(TEXT, packed(b"x" * 65_537), rsv=RSV1), 1009),
    "no deflated data": (frame(TEXT, b"\xff\xff\xff", rsv=RSV1), 1002),
    "cut off": (frame(TEXT, packed(CALL)[:-5], rsv=RSV1), 1002),
    "cut off in pieces": (
        frame(TEXT, packed(CALL)[:9], fin=False, rsv=RSV1) + frame(CONTINUATION, packed(CALL)[9:-5]),
        1002,
    ),
    "a compressed ping": (frame(PING, packed(b"x"), rsv=RSV1), 1002),
    "a compressed continuation": (
        frame(TEXT, packed(CALL)[:9], fin=False, rsv=RSV1) + frame(CONTINUATION, packed(CALL)[9:], rsv=RSV1),
        1002,
    ),
    "a compressed continuation of plain text": (
        frame(TEXT, b"x", fin=False) + frame(CONTINUATION, packed(CALL), rsv=RSV1),
        1002,
    ),
    "another reserved bit": (frame(TEXT, packed(CALL), rsv=RSV1 | 2), 1002),
    "compressed binary": (frame(BINARY, packed(CALL), rsv=RSV1), 1003),
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_of_compression_is_closed_with_its_code_and_reaches_nobody(engine: str, name: str) -> None:
    hostile, code = BREACHES[name]

    async def play(stage: Scene) -> None:
        wire = await compressing(stage)
        (line,) = stage.gatekeeper.lines
        wire.write(hostile)
        assert await wire.close_code() == code
        assert await wire.ended()
        await line.gone.wait()
        assert [closed for closed, _ in line.closes] == [code]
        assert not line.frames

    played(engine, play, StationLimits(closing_s=0.2))


def test_bombs_cost_less_than_five_megabytes_t13(engine: str) -> None:
    """A thousand times the limit, from ten stations one after the other."""

    async def play(stage: Scene) -> None:
        hostile = frame(TEXT, bomb(60), rsv=RSV1)
        grown: list[int] = []
        for _ in range(10):
            wire = await compressing(stage)
            wire.write(hostile)
            assert await wire.close_code() == 1009
            assert await wire.ended()
            grown.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        assert grown[-1] - grown[0] < 5 * 1024  # kB

    played(engine, play, StationLimits(closing_s=0.2))


async def compressing(stage: Scene) -> Wire:
    wire, reply = await stage.knock(sec_websocket_extensions=OFFER)
    assert (reply.status, reply.headers.get("sec-websocket-extensions")) == (101, AGREED)
    return wire


async def head_and_payload(wire: Wire) -> tuple[int, bytes]:
    """The first byte of the next frame, with its bits, and what it holds."""
    async with asyncio.timeout(5):
        first, size = await wire.reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await wire.reader.readexactly(2))
        return first, await wire.reader.readexactly(size)
