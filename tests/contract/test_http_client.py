"""The guarded client: where it may go (T16), and how little it believes of what comes back (T24)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from elstrada.model.http import HttpRequest, HttpResponse, Unreachable
from elstrada.net.client import GuardedClient
from elstrada.net.egress import EgressRules, check_addresses

LOOPBACK = EgressRules(plain_http=True, networks=("127.0.0.0/8",))


class Peer:
    """A listening socket that counts who comes, answers with fixed bytes, and keeps what it was sent."""

    def __init__(
        self, answer: bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", *, then_s: float = 0
    ):
        self._answer, self._then_s = answer, then_s
        self.visits = 0
        self.requests: list[bytes] = []

    async def __aenter__(self) -> Peer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self._answer)
            await writer.drain()
            await asyncio.sleep(self._then_s)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def get(client: GuardedClient, url: str, timeout_s: float = 2.0, **headers: str) -> HttpResponse:
    try:
        return await client.send(HttpRequest("GET", url, headers=headers), timeout_s=timeout_s)
    finally:
        await client.close()


Case = Callable[[Peer], Coroutine[object, object, None]]


def with_peer(case: Case, peer: Peer | None = None) -> Peer:
    """Run a case beside a listening peer."""

    async def whole() -> Peer:
        async with peer or Peer() as listening:
            await case(listening)
            return listening

    return asyncio.run(whole())


_URLS = """
http://public.example/ http://127.0.0.1:{port}/ ftp://public.example/ gopher://127.0.0.1:{port}/_x
file:///etc/passwd unix:///var/run/docker.sock http+unix://%2Fvar%2Frun%2Fdocker.sock/ data:text/plain,x
//127.0.0.1:{port}/ 127.0.0.1:{port} https: https:// https:/// https://:{port}/ javascript:alert(1)
https://127.0.0.1:{port}/ https://127.1:{port}/ https://127.0.1:{port}/ https://0x7f.1:{port}/
https://0x7f000001:{port}/ https://2130706433:{port}/ https://017700000001:{port}/ https://0177.0.0.1:{port}/
https://0:{port}/ https://0.0.0.0:{port}/ https://127.255.255.254:{port}/ https://127.0.0.1.:{port}/
https://localhost:{port}/ https://localhost.:{port}/ https://LOCALHOST:{port}/ https://[::1]:{port}/
https://[::]:{port}/ https://[::ffff:127.0.0.1]:{port}/ https://[::ffff:7f00:1]:{port}/
https://[0:0:0:0:0:ffff:127.0.0.1]:{port}/ https://[::127.0.0.1]:{port}/ https://[64:ff9b::127.0.0.1]:{port}/
https://[2002:7f00:1::]:{port}/ https://[::ffff:10.0.0.1]/ https://[fe80::1]/ https://[fe80::1%25lo]:{port}/
https://[fc00::1]/ https://[fec0::1]/ https://[ff02::1]/ https://[2001:db8::1]/ https://[2001::1]/
https://10.0.0.1/ https://172.16.0.1/ https://192.168.0.1/ https://100.64.0.1/ https://169.254.169.254/
https://192.0.0.1/ https://192.0.2.1/ https://198.18.0.1/ https://198.51.100.1/ https://203.0.113.1/
https://224.0.0.1/ https://240.0.0.1/ https://255.255.255.255/
https://user@127.0.0.1:{port}/ https://public.example@127.0.0.1:{port}/ https://user:pw@public.example/
https://public.example:pw@[::1]:{port}/ https://127.0.0.1:{port}\\@public.example/ https://public.example:99999/
https://public.example:x/ https://private.example:{port}/ https://mixed.example:{port}/
https://mapped.example:{port}/ https://nowhere.example/ https://[::1/
"""
FORBIDDEN = [*_URLS.split(), "https://127.0.0.1:{port}/\r\nX: 1", " https://127.0.0.1:{port}/", ""]
ANSWERS = {
    "public.example": ["192.0.43.8"],
    "private.example": ["127.0.0.1"],
    "mixed.example": ["192.0.43.8", "127.0.0.1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nowhere.example": [],
}


async def table_or_system(host: str, port: int) -> list[str]:
    """Our names from a table; all else, being numbers or localhost, as the system reads it."""
    if host in ANSWERS:
        return ANSWERS[host]
    found = await asyncio.get_running_loop().getaddrinfo(host, port)
    return [str(address[0]) for *_, address in found]


def test_no_forbidden_url_leads_to_a_connection_t16() -> None:
    assert len(FORBIDDEN) >= 60

    async def case(peer: Peer) -> None:
        strict = GuardedClient(resolve=table_or_system)
        lax = GuardedClient(EgressRules(plain_http=True), resolve=table_or_system)
        for url in FORBIDDEN:
            for client in (strict,) if url == "http://public.example/" else (strict, lax):
                with pytest.raises(Unreachable):
                    await client.send(HttpRequest("GET", url.format(port=peer.port)), timeout_s=1.0)

    assert with_peer(case).visits == 0


@pytest.mark.parametrize(
    "address", ["192.0.43.8", "2606:2800:220:1::1", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"]
)
def test_a_public_address_is_allowed_however_it_is_written(address: str) -> None:
    check_addresses("public.example", [address], EgressRules())


def test_an_allowed_network_is_reached_with_nothing_added_to_the_request() -> None:
    async def case(peer: Peer) -> None:
        url = f"http://127.0.0.1:{peer.port}/ocpi?a=1"
        client = GuardedClient(LOOPBACK)
        answer = await get(client, url, authorization="Token x", host="elsewhere")
        assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"hi", "2")

    peer = with_peer(case)
    head = peer.requests[0].decode().lower()
    assert head.startswith("get /ocpi?a=1 http/1.1\r\n")
    assert f"host: 127.0.0.1:{peer.port}\r\n" in head
    assert "elsewhere" not in head
    assert "user-agent" not in head


def test_a_name_is_resolved_once_and_its_checked_address_is_the_one_used_t16() -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    async def case(peer: Peer) -> None:
        client = GuardedClient(EgressRules(plain_http=True, networks=("127.0.0.1/32",)), resolve=rebinding)
        assert (await get(client, f"http://rebinding.example:{peer.port}/")).status == 200

    peer = with_peer(case)
    assert asked == ["rebinding.example"]
    assert f"host: rebinding.example:{peer.port}\r\n" in peer.requests[0].decode().lower()


def test_a_redirect_is_handed_back_and_not_followed() -> None:
    async def case(peer: Peer) -> None:
        answer = await get(GuardedClient(LOOPBACK), f"http://127.0.0.1:{peer.port}/")
        assert (answer.status, answer.headers["location"]) == (302, "http://127.0.0.1/secret")

    moved = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/secret\r\ncontent-length: 0\r\n\r\n"
    assert with_peer(case, Peer(moved)).visits == 1


def test_a_cookie_is_not_kept() -> None:
    async def case(peer: Peer) -> None:
        client = GuardedClient(LOOPBACK)
        for _ in range(2):
            await client.send(HttpRequest("GET", f"http://127.0.0.1:{peer.port}/"), timeout_s=2.0)
        await client.close()

    answer = b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    peer = with_peer(case, Peer(answer))
    assert len(peer.requests) == 2
    assert b"cookie" not in peer.requests[1].lower()


def test_a_proxy_of_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    async def case(peer: Peer) -> None:
        assert (await get(GuardedClient(LOOPBACK), f"http://127.0.0.1:{peer.port}/")).status == 200

    with_peer(case)


def test_a_port_outside_the_list_is_refused() -> None:
    async def case(peer: Peer) -> None:
        rules = EgressRules(plain_http=True, networks=("127.0.0.0/8",), ports=frozenset({443}))
        with pytest.raises(Unreachable, match=f"port {peer.port}"):
            await get(GuardedClient(rules), f"http://127.0.0.1:{peer.port}/")

    assert with_peer(case).visits == 0


ODD_PEERS = {
    "too big": (Peer(b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n" + b"x" * 99_999), "larger than 5000"),
    "too big, chunked": (
        Peer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n" * 1
             + b"1000\r\n" + b"x" * 4096 + b"\r\n0\r\n\r\n"),
        "larger than 5000",
    ),
    "compressed": (
        Peer(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nxx"),
        "compressed",
    ),
    "silent": (Peer(b"", then_s=1), "within 0.3 s"),
    "slow body": (Peer(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx", then_s=1), "within 0.3 s"),
    "broken off": (Peer(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"), "no response"),
    "not HTTP": (Peer(b"\x00\x01nonsense\r\n\r\n"), "no response"),
    "endless header": (Peer(b"HTTP/1.1 200 OK\r\nx: " + b"x" * 300_000), "no response"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_PEERS)
def test_an_odd_response_is_no_response_t24(name: str) -> None:
    peer, text = ODD_PEERS[name]

    patience_s = 0.3 if "within" in text else 10

    async def case(listening: Peer) -> None:
        url = f"http://127.0.0.1:{listening.port}/"
        with pytest.raises(Unreachable, match=text):
            await get(GuardedClient(LOOPBACK, body_bytes=5_000), url, patience_s)

    with_peer(case, peer)


def test_a_closed_port_is_unreachable() -> None:
    async def case(peer: Peer) -> None:
        port = peer.port
        await peer.__aexit__()
        with pytest.raises(Unreachable, match="no response"):
            await get(GuardedClient(LOOPBACK), f"http://127.0.0.1:{port}/")

    with_peer(case)
