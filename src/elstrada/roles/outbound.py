"""Whom the operator lets us send requests to."""

from __future__ import annotations

from elstrada.config import Config
from elstrada.net.egress import EgressRules


def outbound_rules(config: Config) -> EgressRules:
    """Of those whom he named, and of partners (T16)."""
    networks = tuple(str(network) for network in config.outbound.networks)
    return EgressRules(plain_http=config.outbound.http, networks=networks)
