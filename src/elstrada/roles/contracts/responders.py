"""Asks OCSP responders and fetches revocation lists, and remembers what they said.

The addresses come from stations and certificates, so the client that is used here must guard itself (T16).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from elstrada.model.certificates import StatusQuestion
from elstrada.model.http import HttpRequest, Unreachable
from elstrada.net.face import Clock, HttpClient
from elstrada.roles.contracts import ocsp
from elstrada.roles.contracts.face import Known, NoStatus, Told
from elstrada.roles.contracts.revocations import listed

MOST_REMEMBERED = 2_000
MOST_OCSP_BYTES = 16 * 1024
"""OCPP 2.1 has room for 13,500."""
MOST_LIST_BYTES = 4 * 1024 * 1024
AT_ONCE = 32
_MOST_URLS = 5


class Responders:
    """One per gateway."""

    def __init__(self, http: HttpClient, clock: Clock, timeout_s: float) -> None:
        """
        Args:
            timeout_s: for all that one question needs.
        """
        self._http, self._clock, self._timeout_s = http, clock, timeout_s
        self._remembered: OrderedDict[StatusQuestion, tuple[Told, Known]] = OrderedDict()
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def ask(self, question: StatusQuestion, known: Known) -> Told:
        """Learn how it stands with a certificate.

        Args:
            known: as in ``ocsp.answer``.
        Raises:
            NoStatus: nobody said anything that may be believed; each address says why.
        """
        told, by = self._remembered.get(question, (None, None))
        if told is not None and by == known and told.until > self._clock.now():
            return told
        if not question.urls:
            raise NoStatus("the certificate names no one to ask")
        try:
            async with asyncio.timeout(self._timeout_s), self._turn:
                told = await self._first(question, known)
        except TimeoutError as problem:
            raise NoStatus(f"nobody answered within {self._timeout_s:g} s") from problem
        self._remember(question, told, known)
        return told

    async def _first(self, question: StatusQuestion, known: Known) -> Told:
        why: list[str] = []
        for url in question.urls[:_MOST_URLS]:
            try:
                return await self._one(url, question, known)
            except NoStatus as problem:
                why.append(f"{url[:100]}: {problem}")
        raise NoStatus("; ".join(why))

    async def _one(self, url: str, question: StatusQuestion, known: Known) -> Told:
        named = question.certificate
        if question.by_list:
            content = await self._sent(HttpRequest("GET", url), MOST_LIST_BYTES)
            return await asyncio.to_thread(listed, content, named, known, self._clock.now())
        headers = {"content-type": "application/ocsp-request", "accept": "application/ocsp-response"}
        request = HttpRequest("POST", url, headers=headers, body=ocsp.question(named))
        return ocsp.answer(await self._sent(request, MOST_OCSP_BYTES), named, known, self._clock.now())

    async def _sent(self, request: HttpRequest, most_bytes: int) -> bytes:
        try:
            response = await self._http.send(request, timeout_s=self._timeout_s)
        except Unreachable as problem:
            raise NoStatus(str(problem)) from problem
        if response.status != 200:
            raise NoStatus(f"answered {response.status}")
        if len(response.body) > most_bytes:
            raise NoStatus(f"answered with {len(response.body)} bytes; at most {most_bytes} are read")
        return response.body

    def _remember(self, question: StatusQuestion, told: Told, known: Known) -> None:
        if told.until <= self._clock.now():
            return
        self._remembered[question] = (told, known)
        self._remembered.move_to_end(question)
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)
