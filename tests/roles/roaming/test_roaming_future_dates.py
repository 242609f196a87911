"""What a peer has dated in the future can be changed all the same, and of two at once the newer stays (R-34)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from roaming_world import START, World, aio, furnished
from wire_documents import CONNECTOR, EVSE, LOCATION, SESSION, TARIFF, but

from elstrada.ocpi.scalars import Instant

AT = "2.2.1/emsp"
FUTURE, NOW = "2099-01-01T00:00:00Z", str(Instant(START))
HERE = f"{AT}/locations/SE/ELS/{LOCATION['id']}"
EVSE_AT = f"{HERE}/{EVSE['uid']}"
WHOLE = {
    "location": (HERE, LOCATION, {"name": "Changed"}),
    "tariff": (f"{AT}/tariffs/SE/ELS/{TARIFF['id']}", TARIFF, {"currency": "NOK"}),
    "session": (f"{AT}/sessions/SE/ELS/{SESSION['id']}", SESSION, {"status": "COMPLETED"}),
}


async def _put(world: World, path: str, body: object) -> None:
    answer = await world.as_els("PUT", path, body)
    assert (answer.status, answer.code) in {(200, 1000), (201, 1000)}, answer.envelope


@pytest.mark.roaming_rule(34)
@pytest.mark.parametrize("name", WHOLE)
def test_a_date_in_the_future_makes_nothing_immutable(name: str):
    path, document, change = WHOLE[name]

    @aio
    async def check() -> None:
        world = await furnished()
        await _put(world, path, but(document, last_updated=FUTURE))
        await _put(world, path, but(document, last_updated=NOW, **change))
        [(field, value)] = change.items()
        assert (await world.as_els("GET", path)).data[field] == value
        assert (await world.as_els("GET", path)).data["last_updated"] == NOW
        older = but(document, last_updated="2026-01-01T00:00:00Z")
        await _put(world, path, older)
        assert (await world.as_els("GET", path)).data[field] == value, "what is older stays so"

    check()


@pytest.mark.roaming_rule(34, 35)
@pytest.mark.parametrize(
    ("path", "patch"),
    [
        (HERE, {"name": "Changed"}),
        (EVSE_AT, {"status": "BLOCKED"}),
        (f"{EVSE_AT}/{CONNECTOR['id']}", {"format": "SOCKET"}),
    ],
)
def test_nor_a_part_of_it(path: str, patch: dict[str, Any]):
    """The status of an EVSE would be that of a wrong clock until somebody put the whole location."""
    connector = but(CONNECTOR, last_updated=FUTURE, format="CABLE")
    evse = but(EVSE, last_updated=FUTURE, connectors=[connector])

    @aio
    async def check() -> None:
        world = await furnished()
        await _put(world, HERE, but(LOCATION, last_updated=FUTURE, evses=[evse]))
        assert (await world.as_els("PATCH", path, patch | {"last_updated": NOW})).code == 1000
        [(field, value)] = patch.items()
        part = (await world.as_els("GET", path)).data
        assert (part[field], part["last_updated"]) == (value, NOW)
        assert (await world.as_els("GET", HERE)).data["last_updated"] == NOW

    check()


@pytest.mark.roaming_rule(34)
@aio
async def test_of_two_states_of_a_tariff_at_once_the_newer_stays():
    world = await furnished()
    path, tariff, _ = WHOLE["tariff"]
    newer = but(tariff, last_updated="2026-02-02T00:00:00Z", currency="NOK")
    older = but(tariff, last_updated="2026-02-01T00:00:00Z")

    async def slow_disk(_: object) -> None:
        await asyncio.sleep(0)

    world.ret.spine._before = slow_disk  # type: ignore[attr-defined]
    await asyncio.gather(*(_put(world, path, body) for body in (newer, older)))
    assert (await world.as_els("GET", path)).data["currency"] == "NOK"
