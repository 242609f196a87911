"""Within a cell of a tariff's limits no rule changes its answer, so a choice of prices is made once for it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

import msgspec
from test_bulk_prices import STARTS, ZONES, some_tariff

from elstrada.model.tariff import Tariff
from elstrada.tariffs.compile import compiled
from elstrada.tariffs.restrictions import Situation
from elstrada.tariffs.segment import _cell, _offers  # pyright: ignore[reportPrivateUsage]


def with_bands(random: Random, tariff: Tariff) -> Tariff:
    """Some elements are for some power or current only."""
    elements = list(tariff.elements)
    for n, element in enumerate(elements):
        if element.restrictions is not None:
            name = random.choice(("min_power", "max_power", "min_current", "max_current"))
            limits = msgspec.structs.replace(element.restrictions, **{name: Decimal(random.randrange(1, 4))})
            elements[n] = msgspec.structs.replace(element, restrictions=limits)
    return msgspec.structs.replace(tariff, elements=tuple(elements))


def some_situation(random: Random) -> Situation:
    zone = ZoneInfo(random.choice(ZONES))
    at = random.choice(STARTS) + timedelta(minutes=random.choice([15, 1]) * random.randrange(400))
    volumes = {
        f"{end}_{name}": Decimal(random.randrange(10)) / 2
        for name in ("POWER", "CURRENT")
        if random.random() < 0.7
        for end in ("MIN", "MAX")
    }
    return Situation(at.astimezone(zone), Decimal(random.randrange(60)), 300 * random.randrange(30), volumes)


def test_situations_of_one_cell_have_the_same_prices() -> None:
    random, again = Random(4), 0
    for _ in range(150):
        by = compiled(with_bands(random, some_tariff(random)))
        seen: dict[tuple[int, ...], object] = {}
        for _ in range(100):
            now = some_situation(random)
            cell, offers = _cell(by.edges, now), _offers(by, now)
            again += cell in seen
            assert seen.setdefault(cell, offers) == offers, (by.tariff, now)
    assert again > 1_000
