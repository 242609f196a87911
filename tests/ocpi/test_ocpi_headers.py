"""Who calls, which call it is, and between whom."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.model.http import HttpRequest
from elstrada.model.ids import PartyId
from elstrada.ocpi.headers import Ids, Routing, authorization, read_ids, read_routing, token_of

ELS, RET = PartyId("SE", "ELS"), PartyId("SE", "RET")


def _token(value: bytes) -> str:
    return base64.b64encode(value).decode()


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64))
def test_r01_a_token_shown_is_the_token_read(token: str):
    assert token_of({"authorization": authorization(token)}) == token


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Token",
        "Token ",
        "Basic dTpw",
        "Bearer abc",
        "Token not-base64!",
        "Token " + _token("ø".encode()),
        "Token " + _token(b"with space"),
        "Token " + _token(b"x" * 65),
        "Token " + "A" * 5000,
        "Token " + _token(b"example-token\n"),  # only with a peer's quirk: see test_roaming_quirks.
        "Token raw-token-of-a-2.1.1-peer",
    ],
)
def test_r01_r02_r03_anything_else_is_no_token(header: str | None):
    assert token_of({} if header is None else {"authorization": header}) is None


def test_r14_ids_are_echoed_as_given():
    request = HttpRequest("GET", "/", headers={"x-request-id": "r-1", "x-correlation-id": "c-1"})
    assert read_ids(request).headers() == {"x-request-id": "r-1", "x-correlation-id": "c-1"}


@pytest.mark.parametrize("value", ["a\r\nset-cookie: x", "ä", "x" * 129])
def test_an_id_that_could_harm_a_header_is_dropped(value: str):
    assert read_ids(HttpRequest("GET", "/", headers={"x-request-id": value})) == Ids()


def test_r15_routing_is_written_read_and_turned_round():
    routing = Routing(to_party=ELS, from_party=RET)
    assert read_routing(routing.headers()) == routing
    assert routing.swapped() == Routing(to_party=RET, from_party=ELS)
    assert len(routing.headers()) == 4


def test_r22_routing_compares_without_case():
    headers = {"ocpi-to-country-code": "se", "ocpi-to-party-id": "els"}
    assert read_routing(headers).to_party == ELS


def test_half_a_party_is_refused():
    with pytest.raises(ValueError, match="OCPI-from"):
        read_routing({"ocpi-from-party-id": "RET"})
