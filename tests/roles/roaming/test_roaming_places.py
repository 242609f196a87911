"""An eMSP whose contract is good at some places alone needs to know where its driver is (R-48)."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from roaming_world import ELS, RET, STATION, World, aio, furnished, json_text, location, token

from elstrada.model.answers import AskParty
from elstrada.model.ids import PartyId
from elstrada.model.invoice import Contract
from elstrada.model.token import Allowed, Verdict
from elstrada.ocpi.versions import TABLES
from elstrada.roles.roaming.rows import location_row
from elstrada.spine import tables as t
from elstrada.spine.face import Put

UID = token().uid


async def restricted(world: World, **places: tuple[str, ...]) -> None:
    """Let the driver's contract be good at some places alone."""
    contract = Contract(
        owner=RET,
        id="SERETC00000017",
        customer_id="17",
        plan_id="P",
        supply_point_id="735999000000000001",
        valid_from=date(2026, 1, 1),
        **places,
    )
    row = {"contract_id": contract.id, "customer_id": "17", "document": json_text(contract)}
    await world.ret.put(Put(t.contract, {"owner": str(RET)} | row))


async def asked(world: World, body: object = None, version: str = "2.3.0") -> Any:
    return await world.as_els("POST", f"{version}/emsp/tokens/{UID}/authorize", body)


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
def test_r48_a_contract_that_is_good_at_some_places_alone_needs_the_place(version: str) -> None:
    @aio
    async def scene() -> None:
        world = await furnished(World(versions=(version,)))
        await restricted(world, locations=("SE*ELS/l1",))
        for body in (None, b"  "):
            answer = await asked(world, body, version)
            assert (answer.status, answer.code, answer.data) == (200, 2002, None)
        for unknown in ("L9", "x" * 300):
            answer = await asked(world, {"location_id": unknown}, version)
            assert (answer.status, answer.code, answer.data) == (200, 2003, None)
        for good in ({"location_id": "L1"}, {"location_id": "L1", "evse_uids": ["E1"]}):
            assert (await asked(world, good, version)).data["allowed"] == "ALLOWED"
        assert (await asked(world, {"evse_uids": ["E1"]}, version)).code == 2001
        await restricted(world, locations=("SE*ELS/L2",))
        answer = await asked(world, {"location_id": "L1"}, version)
        assert answer.data["allowed"] == "NOT_ALLOWED"
        assert "authorization_reference" not in answer.data

    scene()


@aio
async def test_r48_a_country_is_that_of_the_location_as_its_cpo_told_it() -> None:
    world = await furnished()
    await restricted(world, countries=("NOR", "SWE"))
    assert (await asked(world, {"location_id": "L1"})).data["allowed"] == "ALLOWED"
    await restricted(world, countries=("NOR",))
    assert (await asked(world, {"location_id": "L1"})).data["allowed"] == "NOT_ALLOWED"


@aio
async def test_r48_anothers_location_of_the_same_id_is_not_the_callers() -> None:
    world = await furnished()
    elsewhere = location(party=PartyId("SE", "OTH"), id="L7")
    await world.ret.put(Put(t.location, location_row(RET, elsewhere, "ocpi:other")))
    await restricted(world, locations=("SE*OTH/L7",))
    assert (await asked(world, {"location_id": "L7"})).code == 2003


@aio
async def test_r48_a_token_that_may_not_charge_anywhere_is_answered_without_a_place() -> None:
    world = await furnished()
    await restricted(world, countries=("SWE",))
    blocked = token(valid=False)
    ref = world.ret.means.keys.token_ref(blocked.uid)
    row = await world.ret.spine.get(t.token, owner=str(RET), party=str(RET), uid=UID, type="RFID")
    assert row is not None
    await world.ret.put(Put(t.token, {**row, "ref": ref, "document": json_text(blocked)}))
    assert (await asked(world)).data["allowed"] == "BLOCKED"


@aio
async def test_r48_a_contract_that_is_good_everywhere_needs_no_place() -> None:
    world = await furnished()
    assert (await asked(world)).data["allowed"] == "ALLOWED"
    assert (await asked(world, {"location_id": "L9"})).data["allowed"] == "ALLOWED"


@pytest.mark.parametrize("version", list(TABLES))
@pytest.mark.parametrize("evse_id", [1, 0, None])
def test_r48_our_cpo_always_says_the_place_that_it_knows(version: str, evse_id: int | None) -> None:
    @aio
    async def scene() -> None:
        world = await furnished(World(versions=(version,)))
        await restricted(world, locations=("SE*ELS/L1",))
        fallback = Verdict(Allowed.NOT_ALLOWED, None, note="nobody was there")
        question = AskParty(
            token_uid=UID,
            token_type="RFID",
            token_ref=world.els.means.keys.token_ref(UID),
            party=RET,
            station_id=STATION,
            evse_id=evse_id,
            fallback=fallback,
        )
        verdict = await world.els.roaming.authorizer.authorize(ELS, question)
        assert verdict.allowed is Allowed.ALLOWED, verdict.note
        (sent,) = world.net.requests("POST", "/authorize")
        said = json.loads(sent.body)
        assert said["location_id"] == "L1"
        assert said.get("evse_uids", []) == (["E1"] if evse_id else [])

    scene()
