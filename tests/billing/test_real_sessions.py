"""Real sessions through pricing, checks, retail and export: none is lost, and all sums agree."""

from __future__ import annotations

import importlib.util
import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

from elstrada.billing.export.csv import to_csv

TOOL = Path(__file__).parents[2] / "tools" / "replay_sessions.py"
EVERY = 20
"""A twentieth of the rows here; the tool takes all 110,366."""


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("replay_sessions", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = tool  # Its structs look their types up there.
    spec.loader.exec_module(tool)
    return tool


tool = load()


def test_every_real_session_is_billed_or_refused_and_the_sums_agree() -> None:
    if not tool.DATA.is_file():
        pytest.skip(f"{tool.DATA} is absent")
    done = tool.replay(tool.read(tool.DATA, EVERY))
    assert done.rows == 5_519
    assert len(done.lines) + done.refused.total() == done.rows
    assert tool.contradictions(done, to_csv(done.lines)) == []
    assert len(done.lines) > 5_500


def row(energy: str, start: int = 1_733_848_096_000, minutes: float = 30) -> bytes:
    end = start + int(minutes * 60_000)
    return f'{{"energy":{energy},"start":{start},"end":{end},"id_pdc_itinerance":"FRX"}}'.encode()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (row("5", minutes=-1), "V06 R"),
        (row("5", minutes=0), "V06 H"),
        (row("-5"), "V18 R"),
        (b'{"energy":"much"}', "ValidationError"),
        (b"{", "DecodeError"),
    ],
)
def test_an_odd_row_is_refused_with_a_reason(line: bytes, reason: str) -> None:
    done = tool.replay([line, row("1")])
    assert [text for text in done.refused if reason in text]
    assert len(done.lines) == 1
    assert tool.contradictions(done, to_csv(done.lines)) == []


def test_a_session_of_nothing_still_appears() -> None:
    # Issue 531: zero-cost sessions are shown; here the start fee and the least price remain.
    done = tool.replay([row("0"), row("0"), row("0")])
    assert [line.quantity_kwh for line in done.lines] == [0, 0, 0]
    assert done.wholesale["DAY-NIGHT"][2] == 0
    assert done.wholesale["START-PARKING"][2] == Decimal("0.50")


def test_a_sum_that_does_not_agree_is_found() -> None:
    done = tool.replay([row("1")])
    done.energy_kwh += 1
    assert tool.contradictions(done, to_csv(done.lines)) != []
