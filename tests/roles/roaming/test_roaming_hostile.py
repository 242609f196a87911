"""Hostile requests: each gets the protocol's own error, is counted, and changes nothing."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from roaming_world import World, aio, call, furnished
from wire_documents import CDR, LOCATION, SESSION, TOKEN, but

from elstrada.model.http import HttpRequest
from elstrada.ocpi.body import MAX_BODY
from elstrada.ocpi.headers import authorization
from elstrada.spine import tables as t

E, C = "2.2.1/emsp", "2.2.1/cpo"
L9, S9 = f"{E}/locations/SE/ELS/L9", f"{E}/sessions/SE/ELS/S9"
CDRS, CREDENTIALS = f"{E}/cdrs", "2.2.1/credentials"
DEEP = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
HUGE_ID = "x" * 5_000

BY_THE_CPO: dict[str, tuple[str, str, object, tuple[int, int]]] = {
    "empty body": ("PUT", L9, b"", (400, 2001)),
    "half a document": ("PUT", L9, b'{"id":', (400, 2001)),
    "html": ("PUT", L9, b"<html>", (400, 2001)),
    "invalid utf-8": ("PUT", L9, b'{"id":"\xff\xfe"}', (400, 2001)),
    "utf-16": ("PUT", L9, json.dumps(LOCATION).encode("utf-16"), (400, 2001)),
    "nan": ("POST", CDRS, b'{"total_energy":NaN}', (400, 2001)),
    "infinity": ("POST", CDRS, b'{"total_energy":Infinity}', (400, 2001)),
    "duplicate keys": ("PUT", L9, b'{"id":"L9","id":"L8"}', (400, 2001)),
    "deep nesting": ("PUT", L9, DEEP, (400, 2001)),
    "deep lists": ("PUT", L9, b"[" * 100_000, (400, 2001)),
    "endless digits": ("POST", CDRS, b'{"total_energy":' + b"9" * 10_000 + b"}", (400, 2001)),
    "huge exponent": ("POST", CDRS, b'{"total_energy":1e999999999}', (400, 2001)),
    "nul in text": ("PUT", L9, b'{"id":"a\\u0000b"}', (400, 2001)),
    "half a surrogate": ("PUT", L9, b'{"id":"\\ud800"}', (400, 2001)),
    "too large": ("PUT", L9, b'{"a":"' + b"x" * MAX_BODY + b'"}', (413, 2000)),
    "a list": ("PUT", L9, [LOCATION], (200, 2001)),
    "null": ("PUT", L9, b"null", (200, 2001)),
    "a number": ("PATCH", L9, b"7", (200, 2001)),
    "wrong type": ("PUT", L9, but(LOCATION, publish="yes"), (200, 2001)),
    "text for a list": ("PUT", L9, but(LOCATION, evses="many"), (200, 2001)),
    "text for a number": ("PUT", S9, but(SESSION, kwh="lots"), (200, 2001)),
    "a truth for a number": ("PUT", S9, but(SESSION, kwh=True), (200, 2001)),
    "a missing field": ("PUT", L9, but(LOCATION, coordinates=None), (200, 2001)),
    "no such day": ("PUT", L9, but(LOCATION, last_updated="2026-02-30T00:00:00Z"), (200, 2001)),
    "far future": ("PUT", L9, but(LOCATION, last_updated="99999-01-01T00:00:00Z"), (200, 2001)),
    "unknown status": ("PUT", S9, but(SESSION, status="EXPLODED"), (200, 2001)),
    "huge id": ("PUT", f"{E}/locations/SE/ELS/{HUGE_ID}", but(LOCATION, id=HUGE_ID), (200, 2001)),
    "path traversal": ("GET", f"{E}/locations/SE/ELS/../../../etc/passwd", None, (404, 2000)),
    "control characters in the path": ("GET", f"{E}/locations/SE/ELS/a\r\nb", None, (200, 2001)),
    "an unknown module": ("GET", "2.2.1/emsp/kings", None, (404, 2000)),
    "an unknown version": ("GET", "9.9/credentials", None, (404, 2000)),
    "no path at all": ("GET", "", None, (404, 2000)),
    "an unknown method": ("BREW", L9, None, (405, 2000)),
    "a method of another resource": ("DELETE", "versions", None, (405, 2000)),
    "another party's object": ("PUT", f"{E}/locations/NO/EVL/L9", but(LOCATION, party_id="EVL"), (404, 2000)),
    "a look-alike party": ("PUT", f"{E}/locations/SE/ЕLS/L9", LOCATION, (404, 2000)),
    "the other side": ("PUT", f"{C}/tokens/SE/RET/AABBCCDD", TOKEN, (404, 2000)),
    "a forged token owner": ("POST", CDRS, but(CDR, cdr_token=but(TOKEN, party_id="EVL")), (200, 2001)),
    "an impossible party": ("POST", CDRS, but(CDR, party_id="'; DROP TABLE cdr;--"), (200, 2001)),
    "credentials of nobody": ("PUT", CREDENTIALS, {"token": "t", "url": "u", "roles": []}, (200, 2001)),
    "credentials with a broken token": (
        "PUT",
        CREDENTIALS,
        {
            "token": "a\tb",
            "url": "https://x",
            "roles": [
                {"role": "CPO", "country_code": "SE", "party_id": "ELS", "business_details": {"name": "E"}}
            ],
        },
        (200, 2001),
    ),
    "credentials that lead inside": (
        "PUT",
        CREDENTIALS,
        {
            "token": "t",
            "url": "http://169.254.169.254/",
            "roles": [
                {"role": "CPO", "country_code": "SE", "party_id": "ELS", "business_details": {"name": "E"}}
            ],
        },
        (200, 3001),
    ),
}


def test_there_are_at_least_forty():
    assert len(BY_THE_CPO) + len(QUERIES) + len(HEADERS) >= 40


@pytest.mark.parametrize("name", BY_THE_CPO)
def test_a_hostile_request_gets_the_protocols_own_error(name: str):
    method, path, body, expected = BY_THE_CPO[name]

    @aio
    async def check() -> None:
        world = await furnished()
        before = await _everything(world)
        answer = await world.as_els(method, path, body)
        assert (answer.status, answer.code) == expected
        assert answer.data is None
        assert len(answer.envelope["status_message"]) < 300
        assert await _everything(world) == before
        assert any(source == "peer:SE*RET/els" for source, _ in await world.ret.found())
        assert (await world.as_els("GET", "versions")).code == 1000

    check()


QUERIES = [
    {"limit": "-1"},
    {"limit": "1e9"},
    {"offset": "9" * 400},
    {"limit": "١"},
    {"date_from": "'; DROP TABLE location;--"},
    {"date_to": "0000-00-00T00:00:00Z"},
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_hostile_query_is_2001(query: dict[str, str]):
    @aio
    async def check() -> None:
        world = await furnished()
        answer = await world.as_ret("GET", f"{C}/locations", query=query)
        assert (answer.status, answer.code) == (200, 2001)

    check()


HEADERS = [
    {"authorization": "Token " + "A" * 100_000},
    {"authorization": "Token //////////8="},
    {"authorization": "\x00"},
    {"authorization": "Token"},
]


@pytest.mark.parametrize("headers", HEADERS)
def test_a_hostile_authorization_is_401(headers: dict[str, str]):
    @aio
    async def check() -> None:
        world = await furnished()
        assert (await call(world.ret, None, "GET", "versions", headers=headers)).status == 401

    check()


@aio
async def test_a_refusal_shows_no_secret():
    world = await furnished()
    token = await world.els.roaming.peers.token_out(await world.ret_at_els())
    assert token is not None
    body = but(TOKEN, whitelist=token)
    answer = await world.as_els("PUT", f"{E}/tariffs/SE/ELS/T", body)
    assert token not in json.dumps(answer.envelope)


async def _everything(world: World) -> dict[str, int]:
    """How many rows of each kind the eMSP has, and how many facts."""
    counts = {table.name: len(await world.ret.spine.find(table, limit=100)) for table in t.VIEWS + t.RECORDS}
    counts.pop("finding")
    counts["log"] = len(await world.ret.spine.read(0))
    return counts


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from(["GET", "PUT", "PATCH", "POST", "DELETE", "HEAD"]),
    st.sampled_from(
        [L9, S9, CDRS, CREDENTIALS, f"{L9}/E9/1", f"{E}/tokens/X/authorize", f"{E}/tariffs/SE/ELS/T"]
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=6),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(sorted(LOCATION | SESSION | CDR)), inner, max_size=3)
        ),
        max_leaves=6,
    ),
    st.sampled_from([LOCATION, SESSION, CDR, {"last_updated": "2026-02-01T00:00:00Z"}]),
)
def test_no_request_gets_anything_but_an_envelope(
    method: str, path: str, change: object, base: dict[str, object]
):
    body = json.dumps(base | change if isinstance(change, dict) else change).encode()

    @aio
    async def check() -> None:
        world = await World().registered()
        await world.as_els("PUT", L9, LOCATION)
        token = await world.els.roaming.peers.token_out(await world.ret_at_els())
        answer = await call(world.ret, token, method, path, body)
        assert answer.status < 500
        assert isinstance(answer.code, int)

    check()


@aio
async def test_a_path_outside_ocpi_is_404():
    world = await furnished()
    token = await world.els.roaming.peers.token_out(await world.ret_at_els())
    assert token is not None
    request = HttpRequest("GET", "/admin", headers={"authorization": authorization(token)})
    assert (await world.ret.roaming.office.handle(request, "192.0.2.1")).status == 404
