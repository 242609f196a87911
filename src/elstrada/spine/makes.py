"""What a station is, by the view that holds what it said when it booted last."""

from __future__ import annotations

from elstrada.model.admission import Make
from elstrada.spine.face import Cell, Row


def make_in(state: Row | None) -> Make | None:
    """The make in a row of ``station_state``; None: the station never booted."""
    if state is None or state["vendor"] is None:
        return None
    return Make(str(state["vendor"]), str(state["model"] or ""), _text(state["firmware"]))


def _text(cell: Cell) -> str | None:
    return None if cell is None else str(cell)
