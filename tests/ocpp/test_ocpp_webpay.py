"""The one-time codes of stations' displays, and what drivers entered there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from elstrada.ocpp.webpay import NoWish, Wish, code, is_good, wish

SECRET, AT = "a-secret-of-many-characters", datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def test_a_code_is_made_as_the_standard_says() -> None:
    """By hand: the HMAC-SHA256 of the big-endian interval; its last byte says where to begin."""
    assert code(SECRET, AT, valid_s=30, length=8) == "iTwt9TA8"
    assert code(SECRET, AT, valid_s=30, length=32)[:8] == "iTwt9TA8"
    assert code(SECRET, AT + timedelta(seconds=29), valid_s=30, length=8) == "iTwt9TA8"
    assert code(SECRET, AT + timedelta(seconds=30), valid_s=30, length=8) != "iTwt9TA8"


@pytest.mark.parametrize(
    ("seconds", "good"),
    [(-31, False), (-30, True), (0, True), (29, True), (30, True), (59, True), (60, False)],
)
def test_a_code_is_good_one_interval_before_and_after_its_own(seconds: int, good: bool) -> None:
    shown = code(SECRET, AT, valid_s=30, length=8)
    assert is_good(shown, SECRET, AT + timedelta(seconds=seconds), valid_s=30, length=8) is good


@pytest.mark.parametrize("shown", ["", "å" * 8, "x" * 10_000, "\ud800"])
def test_what_is_no_code_is_not_good(shown: str) -> None:
    assert not is_good(shown, SECRET, AT, valid_s=30, length=8)


def test_a_wish_is_read_from_a_query_and_others_words_are_passed_over() -> None:
    told = {"MaxEnergy": "20000", "maxtime": "3600", "maxcost": "12.349", "utm_source": "sticker"}
    assert wish(told) == Wish(energy_wh=20000, time_s=3600, cost=Decimal("12.34"))
    assert wish({}) == Wish()


@pytest.mark.parametrize("name", ["maxenergy", "maxtime", "maxcost"])
@pytest.mark.parametrize("text", ["", "0", "-1", "1e9", "NaN", "Infinity", "٣", "9" * 20, " 1", "0x10"])
def test_a_wish_that_is_no_amount_is_refused(name: str, text: str) -> None:
    with pytest.raises(NoWish, match=name):
        wish({name: text})
