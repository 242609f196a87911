"""Where we may connect to on somebody else's word (T16). Pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

import msgspec

from elstrada.model.http import Unreachable

_NAT64 = IPv6Network("64:ff9b::/96")
_URL_CHARACTERS = 2_000
_DEFAULT_PORTS = {"https": 443, "http": 80}


class EgressRules(msgspec.Struct, frozen=True, kw_only=True):
    """What is allowed beyond https to public addresses."""

    plain_http: bool = False
    """Allow ``http:`` too; a token then travels readable."""
    networks: tuple[str, ...] = ()
    """Allowed though not public, such as ``127.0.0.0/8`` for the demo."""
    ports: frozenset[int] | None = None
    """The only ports allowed; None for any."""
    hosts: frozenset[str] | None = None
    """The only hosts allowed, in small letters, and these at whatever address; None for any at a public one."""

    def __post_init__(self) -> None:
        for network in self.networks:
            ip_network(network)


def check_url(url: str, rules: EgressRules) -> None:
    """Check what can be seen without asking the DNS.

    Raises:
        Unreachable: the URL has no form that we follow.
    """
    if len(url) > _URL_CHARACTERS or "\\" in url or not all("!" <= character <= "~" for character in url):
        raise Unreachable("not a URL: expected up to 2000 printable ASCII characters without spaces")
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError as problem:
        raise Unreachable(f"not a URL: {problem}") from problem
    if parts.scheme != "https" and not (parts.scheme == "http" and rules.plain_http):
        raise Unreachable(f"{parts.scheme[:20] or 'no scheme'}: only https is allowed here")
    if "@" in parts.netloc or not parts.hostname:
        raise Unreachable("the URL must name a host, and no user or password")
    if rules.ports is not None and port not in rules.ports:
        raise Unreachable(f"port {port} is not among those allowed")
    if rules.hosts is not None and parts.hostname not in rules.hosts:
        raise Unreachable(f"{parts.hostname[:100]} is not among the hosts allowed")


def check_addresses(host: str, addresses: list[str], rules: EgressRules) -> None:
    """Check every address of a host; one that is not allowed condemns them all.

    Raises:
        Unreachable: an address is not allowed, or there is none.
    """
    if not addresses:
        raise Unreachable(f"{host} has no address")
    if rules.hosts is not None:
        return  # Named by the operator, who knows where it is.
    networks = [ip_network(network) for network in rules.networks]
    for address in addresses:
        if not _is_allowed(address, networks):
            raise Unreachable(f"{host} is at {address}, which is not a public address")


def _is_allowed(text: str, networks: list[IPv4Network | IPv6Network]) -> bool:
    try:
        address = _innermost(ip_address(text))
    except ValueError:
        return False
    return _is_public(address) or any(address in network for network in networks)


def _innermost(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address leads to, if it does: mapped, 6to4 or NAT64 (RFC 6052)."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and (address.is_site_local or address.scope_id is not None):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)
