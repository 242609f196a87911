"""The EU's register of VAT numbers, VIES, by its REST interface: POST check-vat-number.

Its operation passes each question on to a member state, which may be away: then nothing is known, and a number is
neither valid nor not.
"""

from __future__ import annotations

import re

import msgspec

from elstrada.model.http import HttpRequest, Unreachable
from elstrada.model.vat import Company, VatNumber
from elstrada.net.face import HttpClient
from elstrada.roles.vat.register import NotLearnt, Registered

PATH = "/check-vat-number"
MOST_BYTES = 64 * 1024
_MOST_TEXT = 200
_NOT_SAID = "---"
_PLACE = re.compile(r"(?:[A-Z]{1,2}-)?(?P<code>\d[\d A-Z-]{2,9}?)\s+(?P<city>\D.*)")
"""The last line of most countries' addresses."""


class _Question(msgspec.Struct, rename="camel", omit_defaults=True):
    country_code: str
    vat_number: str
    requester_member_state_code: str = ""
    requester_number: str = ""


class _Fault(msgspec.Struct):
    error: str = ""


class _Answer(msgspec.Struct, rename="camel"):
    valid: bool | None = None
    name: str | None = None
    address: str | None = None
    request_identifier: str | None = None
    error_wrappers: list[_Fault] = []


class Vies:
    """The register, or another that answers like it."""

    def __init__(
        self, url: str, http: HttpClient, *, requester: VatNumber | None = None, timeout_s: float = 8
    ) -> None:
        """
        Args:
            url: what stands before ``/check-vat-number``.
            requester: our own number; with it a question gets a name that proves it.
        """
        self._url, self._http, self._timeout_s = url.rstrip("/") + PATH, http, timeout_s
        self._requester = requester

    async def look_up(self, number: VatNumber) -> Registered:
        """As ``VatRegister``."""
        question = _Question(number.country, number.number)
        if self._requester is not None:
            question.requester_member_state_code = self._requester.country
            question.requester_number = self._requester.number
        headers = {"content-type": "application/json", "accept": "application/json"}
        request = HttpRequest("POST", self._url, headers=headers, body=msgspec.json.encode(question))
        try:
            response = await self._http.send(request, timeout_s=self._timeout_s)
        except Unreachable as problem:
            raise NotLearnt(f"the register cannot be reached: {problem}") from problem
        if response.status != 200 or len(response.body) > MOST_BYTES:
            raise NotLearnt(f"the register answered {response.status} with {len(response.body)} bytes")
        return _read(response.body, number)


def _read(body: bytes, number: VatNumber) -> Registered:
    try:
        told = msgspec.json.decode(body, type=_Answer)
    except msgspec.DecodeError as problem:
        raise NotLearnt("the register's answer is not of its form") from problem
    if told.error_wrappers or told.valid is None:
        code = told.error_wrappers[0].error if told.error_wrappers else "nothing"
        raise NotLearnt(f"the register says {re.sub('[^A-Z_]', '?', code)[:40]}")
    consultation = (told.request_identifier or "")[:40]
    if not told.valid:
        return Registered(False, None, consultation)
    return Registered(True, company_of(told.name, told.address, number.country), consultation)


def company_of(name: str | None, address: str | None, country: str) -> Company | None:
    """A company, of a name and an address in lines; None where the register does not say whose the number is."""
    if not name or name.strip() == _NOT_SAID:
        return None
    lines = [" ".join(line.split()) for line in (address or "").splitlines()]
    lines = [line for line in lines if line and line != _NOT_SAID]
    place = _PLACE.fullmatch(lines[-1]) if len(lines) > 1 else None
    if place is None:
        return Company(name=_short(name), street=_short(", ".join(lines)), country=country)
    return Company(
        name=_short(name),
        street=_short(", ".join(lines[:-1])),
        postal_code=place["code"].strip()[:_MOST_TEXT],
        city=_short(place["city"]),
        country=country,
    )


def _short(text: str) -> str:
    return " ".join(text.split())[:_MOST_TEXT]
