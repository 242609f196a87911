"""Requests written, responses read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpi_fixtures import LOCATION, but

from elstrada.model.http import HttpResponse
from elstrada.model.ids import PartyId
from elstrada.ocpi.client import (
    Declined,
    Garbled,
    Received,
    Sending,
    object_of,
    objects_of,
    read_response,
    request,
)
from elstrada.ocpi.headers import Ids, Routing
from elstrada.ocpi.v221.locations import Location
from elstrada.ocpi.versions import GET_VERSIONS, endpoint

IDS = Ids("req", "cor")
ROUTING = Routing(to_party=PartyId("SE", "RET"), from_party=PartyId("SE", "ELS"))
PATH = {"country_code": "SE", "party_id": "ELS", "location_id": "L1"}


def _answer(status: int, document: object, **headers: str) -> HttpResponse:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, names, json.dumps(document).encode())


def test_r14_r15_a_push_carries_token_ids_and_routing():
    sending = Sending(
        endpoint=endpoint("2.2.1", "put_location"), base="https://r/loc/", path=PATH, body={"a": 1}
    )
    written = request(sending, "token", IDS, ROUTING)
    assert (written.method, written.path) == ("PUT", "https://r/loc/SE/ELS/L1")
    assert written.headers["authorization"] == "Token dG9rZW4="
    assert written.headers["x-request-id"] == "req"
    assert written.headers["x-correlation-id"] == "cor"
    assert sum(name.startswith("ocpi-") for name in written.headers) == 4
    assert written.headers["content-type"] == "application/json"


def test_r16_versions_carry_no_routing_headers():
    written = request(Sending(endpoint=GET_VERSIONS, base="https://r/versions"), "t", IDS, ROUTING)
    assert written.path == "https://r/versions"
    assert not [name for name in written.headers if name.startswith("ocpi-")]
    assert written.body == b""


def test_r52_a_command_result_is_posted_bare_to_the_address_given():
    sending = Sending(
        endpoint=endpoint("2.2.1", "command_result"),
        base="",
        url="https://r/cb?x=1",
        body={"result": "ACCEPTED"},
    )
    written = request(sending, "t", IDS, ROUTING)
    assert written.path == "https://r/cb?x=1"
    assert json.loads(written.body) == {"result": "ACCEPTED"}
    assert len([name for name in written.headers if name.startswith("ocpi-")]) == 4


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (_answer(200, {"status_code": 1000, "data": {"a": 1}}), Received({"a": 1})),
        (_answer(201, {"status_code": 1000}, location="https://x/1"), Received(location="https://x/1")),
        (HttpResponse(204), Received()),
        (_answer(200, {"status_code": 2001, "status_message": "no"}), Declined(200, 2001, "no")),
        (_answer(404, {"status_code": 2004, "status_message": "who"}), Declined(404, 2004, "who")),
        (_answer(500, {"status_code": 1000}), Declined(500, 1000, "")),
        (HttpResponse(502, {}, b"<html>"), Declined(502, 0, "HTTP 502 without an OCPI envelope")),
    ],
)
def test_success_needs_both_layers(response: HttpResponse, outcome: object):
    assert read_response(response) == outcome


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"status_code":"1000"}', b'{"status_code":true}', b"{}"]
)
def test_a_success_that_is_no_envelope_is_garbled(body: bytes):
    assert isinstance(read_response(HttpResponse(200, {}, body)), Garbled)


@given(st.integers(100, 599), st.binary(max_size=200))
def test_no_response_makes_the_client_fail(status: int, body: bytes):
    read_response(HttpResponse(status, {"link": body.decode("latin-1")}, body))


def test_a_page_with_one_bad_object_gives_the_good_ones():
    data = [LOCATION, but(LOCATION, id=None), but(LOCATION, id="L2")]
    received = read_response(_answer(200, {"status_code": 1000, "data": data}))
    assert isinstance(received, Received)
    good, problems = objects_of(received, Location)
    assert [location.id for location in good] == ["L1", "L2"]
    assert len(problems) == 1
    assert "data/1" in problems[0]


def test_one_object_is_read():
    received = read_response(_answer(200, {"status_code": 1000, "data": LOCATION}))
    assert isinstance(received, Received)
    assert object_of(received, Location).id == "L1"
