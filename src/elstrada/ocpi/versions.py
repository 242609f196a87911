"""The versions we speak. Adding one is a package ``vNNN`` and a line here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from elstrada.ocpi.endpoints import Endpoint, Interface, Reply, Router, Side, Table, module_path
from elstrada.ocpi.v221.endpoints import ENDPOINTS as V221
from elstrada.ocpi.v221.versions import EndpointUrl, Version, VersionDetails

TABLES: Mapping[str, Table] = {"2.2.1": V221}
"""In rising order of preference. 2.2 is deprecated and never negotiated."""
ROUTERS: Mapping[str, Router] = {version: Router(table) for version, table in TABLES.items()}
_BY_NAME: Mapping[tuple[str, str], Endpoint] = {
    (version, endpoint.name): endpoint for version, table in TABLES.items() for endpoint in table
}
PREFIX = "/ocpi"
"""Below the public address; versions stand at ``/ocpi/versions``, a version at ``/ocpi/2.2.1``."""
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


def best_mutual(offered: Iterable[str]) -> str | None:
    """The highest version that both sides speak."""
    spoken = set(offered)
    return next((version for version in reversed(tuple(TABLES)) if version in spoken), None)


def endpoint_urls(version: str, public_url: str, sides: Iterable[Side]) -> tuple[EndpointUrl, ...]:
    """The endpoints we offer, for our version details.

    Args:
        public_url: scheme and host under which peers reach us.
        sides: those of the roles that our party has.
    """
    wanted = {Side.NONE, *sides}
    offered = {
        (found.module, found.interface, module_path(found)): None
        for found in TABLES[version]
        if found.side in wanted
    }
    base = f"{public_url}{PREFIX}/{version}"
    return tuple(
        EndpointUrl(module, interface.value, f"{base}/{path}") for module, interface, path in offered
    )


def details_url(version: str, public_url: str) -> str:
    """Where our details of a version are."""
    return f"{public_url}{PREFIX}/{version}"
