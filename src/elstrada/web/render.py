"""Make HTML of view models, in one language. Every value is escaped; no template turns that off."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import tzinfo
from urllib.parse import urlencode

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from elstrada import __version__
from elstrada.web import languages
from elstrada.web.assets import Asset
from elstrada.web.driver import PayPage
from elstrada.web.operator.overview import Overview

FRAGMENTS = (
    *("figures", "running", "network", "trouble", "nodes"),
    *("cdrs", "bills", "peers", "strayed", "unknown"),
)
"""Parts of the overview that change by themselves, in the order of the page."""


class Fragments(msgspec.Struct, frozen=True):
    """The moving parts of the overview at one moment."""

    html: Mapping[str, str]
    """By name, in the order of the page."""
    mark: str
    """Changes with the content; the ``id`` of its SSE message."""


class Asked(msgspec.Struct, frozen=True):
    """What the reader asked for: where he is, and what his links to the same page keep."""

    path: str = "/"
    query: Mapping[str, str] = {}
    """Without the language."""

    def other(self, **changed: str) -> str:
        """The same page, with these parameters changed; an empty one is left out."""
        kept = {name: value for name, value in {**self.query, **changed}.items() if value}
        return f"?{urlencode(kept)}"

    def is_below(self, place: str) -> bool:
        """Is it this page, or one below it?"""
        return self.path == place or self.path.startswith(f"{place}/")


NOWHERE = Asked()


class Renderer:
    """The pages in one language."""

    def __init__(self, language: str, assets: Mapping[str, Asset], zone: tzinfo) -> None:
        self._templates = _environment(language)
        self._common: dict[str, object] = {
            "asset": {name: f"/static/{name}?v={asset.mark}" for name, asset in assets.items()},
            "format": languages.formats(language, zone),
            "fragments": FRAGMENTS,
            "language": language,
            "languages": languages.names(),
            "version": __version__,
        }

    def page(self, template: str, page: object, asked: Asked = NOWHERE) -> str:
        """A whole page of the operator, from the template of that name."""
        return self._render(f"operator/{template}.html", page=page, asked=asked)

    def fragments(self, page: Overview) -> Fragments:
        """The parts of it that move."""
        html = {name: self._render(f"operator/{name}.html", page=page) for name in FRAGMENTS}
        return Fragments(html, hashlib.sha256("".join(html.values()).encode()).hexdigest()[:16])

    def payment(self, page: PayPage) -> str:
        """A page of a payment."""
        return self._render("driver/pay.html", page=page)

    def refusal(self, status: int, asked: Asked = NOWHERE) -> str:
        """The page of an HTTP error."""
        return self._render("refusal.html", status=status, asked=asked)

    def _render(self, template: str, **values: object) -> str:
        return self._templates.get_template(template).render(self._common | values)


def _environment(language: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("elstrada.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    install = getattr(environment, "install_gettext_translations")  # noqa: B009  The extension adds it.
    install(languages.translations(language), newstyle=True)
    return environment
