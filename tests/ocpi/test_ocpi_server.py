"""Requests read, results written."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpi_fixtures import CDR, LOCATION, START, TOKEN, but

from elstrada.model.http import HttpRequest
from elstrada.model.ids import PartyId
from elstrada.ocpi.body import MAX_BODY
from elstrada.ocpi.codes import Why
from elstrada.ocpi.headers import Routing
from elstrada.ocpi.server import Call, Done, Found, Listing, Refusal, body_of, read, respond
from elstrada.ocpi.v221.locations import Location
from elstrada.ocpi.v221.tokens import LocationReferences
from elstrada.ocpi.versions import ROUTERS

ROUTER = ROUTERS["2.2.1"]
NOW = datetime(2026, 2, 3, 12, 0, 0, 123456, tzinfo=UTC)
LOCATION_PATH = "emsp/locations/SE/ELS/L1"


def _read(method: str, path: str, body: object = None, query: dict[str, str] | None = None, **headers: str):
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return read(HttpRequest(method, path, query or {}, names, content), path, ROUTER)


def test_a_put_is_read_into_a_call():
    call = _read("PUT", LOCATION_PATH, LOCATION, ocpi_from_country_code="SE", ocpi_from_party_id="ELS")
    assert isinstance(call, Call)
    assert call.path == {"country_code": "SE", "party_id": "ELS", "location_id": "L1"}
    assert call.routing.from_party == PartyId("SE", "ELS")
    assert body_of(call, Location).city == "Umeå"


@pytest.mark.parametrize(
    ("method", "path", "body", "why"),
    [
        ("PUT", LOCATION_PATH, b"{", Why.MALFORMED),
        ("PUT", LOCATION_PATH, b"", Why.MALFORMED),
        ("PUT", LOCATION_PATH, b'{"a":1,"a":2}', Why.MALFORMED),
        ("PUT", LOCATION_PATH, b'"' + b"x" * MAX_BODY + b'"', Why.TOO_LARGE),
        ("PUT", LOCATION_PATH, [], Why.INVALID),
        ("PUT", LOCATION_PATH, {}, Why.INVALID),
        ("PUT", LOCATION_PATH, but(LOCATION, publish="yes"), Why.INVALID),
        ("PUT", LOCATION_PATH, but(LOCATION, last_updated="today"), Why.INVALID),
        ("PATCH", LOCATION_PATH, b"null", Why.INVALID),
        ("POST", "emsp/cdrs", but(CDR, total_cost=None), Why.INVALID),
        ("POST", "cpo/commands/START_SESSION", but(START, token=None), Why.INVALID),
        ("POST", "cpo/commands/DANCE", START, Why.NOT_FOUND),
        ("PUT", "emsp/locations/SE/ELS/" + "x" * 300, LOCATION, Why.INVALID),
        ("PUT", "emsp/locations/SE/ELS/a\x00b", LOCATION, Why.INVALID),
    ],
)
def test_r20_each_fault_has_its_own_refusal(method: str, path: str, body: object, why: Why):
    refusal = _read(method, path, body)
    assert isinstance(refusal, Refusal)
    assert refusal.why is why


def test_r29_a_bad_window_is_2001():
    refusal = _read("GET", "cpo/locations", query={"limit": "-1"})
    assert isinstance(refusal, Refusal)
    assert (refusal.why.http, refusal.why.ocpi) == (200, 2001)


def test_half_a_routing_header_is_2001():
    refusal = _read("PUT", LOCATION_PATH, LOCATION, ocpi_to_party_id="RET")
    assert isinstance(refusal, Refusal)
    assert refusal.why is Why.INVALID


def test_authorize_takes_no_body_or_a_location():
    without = _read("POST", "emsp/tokens/04A1/authorize", query={"type": "APP_USER", "strange": "1"})
    assert isinstance(without, Call)
    assert without.body is None
    assert without.query == {"type": "APP_USER"}
    with_place = _read("POST", "emsp/tokens/04A1/authorize", {"location_id": "L1"})
    assert isinstance(with_place, Call)
    assert body_of(with_place, LocationReferences).location_id == "L1"


@given(st.sampled_from(["PUT", "PATCH", "POST"]), st.binary(max_size=200))
def test_no_body_makes_the_server_fail(method: str, body: bytes):
    path = "emsp/cdrs" if method == "POST" else LOCATION_PATH
    assert isinstance(_read(method, path, body), Call | Refusal)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(TOKEN)), inner, max_size=4)
        ),
        max_leaves=10,
    )
)
def test_no_shape_makes_the_server_fail(document: object):
    mutated = TOKEN | document if isinstance(document, dict) else document
    assert isinstance(_read("PUT", "cpo/tokens/SE/RET/04A1B2C3D4E5F6", mutated), Call | Refusal)


def _respond(result: Found | Listing | Done | Refusal, call: Call | None = None, **headers: str):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    response = respond(HttpRequest("GET", "/", headers=names), result, NOW, call)
    return response, json.loads(response.body)


def test_r17_the_timestamp_is_that_of_the_response_and_ends_in_z():
    _, envelope = _respond(Done())
    assert envelope == {"status_code": 1000, "timestamp": "2026-02-03T12:00:00.123Z"}


def test_r19_an_object_is_an_object_and_a_list_a_list():
    assert _respond(Found({"a": 1}))[1]["data"] == {"a": 1}
    assert _respond(Listing(()))[1]["data"] == []


def test_r31_created_is_201_and_updated_200():
    assert _respond(Done(created=True))[0].status == 201
    assert _respond(Done())[0].status == 200


def test_r40_a_location_header_is_given():
    response, _ = _respond(Done(created=True, location="https://x/cdrs/1"))
    assert response.headers["location"] == "https://x/cdrs/1"


def test_r14_r15_a_response_echoes_ids_and_turns_routing_round():
    call = _read("GET", LOCATION_PATH)
    assert isinstance(call, Call)
    routing = Routing(to_party=PartyId("SE", "RET"), from_party=PartyId("SE", "ELS"))
    called = Call(endpoint=call.endpoint, path={}, query={}, routing=routing)
    response, _ = _respond(Done(), called, x_request_id="r", x_correlation_id="c")
    assert response.headers["x-request-id"] == "r"
    assert response.headers["x-correlation-id"] == "c"
    assert response.headers["ocpi-to-party-id"] == "ELS"
    assert response.headers["ocpi-from-party-id"] == "RET"


def test_r20_a_refusal_is_an_envelope_without_data():
    response, envelope = _respond(Refusal(Why.MALFORMED, "no JSON"))
    assert response.status == 400
    assert envelope["status_code"] == 2001
    assert "data" not in envelope


@pytest.mark.parametrize("why", list(Why))
def test_http_errors_are_only_those_below_ocpi(why: Why):
    assert why.http in (200, 400, 401, 404, 405, 413, 503)
    assert 2000 <= why.ocpi <= 4003
