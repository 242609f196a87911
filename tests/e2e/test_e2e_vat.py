"""VAT numbers that drivers enter at a terminal: a whole process, a foreign station, and a register over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from installation import Installation, Nursery, serving
from ocpp.v21 import call as call21
from till import found, furnish, station, told

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.net.http import Mount, listen, nowhere, serve_http

GOOD, NOBODYS, AWAY = "SE556677889901", "SE556677880001", "DE123456789"
PAYMENT = {"id_token": "psp-77", "type": "DirectPayment"}


class Register:
    """Answers as VIES does."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.instead: HttpResponse | None = None

    async def handle(self, request: HttpRequest, remote: str) -> HttpResponse:
        if (request.method, request.path) != ("POST", "/rest-api/check-vat-number"):
            return HttpResponse(404)
        question = json.loads(request.body)
        self.asked.append(question)
        if self.instead is not None:
            return self.instead
        number = question["countryCode"] + question["vatNumber"]
        told: dict[str, Any] = {"countryCode": question["countryCode"], "vatNumber": question["vatNumber"]}
        if number == AWAY:
            told = {"actionSucceed": False, "errorWrappers": [{"error": "MS_UNAVAILABLE"}]}
        else:
            told |= {
                "valid": number == GOOD,
                "requestIdentifier": "WAPIAAAA1",
                "name": "---",
                "address": "---",
            }
        if number == GOOD:
            told |= {"name": "Bolag AB", "address": "Kajen 1 \n271 31 YSTAD"}
        return HttpResponse(200, {"content-type": "application/json"}, json.dumps(told).encode())


class Home(NamedTuple):
    installation: Installation
    register: Register


@contextlib.asynccontextmanager
async def house(nursery: Nursery, folder: Path, *more: str) -> AsyncIterator[Home]:
    register, listening = Register(), listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    server = await serve_http([Mount("/rest-api", register)], nowhere, listening)
    settings = (f'stations.vat.service = "http://127.0.0.1:{port}/rest-api"', *more)
    installation = Installation(folder, nursery, settings=settings)
    with contextlib.ExitStack() as stack:
        await asyncio.to_thread(stack.enter_context, serving(installation))
        await asyncio.to_thread(furnish, installation)
        yield Home(installation, register)
        await asyncio.to_thread(stack.close)
    await server.close()


async def ask(one: Any, number: str, **more: Any) -> Any:
    return await one.call(call21.VatNumberValidation(vat_number=number, **more))


@pytest.mark.parametrize(("unverified", "status"), [("refuse", "Rejected"), ("accept", "Accepted")])
async def test_a_number_is_looked_up_and_what_came_of_it_is_kept_for_the_receipt(
    nursery: Nursery, tmp_path: Path, unverified: str, status: str
) -> None:
    """C18.FR.08 to .10."""
    settings = (f'stations.vat.unverified = "{unverified}"', 'stations.vat.requester = "SE 556000-0001 01"')
    async with (
        house(nursery, tmp_path / "home", *settings) as (home, register),
        station(home, "VAT-E1", "E1") as one,
    ):
        now = datetime.now(UTC)
        await one.told("Started", "t1", now, 0, id_token=PAYMENT, trigger="Authorized")
        answer = await ask(one, "se 556677-8899.01", evse_id=1)
        assert (answer.vat_number, answer.evse_id) == ("se 556677-8899.01", 1)
        assert (answer.status, answer.status_info) == ("Accepted", None)
        assert answer.company == {
            "name": "Bolag AB",
            "address1": "Kajen 1",
            "city": "YSTAD",
            "postal_code": "271 31",
            "country": "SE",
        }
        assert register.asked[0]["requesterNumber"] == "556000000101"

        assert (await ask(one, GOOD)).status == "Accepted"
        assert len(register.asked) == 1, "it was looked up a moment ago"
        answer = await ask(one, NOBODYS, evse_id=0)
        assert (answer.status, answer.evse_id, answer.company) == ("Rejected", 0, None)
        assert answer.status_info["reason_code"] == "NotFound"
        for wrong in ("SE55667788990", "US123456789", "x", "SE５５６６７７８８９９０１"):
            answer = await ask(one, wrong)
            assert (answer.status, answer.evse_id) == ("Rejected", None)
            assert answer.status_info["reason_code"] == "InvalidValue"
        assert len(register.asked) == 2, "what has no such form is not asked for"

        answer = await ask(one, AWAY)
        assert (answer.status, answer.status_info["reason_code"]) == (status, "Unspecified")
        finding = await found(home, "VAT-E1", "VAT number not checked")
        assert finding["sample"] == "the register says MS_UNAVAILABLE"
        for broken in (
            HttpResponse(500),
            HttpResponse(200, {}, b"{"),
            HttpResponse(200, {}, b'{"valid": "yes"}'),
        ):
            register.instead = broken
            assert (await ask(one, AWAY)).status == status

        kept = await told(home, "station", "items", "VAT-E1", "--kind", "BUYER")
        by_number = {item["document"]["vatNumber"]: item for item in kept}
        assert set(by_number) == {GOOD, NOBODYS, AWAY}
        document = by_number[GOOD]["document"]
        assert (document["company"]["name"], document["consultation"]) == ("Bolag AB", "WAPIAAAA1")
        assert by_number[NOBODYS]["document"]["why"] == "no company has it"
        assert not any(GOOD[2:] in item["key"] for item in kept)
        assert not home.rows("select 1 from log where body like '%5566778899%' or body like '%Bolag%'")
        assert not home.rows("select 1 from finding where sample like '%123456789%'")
        await one.told("Ended", "t1", now, 0)


async def test_a_number_is_not_accepted_where_nobody_can_be_asked(nursery: Nursery, tmp_path: Path) -> None:
    home = Installation(tmp_path / "home", nursery)
    with contextlib.ExitStack() as stack:
        await asyncio.to_thread(stack.enter_context, serving(home))
        await asyncio.to_thread(furnish, home)
        async with station(home, "VAT-E2", "E2") as one:
            answer = await ask(one, GOOD, evse_id=1)
            assert (answer.status, answer.status_info["reason_code"]) == ("Rejected", "Unspecified")
            assert "is named" in (await found(home, "VAT-E2", "VAT number not checked"))["sample"]
        await asyncio.to_thread(stack.close)
