"""Where a hub sends what: the whole table of the standard, and what bars a request."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from elstrada.model.ids import PartyId
from elstrada.model.party import BusinessDetails, PartyRole, Role
from elstrada.roaming import routing as r

HUB, ELS, RET, NSP = (PartyId.parse(text) for text in ("SE*HUB", "SE*ELS", "SE*RET", "SE*NSP"))


def _roles(*entries: tuple[PartyId, Role]) -> tuple[PartyRole, ...]:
    return tuple(PartyRole(party, role, BusinessDetails(str(party))) for party, role in entries)


CPO, EMSP = _roles((ELS, Role.CPO)), _roles((RET, Role.EMSP))
PUSH = r.Errand(module="locations", interface=r.RECEIVER, method="PUT", owner=ELS)
LIST = r.Errand(module="locations", interface=r.SENDER, method="GET", is_list=True)


def _but(errand: r.Errand, **changes: object) -> r.Errand:
    return replace(errand, **changes)


@pytest.mark.parametrize(
    ("errand", "roles", "expected"),
    [
        (_but(PUSH, receiver=RET), CPO, r.Forward(ELS, RET)),
        (_but(PUSH, receiver=HUB), CPO, r.Broadcast(ELS)),
        (PUSH, CPO, r.Broadcast(ELS)),
        (_but(PUSH, method="GET", receiver=HUB), CPO, r.Copy(ELS)),
        (_but(PUSH, module="sessions"), CPO, r.Search(ELS)),
        (_but(LIST, receiver=HUB), EMSP, r.Everything(RET)),
        (_but(LIST, receiver=ELS), EMSP, r.Forward(RET, ELS)),
        (_but(LIST, is_mute=True), EMSP, r.Everything(RET)),
        (_but(LIST, is_list=False), EMSP, r.Search(RET)),
    ],
)
def test_what_is_asked_goes_where_the_standard_has_it(
    errand: r.Errand, roles: tuple[PartyRole, ...], expected: r.Decision
):
    assert r.decide(errand, roles, HUB) == expected


@pytest.mark.parametrize(
    ("errand", "roles", "obstacle"),
    [
        (_but(PUSH, sender=RET), CPO, r.Obstacle.FOREIGN),
        (PUSH, EMSP, r.Obstacle.OUT_OF_PLACE),
        (_but(PUSH, owner=RET), CPO, r.Obstacle.OUT_OF_PLACE),
        (_but(PUSH, module="kings"), CPO, r.Obstacle.OUT_OF_PLACE),
        (_but(PUSH, module="cdrs", receiver=HUB), CPO, r.Obstacle.NOT_SHARED),
        (_but(LIST, module="sessions", receiver=HUB), EMSP, r.Obstacle.NOT_SHARED),
        (LIST, EMSP, r.Obstacle.WITHOUT_RECEIVER),
        (PUSH, CPO + EMSP, r.Obstacle.NAMELESS),
        (PUSH, (), r.Obstacle.NAMELESS),
    ],
)
def test_r71_what_is_not_the_callers_to_say_goes_nowhere(
    errand: r.Errand, roles: tuple[PartyRole, ...], obstacle: r.Obstacle
):
    decision = r.decide(errand, roles, HUB)
    assert isinstance(decision, r.Barred)
    assert decision.obstacle is obstacle


def test_r69_a_broadcast_is_for_the_opposite_roles_and_what_is_not_public_for_fewer():
    roles = CPO + EMSP + _roles((NSP, Role.NSP))
    assert r.audience(roles, "locations", is_public=True) == [NSP, RET]
    assert r.audience(roles, "locations", is_public=False) == [RET]
    assert r.audience(roles, "tokens", is_public=True) == [ELS]


def test_every_module_has_both_sides():
    assert r.SENDERS.keys() == r.RECEIVERS.keys()
    assert r.SENDERS.keys() >= r.SHARED
