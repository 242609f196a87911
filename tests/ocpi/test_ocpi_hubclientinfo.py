"""What a hub tells of its parties, and how a hub is told from others."""

from __future__ import annotations

from typing import Any

import pytest
from ocpi_fixtures import but

from elstrada.model.ids import PartyId
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.ocpi.body import Mismatch, encode, parse, shape
from elstrada.ocpi.limits import validate
from elstrada.ocpi.registration import hub_of, hub_or_not, read_roles, write_credentials
from elstrada.ocpi.server import Refusal
from elstrada.ocpi.v221.hubclientinfo import ClientInfo
from elstrada.ocpi.versions import LANGUAGES, TABLES, endpoint_urls

CLIENT: dict[str, Any] = {
    "party_id": "RET",
    "country_code": "SE",
    "role": "EMSP",
    "status": "OFFLINE",
    "last_updated": "2026-02-03T12:00:00.250Z",
}
WITH_HUBS = ["2.2.1", "2.3.0"]
HUB = Party(PartyId("SE", "HUB"), (Role.HUB,), BusinessDetails("Navet"))


@pytest.mark.parametrize("version", WITH_HUBS)
def test_a_client_goes_through_the_model_unharmed(version: str):
    noun = LANGUAGES[version].client
    assert noun is not None
    wire = shape(CLIENT, noun.wire)
    assert parse(encode(noun.write(noun.read(wire).value).value)) == CLIENT
    assert validate(wire) == ()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"status": "SLEEPING"}, "/status"),
        ({"role": "KING"}, "/role"),
        ({"party_id": "TOOLONG"}, "party_id"),
    ],
)
def test_a_client_that_makes_no_sense_is_refused_and_says_where(changes: dict[str, str], says: str):
    noun = LANGUAGES["2.2.1"].client
    assert noun is not None
    with pytest.raises(Mismatch, match=says):
        noun.read(shape(but(CLIENT, **changes), noun.wire))


def test_a_client_without_its_date_is_refused():
    with pytest.raises(Mismatch, match="last_updated"):
        shape({name: value for name, value in CLIENT.items() if name != "last_updated"}, ClientInfo)


def test_2_1_1_knows_no_hubs():
    assert LANGUAGES["2.1.1"].client is None
    assert "hubclientinfo" not in {endpoint.module for endpoint in TABLES["2.1.1"]}


@pytest.mark.parametrize("version", WITH_HUBS)
@pytest.mark.parametrize(
    ("roles", "interfaces"),
    [
        ((Role.HUB,), {"SENDER"}),
        ((Role.CPO, Role.EMSP), {"RECEIVER"}),
        ((Role.HUB, Role.CPO), {"SENDER", "RECEIVER"}),
    ],
)
def test_a_hub_sends_and_all_others_receive(version: str, roles: tuple[Role, ...], interfaces: set[str]):
    offered = endpoint_urls(version, "https://x", (), hub=hub_or_not(roles))
    found = {one.role: one.url for one in offered if one.identifier == "hubclientinfo"}
    assert found == dict.fromkeys(interfaces, f"https://x/ocpi/{version}/hubclientinfo")


@pytest.mark.parametrize("version", WITH_HUBS)
def test_a_hub_is_known_by_its_credentials(version: str):
    written = write_credentials(HUB, "token", "https://hub/ocpi/versions", version)
    roles = read_roles(written)
    assert not isinstance(roles, Refusal)
    assert hub_of(written, roles) == HUB.id
    assert [entry.role for entry in roles] == [Role.HUB if version == "2.2.1" else Role.OTHER]
