"""Windows, Link and counts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.ocpi.paging import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    Window,
    next_link,
    page_headers,
    read_window,
    total_count,
)
from elstrada.ocpi.scalars import Instant

URL = "https://els.example/ocpi/2.2.1/cpo/locations"


def test_r25_without_date_to_there_is_no_upper_bound():
    assert read_window({}) == Window(None, None, 0, DEFAULT_LIMIT)


@pytest.mark.parametrize(
    ("date_from", "date_to", "wanted"),
    [
        (None, None, True),
        ("2026-01-02T00:00:00Z", None, True),
        ("2026-01-02T00:00:01Z", None, False),
        (None, "2026-01-02T00:00:00Z", False),
        (None, "2026-01-02T00:00:01Z", True),
        ("2026-01-03T00:00:00Z", "2026-01-01T00:00:00Z", False),
    ],
)
def test_r26_a_window_has_its_start_and_not_its_end(
    date_from: str | None, date_to: str | None, wanted: bool
) -> None:
    query = {"date_from": date_from, "date_to": date_to}
    window = read_window({name: value for name, value in query.items() if value is not None})
    assert window.wants(Instant(datetime(2026, 1, 2, tzinfo=UTC))) is wanted


def test_r29_a_limit_above_the_cap_gets_the_cap_and_says_so():
    window = read_window({"limit": "100000"})
    assert window.limit == MAX_LIMIT
    assert page_headers(URL, window, count=1, total=1)["x-limit"] == str(MAX_LIMIT)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "-1"},
        {"limit": "ten"},
        {"offset": "1.5"},
        {"offset": "9" * 40},
        {"limit": "¹"},
        {"date_from": "yesterday"},
        {"date_to": "2026-13-01T00:00:00Z"},
    ],
)
def test_r29_what_is_no_number_or_date_is_refused_by_name(query: dict[str, str]):
    with pytest.raises(ValueError, match=next(iter(query))):
        read_window(query)


def test_r27_the_last_page_has_no_link():
    assert "link" not in page_headers(URL, Window(offset=90, limit=10), count=10, total=100)
    assert "link" not in page_headers(URL, Window(limit=0), count=0, total=100)


def test_r27_the_link_repeats_every_filter_and_the_public_address():
    window = read_window(
        {"date_from": "2026-01-01T00:00:00", "date_to": "2026-02-01T00:00:00Z", "limit": "2"}
    )
    link = next_link(page_headers(URL, window, count=2, total=5))
    assert link is not None
    assert link.startswith(URL + "?")
    assert "date_from=2026-01-01T00%3A00%3A00Z" in link
    assert "date_to=2026-02-01T00%3A00%3A00Z" in link
    assert link.endswith("offset=2&limit=2")


def test_a_plus_sign_that_arrives_as_a_space_is_an_offset():
    window = read_window({"date_from": "2026-01-01T01:00:00 01:00"})
    assert window.date_from == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "link"),
    [
        ('<https://a/x?offset=2>; rel="next"', "https://a/x?offset=2"),
        ("<https://a/x>; rel=next", "https://a/x"),
        ('<https://a/p>; rel="prev", <https://a/n>; title="a, b"; rel="next"', "https://a/n"),
        ("", None),
        ('<>; rel="next"', None),  # an empty Link on the last page is none.
        ('<https://a/p>; rel="prev"', None),
        ("nonsense", None),
    ],
)
def test_r28_the_next_link_is_found_in_any_spelling(header: str, link: str | None):
    assert next_link({"link": header}) == link


@given(st.text(max_size=200))
def test_no_link_header_makes_the_reader_fail(header: str):
    next_link({"link": header})


@given(st.integers(0, 60), st.integers(1, 20))
def test_r28_following_the_links_visits_everything_once(total: int, limit: int):
    seen: list[int] = []
    window: Window | None = Window(limit=limit)
    while window is not None:
        page = list(range(total))[window.offset : window.offset + window.limit]
        seen += page
        more = next_link(page_headers(URL, window, count=len(page), total=total))
        window = window.after(len(page)) if more else None
    assert seen == list(range(total))


def test_a_count_nobody_means_is_none():
    assert total_count({"x-total-count": "12"}) == 12
    assert total_count({"x-total-count": "-1"}) is None
    assert total_count({}) is None
