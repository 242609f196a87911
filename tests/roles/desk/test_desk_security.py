"""`elstrada station secure`: the operator says how securely a station must come."""

from __future__ import annotations

from typing import Any

import msgspec
from desk_book import done

from elstrada.model.facts import StationSecured
from elstrada.model.security import SecuredBy, SecurityProfile
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.spine.post import LocalPost


async def refused(desk: Desk, kind: Kind, **values: object) -> Refusal:
    answer = await done(desk, "station secure", **values)
    assert isinstance(answer, Refusal), answer
    assert answer.kind is kind, answer
    return answer


async def stocked(desk: Desk) -> None:
    await done(desk, "party put", party="SE*ELS", roles=["CPO"], name="Els", currency="SEK")


async def test_an_operators_word_is_kept_with_its_reason_and_shown(desk: Desk) -> None:
    await stocked(desk)
    await done(desk, "station add", station="S1")
    await done(desk, "station add", station="S2", minimum_profile=3)
    said: Any = await done(
        desk, "station secure", station="S1", minimum_profile=2, reason="firmware 2.4 is out"
    )
    assert (said.party, said.station, said.minimum_profile, said.proven_profile) == ("SE*ELS", "S1", 2, 1)
    again: Any = await done(desk, "station secure", station="S1", minimum_profile=2)
    assert again == said
    lines: Any = await done(desk, "station list")
    assert [(line.station, line.minimum_profile) for line in lines] == [("S1", 2), ("S2", 3)]
    facts = [one.fact for one in await desk.spine.facts("station-security/SE*ELS/S1")]
    reason = "firmware 2.4 is out"
    fact = StationSecured(SecurityProfile.BASIC_TLS, SecurityProfile.BASIC, SecuredBy.OPERATOR, reason=reason)
    assert facts == [fact], "what changes nothing is no fact"


async def test_a_call_that_lowers_the_profile_or_carries_a_password_names_the_right_verb_t4(
    desk: Desk,
) -> None:
    await stocked(desk)
    await done(desk, "station add", station="S1", minimum_profile=2)
    desk = msgspec.structs.replace(desk, post=LocalPost())

    async def called(payload: str) -> Refusal:
        answer = await done(desk, "station call", station="S1", action="ChangeConfiguration", payload=payload)
        assert isinstance(answer, Refusal), answer
        return answer

    lower = await called('{"key": "SecurityProfile", "value": "1"}')
    assert (lower.kind, lower.pointer) == (Kind.CONFLICT, "/payload")
    assert "lower the security profile to 1" in lower.says
    assert "elstrada station secure S1" in lower.hint
    password = await called('{"key": "AuthorizationKey", "value": "0011223344556677"}')
    assert password.kind is Kind.CONFLICT
    assert "elstrada station password S1" in password.hint
    assert "0011223344556677" not in repr(password)
    assert (await called('{"key": "SecurityProfile", "value": "2"}')).kind is Kind.UNREACHABLE
    assert [one.fact for one in await desk.spine.facts("station/SE*ELS/S1")] == [], "nobody was asked"


async def test_less_is_meant_only_if_it_is_said(desk: Desk) -> None:
    await stocked(desk)
    await done(desk, "station add", station="S1", minimum_profile=3)
    less = await refused(desk, Kind.CONFLICT, station="S1", minimum_profile=2)
    assert (less.pointer, less.hint) == ("/minimum_profile", "say --lower if that is meant")
    assert "S1: that is less than the profile 3 that is demanded now" in less.says
    await done(desk, "station secure", station="S1", minimum_profile=2, lower=True)
    unknown = await refused(desk, Kind.MISSING, station="S9", minimum_profile=2)
    assert "'S9'" in unknown.says
    assert await refused(desk, Kind.USAGE, station="S1", minimum_profile=4)
    assert await refused(desk, Kind.USAGE, station="S1", minimum_profile=0)
