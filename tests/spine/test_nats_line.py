"""A node's connection to NATS: it comes back by itself, and says how it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from elstrada.net.clock import SystemClock
from elstrada.sim.servers import free_port
from elstrada.spine.nats_line import NatsLine
from nats_server import NatsServer, nats_line, nats_server, until


async def connected(line: NatsLine, within_s: float = 8) -> None:
    async with asyncio.timeout(within_s):
        await line.client()


async def until_down(line: NatsLine) -> None:
    await until(lambda: not line.state.connected)


async def test_a_node_starts_while_nats_is_away_and_is_connected_once_it_comes_f8(tmp_path: Path) -> None:
    with nats_server(tmp_path) as server:
        async with nats_line(server.url) as line:
            await asyncio.sleep(0.5)
            state = line.state
            assert (state.connected, state.connects) == (False, 0)
            assert "Connect" in state.last_error
            told: list[bool] = []
            line.on_connect(lambda: told.append(line.state.connected))
            await server.start()
            await connected(line)
            assert told == [True]
            assert line.state.connects == 1
            assert line.state.server == f"127.0.0.1:{server.port}"
            assert line.state.since > state.since


async def test_a_line_that_broke_is_made_again_and_counted_f8(tmp_path: Path) -> None:
    with nats_server(tmp_path) as server:
        await server.start()
        async with nats_line(server.url) as line:
            await connected(line)
            for round_ in (2, 3, 4):
                server.kill()
                await until_down(line)
                await server.start()
                await connected(line)
                assert line.state.connects == round_


async def test_tries_come_ever_less_often_f13(tmp_path: Path) -> None:
    """A server that accepts and says nothing must not be stormed."""
    tries: list[float] = []

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tries.append(asyncio.get_running_loop().time())
        writer.close()

    listening = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with nats_line(f"nats://127.0.0.1:{port}") as line:
        await asyncio.sleep(4)
        assert not line.state.connected
        assert line.state.last_error
    listening.close()
    await listening.wait_closed()
    assert 3 <= len(tries) <= 10
    assert tries[-1] - tries[-2] > 3 * (tries[1] - tries[0])


@pytest.mark.parametrize(
    ("settings", "user", "enters"),
    [
        ("authorization { user: node, password: secret }", "node:secret", True),
        ("authorization { user: node, password: secret }", "node:wrong-secret", False),
        ("authorization { token: secret-token }", "secret-token", True),
        ('authorization { user: node, password: "secret@/:%" }', "node:secret%40%2F%3A%25", True),
        ("authorization { token: secret-token }", "other-secret", False),
    ],
)
async def test_who_may_enter_is_the_servers_to_say_and_no_secret_is_shown(
    tmp_path: Path, settings: str, user: str, enters: bool
) -> None:
    with nats_server(tmp_path, settings) as server:
        await server.start()
        async with nats_line(server.with_user(user)) as line:
            if enters:
                await connected(line)
            else:
                with pytest.raises(TimeoutError):
                    await connected(line, 1.5)
                await until(lambda: "Authorization Violation" in line.state.last_error)
            assert "secret" not in str(line.state)


async def test_a_password_that_is_taken_back_ends_the_line_until_it_holds_again(tmp_path: Path) -> None:
    """The library gives up for good then; the line does not."""
    with nats_server(tmp_path, "authorization { user: node, password: one }") as server:
        await server.start()
        async with nats_line(server.with_user("node:one")) as line:
            await connected(line)
            server.kill()
            with nats_server(
                _folder(tmp_path, "other"), "authorization { user: node, password: two }"
            ) as other:
                _move(other, server)
                await other.start()
                await asyncio.sleep(1)
                assert not line.state.connected
            await server.start()
            await connected(line)


def _folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


def _move(other: NatsServer, server: NatsServer) -> None:
    """Have a server listen where another did."""
    settings = other._settings
    settings.write_text(settings.read_text().replace(str(other.port), str(server.port)))
    other.port = server.port


async def test_a_server_that_others_told_of_is_shown_the_same_password(tmp_path: Path) -> None:
    """One of a cluster goes: the line moves to one that no URL names."""
    login = "authorization { user: node, password: secret }"
    with (
        nats_server(_folder(tmp_path, "one"), jetstream=False) as one,
        nats_server(_folder(tmp_path, "two"), jetstream=False) as two,
    ):
        routes = {one.port: free_port(), two.port: free_port()}
        for server, other in ((one, two), (two, one)):
            _add(server, f"{login}\n{_cluster(routes[server.port], routes[other.port])}")
            await server.start()
        async with nats_line(one.with_user("node:secret")) as line:
            await connected(line)
            client = await line.client()
            await until(lambda: str(two.port) in str(client.discovered_servers))
            one.kill()
            await until(lambda: line.state.server == f"127.0.0.1:{two.port}")
            assert line.state.connected


def _cluster(mine: int, other: int) -> str:
    """Settings of one of two servers, by the ports on which they speak to each other."""
    return f'cluster {{ name: "c", listen: "127.0.0.1:{mine}", routes: ["nats://127.0.0.1:{other}"] }}'


def _add(server: NatsServer, settings: str) -> None:
    file = server._settings
    file.write_text(f"{file.read_text()}server_name: s{server.port}\n{settings}\n")


async def test_tls_in_the_url_is_never_given_up_for_a_server_without_it_a6(tmp_path: Path) -> None:
    """A6: who strips TLS off the way would read the password."""
    with nats_server(tmp_path) as server:
        await server.start()
        url = server.with_user("node:secret").replace("nats://", "tls://")
        async with nats_line(url) as line:
            with pytest.raises(TimeoutError):
                await connected(line, 1)
            assert "offers no TLS" in line.state.last_error


@pytest.mark.slow
async def test_a_server_that_stands_still_is_given_up(tmp_path: Path) -> None:
    """Slow: a silent server is told from a slow one after 15 s only."""
    with nats_server(tmp_path) as server:
        await server.start()
        async with nats_line(server.url) as line:
            await connected(line)
            server.pause()
            await until(lambda: not line.state.connected, 25)
            server.go_on()
            await connected(line)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:4222", "http://127.0.0.1", "nats://", "nats://user:secret@host:port", "wss://h"]
)
def test_a_url_that_is_none_is_refused_without_showing_a_secret(url: str) -> None:
    with pytest.raises(ValueError, match="expected like nats://") as refused:
        NatsLine([url], name="n", clock=SystemClock(), spread=lambda: 0.5)
    assert "secret" not in str(refused.value)


def test_a_line_needs_a_server() -> None:
    with pytest.raises(ValueError, match="needs the URL"):
        NatsLine([], name="n", clock=SystemClock(), spread=lambda: 0.5)
