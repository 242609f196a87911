"""Drivers drawn from the table behave as the real sessions it was made of."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.sim.distribution import Visit, parse, real_sessions

UNIT = st.floats(0, 1, exclude_max=True)
TOOL = Path(__file__).parents[2] / "tools" / "derive_distribution.py"


def grid(steps: int) -> list[Visit]:
    """Visits drawn from numbers spread evenly, as many random ones would be."""
    spread = [(n + 0.5) / steps for n in range(steps)]
    return [
        real_sessions().draw(hour, energy, stay) for hour in spread for energy in spread for stay in spread
    ]


@given(UNIT, UNIT, UNIT)
def test_every_draw_is_a_possible_visit(hour: float, energy: float, stay: float) -> None:
    visit = real_sessions().draw(hour, energy, stay)
    assert 0 <= visit.hour <= 23
    assert 100 <= visit.energy_wh <= 120_000
    assert 60 <= visit.stay_s <= 24 * 3600
    assert visit.energy_wh * 3600 / visit.stay_s < 300_000  # No car draws more than a station gives.
    assert visit == real_sessions().draw(hour, energy, stay)


@given(st.integers(0, 23), UNIT, UNIT, UNIT)
def test_more_luck_is_more_energy_and_a_longer_stay(hour: int, one: float, other: float, rest: float) -> None:
    low, high = sorted((one, other))
    draw = real_sessions().draw_at
    assert draw(hour, low, rest).energy_wh <= draw(hour, high, rest).energy_wh
    assert draw(hour, rest, low).stay_s <= draw(hour, rest, high).stay_s


def test_shares_of_the_hours_sum_to_one_and_nights_are_quiet() -> None:
    shares = [real_sessions().arrival_share(hour) for hour in range(24)]
    assert sum(shares) == pytest.approx(1)
    assert max(shares[:5]) < min(shares[10:20])


def test_the_middle_visit_is_that_of_the_real_sessions() -> None:
    visits = grid(24)
    energies, stays = sorted(v.energy_wh for v in visits), sorted(v.stay_s for v in visits)
    # The file's medians are 34.5 kWh and 28.5 min.
    assert energies[len(visits) // 2] == pytest.approx(34_548, rel=0.05)
    assert stays[len(visits) // 2] == pytest.approx(1_710, rel=0.05)


def test_a_table_is_read_as_it_is_written() -> None:
    table = ["# made of", "hour,sessions,a,b,c,d,e,f,g", "3,7,1000,2000,1,2,3,4,5"]
    read = parse(table)
    assert read.sessions[3] == 7
    assert read.bands[3][0].powers_w == (1, 2, 3, 4, 5)
    assert read.draw(0.99, 0.5, 0.5).hour == 3


def test_the_shipped_table_is_what_the_tool_derives(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("derive_distribution", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = tool  # Its structs look their types up there.
    spec.loader.exec_module(tool)
    if not tool.DATA.is_file():
        pytest.skip(f"{tool.DATA} is absent")
    with tool.gzip.open(tool.DATA) as lines:
        assert tool.TABLE.read_text() == tool.HEADER + "".join(f"{row}\n" for row in tool.derive(lines))
