"""What peers' objects say beyond what we know is kept, and told again unchanged (R-21)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import openapi
import pytest
from roaming_world import ELS, RET, World, aio, furnished, token
from wire_documents import LOCATION, SESSION, TARIFF, TOKEN, but

from elstrada.ocpi.surplus import MOST
from elstrada.spine import tables as t

VERSIONS = ["2.2.1", "2.3.0"]
LATER = "2026-02-04T00:00:00Z"
ODD = {"x_fee": 1.25, "x_list": [1, {"a": None, "b": "å"}], "x_flag": False}


@pytest.fixture(autouse=True)
def as_the_standard_has_it() -> Iterator[None]:
    """The official files close the enums that the text of 2.3.0 has open: nothing else may stray."""
    openapi.found.clear()
    yield
    assert [found for found in openapi.found if "is not one of" not in found] == []


def price(version: str) -> dict[str, Any]:
    return {} if version == "2.2.1" else {"tax_included": "NO"}


async def put_and_got(world: World, path: str, body: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await world.as_els("PUT", path, body, **more)
    assert answer.code == 1000, answer
    return (await world.as_els("GET", path, **more)).data


@pytest.mark.parametrize("version", VERSIONS)
def test_r21_unknown_fields_and_values_of_a_location_are_told_again_at_every_level(version: str) -> None:
    @aio
    async def scene() -> None:
        world = await furnished(World(versions=(version,)))
        body = copy.deepcopy(LOCATION) | {"id": "L9", "facilities": ["SPACE_PORT"]} | ODD
        body["coordinates"] |= {"altitude": "12"}
        evse = body["evses"][0]
        evse |= {"x_evse": {"deep": [1]}, "capabilities": ["TELEPATHY"]}
        evse["connectors"][0] |= {"x_connector": "y", "standard": "PLUG_OF_TOMORROW"}
        at = f"{version}/emsp/locations/SE/ELS/L9"
        got = await put_and_got(world, at, body)
        for name, value in ODD.items():
            assert got[name] == value
        assert got["coordinates"]["altitude"] == "12"
        assert got["facilities"] == ["SPACE_PORT"]
        assert (got["evses"][0]["x_evse"], got["evses"][0]["capabilities"]) == ({"deep": [1]}, ["TELEPATHY"])
        uid, connector = evse["uid"], evse["connectors"][0]["id"]
        told = await world.as_els("GET", f"{at}/{uid}/{connector}")
        assert (told.data["x_connector"], told.data["standard"]) == ("y", "PLUG_OF_TOMORROW")
        # A PATCH keeps them, adds some, and takes some away.
        patch = {"name": "New", "x_more": 7, "x_flag": None, "last_updated": LATER}
        assert (await world.as_els("PATCH", at, patch)).code == 1000
        assert (await world.as_els("PATCH", f"{at}/{uid}", {"x_evse": 2, "last_updated": LATER})).code == 1000
        got = (await world.as_els("GET", at)).data
        assert (got["name"], got["x_more"], got["x_fee"], got["evses"][0]["x_evse"]) == ("New", 7, 1.25, 2)
        assert "x_flag" not in got
        assert got["evses"][0]["connectors"][0]["x_connector"] == "y"
        # A PUT of a part replaces that of the part, a PUT of the whole replaces all.
        plain = copy.deepcopy(LOCATION["evses"][0]) | {"last_updated": LATER}
        assert (await world.as_els("PUT", f"{at}/{uid}", plain)).code == 1000
        got = (await world.as_els("GET", at)).data
        assert "x_evse" not in got["evses"][0]
        assert "x_connector" not in got["evses"][0]["connectors"][0]
        assert got["x_more"] == 7
        whole = copy.deepcopy(LOCATION) | {"id": "L9", "last_updated": "2026-02-05T00:00:00Z"}
        got = await put_and_got(world, at, whole)
        assert not any(name.startswith("x_") for name in got)
        assert await world.ret.spine.find(t.surplus) == []

    scene()


@pytest.mark.parametrize("version", VERSIONS)
def test_r21_unknown_fields_of_a_tariff_are_told_again_and_go_with_it(version: str) -> None:
    @aio
    async def scene() -> None:
        world = await furnished(World(versions=(version,)))
        body = copy.deepcopy(TARIFF) | {"id": "T9", "last_updated": LATER} | ODD | price(version)
        body["elements"][0]["price_components"][0]["x_tier"] = "gold"
        at = f"{version}/emsp/tariffs/SE/ELS/T9"
        got = await put_and_got(world, at, body)
        assert {name: got[name] for name in ODD} == ODD
        assert got["elements"][0]["price_components"][0]["x_tier"] == "gold"
        assert (await world.as_els("DELETE", at)).code == 1000
        assert await world.ret.spine.find(t.surplus) == []

    scene()


@pytest.mark.parametrize("version", VERSIONS)
def test_r21_unknown_fields_of_a_session_are_told_again(version: str) -> None:
    @aio
    async def scene() -> None:
        world = await furnished(World(versions=(version,)))
        body = but(SESSION, last_updated="2026-02-03T12:00:00Z", **ODD)
        body["cdr_token"] = body["cdr_token"] | {"x_kind": "ring"}
        at = f"{version}/emsp/sessions/SE/ELS/S9"
        got = await put_and_got(world, at, body)
        assert {name: got[name] for name in ODD} == ODD
        assert got["cdr_token"]["x_kind"] == "ring"
        assert (await world.as_els("PATCH", at, {"kwh": 9, "last_updated": LATER})).code == 1000
        got = (await world.as_els("GET", at)).data
        assert (got["kwh"], got["x_fee"], got["cdr_token"]["x_kind"]) == (9, 1.25, "ring")
        # What is unknown may name people: no fact holds it.
        facts = str([one.fact for one in await world.ret.spine.read(0, limit=100_000)])
        assert "x_fee" not in facts

    scene()


@pytest.mark.parametrize("version", VERSIONS)
def test_r21_unknown_fields_and_types_of_a_token_are_told_again(version: str) -> None:
    @aio
    async def scene() -> None:
        world = await furnished(World(versions=(version,)))
        named = {"uid": "U9", "type": "IMPLANT", "contract_id": "SERETC9", "last_updated": LATER}
        body = but(TOKEN, **named, **ODD)
        at, query = f"{version}/cpo/tokens/SE/RET/U9", {"type": "IMPLANT"}
        assert (await world.as_ret("PUT", at, body, query=query)).code == 1000
        got = (await world.as_ret("GET", at, query=query)).data
        assert {name: got[name] for name in (*ODD, "type")} == ODD | {"type": "IMPLANT"}
        patch = {"valid": False, "last_updated": "2026-02-05T00:00:00Z"}
        assert (await world.as_ret("PATCH", at, patch, query=query)).code == 1000
        got = (await world.as_ret("GET", at, query=query)).data
        assert (got["valid"], got["x_fee"]) == (False, 1.25)

    scene()


@aio
async def test_r21_more_than_is_sane_is_not_kept_and_counted_and_refuses_nothing() -> None:
    world = await furnished()
    body = copy.deepcopy(LOCATION) | {"id": "L9", "x_big": "x" * MOST}
    got = await put_and_got(world, "2.3.0/emsp/locations/SE/ELS/L9", body)
    assert "x_big" not in got
    assert got["id"] == "L9"
    assert (await world.ret.found())["peer:SE*RET/els", "SURPLUS"] == 1


@aio
async def test_r21_an_older_put_changes_no_surplus_and_a_known_field_is_never_overlaid() -> None:
    world = await furnished()
    at = "2.3.0/emsp/locations/SE/ELS/L9"
    newer = copy.deepcopy(LOCATION) | {"id": "L9", "x_a": 1, "last_updated": LATER}
    await put_and_got(world, at, newer)
    older = copy.deepcopy(LOCATION) | {"id": "L9", "x_a": 2, "last_updated": "2020-01-01T00:00:00Z"}
    got = await put_and_got(world, at, older)
    assert got["x_a"] == 1
    stale = {"x_a": 3, "last_updated": "2020-01-01T00:00:00Z"}
    assert (await world.as_els("PATCH", at, stale)).code == 1000
    assert (await world.as_els("GET", at)).data["x_a"] == 1
    foreign = copy.deepcopy(LOCATION) | {"id": "L9", "party_id": "EVL", "x_a": 4}
    assert (await world.as_els("PUT", at, foreign)).code == 2001
    assert (await world.as_els("GET", at)).data["x_a"] == 1
    (row,) = await world.ret.spine.find(t.surplus)
    assert (row["owner"], row["party"], row["object_id"]) == (str(RET), str(ELS), "L9")
    assert token().uid not in str(row["document"])
