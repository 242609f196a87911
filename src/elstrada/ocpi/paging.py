"""Pages: the window a request asks for, and the headers that lead to the next one (R-25 to R-30)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

import msgspec

from elstrada.ocpi.scalars import Instant

DEFAULT_LIMIT = 100
MAX_LIMIT = 500
"""Objects per page: our X-Limit (R-29)."""
_MAX_OFFSET = 10_000_000
QUERY = ("date_from", "date_to", "offset", "limit", "place")
_LONGEST_PLACE = 2_000
_NEXT = re.compile(r'<([^<>]*)>\s*((?:;\s*[\w!#$&+.^`|~*-]+\s*=\s*(?:"[^"]*"|[^\s;,"]+)\s*)*)')
_REL_NEXT = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))', re.IGNORECASE)


class Window(msgspec.Struct, frozen=True):
    """Which objects a list request wants: ``date_from <= last_updated < date_to``, then offset and limit."""

    date_from: datetime | None = None
    date_to: datetime | None = None
    """None: no upper bound (R-25)."""
    offset: int = 0
    limit: int = DEFAULT_LIMIT
    """Never above ``MAX_LIMIT``."""
    place: str = ""
    """Where the page begins, in words of ours that stand in our Link only: a place is found at once, an offset
    by passing over all that is before it."""

    def wants(self, last_updated: Instant) -> bool:
        """Is an object of that date among those that are asked for (R-26)?"""
        after_start = self.date_from is None or self.date_from <= last_updated.at
        return after_start and (self.date_to is None or last_updated.at < self.date_to)

    def after(self, count: int, place: str = "") -> Window:
        """The window of the page that follows this one of ``count`` objects."""
        return msgspec.structs.replace(self, offset=self.offset + count, place=place)

    def query(self) -> dict[str, str]:
        """The window as a query, which repeats every filter (R-27)."""
        values: dict[str, str] = {}
        if self.date_from is not None:
            values["date_from"] = str(Instant(self.date_from))
        if self.date_to is not None:
            values["date_to"] = str(Instant(self.date_to))
        values |= {"offset": str(self.offset), "limit": str(self.limit)}
        return values | ({"place": self.place} if self.place else {})


def read_window(query: Mapping[str, str]) -> Window:
    """The window that a request's query asks for.

    Raises:
        ValueError: a date or number that is none (R-29).
    """
    return Window(
        date_from=_instant(query, "date_from"),
        date_to=_instant(query, "date_to"),
        offset=_count(query, "offset", 0),
        limit=min(_count(query, "limit", DEFAULT_LIMIT), MAX_LIMIT),
        place=_place(query),
    )


def page_headers(url: str, window: Window, *, count: int, total: int, place: str = "") -> dict[str, str]:
    """The headers of a page. The last page has no Link at all (R-27).

    Args:
        url: of the list, as the public knows it, with what of its query is the list's own.
        count: objects on this page.
        total: objects that match, whatever the offset and limit.
        place: where the next page begins, if there is one and it has a place.
    """
    headers = {"x-total-count": str(total), "x-limit": str(MAX_LIMIT)}
    if place or (count and window.offset + count < total):
        more = "&" if "?" in url else "?"
        headers["link"] = f'<{url}{more}{urlencode(window.after(count, place).query())}>; rel="next"'
    return headers


def next_link(headers: Mapping[str, str]) -> str | None:
    """The address of the next page, or None on the last; an empty Link counts as none."""
    for found in _NEXT.finditer(headers.get("link", "")[:4096]):
        for quoted, bare in _REL_NEXT.findall(found[2]):
            if "next" in (quoted or bare).lower().split() and found[1].strip():
                return found[1].strip()
    return None


def total_count(headers: Mapping[str, str]) -> int | None:
    """X-Total-Count, if the peer gives a believable one."""
    text = headers.get("x-total-count", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _instant(query: Mapping[str, str], name: str) -> datetime | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        # A plus sign that was not percent-encoded arrives as a space.
        return Instant.parse(re.sub(r" (\d{2}:?\d{2})$", r"+\1", text)).at
    except ValueError as problem:
        raise ValueError(f"{name}: {problem}") from None


def _place(query: Mapping[str, str]) -> str:
    text = query.get("place", "")
    if len(text) > _LONGEST_PLACE or not text.isascii():
        raise ValueError("place: expected what our Link says")
    return text


def _count(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) > _MAX_OFFSET:
        raise ValueError(f"{name}: expected a whole number from 0 to {_MAX_OFFSET}, got {text[:12]!r}")
    return int(text)
