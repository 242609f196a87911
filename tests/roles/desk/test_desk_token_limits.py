"""Limits of tokens at the desk: credit by top-ups, and holds that come back."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
from desk_book import StepClock, done

from elstrada.billing.credit import held
from elstrada.model.allowance import Allowance
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Row, Work


def with_party(desk: Desk) -> Any:
    return done(desk, "party put", party="SE*ELS", roles=["CPO"], name="Els", currency="SEK")


def test_top_ups_add_up_and_one_currency_is_kept(desk: Desk) -> None:
    async def steps() -> None:
        await with_party(desk)
        await done(desk, "token limit", uid="04", top_up="50.00", currency="SEK")
        line: Any = await done(desk, "token limit", uid="04", top_up="-10.50", most_cost="20")
        assert (line.credit, line.free, line.most_cost) == (Decimal("39.50"), Decimal("39.50"), Decimal(20))
        refused = await done(desk, "token limit", uid="04", top_up="1", currency="EUR")
        assert isinstance(refused, Refusal)
        assert (refused.kind, refused.pointer) == (Kind.CONFLICT, "/currency")
        (listed,) = await done(desk, "token limits")  # type: ignore[misc]
        assert listed == line
        await done(desk, "token limit", uid="04", remove=True)
        assert await done(desk, "token limits") == ()

    asyncio.run(steps())


def test_only_holds_of_sessions_that_never_came_are_given_back(desk: Desk, clock: StepClock) -> None:
    async def steps() -> None:
        await with_party(desk)
        line: Any = await done(desk, "token limit", uid="04", top_up="50", currency="SEK", most_cost="10")
        key: Row = {"owner": "SE*ELS", "ref": line.ref}
        row = await desk.spine.get(t.allowance, **key)
        assert row is not None
        allowance = held(
            msgspec.json.decode(str(row["document"]), type=Allowance), "S1/tx|lost", clock.now()
        ).allowance
        clock.step(hours=2)
        allowance = held(allowance, "S1/tx|new", clock.now()).allowance
        document = msgspec.json.encode(allowance).decode()
        await desk.spine.commit(Work(writes=(Put(t.allowance, {**row, "document": document}),)))
        line = await done(desk, "token limit", uid="04", release=True)
        assert (line.sessions, line.free, line.credit) == (1, Decimal(40), Decimal(50))

    asyncio.run(steps())
