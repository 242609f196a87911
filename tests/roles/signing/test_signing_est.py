"""An authority behind EST (RFC 7030), over a real HTTP server and the guarded client."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from csrs import csr, new_key
from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.net.client import GuardedClient
from elstrada.net.egress import EgressRules
from elstrada.net.face import HttpHandler
from elstrada.net.http import Mount, listen, nowhere, serve_http
from elstrada.roles import authority
from elstrada.roles.signing.chain import signed_chain
from elstrada.roles.signing.est import EstAuthority
from elstrada.roles.signing.face import Asked, NotNow, NotSigned
from elstrada.roles.signing.requests import read_request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = new_key()


class EstServer(HttpHandler):
    """A registration authority as RFC 7030 has it, on Elstrada's own authority."""

    def __init__(self, folder: Path) -> None:
        self._authority = authority.make_authority(folder, "Registered", "Els", NOW)
        self._root = x509.load_pem_x509_certificate((folder / authority.CERTIFICATE).read_bytes())
        self.instead: HttpResponse | None = None
        self.asked: list[HttpRequest] = []

    async def handle(self, request: HttpRequest, remote: str) -> HttpResponse:
        self.asked.append(request)
        if self.instead is not None:
            return self.instead
        told = base64.b64encode(b"elstrada:secret").decode()
        if request.headers.get("authorization") not in (f"Basic {told}", "Bearer of-the-cpo"):
            return HttpResponse(401, {"www-authenticate": 'Basic realm="estrealm"'})
        match request.method, request.path.rpartition("/")[2]:
            case "GET", "cacerts":
                return _certs_only(self._root)
            case "POST", "simpleenroll":
                assert request.headers["content-type"] == "application/pkcs10"
                one = x509.load_der_x509_csr(base64.b64decode(request.body))
                issued = self._authority.sign(one.public_bytes(Encoding.PEM), "CP1", timedelta(days=7), NOW)
                return _certs_only(x509.load_pem_x509_certificate(issued.certificate))
            case _:
                return HttpResponse(404)


def _certs_only(*certificates: x509.Certificate) -> HttpResponse:
    body = base64.encodebytes(pkcs7.serialize_certificates(certificates, Encoding.DER))
    return HttpResponse(200, {"content-type": "application/pkcs7-mime; smime-type=certs-only"}, body)


class Scene:
    def __init__(self, server: EstServer, url: str, http: GuardedClient) -> None:
        self.server, self.url, self.http = server, url, http

    def authority(self, password: str = "secret") -> EstAuthority:
        return EstAuthority(self.url, self.http, user="elstrada", password=password, timeout_s=5)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    server = EstServer(tmp_path / "ca")
    listening = listen("127.0.0.1", 0)
    http = GuardedClient(EgressRules(plain_http=True, networks=("127.0.0.0/8",)))
    serving = await serve_http([Mount("/.well-known/est", server)], nowhere, listening)
    yield Scene(server, f"http://127.0.0.1:{listening.getsockname()[1]}/.well-known/est/", http)
    await http.close()
    await serving.close()


def asked() -> Asked:
    found = read_request(csr(KEY, "CP1"), "CP1", "Els")
    assert isinstance(found, Asked)
    return found


async def test_a_bearer_token_is_as_good_as_a_user(scene: Scene) -> None:
    """As the registration authority of a V2G PKI has it, under /.well-known/cpo."""
    known = EstAuthority(scene.url, scene.http, token="of-the-cpo", timeout_s=5)
    assert len(await known.authorities()) == 1
    with pytest.raises(NotNow, match="401"):
        await EstAuthority(scene.url, scene.http, token="of-somebody", timeout_s=5).sign(asked(), NOW)


async def test_a_request_is_passed_on_and_its_certificate_comes_back_with_its_chain(scene: Scene) -> None:
    given = await scene.authority().sign(asked(), NOW)
    signed = signed_chain(asked(), given, NOW)
    (own,) = x509.load_pem_x509_certificates(signed.chain.encode())
    assert own.public_key() == KEY.public_key()
    assert signed.ends_at == NOW + timedelta(days=7)
    assert [request.path.rpartition("/")[2] for request in scene.server.asked] == ["simpleenroll", "cacerts"]


@pytest.mark.parametrize(
    ("response", "kind", "says"),
    [
        (HttpResponse(202, {"retry-after": "120"}), NotNow, "not decided"),
        (HttpResponse(503, {"retry-after": "30"}), NotNow, "503"),
        (HttpResponse(404), NotNow, "404"),
        (HttpResponse(400), NotSigned, "400"),
        (HttpResponse(200, {}, b"no certificates"), NotSigned, "RFC 7030"),
        (HttpResponse(200, {}, base64.b64encode(b"no certificates either")), NotSigned, "RFC 7030"),
        (HttpResponse(302, {"location": "http://127.0.0.1/"}), NotSigned, "302"),
    ],
)
async def test_what_else_it_may_answer(
    scene: Scene, response: HttpResponse, kind: type[Exception], says: str
) -> None:
    scene.server.instead = response
    with pytest.raises(kind, match=says) as raised:
        await scene.authority().sign(asked(), NOW)
    if isinstance(raised.value, NotNow):
        assert raised.value.after_s == float(response.headers.get("retry-after", 0))


async def test_a_wrong_password_and_an_authority_that_is_away_are_ours_to_put_right(scene: Scene) -> None:
    with pytest.raises(NotNow, match="401") as raised:
        await scene.authority("wrong").sign(asked(), NOW)
    assert "wrong" not in str(raised.value)
    away = EstAuthority("http://127.0.0.1:9/.well-known/est", scene.http, timeout_s=1)
    with pytest.raises(NotNow, match="cannot be reached"):
        await away.sign(asked(), NOW)
    forbidden = EstAuthority("https://10.0.0.1/.well-known/est", scene.http, timeout_s=1)
    with pytest.raises(NotNow, match="cannot be reached"):
        await forbidden.sign(asked(), NOW)
