"""The judge of ``openapi`` has something to say: every test beside this one is held to it, where the files are at hand."""

from __future__ import annotations

import openapi
import pytest
from roaming_world import World, aio, furnish

from elstrada.model.http import HttpRequest, HttpResponse

needs_files = pytest.mark.skipif(
    openapi.FILES is None, reason="OCPI_OPENAPI names no copy of the official OpenAPI files"
)
ADDRESS = "/ocpi/{}/cpo/tokens/SE/RET/04AA"


@needs_files
@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
def test_what_is_not_as_the_files_say_is_found(version: str) -> None:
    body = b'{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z","data":{"uid":5}}'
    openapi.judge(HttpRequest("GET", ADDRESS.format(version)), HttpResponse(200, {}, body), ours=True)
    assert any("data/uid" in problem for problem in openapi.found)
    openapi.found.clear()


@needs_files
@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
@aio
async def test_everything_that_two_parties_exchange_is_judged(version: str) -> None:
    openapi.judged.clear()
    world = await World(versions=(version,)).registered()
    await furnish(world)
    await world.settle()
    modules = {
        schema.split("/modules/")[1].split("/")[0] for schema in openapi.judged if "/modules/" in schema
    }
    assert {"credentials", "locations", "tariffs", "tokens"} <= modules
    assert all(f"/{version}/" in schema for schema in openapi.judged)
