"""Ids are CiStrings: in whatever case one is told it is the same object, which keeps its first spelling (R-22)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from roaming_world import (
    ELS,
    RET,
    StationDouble,
    World,
    aio,
    at_station,
    furnished,
    known,
    location,
    started,
    tariff,
)
from wire_documents import CDR, LOCATION, SESSION, TARIFF, TOKEN, but

from elstrada.model.facts import CdrReceived
from elstrada.ocpi.versions import TABLES
from elstrada.roles.desk.face import Desk
from elstrada.roles.desk.locations import PutLocation, put_location
from elstrada.roles.desk.tariffs import PutTariff, put_tariff
from elstrada.roles.roaming.rows import location_row, tariff_row
from elstrada.spine import tables as t
from elstrada.spine.face import Delete, Put, Row, Work

AT = "2.2.1/emsp"
LATER, LATEST = "2026-02-03T12:05:00Z", "2026-02-03T12:06:00Z"
THEIRS = {"owner": str(RET), "party": str(ELS)}
PUSHED: list[tuple[str, Any, dict[str, Any], str]] = [
    ("locations", t.location, LOCATION, "name"),
    ("tariffs", t.tariff, TARIFF, "tariff_alt_url"),
    ("sessions", t.roamed_session, SESSION, "meter_id"),
]
LISTED: dict[str, tuple[Any, str, str]] = {
    "locations": (t.location, "location_id", "L1"),
    "tariffs": (t.tariff, "tariff_id", "T1"),
}


async def rows(world: World, table: Any) -> list[Row]:
    """What the eMSP has of the CPO's."""
    return await world.ret.spine.find(table, {"party": str(ELS)})


@pytest.mark.parametrize(("module", "table", "document", "field"), PUSHED)
def test_r22_an_object_that_is_pushed_in_another_case_is_the_same(
    module: str, table: Any, document: dict[str, Any], field: str
):
    @aio
    async def check() -> None:
        world = await furnished()
        before = len(await rows(world, table))
        first, other = "Ab-c", "aB-C"
        put = but(document, id=first, last_updated=LATER) | {field: "https://one.example"}
        assert (await world.as_els("PUT", f"{AT}/{module}/SE/ELS/{first}", put)).status == 201
        again = but(document, id=other, last_updated=LATEST) | {field: "https://two.example"}
        answer = await world.as_els("PUT", f"{AT}/{module}/SE/ELS/{other}", again)
        assert (answer.status, answer.code) == (200, 1000)
        assert len(await rows(world, table)) == before + 1
        for spelling in (first, other, "AB-C"):
            told = await world.as_els("GET", f"{AT}/{module}/SE/ELS/{spelling}")
            assert (told.data["id"], told.data[field]) == (first, "https://two.example")

    check()


@pytest.mark.parametrize(("module", "table", "document", "field"), [PUSHED[0], PUSHED[2]])
def test_r22_a_patch_and_its_unknown_fields_find_the_object_in_another_case(
    module: str, table: Any, document: dict[str, Any], field: str
):
    @aio
    async def check() -> None:
        world = await furnished()
        await world.as_els("PUT", f"{AT}/{module}/SE/ELS/ABC", but(document, id="ABC", x_mine=1))
        patch = {field: "two", "last_updated": LATER, "x_other": 2}
        answer = await world.as_els("PATCH", f"{AT}/{module}/SE/ELS/abc", patch)
        assert (answer.status, answer.code) == (200, 1000)
        told = (await world.as_els("GET", f"{AT}/{module}/SE/ELS/ABC")).data
        assert (told[field], told["x_mine"], told["x_other"]) == ("two", 1, 2)

    check()


@aio
async def test_r22_a_tariff_is_deleted_in_whatever_case():
    world = await furnished()
    await world.as_els("PUT", f"{AT}/tariffs/SE/ELS/ABC", but(TARIFF, id="ABC"))
    assert (await world.as_els("DELETE", f"{AT}/tariffs/SE/ELS/abc")).status == 200
    assert await world.ret.spine.get(t.tariff, **THEIRS, tariff_id="ABC") is None
    assert (await world.as_els("DELETE", f"{AT}/tariffs/SE/ELS/abc")).status == 404


