"""Many questions at once, answers in order, and no failure lost."""

from __future__ import annotations

import asyncio

import pytest

from elstrada.roles.side_by_side import AT_ONCE, side_by_side


async def test_results_come_in_the_items_order_and_only_a_few_are_asked_at_once() -> None:
    under_way = most = 0

    async def twice(number: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001 * (number % 3))
        under_way -= 1
        return 2 * number

    assert await side_by_side(twice, range(50)) == [2 * number for number in range(50)]
    assert most == AT_ONCE


async def test_the_first_failure_is_raised_when_those_begun_with_it_have_ended() -> None:
    ended: list[int] = []

    async def fails_at_three(number: int) -> None:
        await asyncio.sleep(0.001)
        if number == 3:
            raise LookupError(number)
        ended.append(number)

    with pytest.raises(LookupError):
        await side_by_side(fails_at_three, range(2 * AT_ONCE))
    assert ended == [number for number in range(AT_ONCE) if number != 3]
