"""The handshake without a socket."""

from __future__ import annotations

import pytest
from ocpi_fixtures import CREDENTIALS

from elstrada.model.ids import PartyId
from elstrada.model.party import BusinessDetails, Party, PeerEndpoint, PeerState, Role
from elstrada.ocpi.body import Json, shape
from elstrada.ocpi.client import Declined, Outcome, Received, Sending, Silent
from elstrada.ocpi.codes import Why
from elstrada.ocpi.endpoints import Side
from elstrada.ocpi.limits import validate
from elstrada.ocpi.registration import (
    Discovered,
    discover,
    endpoint_url,
    may,
    read_roles,
    sides_of,
    write_credentials,
)
from elstrada.ocpi.server import Refusal
from elstrada.ocpi.v221.credentials import Credentials

VERSIONS: Json = [
    {"version": "2.1.1", "url": "https://r/2.1.1"},
    {"version": "2.2", "url": "https://r/2.2"},
    {"version": "2.2.1", "url": "https://r/2.2.1"},
]
DETAILS: Json = {
    "version": "2.2.1",
    "endpoints": [
        {"identifier": "credentials", "role": "RECEIVER", "url": "https://r/credentials"},
        {"identifier": "Locations", "role": "RECEIVER", "url": "https://r/locations"},
    ],
}


def _talk(*answers: Outcome) -> tuple[list[Sending], Discovered | Refusal]:
    """Run the conversation against canned answers."""
    conversation = discover("https://r/versions", ("2.2.1",))
    sent = [next(conversation)]
    for answer in answers:
        try:
            sent.append(conversation.send(answer))
        except StopIteration as end:
            return sent, end.value
    raise AssertionError("the conversation wants more")


def test_the_best_version_is_found_and_its_endpoints_kept():
    sent, found = _talk(Received(VERSIONS), Received(DETAILS))
    assert [sending.base for sending in sent] == ["https://r/versions", "https://r/2.2.1"]
    assert isinstance(found, Discovered)
    assert found.version == "2.2.1"
    assert endpoint_url(found.endpoints, "locations", "RECEIVER") == "https://r/locations"


def test_r12_endpoints_are_chosen_by_identifier_and_role_and_credentials_role_is_ignored():
    endpoints = (
        PeerEndpoint("locations", "SENDER", "s"),
        PeerEndpoint("locations", "RECEIVER", "r"),
        PeerEndpoint("credentials", "RECEIVER", "c"),
    )
    assert endpoint_url(endpoints, "locations", "RECEIVER") == "r"
    assert endpoint_url(endpoints, "credentials", "SENDER") == "c"
    assert endpoint_url(endpoints, "tokens", "SENDER") is None


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ((Silent("refused"),), Why.CANNOT_USE_CLIENT),
        ((Declined(401, 2000, "no"),), Why.CANNOT_USE_CLIENT),
        ((Received([{"version": "2.1.1", "url": "x"}]),), Why.UNSUPPORTED_VERSION),
        ((Received([]),), Why.UNSUPPORTED_VERSION),
        ((Received({"not": "a list"}),), Why.UNSUPPORTED_VERSION),
        ((Received(VERSIONS), Declined(500, 3000, "")), Why.CANNOT_USE_CLIENT),
        ((Received(VERSIONS), Received([])), Why.CANNOT_USE_CLIENT),
        ((Received(VERSIONS), Received({"version": "2.2.1", "endpoints": []})), Why.NO_ENDPOINTS),
    ],
)
def test_r08_each_way_to_fail_has_its_code(answers: tuple[Outcome, ...], why: Why):
    _, refusal = _talk(*answers)
    assert isinstance(refusal, Refusal)
    assert refusal.why is why


@pytest.mark.parametrize(
    ("method", "state", "allowed"),
    [
        ("POST", PeerState.INVITED, True),
        ("POST", PeerState.ENDED, True),
        ("POST", PeerState.ACTIVE, False),
        ("PUT", PeerState.ACTIVE, True),
        ("PUT", PeerState.INVITED, False),
        ("DELETE", PeerState.ACTIVE, True),
        ("DELETE", PeerState.INVITED, False),
        ("GET", PeerState.INVITED, True),
    ],
)
def test_r06_a_registration_in_the_wrong_state_is_405(method: str, state: PeerState, allowed: bool):
    refusal = may(method, state)
    assert (refusal is None) is allowed
    assert refusal is None or refusal.why.http == 405


def _credentials(*roles: tuple[str, str, str]) -> Credentials:
    entries = [
        {"role": role, "country_code": cc, "party_id": party, "business_details": {"name": "N"}}
        for role, cc, party in roles
    ]
    return shape({"token": "t", "url": "u", "roles": entries}, Credentials)  # type: ignore[dict-item]


def test_r09_a_role_of_a_party_twice_is_2001():
    refusal = read_roles(_credentials(("CPO", "SE", "ELS"), ("CPO", "se", "els")))
    assert isinstance(refusal, Refusal)
    assert refusal.why.ocpi == 2001


def test_one_party_may_have_several_roles_and_a_platform_several_parties():
    roles = read_roles(_credentials(("CPO", "SE", "ELS"), ("EMSP", "SE", "ELS"), ("CPO", "IT", "ELS")))
    assert isinstance(roles, tuple)
    assert len(roles) == 3


@pytest.mark.parametrize("role", ["HUB", "PTP"])
def test_roles_of_other_versions_are_read(role: str):
    assert not isinstance(read_roles(_credentials((role, "SE", "ELS"))), Refusal)


@pytest.mark.parametrize("roles", [(), (("KING", "SE", "ELS"),), (("CPO", "SWE", "ELS"),)])
def test_roles_nobody_has_are_refused(roles: tuple[tuple[str, str, str], ...]):
    assert isinstance(read_roles(_credentials(*roles)), Refusal)


def test_our_credentials_are_conformant_and_name_every_role():
    own = Party(PartyId("SE", "ELS"), (Role.CPO, Role.EMSP), BusinessDetails("Els"))
    written = write_credentials(own, "t" * 43, "https://els.example/ocpi/versions")
    assert validate(written) == ()
    assert [role.role for role in written.roles] == ["CPO", "EMSP"]


def test_credentials_never_show_their_token():
    assert CREDENTIALS["token"] not in repr(shape(CREDENTIALS, Credentials))


def test_navigation_and_open_data_receive_like_an_emsp():
    assert sides_of([Role.CPO]) == (Side.CPO,)
    assert sides_of([Role.NSP, Role.NAP]) == (Side.EMSP,)
    assert sides_of([Role.HUB]) == (Side.CPO, Side.EMSP, Side.PTP), "it stands for whoever is behind it"
