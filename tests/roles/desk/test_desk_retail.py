"""Customers, contracts and plans at the desk: what is put again, and what it leaves as it was (pricing 3.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from desk_book import StepClock, contracts, done

from elstrada.model.ids import PartyId
from elstrada.model.token import Token
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.roles.retail_days import today
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work

FIXED = {"id": "P1", "name": "El", "mode": "FIXED_PER_KWH"}
HELD = {"id": "C1", "customer": "K1", "plan": "P1", "supply_point": "A1"}


def run(desk: Desk, steps: Callable[[], Awaitable[None]]) -> None:
    async def scene() -> None:
        await desk.spine.start()
        party = {"party": "SE*RET", "name": "Retail", "roles": ["EMSP"], "currency": "SEK"}
        assert not isinstance(await done(desk, "party put", **party), Refusal)
        await contracts(desk, "C1")
        await steps()

    asyncio.run(scene())


async def had(desk: Desk, name: str, /, **values: object) -> Any:
    answer = await done(desk, name, **values)
    assert not isinstance(answer, Refusal), answer
    return answer


def said(answer: object) -> tuple[Kind, str]:
    assert isinstance(answer, Refusal)
    return answer.kind, answer.pointer


def test_another_price_holds_from_today_or_from_the_day_that_is_named(desk: Desk) -> None:
    async def steps() -> None:
        line = await had(desk, "plan put", **FIXED, price_per_kwh="4", valid_from="2026-04-01")
        assert line.price_per_kwh == Decimal("3.20"), "it is 1 March"
        line = await had(desk, "plan put", **FIXED, price_per_kwh="3.50")
        assert line.price_per_kwh == Decimal("3.50")
        assert [(one.valid_from, one.price_per_kwh) for one in line.versions] == [
            (None, Decimal("3.20")),
            (date(2026, 3, 1), Decimal("3.50")),
            (date(2026, 4, 1), Decimal(4)),
        ]
        again = await had(desk, "plan put", **FIXED, price_per_kwh="3.50")
        assert again == line, "what is put twice is there once"

    run(desk, steps)


def test_a_customer_that_is_put_again_keeps_the_language(desk: Desk) -> None:
    async def steps() -> None:
        assert (await had(desk, "customer put", id="K2", name="Anna")).language == "sv"
        await had(desk, "customer put", id="K2", name="Anna", language="it")
        renamed = await had(desk, "customer put", id="K2", name="Anna Berg")
        assert (renamed.name, renamed.language) == ("Anna Berg", "it")

    run(desk, steps)


def test_a_contract_that_is_put_again_keeps_what_is_not_named(desk: Desk) -> None:
    async def steps() -> None:
        first = await had(
            desk,
            "contract put",
            **HELD,
            valid_from="2026-01-01",
            valid_to="2026-12-31",
            country=["SWE"],
            location=["DK*ABC/L1"],
        )
        assert await had(desk, "contract put", **HELD) == first
        narrower = await had(desk, "contract put", **HELD, country=["NOR"])
        assert (narrower.countries, narrower.locations) == (("NOR",), ("DK*ABC/L1",))
        open_ = await had(desk, "contract put", **HELD, no_end=True, everywhere=True)
        assert (open_.valid_to, open_.countries, open_.locations) == (None, (), ())

    run(desk, steps)


def test_a_contract_gets_another_plan_from_today_or_from_the_day_that_is_named(desk: Desk) -> None:
    async def steps() -> None:
        for plan in ("P2", "P3"):
            await had(desk, "plan put", **{**FIXED, "id": plan}, price_per_kwh="1")
        await had(desk, "contract put", **{**HELD, "plan": "P3"}, plan_from="2026-05-01")
        moved = await had(desk, "contract put", **{**HELD, "plan": "P2"})
        assert moved.plan_id == "P2"
        assert [(move.valid_from, move.plan_id) for move in moved.moves] == [
            (date(2026, 3, 1), "P2"),
            (date(2026, 5, 1), "P3"),
        ]

    run(desk, steps)


def test_a_token_that_is_put_again_keeps_what_is_not_named_and_stays_blocked(
    desk: Desk, clock: StepClock
) -> None:
    async def steps() -> None:
        card = {"uid": "04A2B3C4D5E6", "contract": "C1"}
        lost = await had(desk, "token add", **card, blocked=True, whitelist="NEVER", language="it")
        clock.step(days=1)
        assert await had(desk, "token add", **card) == lost, "nothing changed, so it was not updated"
        named = await had(desk, "token add", **card, visual_number="0001")
        assert (named.valid, named.whitelist, named.last_updated) == (False, "NEVER", clock.now())
        found = await had(desk, "token add", **card, unblock=True)
        assert (found.valid, found.whitelist) == (True, "NEVER")
        assert not (await had(desk, "token add", **card, blocked=True)).valid
        assert (await had(desk, "token add", **card, blocked=False)).valid

    run(desk, steps)


def test_customers_contracts_and_plans_are_listed_as_they_are_today(desk: Desk) -> None:
    async def steps() -> None:
        await had(desk, "customer put", id="K2", name="Åsa", language="it")
        await had(desk, "plan put", **{**FIXED, "id": "P2"}, price_per_kwh="1")
        await had(desk, "contract put", **{**HELD, "plan": "P2"}, valid_to="2026-12-31", country=["SWE"])
        await had(desk, "contract put", **HELD, plan_from="2026-03-02")
        await had(desk, "contract put", **{**HELD, "id": "C2", "customer": "K2"})
        customers = await had(desk, "customer list")
        assert [(one.id, one.name, one.language) for one in customers] == [
            ("K1", "Customer 1", "sv"),
            ("K2", "Åsa", "it"),
        ]
        first, second = await had(desk, "contract list")
        assert (first.id, first.plan_id, first.valid_to, first.countries) == (
            "C1",
            "P2",
            date(2026, 12, 31),
            ("SWE",),
        )
        assert [move.plan_id for move in first.moves] == ["P2", "P1"]
        assert list(await had(desk, "contract list", customer="K2")) == [second]
        assert [(one.id, one.price_per_kwh) for one in await had(desk, "plan list")] == [
            ("P1", Decimal("3.20")),
            ("P2", Decimal(1)),
        ]

    run(desk, steps)


def test_v30_when_a_card_was_blocked_is_known_whatever_became_of_it(desk: Desk, clock: StepClock) -> None:
    """A lost card is found again, or gets another number, and the CDR of a stranger's session comes after that."""

    async def steps() -> None:
        card, lost = {"uid": "04A2B3C4D5E6", "contract": "C1"}, clock.now()
        await had(desk, "token add", **card, blocked=True)
        clock.step(days=3)
        await had(desk, "token add", **card, visual_number="2")
        clock.step(days=2)
        await had(desk, "token add", **card, unblock=True)
        (row,) = await desk.spine.find(t.token)
        token = msgspec.json.decode(str(row["document"]), type=Token)
        days = (-1, 0, 4, 5)
        assert [token.blocked_since(lost + timedelta(days=day)) for day in days] == [None, lost, lost, None]

    run(desk, steps)


