"""One page of the operator, from what was asked for to what is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.exceptions import NotFoundException

from elstrada.web import languages
from elstrada.web.render import Asked, Renderer

HTML = "text/html"
"""The framework adds the charset."""
YEAR_S = 365 * 24 * 3600
MOST_KEPT, LONGEST_KEPT = 10, 2_000
"""Parameters that a page's links keep, and their characters."""
AnyRequest = Request[Any, Any, Any]


class Wish(msgspec.Struct, frozen=True):
    """What a page is read by."""

    named: tuple[str, ...]
    """What the address says in the places that its pattern leaves open."""
    query: Mapping[str, str]
    language: str

    @property
    def after(self) -> str:
        """Behind which place of a list the reader goes on; empty: he begins."""
        return self.query.get("after", "")


Read = Callable[[Wish], Awaitable[object | None]]
"""Reads a page; None: there is none of that name."""


def showing(pattern: str, template: str, read: Read, renderers: Mapping[str, Renderer]) -> Any:
    """The route of a page.

    Args:
        pattern: as the framework has it; the last part may be a ``path``, as ids of partners may have slashes.
    """

    @get(pattern)
    async def show(request: AnyRequest) -> Response[str]:
        asked, language = asked_by(request), language_of(request)
        # The framework gives a path its leading slash.
        named = tuple(str(value).removeprefix("/") for value in request.path_params.values())
        page = await read(Wish(named, asked.query, language))
        if page is None:
            raise NotFoundException
        return page_of(request, renderers[language].page(template, page, asked))

    return show


def page_of(request: AnyRequest, html: str) -> Response[str]:
    """A page of the moment, and the language that was asked for remembered."""
    language = language_of(request)
    page = Response(html, media_type=HTML)
    page.headers |= {"Cache-Control": "no-store", "Vary": "Accept-Language, Cookie"}
    if request.query_params.get("lang") == language:
        page.set_cookie("lang", language, max_age=YEAR_S, httponly=True, samesite="lax")
    return page


def language_of(request: AnyRequest) -> str:
    """The language of the answer."""
    return languages.choose(
        request.query_params.get("lang"),
        request.cookies.get("lang"),
        request.headers.get("accept-language", ""),
    )


def asked_by(request: AnyRequest) -> Asked:
    """Where the reader is."""
    kept = [(name, value[:LONGEST_KEPT]) for name, value in request.query_params.items() if name != "lang"]
    return Asked(request.url.path, dict(kept[:MOST_KEPT]))
