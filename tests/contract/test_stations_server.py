"""What every station server does, whichever library is beneath: knocks, frames, closes, limits."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest
import websockets
from station_scene import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PLAIN,
    PONG,
    RIGHT,
    TEXT,
    WRONG,
    Notebook,
    Scene,
    frame,
    handshake,
    played,
    until,
)

from elstrada.net.station_server import StationLimits
from elstrada.net.throttle import Rate

GONE = 300

pytestmark = pytest.mark.parametrize("engine", [*PLAIN, *(f"{engine} over TLS" for engine in PLAIN)])


# Knocks.


def test_a_right_knock_is_admitted_with_the_chosen_subprotocol(engine: str) -> None:
    async def play(stage: Scene) -> None:
        wire, reply = await stage.knock(sec_websocket_protocol="ocpp9, ocpp2.0.1")
        assert (reply.status, reply.headers["sec-websocket-protocol"]) == (101, "ocpp2.0.1")
        wire.write(frame(TEXT, b'[2,"1","Heartbeat",{}]'))
        assert await wire.frame() == (TEXT, b'[2,"1","Heartbeat",{}]')

    played(engine, play)


def test_the_doorman_sees_path_headers_and_address_before_anything_is_accepted(engine: str) -> None:
    async def play(stage: Scene) -> None:
        await stage.knock(source="127.0.0.9", start="GET /ocpp/SE%2A1/CP%201?x=1 HTTP/1.1", X_Model="A")
        (knock,) = stage.gatekeeper.knocks
        assert (knock.path, knock.remote) == ("/ocpp/SE%2A1/CP%201", "127.0.0.9")
        assert (knock.headers["x-model"], knock.headers["authorization"]) == ("A", RIGHT)
        assert knock.at.tzinfo is not None

    played(engine, play)


@pytest.mark.parametrize("authorization", [WRONG, None, "Basic", "Bearer x", RIGHT + "x"])
def test_a_wrong_credential_gets_the_doormans_refusal_and_no_socket_t1(
    engine: str, authorization: str | None
) -> None:
    async def play(stage: Scene) -> None:
        wire, reply = await stage.knock(authorization=authorization)
        assert (reply.status, reply.headers["www-authenticate"]) == (401, 'Basic realm="stations"')
        assert await wire.ended()
        assert not stage.gatekeeper.lines
        assert not stage.server.open

    played(engine, play)


def test_two_authorization_headers_are_never_one_right_one(engine: str) -> None:
    async def play(stage: Scene) -> None:
        _, reply = await stage.knock(start=f"GET /ocpp/CP1 HTTP/1.1\r\nAuthorization: {WRONG}")
        assert reply.status in (400, 401)
        assert not stage.gatekeeper.lines

    played(engine, play)


@pytest.mark.parametrize("offer", [None, "ocpp9", ""])
def test_without_a_common_subprotocol_the_handshake_completes_and_is_closed(
    engine: str, offer: str | None
) -> None:
    """OCPP 2.1 part 4: no ``Sec-WebSocket-Protocol`` in the response, then a close."""

    async def play(stage: Scene) -> None:
        wire, reply = await stage.knock(sec_websocket_protocol=offer)
        assert reply.status == 101
        assert "sec-websocket-protocol" not in reply.headers
        assert await wire.close_code() == 1002
        assert not stage.gatekeeper.lines

    played(engine, play)


@pytest.mark.rule(6)
@pytest.mark.parametrize("offer", [None, "ocpp1.6j"])
def test_a_subprotocol_that_is_assumed_is_spoken_and_not_named(engine: str, offer: str | None) -> None:
    """RFC 6455 §4.1: a client fails the connection where a subprotocol is named that it did not offer."""

    async def play(stage: Scene) -> None:
        wire, reply = await stage.knock(path="/ocpp/assumed", sec_websocket_protocol=offer)
        assert reply.status == 101
        assert "sec-websocket-protocol" not in reply.headers
        wire.write(frame(TEXT, b"hello"))
        assert await wire.frame() == (TEXT, b"hello")

    played(engine, play)


def test_a_bug_of_ours_at_a_knock_is_a_500_that_tells_nothing(
    engine: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def play(stage: Scene) -> None:
        wire, reply = await stage.knock(path="/ocpp/boom")
        assert (reply.status, await wire.reader.read()) == (500, b"")
        assert "secret" not in str(reply)

    played(engine, play)
    assert "an inner secret" in caplog.text


REFUSED = {400, 431, 0}
"""0: cut off without a word."""

HOSTILE_OPENINGS = {
    "no upgrade": (handshake(upgrade=None), {426}),
    "no connection": (handshake(connection=None), {426}),
    "connection without upgrade": (handshake(connection="keep-alive"), {426}),
    "no key": (handshake(sec_websocket_key=None), {400}),
    "short key": (handshake(sec_websocket_key="YWJj"), {400}),
    "key that is no base64": (handshake(sec_websocket_key="!" * 24), {400}),
    "no version": (handshake(sec_websocket_version=None), {426}),
    "version 8": (handshake(sec_websocket_version="8"), {426}),
    "version of other bytes": (handshake(sec_websocket_version="\xff"), {400}),
    "HTTP/1.0": (handshake(start="GET {path} HTTP/1.0"), REFUSED),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REFUSED),
    "POST": (handshake(start="POST {path} HTTP/1.1"), REFUSED),
    "no path": (handshake(start="GET HTTP/1.1"), REFUSED),
    "a whole URL": (handshake(path="http://elsewhere/ocpp/CP1"), REFUSED),
    "path of other bytes": (handshake(path="/ocpp/\xff"), REFUSED),
    "long path": (handshake(path="/" + "a" * 5_000), REFUSED),
    "a body": (handshake(content_length="5") + b"hello", REFUSED),
    "chunked": (handshake(transfer_encoding="chunked"), REFUSED),
    "huge header": (handshake(x="a" * 40_000), REFUSED),
    "many headers": (handshake(**{f"x{n}": "a" for n in range(300)}), REFUSED),
    "header without a colon": (handshake(start="GET {path} HTTP/1.1\r\nnonsense"), REFUSED),
    "folded header": (handshake(start="GET {path} HTTP/1.1\r\nx: a\r\n b"), REFUSED),
    "TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", REFUSED),
    "noise": (bytes(range(256)) * 80, REFUSED),
}


@pytest.mark.parametrize("name", HOSTILE_OPENINGS)
def test_a_hostile_opening_is_refused_without_troubling_the_doorman(engine: str, name: str) -> None:
    opening, statuses = HOSTILE_OPENINGS[name]

    async def play(stage: Scene) -> None:
        wire = await stage.connect()
        wire.write(opening)
        assert (await wire.reply()).status in statuses
        assert await wire.ended()
        assert not stage.gatekeeper.knocks

    played(engine, play, StationLimits(opening_s=0.5))


def test_a_connection_header_may_be_a_list(engine: str) -> None:
    """RFC 6455 §4.2.1; proxies send ``keep-alive, Upgrade``."""

    async def play(stage: Scene) -> None:
        await stage.enter(connection="keep-alive, upgrade")

    played(engine, play)


def test_an_opening_that_comes_byte_by_byte_is_read_and_a_frame_behind_it_is_not_lost(engine: str) -> None:
    async def play(stage: Scene) -> None:
        wire = await stage.connect()
        for byte in handshake() + frame(TEXT, b"early"):
            wire.write(bytes([byte]))
            await asyncio.sleep(0)
        assert (await wire.reply()).status == 101
        assert await wire.frame() == (TEXT, b"early")

    played(engine, play)


def test_a_half_handshake_ends_at_the_deadline_even_when_it_drips_t13(engine: str) -> None:
    async def play(stage: Scene) -> None:
        silent, dripping = await stage.connect(), await stage.connect()
        start = asyncio.get_running_loop().time()

        async def drip() -> None:
            for byte in handshake():
                dripping.write(bytes([byte]))
                await asyncio.sleep(0.02)

        dripper = asyncio.create_task(drip())
        await asyncio.gather(silent.ended(), dripping.ended())
        assert 0.2 < asyncio.get_running_loop().time() - start < 1.0
        dripper.cancel()
        assert not stage.gatekeeper.knocks

    played(engine, play, StationLimits(opening_s=0.3))


def test_slow_openers_push_out_each_other_and_never_an_honest_station_t13(engine: str) -> None:
    async def play(stage: Scene) -> None:
        slow = [await stage.connect("127.0.0.2") for _ in range(30)]
        await stage.enter()
        assert all([await wire.ended() for wire in slow[:20]])
        slow += [await stage.connect(f"127.0.1.{n}") for n in range(1, 40)]
        await stage.enter()

    played(engine, play, StationLimits(opening_sockets=20, opening_per_address=10, opening_s=3))


def test_a_guesser_is_slowed_down_and_the_station_itself_is_not_t3(engine: str) -> None:
    async def play(stage: Scene) -> None:
        statuses = [(await stage.knock("127.0.0.2", authorization=WRONG))[1] for _ in range(20)]
        assert [reply.status for reply in statuses] == [401] * 5 + [429] * 15
        assert int(statuses[-1].headers["retry-after"]) >= 1
        assert len(stage.gatekeeper.knocks) == 5
        await stage.enter()

    slow = Rate(burst=5, per_s=0.01)
    played(engine, play, StationLimits(identity_failures=slow))


def test_whoever_gave_up_waiting_keeps_nobody_waiting_t3(engine: str) -> None:
    """A reconnect storm at a node whose turns are long: those who came before are gone when it is their turn."""

    async def play(stage: Scene) -> None:
        loop, turns, counting = asyncio.get_running_loop(), 0, True

        def turn() -> None:
            nonlocal turns
            turns += 1
            if counting:
                loop.call_soon(turn)

        for _ in range(GONE):
            socket.create_connection(("127.0.0.1", stage.port)).close()
        turn()
        _, reply = await stage.knock()
        counting = False
        assert reply.status == 101
        assert turns < GONE / 2, "one at a turn would be as many turns as there are of them"

    played(engine, play)


def test_our_own_trouble_is_not_held_against_a_station(engine: str) -> None:
    async def play(stage: Scene) -> None:
        for _ in range(6):
            _, reply = await stage.knock(path="/ocpp/unready")
            assert (reply.status, reply.headers["retry-after"]) == (503, "7")

    slow = Rate(burst=2, per_s=0.01)
    played(engine, play, StationLimits(identity_failures=slow, address_failures=slow))


# Frames.


def test_an_independent_client_talks_and_leaves(engine: str) -> None:
    async def play(stage: Scene) -> None:
        async with websockets.connect(
            stage.url,
            ssl=stage.trust,
            subprotocols=[websockets.Subprotocol("ocpp1.6")],
            additional_headers={"Authorization": RIGHT},
        ) as client:
            for text in ("hello", "é" * 10_000, "x" * 60_000):
                await client.send(text)
                assert await client.recv() == text
            await (await client.ping())
        line = stage.gatekeeper.lines[0]
        await line.gone.wait()
        assert line.closes == [(1000, "")]

    played(engine, play)


def test_a_fragmented_message_is_one_frame_to_the_line_with_a_ping_between(engine: str) -> None:
    async def play(stage: Scene) -> None:
        wire, line = await stage.enter()
        for byte in (
            frame(TEXT, b"one ", fin=False)
            + frame(PING, b"p")
            + frame(CONTINUATION, b"", fin=False)
            + frame(CONTINUATION, b"two")
        ):
            wire.write(bytes([byte]))
            await asyncio.sleep(0)
        assert await wire.frame() == (PONG, b"p")
        assert await wire.frame() == (TEXT, b"one two")
        assert line.frames == [b"one two"]

    played(engine, play)


BREACHES = {
    "binary": (frame(BINARY, b"x"), {1003}),
    "unmasked": (frame(TEXT, b"x", mask=False), {1002}),
    "reserved bit": (frame(TEXT, b"x", rsv=4), {1002}),
    "reserved opcode": (frame(3, b"x"), {1002}),
    "long ping": (frame(PING, b"x" * 126), {1002}),
    "fragmented ping": (frame(PING, b"x", fin=False), {1002}),
    "continuation of nothing": (frame(CONTINUATION, b"x"), {1002}),
    "a text within a text": (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), {1002}),
    "too big": (frame(TEXT, b"x" * 2_001), {1009}),
    "too big to hold": (b"\x81\xff" + struct.pack("!Q", 2**40) + b"mask", {1009}),
    "a length with its top bit": (b"\x81\xff" + struct.pack("!Q", 2**63 + 1) + b"mask", {1002, 1009}),
    "too big in pieces": (b"".join(frame(n == 0, b"x" * 500, fin=False) for n in range(5)), {1009}),
    "a close of one byte": (frame(CLOSE, b"x"), {1002}),
    "a close with no such code": (frame(CLOSE, struct.pack("!H", 1006)), {1002}),
    "a close with a huge code": (frame(CLOSE, struct.pack("!H", 5000)), {1002}),
    "a close with a broken reason": (frame(CLOSE, struct.pack("!H", 1000) + b"\xff"), {1007}),
    "a ping flood": (frame(PING, b"x") * 500, {1008}),
    "a pong flood": (frame(PONG, b"x") * 500, {1008}),
    "empty fragments": (
        frame(TEXT, b"x", fin=False) + frame(CONTINUATION, b"", fin=False) * 500,
        {1008},
    ),
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_closed_with_its_code_and_reaches_nobody(engine: str, name: str) -> None:
    hostile, codes = BREACHES[name]

    async def play(stage: Scene) -> None:
        wire, line = await stage.enter()
        wire.write(hostile + frame(CONTINUATION if "fragments" in name else TEXT, b"after"))
        code = await wire.close_code()
        assert code in codes
        assert await wire.ended()
        await line.gone.wait()
        assert [closed for closed, _ in line.closes] == [code]
        assert not line.frames

    played(engine, play, StationLimits(message_bytes=2_000, closing_s=0.2))


def test_invalid_utf8_reaches_the_line_or_is_closed_with_1007(engine: str) -> None:
    async def play(stage: Scene) -> None:
        wire, line = await stage.enter()
        wire.write(frame(TEXT, b"close 1007\xff"))
        await until(lambda: bool(line.frames or line.closes))
        if line.frames:
            assert line.frames == [b"close 1007\xff"]
        else:
            assert await wire.close_code() == 1007

    played(engine, play)


def test_a_bug_of_ours_closes_that_station_alone_with_1011(engine: str) -> None:
    async def play(stage: Scene) -> None:
        wire, line = await stage.enter()
        other, _ = await stage.enter()
        wire.write(frame(TEXT, b"boom"))
        assert await wire.close_code() == 1011
        await line.gone.wait()
        assert [code for code, _ in line.closes] == [1011]
        other.write(frame(TEXT, b"still here"))
        assert await other.frame() == (TEXT, b"still here")

    played(engine, play)


# Closes.


@pytest.mark.parametrize("code", [1000, 1007, 1012, 4000])
def test_the_line_may_close_with_any_code_and_hears_of_it_once(engine: str, code: int) -> None:
    async def play(stage: Scene) -> None:
        wire, line = await stage.enter()
        wire.write(frame(TEXT, f"close {code}bad\r\nthing{'é' * 100}".encode()))
        opcode, payload = await wire.frame()
        assert (opcode, payload[:2]) == (CLOSE, struct.pack("!H", code))
        assert payload[2:].decode().startswith("bad  thing")
        assert len(payload) <= 125
        wire.write(frame(TEXT, b"late") + frame(CLOSE, payload[:2]))
        assert await wire.ended()
        await line.gone.wait()
        await asyncio.sleep(0.02)
        assert len(line.frames) == len(line.closes) == 1
        assert line.closes[0][0] == code

    played(engine, play, StationLimits(closing_s=0.3))


def test_a_station_that_ignores_the_goodbye_is_cut_off(engine: str) -> None:
    async def play(stage: Scene) -> None:
        wire, line = await stage.enter()
        wire.write(frame(TEXT, b"close 1000"))
        async with asyncio.timeout(1):
            await line.gone.wait()
        assert await wire.ended()

    played(engine, play, StationLimits(closing_s=0.2))


def test_a_stations_goodbye_is_answered_and_its_reason_cleaned(engine: str) -> None:
    async def play(stage: Scene) -> None:
        wire, line = await stage.enter()
        wire.write(frame(CLOSE, struct.pack("!H", 3001) + b"re\x1b[31m\nboot"))
        assert await wire.close_code() == 3001
        await line.gone.wait()
        assert line.closes == [(3001, "re [31m boot")]

    played(engine, play)


def test_a_line_that_just_breaks_is_1006(engine: str) -> None:
    async def play(stage: Scene) -> None:
        wire, line = await stage.enter()
        wire.drop()
        await line.gone.wait()
        assert [code for code, _ in line.closes] == [1006]
        line.socket.send(b"into the void")
        line.socket.close(1000, "")
        await until(lambda: not stage.server.open)
        assert len(line.closes) == 1

    played(engine, play)


def test_a_station_that_does_not_read_is_closed_when_too_much_waits_f15(engine: str) -> None:
    async def play(stage: Scene) -> None:
        wire, line = await stage.enter()
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
        sent = 0
        while not line.closes and sent < 64 * 1024 * 1024:
            line.socket.send(b"x" * 50_000)
            sent += 50_000
            await asyncio.sleep(0)
        assert [code for code, _ in line.closes] == [1008]
        # What waits is our megabyte and the two kernel buffers of a loopback connection.
        assert sent < 16 * 1024 * 1024

    played(engine, play, StationLimits(waiting_bytes=1024 * 1024))


# Silence and leaving.


@pytest.mark.rule(3)
def test_a_silent_station_is_pinged_and_stays_when_it_answers_rule_3(engine: str) -> None:
    async def play(stage: Scene) -> None:
        wire, line = await stage.enter()
        for _ in range(3):
            opcode, payload = await wire.frame()
            assert opcode == PING
            wire.write(frame(PONG, payload))
        assert not line.closes

    played(engine, play, StationLimits(ping_interval_s=0.1, ping_timeout_s=0.1))


@pytest.mark.rule(3)
def test_a_half_open_station_is_found_within_two_ping_intervals_rule_3(engine: str) -> None:
    async def play(stage: Scene) -> None:
        _, line = await stage.enter()
        start = asyncio.get_running_loop().time()
        await line.gone.wait()
        assert asyncio.get_running_loop().time() - start < 0.5

    played(engine, play, StationLimits(ping_interval_s=0.2, ping_timeout_s=0.2))


@pytest.mark.rule(3)
def test_ping_can_be_off_for_a_station_that_never_answers_it_rule_3(engine: str) -> None:
    async def play(stage: Scene) -> None:
        wire, line = await stage.enter()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.4):
                await wire.frame()
        assert not line.closes

    played(engine, play, StationLimits(ping_interval_s=0.1, ping_timeout_s=0.1), ping=0)


@pytest.mark.rule(3)
def test_ping_can_be_switched_off_once_it_is_known_that_a_station_never_answers_it_rule_3(
    engine: str,
) -> None:
    async def play(stage: Scene) -> None:
        wire, line = await stage.enter()
        line.socket.leave_unpinged()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.4):
                await wire.frame()
        assert not line.closes
        heard = probed(line, within_s=2)
        opcode, payload = await wire.frame()
        assert opcode == PING, "a probe pings all the same"
        wire.write(frame(PONG, payload))
        assert await heard

    played(engine, play, StationLimits(ping_interval_s=0.1, ping_timeout_s=0.1))


def test_a_probe_is_answered_by_a_pong_and_by_any_other_frame_t2(engine: str) -> None:
    async def play(stage: Scene) -> None:
        wire, line = await stage.enter()
        for sign in (PONG, TEXT):
            heard = probed(line, within_s=2)
            opcode, payload = await wire.frame()
            assert opcode == PING
            await asyncio.sleep(0.05)
            assert not heard.done(), "what was said before the probe is no sign of life"
            wire.write(frame(sign, payload if sign == PONG else b"hello"))
            assert await heard
        assert line.frames == [b"hello"]

    played(engine, play, ping=0)


def test_a_probe_of_a_silent_station_is_told_so_in_time_and_once_t2(engine: str) -> None:
    async def play(stage: Scene) -> None:
        wire, line = await stage.enter()
        wire.write(frame(TEXT, b"before"))
        await until(lambda: line.frames == [b"before"])
        told: list[bool] = []
        start = asyncio.get_running_loop().time()
        line.socket.probe(told.append, 0.2)
        assert not told
        await until(lambda: bool(told))
        assert 0.15 < asyncio.get_running_loop().time() - start < 1
        wire.write(frame(PONG))
        await asyncio.sleep(0.1)
        assert told == [False]
        assert not line.closes, "what to do about it is not the server's to decide"

    played(engine, play)


def test_a_socket_that_ends_fails_its_probes_at_once_t2(engine: str) -> None:
    async def play(stage: Scene) -> None:
        for ends in ("the station's goodbye", "our goodbye", "a broken line"):
            wire, line = await stage.enter()
            heard = [probed(line, within_s=60), probed(line, within_s=60)]
            if ends == "the station's goodbye":
                wire.write(frame(CLOSE, struct.pack("!H", 1000)))
            elif ends == "our goodbye":
                line.socket.close(1012, "")
                wire.write(frame(PONG))
            else:
                wire.drop()
            assert await asyncio.gather(*heard) == [False, False]
            await line.gone.wait()
            assert not await probed(line, within_s=60)

    played(engine, play, StationLimits(closing_s=0.2))


def probed(line: Notebook, within_s: float) -> asyncio.Future[bool]:
    """What a probe of this line's socket will tell."""
    told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    line.socket.probe(told.set_result, within_s)
    assert not told.done(), "never from within"
    return told


def test_the_server_leaves_with_1012_at_the_chosen_rate(engine: str) -> None:
    async def play(stage: Scene) -> None:
        wires = [(await stage.enter())[0] for _ in range(10)]
        slow = await stage.connect()
        start = asyncio.get_running_loop().time()
        closing = asyncio.create_task(stage.server.close(per_second=50))
        codes = await asyncio.gather(*(wire.close_code() for wire in wires))
        assert set(codes) == {1012}
        assert asyncio.get_running_loop().time() - start > 0.17
        for wire in wires:
            wire.write(frame(CLOSE, struct.pack("!H", 1012)))
        await closing
        assert await slow.ended()
        assert {code for line in stage.gatekeeper.lines for code, _ in line.closes} == {1012}
        with pytest.raises(ConnectionRefusedError):
            await stage.connect()

    played(engine, play, StationLimits(closing_s=0.3))