def test_v30_of_a_token_of_before_blocks_were_kept_the_last_change_counts(
    desk: Desk, clock: StepClock
) -> None:
    async def steps() -> None:
        card = {"uid": "04A2B3C4D5E6", "contract": "C1"}
        await had(desk, "token add", **card, blocked=True)
        (row,) = await desk.spine.find(t.token)
        token = msgspec.structs.replace(msgspec.json.decode(str(row["document"]), type=Token), blocks=())
        document = msgspec.json.encode(token).decode()
        await desk.spine.commit(Work(writes=(Put(t.token, {**row, "document": document}),)))
        assert token.blocked_since(clock.now()) == clock.now()
        assert token.blocked_since(clock.now() - timedelta(days=1)) is None
        blocked = clock.now()
        clock.step(days=1)
        await had(desk, "token add", **card, unblock=True)
        (row,) = await desk.spine.find(t.token)
        token = msgspec.json.decode(str(row["document"]), type=Token)
        assert (token.blocked_since(blocked), token.blocked_since(clock.now())) == (blocked, None)

    run(desk, steps)


@pytest.mark.parametrize(
    ("name", "values", "pointer"),
    [
        ("plan put", {**FIXED, "id": "P9", "price_per_kwh": "1", "valid_from": "2026-05-01"}, "/valid_from"),
        ("contract put", {**HELD, "id": "C9", "plan_from": "2026-05-01"}, "/plan_from"),
        ("token add", {"uid": "04A2", "contract": "C1", "blocked": True, "unblock": True}, "/unblock"),
        ("contract put", {**HELD, "no_end": True, "valid_to": "2026-12-31"}, "/no_end"),
        ("contract put", {**HELD, "everywhere": True, "country": ["SWE"]}, "/everywhere"),
    ],
)
def test_what_contradicts_itself_is_refused(
    desk: Desk, name: str, values: dict[str, object], pointer: str
) -> None:
    async def steps() -> None:
        assert said(await done(desk, name, **values)) == (Kind.USAGE, pointer)

    run(desk, steps)


@pytest.mark.parametrize(
    ("party", "day"),
    [("SE*RET", date(2026, 3, 2)), ("GB*RET", date(2026, 3, 1)), ("US*RET", date(2026, 3, 1))],
)
def test_today_is_the_day_where_the_retailer_is(party: str, day: date) -> None:
    assert today(PartyId.parse(party), datetime(2026, 3, 1, 23, 30, tzinfo=UTC)) == day
