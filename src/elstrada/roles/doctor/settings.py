"""Settings that are valid, and still not what anybody wants in earnest."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from elstrada.roles.doctor.case import Case, Finding, fine, problem, warning

AREA = "config"


def examine_settings(case: Case) -> Iterator[Finding]:
    """Who can reach what."""
    config = case.config
    found = list(_doubtful(case))
    yield from found or [fine(AREA, "the settings are valid")]
    if config.limits.lame_duck_s < 1 and config.nats.url is not None:
        yield warning(
            AREA,
            "limits.lame_duck_s is below 1, so a balancer sends stations to a node that is leaving",
            "set it above the balancer's interval of checks",
        )


def _doubtful(case: Case) -> Iterator[Finding]:
    config = case.config
    if not is_loopback(config.http.host):
        yield warning(
            AREA,
            f"http.host is {config.http.host}, and the pages have no login",
            "let only a proxy that asks who is there reach them",
        )
    if not is_loopback(config.health.host):
        yield warning(
            AREA,
            f"health.host is {config.health.host}, and /metrics has no login",
            "let only your own network reach it",
        )
    if config.public_url is None:
        yield warning(
            AREA,
            "public_url is not set, so partners are told an address of this machine",
            "set it to what they reach you by",
        )
    elif config.public_url.startswith("http:"):
        yield warning(
            AREA,
            "public_url is plain http: partners' tokens travel readable",
            "put a proxy with TLS in front",
        )
    if config.outbound.http:
        yield warning(
            AREA, "outbound.http is on: our tokens travel readable", "switch it off outside of a laboratory"
        )


def is_loopback(host: str) -> bool:
    """Can only this machine reach what listens there?"""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def invalid(problems: list[str]) -> list[Finding]:
    """What is wrong with a configuration that cannot be used."""
    return [problem(AREA, says) for says in problems]
