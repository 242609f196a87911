"""A list that is read while its objects are pushed: a page was fetched earlier, and never undoes what came since (R-34)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from roaming_world import ELS, RET, START, Clock, World, aio, furnished, location
from wire_documents import LOCATION, but

from elstrada.ocpi.client import Received
from elstrada.roles.roaming.rows import location_row
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Row, Spine
from elstrada.spine.memory import MemorySpine

LATER = "2026-02-03T12:05:00Z"


class Interrupted(MemorySpine):
    """Between reading rows of a table and going on, whoever read them is overtaken, once."""

    meanwhile: Callable[[], Awaitable[object]] | None = None
    table: str = "location"

    async def find(self, table: Any, *args: Any, **more: Any) -> list[Row]:
        rows = await super().find(table, *args, **more)
        if table.name == self.table and self.meanwhile is not None:
            push, self.meanwhile = self.meanwhile, None
            await push()
        return rows


async def overtaken() -> tuple[World, Interrupted]:
    spines: dict[str, Interrupted] = {}

    def spine_of(name: str, clock: Clock) -> Spine:
        return spines.setdefault(name, Interrupted(clock))

    world = await furnished(World(spine_of))
    return world, spines["ret"]


@pytest.mark.parametrize("is_known", [True, False])
def test_r34_a_push_that_overtakes_a_page_stays(is_known: bool):
    @aio
    async def check() -> None:
        world, spine = await overtaken()
        place = "L1" if is_known else "L2"
        older = location(id=place, name="as listed", last_updated=START + timedelta(minutes=1))
        await world.els.put(Put(t.location, location_row(ELS, older, "own")))
        pushed = but(LOCATION, id=place, name="as pushed", last_updated=LATER)
        spine.meanwhile = lambda: world.as_els("PUT", f"2.2.1/emsp/locations/SE/ELS/{place}", pushed)
        pulled = await world.ret.roaming.puller.pull(await world.els_at_ret(), "locations")
        assert isinstance(pulled.outcome, Received)
        assert spine.meanwhile is None
        row = await spine.get(t.location, owner=str(RET), party=str(ELS), location_id=place)
        assert row is not None
        assert msgspec.json.decode(str(row["document"]))["name"] == "as pushed"

    check()
