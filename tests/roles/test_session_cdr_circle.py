"""A session's CDR is found by who took whose place; rows that lead in a circle lead nowhere, and end."""

from __future__ import annotations

from itertools import pairwise

from sqlalchemy import Table

from cdr_scene import CPO, Noon, run
from elstrada.roles.session_cdr import MOST_REPLACED, session_cdr
from elstrada.spine.face import Cell, Row
from elstrada.spine.memory import MemorySpine


class Chained(MemorySpine):
    """A store in which each CDR was credited, and names another in its place."""

    asked = 0

    def __init__(self, places: dict[str, str]) -> None:
        super().__init__(Noon())
        self._places = places

    async def get(self, table: Table, **key: Cell) -> Row | None:
        self.asked += 1
        assert self.asked <= 2 * MOST_REPLACED, "it would go on for ever"
        cdr_id = str(key["cdr_id"])
        replaced_by = self._places.get(cdr_id)
        return {
            "cdr_id": cdr_id,
            "credited_by": None if replaced_by is None else f"{cdr_id}-C",
            "replaced_by": replaced_by,
        }


def test_rows_in_a_circle_have_no_cdr_that_counts() -> None:
    spine = Chained({"s1": "c2", "c2": "s1"})
    assert run(session_cdr(spine, CPO, "s1")) is None


def test_a_session_whose_cdr_was_replaced_often_has_its_last() -> None:
    last = MOST_REPLACED - 1
    names = ["s1", *(f"c{n}" for n in range(1, last + 1))]
    row = run(session_cdr(Chained(dict(pairwise(names))), CPO, "s1"))
    assert row is not None
    assert row["cdr_id"] == f"c{last}"
