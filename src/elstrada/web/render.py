"""Make HTML of view models, in one language. Every value is escaped; no template turns that off."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import tzinfo

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from elstrada import __version__
from elstrada.web import languages
from elstrada.web.assets import Asset
from elstrada.web.driver import PayPage
from elstrada.web.operator.cdr import CdrPage
from elstrada.web.operator.energy import EnergyPage
from elstrada.web.operator.overview import Overview
from elstrada.web.operator.stations import StationPage, Stations

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

    def overview(self, page: Overview) -> str:
        """The whole page."""
        return self._render("operator/overview.html", page=page)

    def fragments(self, page: Overview) -> Fragments:
        """The parts of it that move."""
        html = {name: self._render(f"operator/{name}.html", page=page) for name in FRAGMENTS}
        return Fragments(html, hashlib.sha256("".join(html.values()).encode()).hexdigest()[:16])

    def stations(self, page: Stations) -> str:
        """The list of stations."""
        return self._render("operator/stations.html", page=page)

    def station(self, page: StationPage) -> str:
        """The page of one station."""
        return self._render("operator/station.html", page=page)

    def energy(self, page: EnergyPage) -> str:
        """The page of a day's load and its month."""
        return self._render("operator/energy.html", page=page)

    def cdr(self, page: CdrPage) -> str:
        """The page of one CDR."""
        return self._render("operator/cdr.html", page=page)

    def payment(self, page: PayPage) -> str:
        """A page of a payment."""
        return self._render("driver/pay.html", page=page)

    def refusal(self, status: int) -> str:
        """The page of an HTTP error."""
        return self._render("refusal.html", status=status)

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
