"""A station's page speaks the reader's language, names its place, and leads from a session to its CDR."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest
from test_web_app import asked
from web_world import CPO, NOW, empty_spine, here, issue_cdr, keep, location, metered, started, station, tell

from elstrada.model import facts as f
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.notices import Notice, NoticeKind

L1 = ("L1", "Mariatorget", "Stockholm", "SWE")
CAPITALS = re.compile(r"\b[A-Z]{4,}(?:_[A-Z]+)*\b")


def page(language: str, *facts: f.StationFact) -> str:
    async def steps() -> str:
        spine = empty_spine()
        await spine.start()
        await keep(spine, location(*L1), station("X", "L1"))
        await tell(spine, "X", *here("X"), started("S1"), metered("S1", 1_500, 7_000), *facts)
        await issue_cdr(spine, "S1", L1, delivered=False, session_id="S1")
        return (await asked(f"/stations/{CPO}/X?lang={language}", spine)).text

    return asyncio.run(steps())


def section(text: str, name: str) -> str:
    return re.sub(r"<[^>]+>", " ", text.split(f'id="{name}"')[1].split("</section>")[0])


@pytest.mark.parametrize("language", ["en", "sv", "it"])
def test_every_kind_of_notice_has_a_word(language: str) -> None:
    for some in (list(NoticeKind)[:7], list(NoticeKind)[7:]):  # A page shows the latest ten.
        told = [f.StationNoticed(Notice(kind=kind, at=NOW, status="s", severity=9)) for kind in some]
        assert CAPITALS.findall(section(page(language, *told), "notices")) == []


@pytest.mark.parametrize("language", ["en", "sv", "it"])
def test_every_end_of_a_command_has_a_word(language: str) -> None:
    facts: list[f.StationFact] = []
    for number, result in enumerate(CommandResult):
        facts.append(f.CommandRequested(f"C{number}", CommandName.CALL, CPO, action="x", payload="{}"))
        facts.append(f.CommandAnswered(f"C{number}", result))
    said = section(page(language, *facts), "commands")
    assert set(CAPITALS.findall(said)) == {"CALL"}, "what it was told stays in the operator's word for it"


def test_it_names_its_place_and_leads_from_a_session_to_its_cdr() -> None:
    text = page("en")
    assert "Mariatorget, Stockholm" in text
    assert "L1/X-1" not in text
    assert 'href="/cdrs/SE%2AELS/S1"' in text.split('id="sessions"')[1]
    assert "S1" in section(text, "sessions")
    assert f"{NOW - timedelta(minutes=30):%H:%M}" in section(text, "sessions")
