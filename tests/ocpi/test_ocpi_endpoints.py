"""The endpoint table as router and as address book."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.ocpi.codes import Why
from elstrada.ocpi.endpoints import Endpoint, Interface, Match, Side, join, module_path, url_of
from elstrada.ocpi.versions import ROUTERS, TABLES, best_mutual, endpoint, endpoint_urls

ROUTER, TABLE = ROUTERS["2.2.1"], TABLES["2.2.1"]
_segment = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=20)


def test_every_endpoint_has_a_name_of_its_own():
    assert len({found.name for found in TABLE}) == len(TABLE)


@given(st.sampled_from(TABLE), st.data())
def test_server_and_client_agree_on_every_address(found: Endpoint, data: st.DataObject):
    from urllib.parse import unquote, urlsplit

    names = [part[1:-1] for part in found.template.split("/") if part.startswith("{")]
    path = {name: data.draw(_segment) for name in names}
    url = url_of(found, f"https://x/ocpi/2.2.1/{module_path(found)}/", path, {})
    encoded = urlsplit(url).path.removeprefix("/ocpi/2.2.1/").split("/")
    match = ROUTER.match(found.method, "/".join(unquote(part) for part in encoded))
    assert isinstance(match, Match)
    assert match.endpoint.name == found.name
    assert match.path == path


def test_r23_a_slash_at_the_end_changes_nothing():
    assert ROUTER.match("GET", "cpo/locations") == ROUTER.match("GET", "cpo/locations/")


def test_r24_three_segments_mean_different_things_on_each_side():
    sender = ROUTER.match("GET", "cpo/locations/SE/ELS/L1")
    receiver = ROUTER.match("GET", "emsp/locations/SE/ELS/L1")
    assert isinstance(sender, Match)
    assert isinstance(receiver, Match)
    assert sender.endpoint.name == "show_connector"
    assert receiver.endpoint.name == "get_location"


@pytest.mark.parametrize(
    ("method", "path", "why"),
    [
        ("DELETE", "cpo/locations", Why.NOT_ALLOWED),
        ("DELETE", "emsp/locations/SE/ELS/L1", Why.NOT_ALLOWED),  # nobody deletes a location.
        ("PATCH", "emsp/tariffs/SE/ELS/T1", Why.NOT_ALLOWED),  # Only 2.1.1 had it.
        ("PUT", "emsp/cdrs/SE/ELS/C1", Why.NOT_ALLOWED),
        ("GET", "nothing", Why.NOT_FOUND),
        ("GET", "", Why.NOT_FOUND),
        ("GET", "emsp/locations//ELS/L1", Why.NOT_FOUND),
        ("GET", "emsp/locations/SE/ELS/L1/E1/1/more", Why.NOT_FOUND),
    ],
)
def test_wrong_addresses_and_methods_are_told_apart(method: str, path: str, why: Why):
    assert ROUTER.match(method, path) is why


def test_commands_join_with_exactly_one_slash():
    start = endpoint("2.2.1", "start_session")
    for base in ("https://x/commands", "https://x/commands/"):
        assert url_of(start, base, {}, {}) == "https://x/commands/START_SESSION"


def test_segments_are_percent_encoded():
    assert join("https://x/", "SE*ELS*E1/2", "a b") == "https://x/SE%2AELS%2AE1%2F2/a%20b"
    assert join("https://x/credentials/") == "https://x/credentials/", "a peer may serve no other"


def test_r12_a_side_offers_its_interfaces_and_no_others():
    offered = endpoint_urls("2.2.1", "https://x", [Side.EMSP])
    by_module = {(found.identifier, found.role): found.url for found in offered}
    assert by_module["locations", "RECEIVER"] == "https://x/ocpi/2.2.1/emsp/locations"
    assert by_module["tokens", "SENDER"] == "https://x/ocpi/2.2.1/emsp/tokens"
    assert ("locations", "SENDER") not in by_module
    assert len(by_module) == len(offered)


def test_r15_r16_only_functional_modules_are_routed():
    assert {found.module for found in TABLE if not found.routed} == {
        "credentials",
        "hubclientinfo",
    }


def test_the_highest_mutual_version_wins_and_2_2_is_never_chosen():
    assert best_mutual(["2.1.1", "2.2", "2.2.1", "9.9"], TABLES) == "2.2.1"
    assert best_mutual(["2.3.0", "2.2.1"], TABLES) == "2.3.0"
    assert best_mutual(["2.3.0", "2.2.1"], ["2.2.1"]) == "2.2.1"
    assert best_mutual(["2.2"], TABLES) is None


def test_cdrs_cannot_be_changed():
    methods = {
        found.method for found in TABLE if (found.module, found.interface) == ("cdrs", Interface.RECEIVER)
    }
    assert methods == {"POST", "GET"}
