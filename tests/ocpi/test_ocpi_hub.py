"""What a hub reads and changes of a message: addresses led below a module, and one text replaced in its place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.ocpi import hub
from elstrada.ocpi.codes import Why

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
URL, OURS = "https://ret.example/x?a=1", "https://hub.example/y"


@given(
    st.dictionaries(st.text().filter(lambda name: name != "response_url"), _values),
    st.integers(0, 4),
    st.sampled_from([None, 0, 3, "\t"]),
    st.booleans(),
)
def test_one_text_is_replaced_and_every_other_byte_stays(
    others: dict[str, object], at: int, indent: int | str | None, ascii_only: bool
):
    members = list(others.items())
    members.insert(min(at, len(members)), ("response_url", URL))
    document = dict(members) | {"nested": {"response_url": URL}}
    body = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    if b"\xed" in body:
        return  # Half a surrogate pair is refused before.
    changed = hub.with_text(body, "response_url", OURS)
    first = json.dumps(URL).encode()
    assert json.loads(changed) == document | {"response_url": OURS}
    assert len(changed) == len(body) - len(first) + len(json.dumps(OURS))


@pytest.mark.parametrize(
    ("url", "tail"),
    [
        ("https://els.example/ocpi/locations?offset=1&limit=2", "?offset=1&limit=2"),
        ("https://els.example/ocpi/locations/", ""),
        ("https://els.example/ocpi/locations/L1/E%201?x=1", "/L1/E%201?x=1"),
        ("https://els.example/ocpi/locations2", None),
        ("https://els.example/ocpi/locations/../credentials", None),
        ("https://els.example/ocpi/locations/a%2Fb", None),
        ("https://els.example.evil.example/ocpi/locations", None),
        ("https://els.example/other", None),
    ],
)
def test_an_address_is_below_a_module_or_elsewhere(url: str, tail: str | None):
    for base in ("https://els.example/ocpi/locations", "https://els.example/ocpi/locations/"):
        assert hub.tail_of(url, base) == tail


@pytest.mark.parametrize("version", ["2.1.1", "2.2.1", "2.3.0"])
def test_a_place_is_an_interface_of_a_module_and_what_is_below_it(version: str):
    found = hub.place(version, "PUT", "emsp/locations/SE/ELS/L1/")
    assert isinstance(found, hub.Place)
    assert (found.module, found.interface, found.tail[2:], str(found.owner)) == (
        "locations",
        "RECEIVER",
        ("L1",),
        "SE*ELS",
    )
    assert hub.place(version, "DELETE", "emsp/locations/SE/ELS/L1") is Why.NOT_ALLOWED
    assert hub.place(version, "GET", "emsp/kings") is Why.NOT_FOUND
    made = hub.place(version, "GET", "emsp/cdrs/2026/77")
    assert isinstance(made, hub.Place)
    assert made.endpoint is None
    for path in (
        "cpo/locations/..",
        "cpo/locations//L1",
        "cpo/locations/" + "x" * 256,
        "cpo/locations" + "/a" * 13,
    ):
        with pytest.raises(ValueError, match="segment"):
            hub.place(version, "GET", path)


def test_headers_go_along_but_for_tokens_ids_and_those_of_a_connection():
    given_ = {
        "authorization": "Token x",
        "host": "h",
        "x-request-id": "1",
        "ocpi-from-party-id": "ELS",
        "cookie": "c",
    }
    kept = {
        "content-type": "application/json",
        "x-correlation-id": "2",
        "accept-language": "sv",
        "x-own": "3",
    }
    assert hub.passed_on(given_ | kept | {"x-forwarded-for": "1.2.3.4", "proxy-authorization": "p"}) == kept
