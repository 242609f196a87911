"""Identifiers nobody can foresee, and those that repeat with their seed."""

from __future__ import annotations

import uuid

from elstrada.net.chance import SeededChance, SystemChance


def test_uuids_are_of_version_4_and_never_repeat() -> None:
    chance = SystemChance()
    made = [chance.uuid() for _ in range(5_000)]
    assert len(set(made)) == len(made)
    assert {(uuid.UUID(text).version, uuid.UUID(text).variant) for text in made} == {(4, uuid.RFC_4122)}


def test_t8_numbers_are_positive_of_31_bits_and_spread() -> None:
    chance = SystemChance()
    numbers = [chance.fresh().number for _ in range(2_000)]
    assert all(1 <= number < 2**31 for number in numbers)
    assert len({number >> 24 for number in numbers}) > 100


def test_the_same_seed_gives_the_same_chance() -> None:
    first, second = SeededChance(7), SeededChance(7)
    assert [first.fresh(), first.uuid(), first.spread()] == [second.fresh(), second.uuid(), second.spread()]
    assert SeededChance(8).uuid() != SeededChance(7).uuid()
