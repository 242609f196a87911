"""The overview says where CDRs stand: ours on their way or withheld, partners' held, rejected, disputed, credited."""

from __future__ import annotations

import asyncio
import re

import pytest
from test_web_app import asked
from web_world import empty_spine

from cdr_scene import CDR, CPO, OWNER, changed
from elstrada.model.cdr import CdrState
from elstrada.model.cost import Cost
from elstrada.model.facts import CdrChecked, CdrCredited, CdrDecided, CdrIssued, CdrReceived, Fact
from elstrada.model.ids import cdr_stream
from elstrada.spine.face import Append, Work

RECEIVED: dict[CdrState, tuple[Fact, ...]] = {
    CdrState.HELD: (CdrChecked(False, ("V20 H: dear",), ()),),
    CdrState.REJECTED: (CdrChecked(False, ("V14 R: wrong",), ()),),
    CdrState.DISPUTED: (CdrDecided(CdrState.DISPUTED, "dear", "Operator"),),
    CdrState.CREDITED: (CdrChecked(True, (), ()), CdrCredited("k1")),
}
COUNTS = {CdrState.HELD: 1, CdrState.REJECTED: 2, CdrState.DISPUTED: 3, CdrState.CREDITED: 4}


def partners() -> list[Append]:
    """CDRs of a partner, as many in each state as ``COUNTS`` says."""
    ids = [(state, f"{state}-{number}") for state, count in COUNTS.items() for number in range(count)]
    return [
        Append(cdr_stream(OWNER, CPO, id), 0, (CdrReceived(changed(id=id), "a"), *RECEIVED[state]))
        for state, id in ids
    ]


def ours() -> list[Append]:
    """Two that are withheld and one on its way."""
    cost = Cost(currency="SEK", total=CDR.total_cost)
    told: dict[str, tuple[str, ...]] = {"w1": ("V14 R: wrong",), "w2": ("V14 R: wrong",), "i1": ()}
    return [
        Append(cdr_stream(CPO, CPO, id), 0, (CdrIssued(changed(id=id), cost, withheld=why),))
        for id, why in told.items()
    ]


@pytest.mark.parametrize(
    ("language", "own", "held", "others"),
    [
        ("en", "1 on their way, 2 withheld", "One CDR held back", "2 rejected, 3 disputed, 4 credited"),
        ("sv", "1 på väg, 2 kvarhållna", "En CDR hålls inne", "2 avvisade, 3 bestridda, 4 krediterade"),
        ("it", "1 in viaggio, 2 bloccati", "Un CDR trattenuto", "2 rifiutati, 3 contestati, 4 stornati"),
    ],
)
def test_each_cdr_is_counted_where_it_stands(language: str, own: str, held: str, others: str) -> None:
    spine = empty_spine()

    async def shown() -> str:
        await spine.start()
        await spine.commit(Work((*ours(), *partners())))
        return (await asked(f"/?lang={language}", spine)).text

    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", asyncio.run(shown())))
    for said in (own, held, others):
        assert said in words, said
