"""Which language a reader gets, and how it writes numbers, money and times."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.web.languages import LANGUAGES, choose, formats, translations

NARROW, WIDE = "\u202f", "\xa0"


@pytest.mark.parametrize(
    ("asked", "remembered", "accepted", "chosen"),
    [
        ("it", "sv", "en", "it"),
        ("xx", "sv", "en", "sv"),
        (None, None, "sv-SE,sv;q=0.9,en;q=0.8", "sv"),
        (None, None, "de, en;q=0.3, it;q=0.7", "it"),
        (None, None, "it;q=0, sv;q=0.1", "sv"),
        (None, None, "de", "en"),
        (None, None, "", "en"),
    ],
)
def test_the_wish_then_the_cookie_then_the_browser_choose(
    asked: str | None, remembered: str | None, accepted: str, chosen: str
):
    assert choose(asked, remembered, accepted) == chosen


@given(st.text())
def test_no_header_of_any_kind_breaks_the_choice(accepted: str):
    assert choose(None, None, accepted) in LANGUAGES


@pytest.mark.parametrize(
    ("language", "number", "money"),
    [
        ("en", "96,512.50", f"SEK{WIDE}96,512.50"),
        ("sv", f"96{WIDE}512,50", f"96{WIDE}512,50{WIDE}kr"),
        ("it", "96.512,50", f"96.512,50{WIDE}SEK"),
    ],
)
def test_each_language_writes_numbers_its_own_way(language: str, number: str, money: str):
    habits, value = formats(language, UTC), Decimal("96512.50")
    assert habits.number(value, 2) == number
    assert habits.money(value, "SEK") == money


def test_euros_stand_close_in_english():
    assert formats("en", UTC).money(Decimal("12.5"), "EUR") == "€12.50"


def test_a_currency_that_nobody_knows_keeps_its_code():
    assert "XQZ" in formats("sv", UTC).money(Decimal(1), "XQZ")


def test_times_are_told_in_the_zone_of_the_page():
    at = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    habits = formats("sv", ZoneInfo("Europe/Stockholm"))
    assert habits.clock(at) == "2 juli 00:30"
    assert habits.zone_name() == "Europe/Stockholm"


def test_what_is_not_known_is_a_dash():
    habits = formats("it", UTC)
    assert {habits.number(None), habits.money(None, "EUR"), habits.clock(None)} == {"–"}


def test_the_catalogues_are_read_as_they_stand_in_the_tree():
    assert translations("sv").gettext("Network overview") == "Nätöversikt"
    assert translations("it").ngettext("session", "sessions", 2) == "sessioni"
    assert translations("en").gettext("Network overview") == "Network overview"
