"""An authority that is asked by EST (RFC 7030): simple enrolment over HTTPS, with a user's password."""

from __future__ import annotations

import base64
import re
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates

from elstrada.model.http import HttpRequest, HttpResponse, Unreachable
from elstrada.net.face import HttpClient
from elstrada.net.reading import UNREADABLE
from elstrada.roles.signing.face import Asked, NotNow, NotSigned

_MOST_WAIT_S = 86_400.0
_WHITESPACE = re.compile(rb"\s+")


class EstAuthority:
    """Passes a station's request on as it is; the authority's own rules say what becomes of it."""

    def __init__(
        self,
        url: str,
        http: HttpClient,
        *,
        user: str = "",
        password: str = "",
        token: str = "",
        timeout_s: float = 30,
    ) -> None:
        """
        Args:
            url: up to and with ``/.well-known/est`` and the label, if there is one.
            token: a bearer token, instead of user and password.
        """
        self._url, self._http, self._timeout_s = url.rstrip("/"), http, timeout_s
        self._headers = {"accept": "application/pkcs7-mime"}
        if user:
            told = base64.b64encode(f"{user}:{password}".encode()).decode()
            self._headers["authorization"] = f"Basic {told}"
        elif token:
            self._headers["authorization"] = f"Bearer {token}"

    async def sign(self, asked: Asked, now: datetime) -> tuple[x509.Certificate, ...]:
        """As ``face.Authority``; what stands above the certificate is fetched as well (RFC 7030 §4.1)."""
        mine = _certificates(await self._enrolled(asked))
        return (*mine, *await self.authorities())

    async def authorities(self) -> tuple[x509.Certificate, ...]:
        """The certificates of the authority itself.

        Raises:
            NotNow: they cannot be had.
            NotSigned: what came is none.
        """
        response = await self._send(HttpRequest("GET", f"{self._url}/cacerts", headers=self._headers))
        if response.status != 200:
            raise NotNow(f"{self._url}/cacerts answered {response.status}")
        return _certificates(response.body)

    async def _enrolled(self, asked: Asked) -> bytes:
        """Source: RFC 7030 §4.2.1, §4.2.3; RFC 8951 §3 (the transfer encoding is of no account)."""
        body = base64.encodebytes(asked.request.public_bytes(Encoding.DER))
        headers = self._headers | {
            "content-type": "application/pkcs10",
            "content-transfer-encoding": "base64",
        }
        response = await self._send(
            HttpRequest("POST", f"{self._url}/simpleenroll", headers=headers, body=body)
        )
        match response.status:
            case 200:
                return response.body
            case 202:
                raise NotNow("the authority has not decided yet", _after_s(response))
            case 401 | 403 | 404:
                # Of ours, not of the station's: the operator can put it right meanwhile.
                raise NotNow(f"{self._url}/simpleenroll answered {response.status}: see its settings")
            case status if status >= 500 or status == 429:
                raise NotNow(f"{self._url}/simpleenroll answered {status}", _after_s(response))
            case status:
                raise NotSigned(f"the authority refused it with {status}")

    async def _send(self, request: HttpRequest) -> HttpResponse:
        try:
            return await self._http.send(request, timeout_s=self._timeout_s)
        except Unreachable as problem:
            raise NotNow(f"the authority cannot be reached: {problem}") from problem


def _certificates(body: bytes) -> tuple[x509.Certificate, ...]:
    """Of a certs-only CMS message in base64."""
    try:
        return tuple(load_der_pkcs7_certificates(base64.b64decode(_WHITESPACE.sub(b"", body), validate=True)))
    except UNREADABLE as problem:
        raise NotSigned("the authority's answer holds no certificates as RFC 7030 wants them") from problem


def _after_s(response: HttpResponse) -> float:
    told = response.headers.get("retry-after", "")
    return min(float(told), _MOST_WAIT_S) if told.isdecimal() else 0.0
