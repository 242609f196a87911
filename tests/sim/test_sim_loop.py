"""The virtual loop: time that costs nothing, chance that repeats, and no way out of the simulator."""

import asyncio
import random

import pytest

from elstrada.sim.loop import NoRealWorld, Stuck, run


def test_an_hour_of_sleep_takes_no_time_and_is_an_hour():
    async def world() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(3600)
        return loop.time() - began

    assert run(world()) == pytest.approx(3600)


def test_timers_fire_in_order_of_their_time():
    async def world() -> list[int]:
        fired: list[int] = []
        for delay in (3, 1, 2):
            asyncio.get_running_loop().call_later(delay, fired.append, delay)
        await asyncio.sleep(4)
        return fired

    assert run(world()) == [1, 2, 3]


def test_waiting_for_what_never_comes_is_told_at_once():
    async def world() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stuck):
        run(world())


def test_a_world_without_end_is_ended():
    async def world() -> None:
        while True:  # noqa: ASYNC110  Going on for ever is the point.
            await asyncio.sleep(60)

    with pytest.raises(Stuck):
        run(world(), horizon_s=3600)


def test_threads_and_sockets_are_out_of_reach():
    async def thread() -> None:
        await asyncio.to_thread(print)

    async def socket() -> None:
        await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)

    for way_out in (thread, socket):
        with pytest.raises(NoRealWorld):
            run(way_out())


async def _race() -> list[int]:
    """Ten tasks of equal right; who comes when depends on the loop alone."""
    came: list[int] = []

    async def come(number: int) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        came.append(number)

    await asyncio.gather(*(come(number) for number in range(10)))
    return came


def test_the_same_shuffle_gives_the_same_order_and_another_one_another():
    orders = [run(_race(), shuffle=f"{number}") for number in range(20)]

    assert orders == [run(_race(), shuffle=f"{number}") for number in range(20)]
    assert len({tuple(order) for order in orders}) > 10
    assert run(_race()) == list(range(10))


def test_shuffling_leaves_global_chance_alone():
    random.seed(7)
    expected = random.random()
    random.seed(7)
    run(_race(), shuffle="x")

    assert random.random() == expected


def test_the_callbacks_of_one_future_keep_their_order_however_the_rest_is_shuffled():
    async def world() -> list[int]:
        called: list[int] = []
        futures = [asyncio.get_running_loop().create_future() for _ in range(5)]
        for number in range(50):
            futures[number % 5].add_done_callback(lambda _, number=number: called.append(number))
        for future in futures:
            future.set_result(None)
        await asyncio.sleep(1)
        return called

    for seed in range(20):
        called = run(world(), shuffle=f"{seed}")
        for first in range(5):
            assert [number for number in called if number % 5 == first] == list(range(first, 50, 5))
