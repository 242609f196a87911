"""Who may see what."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from elstrada.model.ids import PartyId
from elstrada.model.location import GeoLocation, Location, PublishToken
from elstrada.model.party import BusinessDetails, PartyRole, Peer, PeerEndpoint, PeerState, Role
from elstrada.model.token import Token, Whitelist
from elstrada.roaming.visibility import (
    listens,
    may_see_location,
    may_see_sessions_of,
    may_see_tariffs,
    may_see_tokens,
    shown_to,
)

NOW = datetime(2026, 2, 3, tzinfo=UTC)
ELS, RET, OTHER = PartyId("SE", "ELS"), PartyId("SE", "RET"), PartyId("SE", "OTH")
TOKEN = Token(
    party=RET,
    uid="04A1",
    contract_id="C1",
    visual_number="RET-1",
    issuer="Retailer",
    group_id="FLEET",
    valid=True,
    whitelist=Whitelist.ALLOWED,
    last_updated=NOW,
)


def _peer(*roles: Role, state: PeerState = PeerState.ACTIVE) -> Peer:
    named = tuple(PartyRole(RET, role, BusinessDetails("R")) for role in roles)
    endpoints = (PeerEndpoint("sessions", "RECEIVER", "u"), PeerEndpoint("tokens", "SENDER", "u"))
    return Peer(owner=ELS, id="p", state=state, roles=named, endpoints=endpoints, changed_at=NOW)


def _location(publish: bool, *names: PublishToken) -> Location:
    return Location(
        party=ELS,
        id="L1",
        publish=publish,
        publish_allowed_to=names,
        address="A",
        city="C",
        country="SWE",
        coordinates=GeoLocation("1", "2"),
        time_zone="Europe/Stockholm",
        last_updated=NOW,
    )


@pytest.mark.parametrize(
    ("role", "locations", "named", "tokens"),
    [
        (Role.EMSP, True, True, False),
        (Role.NSP, True, False, False),
        (Role.NAP, True, False, False),
        (Role.OTHER, True, False, False),
        (Role.PTP, True, True, False),
        (Role.CPO, False, False, True),
        (Role.SCSP, False, False, False),
        (Role.HUB, False, False, False),
    ],
)
def test_each_role_sees_what_it_is_there_for(role: Role, locations: bool, named: bool, tokens: bool):
    peer = _peer(role)
    assert may_see_location(peer, _location(True)) is locations
    assert may_see_location(peer, _location(False, PublishToken(uid="04A1"))) is named
    assert may_see_tariffs(peer) is locations
    assert may_see_tokens(peer) is tokens


@pytest.mark.parametrize("role", list(Role))
def test_r39_a_location_published_to_nobody_goes_to_nobody(role: Role):
    assert not may_see_location(_peer(role), _location(False))


def test_sessions_go_to_the_tokens_issuer_alone():
    assert may_see_sessions_of(_peer(Role.EMSP), RET)
    assert not may_see_sessions_of(_peer(Role.EMSP), OTHER)
    assert not may_see_sessions_of(_peer(Role.EMSP), None)
    assert not may_see_sessions_of(_peer(Role.CPO), RET)


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ((), False),
        ((PublishToken(),), False),
        ((PublishToken(uid="04a1"),), True),
        ((PublishToken(uid="04A1", type="APP_USER"),), False),
        ((PublishToken(uid="OTHER"), PublishToken(uid="04A1", type="RFID")), True),
        ((PublishToken(group_id="FLEET"),), False),
        ((PublishToken(group_id="FLEET", issuer="Retailer"),), True),
        ((PublishToken(visual_number="RET-1", issuer="Retailer"),), True),
        ((PublishToken(visual_number="RET-1", issuer="Somebody"),), False),
        ((PublishToken(issuer="Retailer"),), False),
    ],
)
def test_r39_an_unpublished_location_is_shown_to_those_it_names(names: tuple[PublishToken, ...], shown: bool):
    assert shown_to(_location(False, *names), TOKEN) is shown
    assert not shown_to(_location(False, *names), None)


def test_a_published_location_is_shown_to_everybody():
    assert shown_to(_location(True), None)


def test_only_registered_peers_that_take_pushes_listen():
    assert listens(_peer(Role.EMSP), "sessions")
    assert not listens(_peer(Role.EMSP), "tokens")
    assert not listens(_peer(Role.EMSP, state=PeerState.ENDED), "sessions")