@aio
async def test_r22_a_cdr_that_comes_again_in_another_case_is_recorded_once():
    """Two would be billed twice (T19)."""
    world = await furnished()
    first = await world.as_els("POST", f"{AT}/cdrs", but(CDR, id="Cdr-1"))
    again = await world.as_els("POST", f"{AT}/cdrs", but(CDR, id="CDR-1"))
    assert (first.status, again.status, again.code) == (201, 200, 1000)
    facts = [one.fact for one in await world.ret.spine.read(0)]
    assert sum(isinstance(fact, CdrReceived) for fact in facts) == 1
    other = but(CDR, id="cdr-1", total_energy=1)
    assert (await world.as_els("POST", f"{AT}/cdrs", other)).code == 2000
    for answer in (first, again):
        at = answer.headers["location"].removeprefix("https://ret.example/ocpi/")
        assert (await world.as_els("GET", at)).data["id"] == "Cdr-1"


@pytest.mark.parametrize("module", LISTED)
def test_r22_a_list_that_tells_an_id_in_another_case_tells_of_the_same(module: str):
    @aio
    async def check() -> None:
        world = await furnished()
        await world.settle()
        table, name, first = LISTED[module]
        kept = known(await world.ret.spine.get(table, **THEIRS, **{name: first}))
        world.clock.pass_by(minutes=5)
        now, key = world.clock.now(), {"owner": str(ELS), "party": str(ELS), name: first}
        await world.els.spine.commit(Work(writes=(Delete(table, key),)))
        other = (
            location_row(ELS, location(id="l1", last_updated=now), "own")
            if module == "locations"
            else tariff_row(ELS, tariff(id="t1", last_updated=now))
        )
        await world.els.put(Put(table, other))
        pulled = await world.ret.roaming.puller.pull(await world.els_at_ret(), module)
        assert pulled.kept == 1
        [row] = await rows(world, table)
        assert (row[name], json.loads(str(row["document"]))["id"]) == (first, first)
        assert row["last_updated"] == now > known(kept["last_updated"])
        again = await world.ret.roaming.puller.pull(await world.els_at_ret(), module)
        assert again.kept == 0

    check()


@pytest.mark.parametrize("version", TABLES)
def test_r22_a_command_names_our_location_evse_and_connector_in_any_case(version: str):
    @aio
    async def check() -> None:
        world = await furnished(World(versions=(version,)))
        connector = msgspec.structs.replace(location().evses[0].connectors[0], id="c1")
        evse = msgspec.structs.replace(location().evses[0], connectors=(connector,))
        await world.els.put(Put(t.location, location_row(ELS, location(evses=(evse,)), "own")))
        station = await StationDouble.connected(world)
        at = "cpo/2.1.1" if version == "2.1.1" else f"{version}/cpo"
        url = f"https://ret.example/ocpi/{version}/emsp/commands/START_SESSION/1"
        start = {"response_url": url, "token": TOKEN, "location_id": "l1", "evse_uid": "e1"}
        if version == "2.1.1":
            start["token"] = {
                **{
                    name: TOKEN[name]
                    for name in ("uid", "type", "issuer", "valid", "whitelist", "last_updated")
                },
                "auth_id": TOKEN["contract_id"],
            }
        else:
            start["connector_id"] = "C1"
        answer = await world.as_ret("POST", f"{at}/commands/START_SESSION", start)
        assert (answer.code, answer.data["result"]) == (1000, "ACCEPTED")
        await station.heard.wait()
        assert (station.asked[0].evse_id, station.asked[0].connector_id) == (
            1,
            None if version == "2.1.1" else 1,
        )

    check()


@aio
async def test_r22_our_session_is_stopped_by_its_id_in_upper_case():
    world = await furnished()
    station = await StationDouble.connected(world)
    begun = msgspec.structs.replace(started(world), session_id="8a1f-session")
    await at_station(world, begun)
    stop = {"response_url": "https://ret.example/ocpi/2.2.1/x", "session_id": "8A1F-SESSION"}
    answer = await world.as_ret("POST", "2.2.1/cpo/commands/STOP_SESSION", stop)
    assert answer.data["result"] == "ACCEPTED"
    await station.heard.wait()
    assert station.asked[0].session_id == "8a1f-session"


@aio
async def test_r22_what_an_operator_puts_in_another_case_replaces_ours():
    world = await furnished()
    means = world.els.means
    desk = Desk(spine=means.spine, keys=means.keys, clock=means.clock, chance=means.chance)
    await put_location(desk, PutLocation(file=json.dumps(but(LOCATION, id="l1")).encode()))
    stored = await put_tariff(
        desk, PutTariff(file=json.dumps(but(TARIFF, id="t1", last_updated=LATER)).encode())
    )
    assert stored.id == "T1"
    assert [row["location_id"] for row in await means.spine.find(t.location)] == ["L1"]
    assert [row["tariff_id"] for row in await means.spine.find(t.tariff)] == ["T1"]
