"""The versions we speak. Adding one is a package ``vNNN`` and a line here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from elstrada.ocpi.endpoints import Endpoint, Interface, Reply, Router, Side, Table
from elstrada.ocpi.language import Language
from elstrada.ocpi.v211.endpoints import ENDPOINTS as V211
from elstrada.ocpi.v211.language import LANGUAGE as V211_LANGUAGE
from elstrada.ocpi.v221.endpoints import ENDPOINTS as V221
from elstrada.ocpi.v221.language import LANGUAGE as V221_LANGUAGE
from elstrada.ocpi.v221.versions import EndpointUrl, Version, VersionDetails
from elstrada.ocpi.v230.endpoints import ENDPOINTS as V230
from elstrada.ocpi.v230.language import LANGUAGE as V230_LANGUAGE

TABLES: Mapping[str, Table] = {"2.1.1": V211, "2.2.1": V221, "2.3.0": V230}
"""In rising order of preference. 2.2 is deprecated and never negotiated."""
LANGUAGES: Mapping[str, Language] = {
    spoken.version: spoken for spoken in (V211_LANGUAGE, V221_LANGUAGE, V230_LANGUAGE)
}
ROUTERS: Mapping[str, Router] = {version: Router(table) for version, table in TABLES.items()}
_BY_NAME: Mapping[tuple[str, str], Endpoint] = {
    (version, endpoint.name): endpoint for version, table in TABLES.items() for endpoint in table
}
PREFIX = "/ocpi"
"""Below the public address; versions stand at ``/ocpi/versions``, a version at ``/ocpi/2.2.1``.

2.1.1 has addresses for each side of the market instead: ``/ocpi/cpo/versions`` and ``/ocpi/cpo/2.1.1``.
"""
VERSIONS = "versions"
UNREGISTERED = "2.2.1"
"""The version of a peer that has none yet."""
GET_VERSIONS = Endpoint(
    name="get_versions",
    module="versions",
    interface=Interface.SENDER,
    method="GET",
    reply=Reply.LIST,
    data=Version,
    routed=False,
)
GET_DETAILS = Endpoint(
    name="get_details",
    module="versions",
    interface=Interface.SENDER,
    method="GET",
    reply=Reply.OBJECT,
    data=VersionDetails,
    routed=False,
)


def endpoint(version: str, name: str) -> Endpoint:
    """The endpoint of a version by its name; asking for one that is not in the table is a bug."""
    return _BY_NAME[version, name]


class Address(msgspec.Struct, frozen=True):
    """Which part of us a path names."""

    version: str
    """Or ``versions`` for the list of them."""
    path: str
    """Below the version, as its table has it."""
    side: Side = Side.NONE
    """The side of the market that the address belongs to, in a version that has such."""


def locate(path: str) -> Address | None:
    """What a request's path names; None where there can be nothing."""
    if not path.startswith(PREFIX + "/"):
        return None
    first, _, below = path.removeprefix(PREFIX).strip("/").partition("/")
    if first not in (Side.CPO, Side.EMSP):
        language = LANGUAGES.get(first)
        # Modules of a sided version stand at a side alone.
        stray = language is not None and language.sided and below.partition("/")[0] in (Side.CPO, Side.EMSP)
        return None if stray else Address(first, below)
    side = Side(first)
    # Other peers put a second slash there.
    version, _, below = below.replace("//", "/").partition("/")
    if version == VERSIONS:
        return Address(version, below, side)
    if version not in LANGUAGES or not LANGUAGES[version].sided:
        return None
    is_shared = below.partition("/")[0] in ("", "credentials")
    return Address(version, below if is_shared else f"{side}/{below}", side)


def language(version: str | None) -> Language:
    """The words of a version; ``UNREGISTERED`` of a peer without one yet."""
    return LANGUAGES[version or UNREGISTERED]


def best_mutual(offered: Iterable[str], spoken: Iterable[str]) -> str | None:
    """The highest version that both sides speak."""
    mutual = set(offered) & set(spoken)
    return next((version for version in reversed(tuple(TABLES)) if version in mutual), None)


def endpoint_urls(
    version: str,
    public_url: str,
    sides: Iterable[Side],
    at: Side = Side.NONE,
    hub: Collection[bool] = (False,),
    without: frozenset[str] = frozenset(),
    agreed: Callable[[Endpoint], bool] = lambda _: True,
) -> tuple[EndpointUrl, ...]:
    """The endpoints we offer, for our version details.

    Args:
        public_url: scheme and host under which peers reach us.
        sides: those of the roles that our party has.
        at: the side whose details are asked for, in a version that has such.
        hub: whether our party is a hub, another, or both; see ``registration.hub_or_not``.
        without: modules that our party has nothing of.
        agreed: which of them the caller may use.
    """
    wanted = {Side.NONE, *(side for side in sides if at in (Side.NONE, side))}
    offered = {
        (found.module, found.interface, module_url(found, version, public_url, at)): None
        for found in TABLES[version]
        if found.side in wanted
        and (found.at_hub is None or found.at_hub in hub)
        and found.module not in without
        and agreed(found)
    }
    sided = LANGUAGES[version].sided
    if sided:
        # As the text's examples end: some peers put nothing between it and what follows.
        return tuple(EndpointUrl(module, "", f"{url}/") for module, _, url in offered)
    return tuple(EndpointUrl(module, interface.value, url) for module, interface, url in offered)


def module_url(endpoint: Endpoint, version: str, public_url: str, at: Side = Side.NONE) -> str:
    """Where the public finds a module of ours.

    Args:
        at: the side at which credentials are met, in a version that has such.
    """
    side = at if endpoint.side is Side.NONE and LANGUAGES[version].sided else endpoint.side
    return routed_url(endpoint.module, side, version, public_url)


def routed_url(module: str, side: Side, version: str, public_url: str) -> str:
    """The same by the module's name."""
    if LANGUAGES[version].sided:
        return f"{details_url(version, public_url, side)}/{module}"
    return "/".join(part for part in (f"{public_url}{PREFIX}/{version}", side.value, module) if part)


def details_url(version: str, public_url: str, side: Side = Side.NONE) -> str:
    """Where our details of a version are; those of one side where the version has such."""
    where = f"{side}/{version}" if side and LANGUAGES[version].sided else version
    return f"{public_url}{PREFIX}/{where}"


def versions_url(public_url: str, side: Side = Side.NONE) -> str:
    """Where our versions are; those of one side for a peer that cannot be told otherwise which is meant."""
    return f"{public_url}{PREFIX}/{f'{side}/' if side else ''}{VERSIONS}"
