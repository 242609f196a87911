"""Plug & Charge as an installation's settings have it."""

from __future__ import annotations

from elstrada.config import Config
from elstrada.net.client import GuardedClient
from elstrada.net.egress import EgressRules
from elstrada.net.face import Clock, HttpClient
from elstrada.roles.contracts.authorities import Authorities
from elstrada.roles.contracts.checking import Checks
from elstrada.roles.contracts.contracts import PlugAndCharge
from elstrada.roles.contracts.opcp import OpcpPool
from elstrada.roles.contracts.pool import ContractPool
from elstrada.roles.contracts.prepared import PreparedPool
from elstrada.roles.contracts.responders import MOST_LIST_BYTES, Responders


def responders_rules(config: Config) -> EgressRules:
    """Whom we ask on the word of a station or a certificate. OCSP is signed, so it is mostly asked by plain http."""
    hosts = config.stations.plug_and_charge.responders
    return EgressRules(plain_http=True, hosts=frozenset(hosts) or None)


def responders_client(config: Config) -> GuardedClient:
    """A client for nothing else."""
    return GuardedClient(responders_rules(config), body_bytes=MOST_LIST_BYTES)


def configured_contracts(
    config: Config, responders: HttpClient, http: HttpClient, clock: Clock
) -> PlugAndCharge:
    """
    Args:
        responders: guarded by ``responders_rules``.
        http: for whom the operator named.
    """
    told = config.stations.plug_and_charge
    checks = Checks(
        Authorities(told.authorities),
        Responders(responders, clock, config.limits.authorize_s),
        clock,
        takes_unverified=told.unverified == "accept",
    )
    return PlugAndCharge(checks=checks, pool=_pool(config, http))


def _pool(config: Config, http: HttpClient) -> ContractPool | None:
    told = config.stations.plug_and_charge
    if told.pool is not None:
        headers = {name: value.get_secret_value() for name, value in told.pool_headers.items()}
        return OpcpPool(told.pool, http, headers=headers, timeout_s=config.limits.peer_s)
    if told.pool_folder is not None:
        return PreparedPool(told.pool_folder)
    return None
