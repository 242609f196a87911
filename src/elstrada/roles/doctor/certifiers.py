"""Those who sign certificates, vouch for them and have those of cars: do they answer?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from elstrada.model.certificates import StatusQuestion
from elstrada.model.http import HttpRequest, Unreachable
from elstrada.model.node import Part
from elstrada.net.client import GuardedClient
from elstrada.net.clock import SystemClock
from elstrada.net.face import HttpClient
from elstrada.roles.contracts.authorities import read_authorities
from elstrada.roles.contracts.checking import certificate_id, responders_of
from elstrada.roles.contracts.configured import responders_client
from elstrada.roles.contracts.face import Known, NoStatus
from elstrada.roles.contracts.opcp import PATH
from elstrada.roles.contracts.responders import Responders
from elstrada.roles.doctor.case import Case, Finding, fine, warning
from elstrada.roles.outbound import outbound_rules
from elstrada.roles.signing.configured import configured_authority
from elstrada.roles.signing.est import EstAuthority
from elstrada.roles.signing.face import NotNow, NotSigned

AREA = "certificates"
_PATIENCE_S = 5.0
_MOST = 50


def examine_certifiers(case: Case) -> Iterator[Finding]:
    """Ask each for something that changes nothing."""
    if Part.GATEWAY in case.config.parts:
        yield from asyncio.run(_asked(case))


async def _asked(case: Case) -> list[Finding]:
    http, responders = GuardedClient(outbound_rules(case.config)), responders_client(case.config)
    try:
        return [
            *[one async for one in _authorities(case, http)],
            *[one async for one in _pool(case, http)],
            *[one async for one in _responders(case, responders)],
        ]
    finally:
        await http.close()
        await responders.close()


async def _authorities(case: Case, http: HttpClient) -> AsyncIterator[Finding]:
    stations = case.config.stations
    for told in (stations.authority, stations.v2g_authority):
        authority = configured_authority(told, http)
        if not isinstance(authority, EstAuthority):
            continue
        try:
            known = await authority.authorities()
        except (NotNow, NotSigned) as why:
            yield warning(AREA, f"the authority at {told.est} does not answer: {why}")
        else:
            yield fine(
                AREA, f"the authority at {told.est} answers, with {len(known)} certificates of its own"
            )


async def _pool(case: Case, http: HttpClient) -> AsyncIterator[Finding]:
    told = case.config.stations.plug_and_charge
    if told.pool is None:
        return
    headers = {name.lower(): value.get_secret_value() for name, value in told.pool_headers.items()}
    try:
        request = HttpRequest("GET", told.pool.rstrip("/") + PATH, headers=headers)
        response = await http.send(request, timeout_s=_PATIENCE_S)
    except Unreachable as why:
        yield warning(AREA, f"the pool of contracts does not answer: {why}")
        return
    # It knows no GET there: whatever it says but these shows that it is there and knows us.
    if response.status in (401, 403):
        do = "see stations.plug_and_charge.pool_headers"
        yield warning(AREA, f"the pool of contracts does not know us: it answered {response.status}", do)
    elif response.status >= 500:
        yield warning(AREA, f"the pool of contracts answered {response.status}")
    else:
        yield fine(AREA, "the pool of contracts answers")


async def _responders(case: Case, http: HttpClient) -> AsyncIterator[Finding]:
    """Of each authority of contracts that names a responder: is it still good?"""
    clock = SystemClock()
    responders = Responders(http, clock, _PATIENCE_S)
    try:
        known = read_authorities(case.config.stations.plug_and_charge.authorities)
    except (OSError, ValueError):
        return  # Told where the settings are examined.
    for question, name in _questions(known):
        try:
            told = await responders.ask(question, known)
        except NoStatus as why:
            yield warning(AREA, f"nobody says how it stands with {name}: {why}")
        else:
            yield fine(AREA, f"{name} is {told.state.value}, says {question.urls[0][:100]}")


def _questions(known: Known) -> Iterator[tuple[StatusQuestion, str]]:
    for one in known.certificates[:_MOST]:
        urls = responders_of(one)
        issuer = next((above for above in known.certificates if above.subject == one.issuer), None)
        if urls and issuer is not None and one.issuer != one.subject:
            try:
                named = certificate_id(one, issuer)
            except ValueError:
                continue  # Another authority of that name.
            yield StatusQuestion(named, urls), one.subject.rfc4514_string()[:80]
